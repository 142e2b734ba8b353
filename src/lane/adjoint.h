// SPDX-License-Identifier: Apache-2.0
/*
 * adjoint.h -- from cotangents of x, y, s to the adjoint variables u of J'u = (g_x, D g_s + (D - I) g_y).
 */
#ifndef LANE_ADJOINT_H
#define LANE_ADJOINT_H

#include "lane/derivative.h"

/* Scaled cotangents: x in d3.x, y in d3.y, s in backup.y (zero on zero cones). */
static void load_cotangents(qc__group *g, const qc__derivative_job *job, int64_t d)
{
    const qc_plan *plan = g->plan;
    const lane cost = value_at(g->data.cost, 0, g->data.shared);
    const lane inv = lane_div(lane_set1(1.0), cost);
    pack_direction(g, job, job->in.x, plan->n, d, g->d3.x);
    pack_direction(g, job, job->in.y, plan->m, d, g->d3.y);
    pack_direction(g, job, job->in.s, plan->m, d, g->backup.y);
    for (int32_t j = 0; j < plan->n; j++)
        lane_put(g->d3.x, j,
                 lane_mul(lane_at(g->d3.x, j), value_at(g->data.col, j, g->data.shared)));
    for (int32_t i = 0; i < plan->m; i++) {
        const lane E = value_at(g->data.row, i, g->data.shared);
        const lane gs = lane_mul(lane_at(g->backup.y, i), lane_at(g->y_unit, i));
        lane_put(g->d3.y, i, lane_mul(lane_at(g->d3.y, i), lane_mul(E, inv)));
        lane_put(g->backup.y, i, plan->row_is_zero[i] ? lane_zero() : gs);
    }
}

/* rho := -(g_x - A'g_s, g_y) in the view of the path */
static void adjoint_rhs(qc__group *g, const qc__derivative_job *job, int64_t d)
{
    const qc_plan *plan = g->plan;
    load_cotangents(g, job, d);
    if (g->path == QC__PATH_CONDENSED) { /* A'g_s reaches the cone's rows as -S0 g_s */
        condensed_forward(g, g->d3);
        if (!job->in.s)
            return;
        multiply_base(g, g->backup.y, g->d2.y);
        for (int32_t t = 0; t < g->cone_count; t++) {
            const int32_t i = g->cone_row[t];
            lane_put(g->rho.y, i, lane_add(lane_at(g->rho.y, i), lane_at(g->d2.y, i)));
        }
        return;
    }
    set_all(g->d1.x, plan->n, 0.0);
    set_all(g->d2.x, plan->n, 0.0);
    multiply_A(g, g->d1.x, g->backup.y, g->d2.y, g->d2.x);
    for (int32_t j = 0; j < plan->n; j++)
        lane_put(g->rho.x, j, lane_sub(lane_at(g->d2.x, j), lane_at(g->d3.x, j)));
    for (int32_t i = 0; i < plan->m; i++)
        lane_put(g->rho.y, i, lane_neg(lane_at(g->d3.y, i)));
}

/* (u_x, u_v) from (a, b) in d1, in the caller's units, into Qw. */
static void adjoint_solution(qc__group *g)
{
    const qc_plan *plan = g->plan;
    const lane cost = value_at(g->data.cost, 0, g->data.shared);
    for (int32_t t = 0; t < plan->cone_rows; t++) {
        const int32_t i = g->cone_row[t];
        lane_put(g->d1.y, i, lane_add(lane_at(g->d1.y, i), lane_at(g->backup.y, i)));
    }
    if (g->path == QC__PATH_CONDENSED)
        condensed_backward(g);
    for (int32_t j = 0; j < plan->n; j++) {
        const lane D = value_at(g->data.col, j, g->data.shared);
        lane_put(g->Qw.x, j, lane_mul(lane_at(g->d1.x, j), lane_mul(cost, D)));
    }
    for (int32_t i = 0; i < plan->m; i++) {
        const lane E = value_at(g->data.row, i, g->data.shared);
        lane_put(g->Qw.y, i, lane_mul(lane_at(g->d1.y, i), E));
    }
}

/* rho := (g_x, D g_s + (D - I) g_y) in the caller's units */
static void plain_cotangents(qc__group *g, const qc__derivative_job *job, int64_t d)
{
    const int32_t n = g->plan->n, m = g->plan->m;
    pack_direction(g, job, job->in.x, n, d, g->rho.x);
    pack_direction(g, job, job->in.y, m, d, g->rho.y);
    pack_direction(g, job, job->in.s, m, d, g->ds);
    for (int32_t i = 0; i < m; i++)
        lane_put(g->ds, i, lane_add(lane_at(g->ds, i), lane_at(g->rho.y, i)));
    multiply_D(g, g->ds, g->ds);
    for (int32_t i = 0; i < m; i++)
        lane_put(g->rho.y, i, lane_sub(lane_at(g->ds, i), lane_at(g->rho.y, i)));
}

static void plain_adjoint(qc__group *g, mask which, const double *u)
{
    const int32_t n = g->plan->n, m = g->plan->m;
    for (int32_t j = 0; j < n; j++)
        masked_put(g->Qw.x, j, which, lane_at(u, j));
    for (int32_t i = 0; i < m; i++)
        masked_put(g->Qw.y, i, which, lane_at(u, n + i));
}

static void vjp(qc__group *g, const qc__derivative_job *job, qc__path path, const int64_t *problems,
                int count, void *memory)
{
    static const derivation adjoint = {.rhs = adjoint_rhs,
                                       .solution = adjoint_solution,
                                       .plain_rhs = plain_cotangents,
                                       .plain_solution = plain_adjoint,
                                       .transposed = 1};
    differentiate(g, job, &adjoint, path, problems, count, memory);
}

#endif
