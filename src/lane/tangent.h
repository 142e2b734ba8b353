// SPDX-License-Identifier: Apache-2.0
/*
 * tangent.h -- from tangents of P, q, A, b to those of x, y, s: J dw = -f with
 *
 *     f = (dP x + dq + dA'y, dA x - db)      ds = D dv,   dy = (D - I) dv
 */
#ifndef LANE_TANGENT_H
#define LANE_TANGENT_H

#include "lane/derivative.h"

/* f of one problem, into element l of d3, in the caller's units. */
static void tangent_residual(qc__group *g, const qc__derivative_job *job, int64_t d, int l)
{
    const qc_plan *plan = g->plan;
    const qc_values *in = &job->values;
    const qc__matrix *P = &plan->P, *A = &plan->A;
    const int64_t k = g->problem[l];
    const double *x = job->x + k * plan->n, *y = job->y + k * plan->m;
    double *fx = g->d3.x + l, *fy = g->d3.y + l;
    const double *dq = direction_of(job, in->q, QC_SHARED_Q, plan->n, k, d);
    const double *db = direction_of(job, in->b, QC_SHARED_B, plan->m, k, d);
    const double *dP = direction_of(job, in->P, QC_SHARED_P, P->length, k, d);
    const double *dA = direction_of(job, in->A, QC_SHARED_A, A->length, k, d);
    for (int32_t j = 0; j < plan->n; j++)
        fx[j * LANES] = dq ? dq[j] : 0.0;
    for (int32_t i = 0; i < plan->m; i++)
        fy[i * LANES] = db ? -db[i] : 0.0;
    for (int32_t i = 0; dP && i < plan->n; i++)
        for (int32_t t = P->row_ptr[i]; t < P->row_ptr[i + 1]; t++) {
            const int32_t j = P->col[t];
            fx[i * LANES] += dP[P->source[t]] * x[j];
            if (j != i)
                fx[j * LANES] += dP[P->mirror[t]] * x[i];
        }
    for (int32_t i = 0; dA && i < plan->m; i++)
        for (int32_t t = A->row_ptr[i]; t < A->row_ptr[i + 1]; t++) {
            const int32_t j = A->col[t];
            fx[j * LANES] += dA[A->source[t]] * y[i];
            fy[i * LANES] += dA[A->source[t]] * x[j];
        }
}

static void load_tangents(qc__group *g, const qc__derivative_job *job, int64_t d)
{
    for (int l = 0; l < LANES; l++)
        tangent_residual(g, job, d, l);
}

/* rho := the scaled f, in the view of the path. */
static void tangent_rhs(qc__group *g, const qc__derivative_job *job, int64_t d)
{
    const qc_plan *plan = g->plan;
    const lane cost = value_at(g->data.cost, 0, g->data.shared);
    load_tangents(g, job, d);
    for (int32_t j = 0; j < plan->n; j++) {
        const lane D = value_at(g->data.col, j, g->data.shared);
        lane_put(g->rho.x, j, lane_mul(lane_at(g->d3.x, j), lane_mul(cost, D)));
    }
    for (int32_t i = 0; i < plan->m; i++)
        lane_put(g->rho.y, i,
                 lane_mul(lane_at(g->d3.y, i), value_at(g->data.row, i, g->data.shared)));
    if (g->path != QC__PATH_CONDENSED)
        return;
    for (int32_t j = 0; j < plan->n; j++)
        lane_put(g->d1.x, j, lane_neg(lane_at(g->rho.x, j)));
    for (int32_t i = 0; i < plan->m; i++)
        lane_put(g->d1.y, i, lane_neg(lane_at(g->rho.y, i)));
    condensed_forward(g, g->d1);
}

/* (dx, dy) into Qw and ds in place, in the caller's units. */
static void tangent_solution(qc__group *g)
{
    const qc_plan *plan = g->plan;
    const lane inv = lane_div(lane_set1(1.0), value_at(g->data.cost, 0, g->data.shared));
    if (g->path == QC__PATH_CONDENSED)
        condensed_backward(g);
    for (int32_t j = 0; j < plan->n; j++)
        lane_put(g->Qw.x, j,
                 lane_mul(lane_at(g->d1.x, j), value_at(g->data.col, j, g->data.shared)));
    for (int32_t i = 0; i < plan->m; i++) {
        const lane E = value_at(g->data.row, i, g->data.shared);
        const lane ds = lane_mul(lane_at(g->ds, i), lane_at(g->y_unit, i));
        lane_put(g->Qw.y, i, lane_mul(lane_at(g->d1.y, i), lane_mul(E, inv)));
        lane_put(g->ds, i, plan->row_is_zero[i] ? lane_zero() : ds);
    }
}

/* rho := -f in the caller's units */
static void plain_tangents(qc__group *g, const qc__derivative_job *job, int64_t d)
{
    load_tangents(g, job, d);
    for (int32_t j = 0; j < g->plan->n; j++)
        lane_put(g->rho.x, j, lane_neg(lane_at(g->d3.x, j)));
    for (int32_t i = 0; i < g->plan->m; i++)
        lane_put(g->rho.y, i, lane_neg(lane_at(g->d3.y, i)));
}

static void plain_tangent(qc__group *g, mask which, const double *w)
{
    const int32_t n = g->plan->n, m = g->plan->m;
    const double *dv = w + (int64_t)n * LANES;
    double *ds = g->d3.y;
    multiply_D(g, dv, ds);
    for (int32_t j = 0; j < n; j++)
        masked_put(g->Qw.x, j, which, lane_at(w, j));
    for (int32_t i = 0; i < m; i++) {
        masked_put(g->ds, i, which, lane_at(ds, i));
        masked_put(g->Qw.y, i, which, lane_sub(lane_at(ds, i), lane_at(dv, i)));
    }
}

static void jvp(qc__group *g, const qc__derivative_job *job, qc__path path, const int64_t *problems,
                int count, void *memory)
{
    static const derivation tangent = {.rhs = tangent_rhs,
                                       .solution = tangent_solution,
                                       .plain_rhs = plain_tangents,
                                       .plain_solution = plain_tangent};
    differentiate(g, job, &tangent, path, problems, count, memory);
}

#endif
