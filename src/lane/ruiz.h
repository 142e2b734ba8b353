// SPDX-License-Identifier: Apache-2.0
/*
 * ruiz.h -- equilibration: scales x by D and the rows by E until the rows of the KKT matrix have
 * about the same largest entry (Ruiz, 2001), and the objective by c.  Scales are rounded to powers of
 * two, so that scaling and its undoing are exact.
 */
#ifndef LANE_RUIZ_H
#define LANE_RUIZ_H

#include <string.h>

#include "lane/group.h"

enum { RUIZ_PASSES = 3 };
/* Norms between 1 / this and this are left as they are: scaling is for what is far from 1. */
#define BALANCED 1.5
/* Small problems are solved in the time of scaling them.  If they are also strongly convex, as all are that
 * are condensed, they need it less: of up to so many variables and rows. */
#define BALANCED_SMALL 4.0
enum { SMALL = 32 };

/* Keeps the exponent of every number. */
static void round_to_powers_of_two(double *v, int64_t count)
{
    for (int64_t k = 0; k < count; k++) {
        uint64_t bits;
        memcpy(&bits, &v[k], sizeof bits);
        bits &= 0xfff0000000000000u;
        memcpy(&v[k], &bits, sizeof bits);
    }
}

/* Largest entries of the columns and rows of the scaled KKT matrix, into cols and rows. */
static void ruiz_norms(const qc__group *g, double *cols, double *rows)
{
    const qc__matrix *P = &g->plan->P, *A = &g->plan->A;
    const scaled *data = &g->data;
    set_all(cols, g->plan->n, 0.0);
    for (int32_t i = 0; i < P->rows; i++) {
        const lane di = lane_at(data->col, i);
        lane top = lane_at(cols, i);
        for (int32_t k = P->row_ptr[i]; k < P->row_ptr[i + 1]; k++) {
            const int32_t j = P->col[k];
            const lane v =
                lane_mul(lane_abs(lane_at(data->P, k)), lane_mul(di, lane_at(data->col, j)));
            top = lane_max(v, top);
            lane_put(cols, j, lane_max(v, lane_at(cols, j)));
        }
        lane_put(cols, i, lane_max(top, lane_at(cols, i)));
    }
    for (int32_t i = 0; i < A->rows; i++) {
        const lane ei = lane_at(data->row, i);
        lane top = lane_zero();
        for (int32_t k = A->row_ptr[i]; k < A->row_ptr[i + 1]; k++) {
            const int32_t j = A->col[k];
            const lane v =
                lane_mul(lane_abs(lane_at(data->A, k)), lane_mul(ei, lane_at(data->col, j)));
            top = lane_max(v, top);
            lane_put(cols, j, lane_max(v, lane_at(cols, j)));
        }
        lane_put(rows, i, top);
    }
}

/* The rows of a block share one scale, or it would be another cone: all get its largest norm. */
static void share_norms(const qc__group *g, double *rows)
{
    for (int32_t k = 0; k < g->plan->block_count; k++) {
        const qc__cone *c = &g->plan->blocks[k];
        double *of_block = rows + (int64_t)c->first * LANES;
        lane top = lane_zero();
        for (int32_t i = 0; i < c->size; i++)
            top = lane_max(lane_at(of_block, i), top);
        for (int32_t i = 0; i < c->size; i++)
            lane_put(of_block, i, top);
    }
}

/* The problems with a norm out of balance; an empty row is in balance. */
static mask unbalanced(const double *norm, int64_t count, double balanced)
{
    mask out = mask_none();
    for (int64_t k = 0; k < count; k++) {
        const lane v = lane_at(norm, k);
        const mask low = mask_and(lane_lt(lane_zero(), v), lane_lt(v, lane_set1(1.0 / balanced)));
        out = mask_or(out, mask_or(low, lane_lt(lane_set1(balanced), v)));
    }
    return out;
}

/* scale *= 1 / sqrt(norm), within [1e-4, 1e4], for problems of `which`; an empty row keeps its scale */
static void ruiz_update(double *scale, const double *norm, int64_t count, mask which)
{
    for (int64_t k = 0; k < count; k++) {
        const lane v = lane_at(norm, k);
        lane s = lane_div(lane_at(scale, k), lane_sqrt(lane_max(v, lane_set1(1e-300))));
        s = lane_min(lane_max(s, lane_set1(1e-4)), lane_set1(1e4));
        const mask scaled = mask_and(which, lane_lt(lane_zero(), v));
        lane_put(scale, k, lane_select(scaled, s, lane_at(scale, k)));
    }
}

/* Applies D and E to P and A. */
static void scale_matrices(const qc__group *g)
{
    const qc__matrix *P = &g->plan->P, *A = &g->plan->A;
    const scaled *data = &g->data;
    for (int32_t i = 0; i < P->rows; i++)
        for (int32_t k = P->row_ptr[i]; k < P->row_ptr[i + 1]; k++)
            lane_put(data->P, k,
                     lane_mul(lane_at(data->P, k),
                              lane_mul(lane_at(data->col, i), lane_at(data->col, P->col[k]))));
    for (int32_t i = 0; i < A->rows; i++)
        for (int32_t k = A->row_ptr[i]; k < A->row_ptr[i + 1]; k++)
            lane_put(data->A, k,
                     lane_mul(lane_at(data->A, k),
                              lane_mul(lane_at(data->row, i), lane_at(data->col, A->col[k]))));
}

/* Finds D and E for the P and A in g->data, and applies them.  Uses d1 and d2 as scratch. */
static void equilibrate(qc__group *g)
{
    const qc_plan *plan = g->plan;
    const int small = g->path == QC__PATH_CONDENSED && plan->n + plan->m <= SMALL;
    const double balanced = small ? BALANCED_SMALL : BALANCED;
    scaled *data = &g->data;
    set_all(data->col, plan->n, 1.0);
    set_all(data->row, plan->m, 1.0);
    set_all(data->cost, 1, 1.0);
    int pass = 0;
    for (mask which; pass < RUIZ_PASSES; pass++) {
        ruiz_norms(g, g->d1.x, g->d1.y);
        share_norms(g, g->d1.y);
        which =
            mask_or(unbalanced(g->d1.x, plan->n, balanced), unbalanced(g->d1.y, plan->m, balanced));
        if (!mask_any(which))
            break;
        ruiz_update(data->col, g->d1.x, plan->n, which);
        ruiz_update(data->row, g->d1.y, plan->m, which);
    }
    if (pass == 0)
        return;
    round_to_powers_of_two(data->col, (int64_t)plan->n * LANES);
    round_to_powers_of_two(data->row, (int64_t)plan->m * LANES);
    scale_matrices(g);
}

/* Scales q and b by what was found for P and A. */
static void scale_vectors(qc__group *g)
{
    const qc_plan *plan = g->plan;
    const scaled *data = &g->data;
    const lane cost = value_at(data->cost, 0, data->shared);
    for (int32_t j = 0; j < plan->n; j++)
        lane_put(g->q, j,
                 lane_mul(lane_at(g->q, j), lane_mul(cost, value_at(data->col, j, data->shared))));
    for (int32_t i = 0; i < plan->m; i++)
        lane_put(g->b, i, lane_mul(lane_at(g->b, i), value_at(data->row, i, data->shared)));
}

/* Finds c, a problem's own only, and applies it to P and q, which are already scaled by D. */
static void scale_cost(qc__group *g)
{
    const qc_plan *plan = g->plan;
    scaled *data = &g->data;
    const lane top = lane_max(max_abs(g->q, plan->n), max_abs(data->P, plan->P.count));
    lane cost = lane_div(lane_set1(1.0), lane_max(top, lane_set1(1e-6)));
    cost = lane_min(lane_max(cost, lane_set1(1e-6)), lane_set1(1e4));
    lane_store(data->cost, cost);
    round_to_powers_of_two(data->cost, LANES);
    cost = lane_load(data->cost);
    for (int32_t k = 0; k < plan->P.count; k++)
        lane_put(data->P, k, lane_mul(lane_at(data->P, k), cost));
    for (int32_t j = 0; j < plan->n; j++)
        lane_put(g->q, j, lane_mul(lane_at(g->q, j), cost));
}

#endif
