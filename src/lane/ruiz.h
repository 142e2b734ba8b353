// SPDX-License-Identifier: Apache-2.0
/*
 * ruiz.h -- equilibration: scales x by D and the rows by E until the rows of the KKT matrix have
 * about the same largest entry (Ruiz, 2001), and the objective by c.  Scales are rounded to powers of
 * two, so that scaling and its undoing are exact.
 */
#ifndef LANE_RUIZ_H
#define LANE_RUIZ_H

#include "lane/elementary.h"
#include "lane/group.h"
#include "lane/pack.h"
#include "lane/product.h"

enum { RUIZ_PASSES = 3 };
/* Norms between 1 / this and this are left as they are: scaling is for what is far from 1. */
#define BALANCED 1.5
/* Small problems are solved in the time of scaling them.  If they are also strongly convex, as all are that
 * are condensed, they need it less: of up to so many variables and rows. */
#define BALANCED_SMALL 4.0
enum { SMALL = 32, RUIZ_PASSES_SMALL = 1 };

static void round_to_powers_of_two(double *v, int64_t count)
{
    for (int64_t k = 0; k < count; k++)
        lane_put(v, k, binary_floor(lane_at(v, k)));
}

/* Raises cols[j] to |a_ij| e_i and rows[i] to |a_ij| d_j for R rows of `count` neighbours each. */
ALWAYS_INLINE void raise_together(const int R, const double *const a[], int32_t count,
                                  const double *d, const double *e, double *cols, double *rows)
{
    lane top[ROWS_TOGETHER], er[ROWS_TOGETHER];
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
        top[r] = lane_zero();
        er[r] = lane_at(e, r);
    }
    for (int32_t j = 0; j < count; j++) {
        const lane dj = lane_at(d, j);
        lane col = lane_at(cols, j);
#pragma GCC unroll 8
        for (int r = 0; r < R; r++) {
            const lane v = lane_abs(lane_at(a[r], j));
            top[r] = lane_max(lane_mul(v, dj), top[r]);
            col = lane_max(lane_mul(v, er[r]), col);
        }
        lane_put(cols, j, col);
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
        lane_put(rows, r, lane_max(top[r], lane_at(rows, r)));
}

/* The same for the entries of row i from number `from` of the row on. */
static void raise_entries(const qc__matrix *M, const double *values, int32_t i, int32_t from,
                          const double *d, const double *e, double *cols, double *rows)
{
    const lane ei = lane_at(e, i);
    lane top = lane_zero();
    for (int32_t k = M->row_ptr[i] + from; k < M->row_ptr[i + 1]; k++) {
        const int32_t j = M->col[k];
        const lane v = lane_abs(lane_at(values, k));
        top = lane_max(lane_mul(v, lane_at(d, j)), top);
        lane_put(cols, j, lane_max(lane_mul(v, ei), lane_at(cols, j)));
    }
    lane_put(rows, i, lane_max(top, lane_at(rows, i)));
}

/* The same for a whole matrix.  Dense rows have their first columns in common: those go together. */
static void raise_norms(const qc__matrix *M, int dense, const double *values, const double *d,
                        const double *e, double *cols, double *rows)
{
    const double *row[ROWS_TOGETHER];
    int32_t i = 0;
    for (; dense && i + ROWS_TOGETHER <= M->rows; i += ROWS_TOGETHER) {
        const int32_t common = M->row_ptr[i + 1] - M->row_ptr[i];
        for (int r = 0; r < ROWS_TOGETHER; r++)
            row[r] = values + (int64_t)M->row_ptr[i + r] * LANES;
        raise_together(ROWS_TOGETHER, row, common, d, e + i * LANES, cols, rows + i * LANES);
        for (int r = 1; r < ROWS_TOGETHER; r++)
            raise_entries(M, values, i + r, common, d, e, cols, rows);
    }
    for (; i < M->rows; i++)
        raise_entries(M, values, i, 0, d, e, cols, rows);
}

/* Largest entries of the columns and rows of the scaled KKT matrix, into cols and rows. */
static void ruiz_norms(const qc__group *g, double *cols, double *rows)
{
    const qc_plan *plan = g->plan;
    const scaled *data = &g->data;
    set_all(cols, plan->n, 0.0);
    set_all(rows, plan->m, 0.0);
    raise_norms(&plan->P, plan->P_dense, data->P, data->col, data->col, cols, cols);
    raise_norms(&plan->A, plan->A_dense, data->A, data->col, data->row, cols, rows);
    for (int32_t j = 0; j < plan->n; j++)
        lane_put(cols, j, lane_mul(lane_at(cols, j), lane_at(data->col, j)));
    for (int32_t i = 0; i < plan->m; i++)
        lane_put(rows, i, lane_mul(lane_at(rows, i), lane_at(data->row, i)));
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
        lane s = lane_mul(lane_at(scale, k), rough_rsqrt(lane_max(v, lane_set1(1e-300))));
        s = lane_min(lane_max(s, lane_set1(1e-4)), lane_set1(1e4));
        const mask scaled = mask_and(which, lane_lt(lane_zero(), v));
        lane_put(scale, k, lane_select(scaled, s, lane_at(scale, k)));
    }
}

/* a_ij := a_ij e_i d_j */
ALWAYS_INLINE void scale_entries(const int dense, const qc__matrix *M, const double *e,
                                 const double *d, double *values)
{
    for (int32_t i = 0; i < M->rows; i++) {
        const int32_t begin = M->row_ptr[i];
        const lane ei = lane_at(e, i);
        for (int32_t k = begin; k < M->row_ptr[i + 1]; k++) {
            const lane scale = lane_mul(ei, lane_at(d, dense ? k - begin : M->col[k]));
            lane_put(values, k, lane_mul(lane_at(values, k), scale));
        }
    }
}

static void scale_matrix(const qc__matrix *M, int dense, const double *e, const double *d,
                         double *values)
{
    if (dense)
        scale_entries(1, M, e, d, values);
    else
        scale_entries(0, M, e, d, values);
}

/* Finds D and E for the P and A in g->data, and applies them.  Uses d1 and d2 as scratch. */
static void equilibrate(qc__group *g)
{
    const qc_plan *plan = g->plan;
    const int small = g->path == QC__PATH_CONDENSED && plan->n + plan->m <= SMALL;
    const double balanced = small ? BALANCED_SMALL : BALANCED;
    const int passes = small ? RUIZ_PASSES_SMALL : RUIZ_PASSES;
    scaled *data = &g->data;
    set_all(data->col, plan->n, 1.0);
    set_all(data->row, plan->m, 1.0);
    set_all(data->cost, 1, 1.0);
    int pass = 0;
    for (mask which; pass < passes; pass++) {
        ruiz_norms(g, g->d1.x, g->d1.y);
        share_in_blocks(plan, g->d1.y);
        which =
            mask_or(unbalanced(g->d1.x, plan->n, balanced), unbalanced(g->d1.y, plan->m, balanced));
        if (!mask_any(which))
            break;
        ruiz_update(data->col, g->d1.x, plan->n, which);
        ruiz_update(data->row, g->d1.y, plan->m, which);
    }
    if (pass == 0)
        return;
    round_to_powers_of_two(data->col, plan->n);
    round_to_powers_of_two(data->row, plan->m);
    scale_matrix(&plan->P, plan->P_dense, data->col, data->col, data->P);
    scale_matrix(&plan->A, plan->A_dense, data->row, data->col, data->A);
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
    cost = binary_floor(cost);
    lane_store(data->cost, cost);
    for (int32_t k = 0; k < plan->P.count; k++)
        lane_put(data->P, k, lane_mul(lane_at(data->P, k), cost));
    for (int32_t j = 0; j < plan->n; j++)
        lane_put(g->q, j, lane_mul(lane_at(g->q, j), cost));
}

#endif
