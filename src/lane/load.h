// SPDX-License-Identifier: Apache-2.0
/*
 * load.h -- brings problems into a group: values, scales, and the matrix that the interior point works
 * on, from the caller's arrays, from a tape or from what the batch shares.
 */
#ifndef LANE_LOAD_H
#define LANE_LOAD_H

#include "lane/kkt.h"
#include "lane/pack.h"
#include "lane/ruiz.h"

static unsigned all_of(int count)
{
    return (1u << count) - 1u;
}

/* Which problems, and where their data will be: shared, on the tape, or the thread's own. */
static void assign(qc__group *g, qc__path path, const int64_t *problems, int count, void *memory)
{
    for (int l = 0; l < LANES; l++)
        g->problem[l] = problems[l < count ? l : count - 1];
    g->count = count;
    g->path = path;
    if (qc__values_shared(g->plan)) {
        g->data = g->shared.data;
        g->cond = g->shared.cond;
        return;
    }
    g->data = g->own.data;
    g->cond = g->own.cond;
    if (memory) {
        tape t = g->own;
        qc__arena arena = {.base = memory, .size = tape_bytes(g->plan, path)};
        layout_tape(&t, g->plan, path, &arena);
        if (t.data.P == NULL) { /* a condensed tape has the scales alone */
            t.data.P = g->own.data.P;
            t.data.A = g->own.data.A;
        }
        g->data = t.data;
        g->cond = t.cond;
    }
}

/* What the interior point sees: everything, or the cone's rows alone. */
static void choose_view(qc__group *g, qc__path path)
{
    const qc_plan *plan = g->plan;
    const int full = path != QC__PATH_CONDENSED;
    g->path = path;
    g->nx = full ? plan->n : 0;
    g->zero_count = full ? plan->zero_rows : 0;
    g->cone_count = plan->cone_rows;
    g->g.y = full ? g->b : g->c;
}

static void choose_factor(qc__group *g, qc__path path)
{
    g->factor = path == QC__PATH_FULL    ? &g->plan->full
                : path == QC__PATH_DENSE ? &g->plan->dense
                                         : &g->plan->condense;
    g->part = (ldl_part){.plan = g->factor,
                         .begin = g->factor->leading,
                         .end = g->factor->supernodes,
                         .panels = g->panels,
                         .d = g->d,
                         .dinv = g->dinv};
    choose_view(g, path);
}

/* What H is measured in, row by row: the diagonal of -S0 when condensed, which D meets there, else 1. */
static void find_H_units(qc__group *g)
{
    const qc__factor_plan *factor = g->factor;
    const int condensed = g->path == QC__PATH_CONDENSED;
    for (int32_t t = 0; t < g->cone_count; t++) {
        const int32_t i = g->cone_row[t];
        const int64_t diagonal = factor->diagonal[factor->position[g->plan->n + i]];
        const int64_t at = diagonal - factor->panel[factor->leading];
        lane unit = lane_set1(1.0);
        if (condensed)
            unit = lane_max(lane_abs(value_at(g->cond.base, at, g->cond.lead.shared)),
                            lane_set1(1e-8));
        lane_put(g->H_unit, i, unit);
    }
    share_in_blocks(g->plan, g->H_unit);
}

/* 1 / (c D) and 1 / E, which are exact. */
static void find_units(qc__group *g)
{
    const scaled *data = &g->data;
    const lane cost = value_at(data->cost, 0, data->shared);
    for (int32_t j = 0; j < g->plan->n; j++)
        lane_put(g->x_unit, j, inverse_power(lane_mul(cost, value_at(data->col, j, data->shared))));
    for (int32_t i = 0; i < g->plan->m; i++)
        lane_put(g->y_unit, i, inverse_power(value_at(data->row, i, data->shared)));
}

/* q and b, scaled by what is known of P and A; marks bad values. */
static void load_vectors(qc__group *g, const qc_values *values, int32_t *status)
{
    if (g->data.shared && g->sharing->status)
        mark(g, mask_all(), g->sharing->status, status);
    pack_vectors(g, values, status);
    scale_vectors(g);
}

/* The right-hand side g = (-q, b), of which b is in place. */
static void set_rhs(qc__group *g)
{
    for (int32_t j = 0; j < g->plan->n; j++)
        lane_put(g->g.x, j, lane_neg(lane_at(g->q, j)));
}

/* Scaled values of the problems, and their right-hand side.  Marks bad ones. */
static void load_values(qc__group *g, const qc_values *values, int32_t *status)
{
    const int own = !g->data.shared;
    if (own) {
        pack_matrices(g, values, status);
        equilibrate(g);
    }
    load_vectors(g, values, status);
    if (own) {
        scale_cost(g);
        if (g->path !=
            QC__PATH_CONDENSED) /* condensing, whose first pivots are those of P, finds out */
            mark(g, mask_not(is_convex(g)), QC_P_NOT_CONVEX, status);
    }
    set_rhs(g);
    find_units(g);
}

/* The condensed right-hand side c, and in g->lead what recovers x and the equalities' y from it. */
static void condense_rhs(qc__group *g)
{
    const qc__factor_plan *factor = &g->plan->condense;
    const int32_t n = g->plan->n, first = factor->first[factor->leading];
    for (int32_t k = 0; k < factor->size; k++) {
        const int32_t v = factor->order[k];
        lane_put(g->lead, k, v < n ? lane_at(g->g.x, v) : lane_at(g->b, v - n));
    }
    ldl_forward(&g->cond.lead, 1, &g->lead);
    for (int32_t k = first; k < factor->size; k++)
        lane_put(g->c, factor->order[k] - n, lane_at(g->lead, k));
    hide_far_c(g);
}

static void keep_first_lane(double *shared, const double *lanes, int64_t count)
{
    for (int64_t k = 0; k < count; k++)
        shared[k] = lanes[k * LANES];
}

static void share_condensed(qc__group *g, const condensed *from, condensed *to)
{
    const qc__factor_plan *factor = &g->plan->condense;
    const int64_t first = factor->panel[factor->leading];
    const int32_t pivots = factor->first[factor->leading];
    keep_first_lane(to->lead.panels, from->lead.panels, first);
    keep_first_lane(to->lead.d, from->lead.d, pivots);
    keep_first_lane(to->lead.dinv, from->lead.dinv, pivots);
    keep_first_lane(to->base, from->base, factor->panel[factor->supernodes] - first);
}

/* P and A are the batch's: scales, checks and condenses them once. */
static void share(qc__group *g, const qc__solve_job *job)
{
    const qc_plan *plan = g->plan;
    const int64_t zero = 0;
    int32_t status[LANES] = {QC_UNSOLVED};
    assign(g, QC__PATH_FULL, &zero, 1, NULL);
    g->data = g->own.data;
    pack_matrices(g, &job->values, status);
    equilibrate(g);
    mark(g, mask_not(is_convex(g)), QC_P_NOT_CONVEX, status);
    *g->sharing = (sharing){.status = (uint8_t)status[0]};
    scaled *to = &g->shared.data;
    keep_first_lane(to->P, g->data.P, plan->P.count);
    keep_first_lane(to->A, g->data.A, plan->A.count);
    keep_first_lane(to->col, g->data.col, plan->n);
    keep_first_lane(to->row, g->data.row, plan->m);
    keep_first_lane(to->cost, g->data.cost, 1);
    if (plan->condensed && !status[0]) {
        g->sharing->uncondensed = mask_bits(condense(g, &g->own.cond)) & 1u;
        share_condensed(g, &g->own.cond, &g->shared.cond);
    }
}

#endif
