// SPDX-License-Identifier: Apache-2.0
/*
 * kkt.h -- the quasi-definite matrix M and its factor with the cones' block H:
 *
 *     full:        M = [ P A'; A 0 ]  over x and all rows       factor of  M - E H E'
 *     condensed:   M = -S0            over the cone's rows       factor of  -S0 - H
 *
 * where S0 = G K0^-1 G' is what eliminating x and the equalities leaves.  The interior point sees M, its
 * products and its solves, and does not know which of the two it is working on.
 */
#ifndef LANE_KKT_H
#define LANE_KKT_H

#include <string.h>

#include "lane/apart.h"
#include "lane/cone.h"
#include "lane/group.h"
#include "lane/pack.h"
#include "lane/product.h"

/*
 * Static regularization of the full matrix, of x and of every row: makes it strictly quasi-definite when P
 * is singular or the equalities are redundant, and bounds what an active row, H -> 0, does to errors.
 * Undone by refinement against M, whose rate it sets: so there is little of it in the first try and in
 * derivatives, and in the second try so much that the product of x's and a row's is well above the
 * rounding of a pivot.  That is more than what some problems leave of x or of a row without it, and refinement
 * does not arrive: the third try has little of it again, but in the rows of blocks.
 */
#define DELTA_PLAIN    1e-10
#define DELTA_EMBEDDED 1e-7
#define DELTA_CAREFUL  1e-11

/* ---- fill and factor ----------------------------------------------------------------------------- */

/* Values to their places in the panels, where they have one. */
static void scatter(const int64_t *place, int32_t count, const double *values, int shared,
                    double *panels)
{
    for (int32_t k = 0; k < count; k++)
        if (place[k] >= 0)
            lane_put(panels, place[k], value_at(values, k, shared));
}

static void add_to_diagonal(const qc__factor_plan *plan, int32_t variable, double *panels, lane a)
{
    const int64_t at = plan->diagonal[plan->position[variable]] - plan->panel[plan->leading];
    lane_put(panels, at, lane_add(lane_at(panels, at), a));
}

/* The static regularization of x and of rows; `block`: of the rows of blocks. */
static double regularization(const qc__group *g, int block)
{
    if (g->path == QC__PATH_CONDENSED)
        return 0.0;
    if (g->attempt == QC__ATTEMPT_PLAIN)
        return DELTA_PLAIN;
    return g->attempt == QC__ATTEMPT_CAREFUL && !block ? DELTA_CAREFUL : DELTA_EMBEDDED;
}

/* M - E H E' in full, but for the blocks of H, regularized. */
static void fill_full(qc__group *g)
{
    const double delta = regularization(g, 0), delta_block = regularization(g, 1);
    const qc__factor_plan *factor = g->factor;
    const int32_t n = g->plan->n;
    memset(g->panels, 0, (size_t)trailing_panels(factor) * LANES * sizeof(double));
    scatter(factor->scatter_P, g->plan->P.count, g->data.P, g->data.shared, g->panels);
    scatter(factor->scatter_A, g->plan->A.count, g->data.A, g->data.shared, g->panels);
    for (int32_t j = 0; j < g->nx; j++)
        add_to_diagonal(factor, j, g->panels, lane_set1(delta));
    for (int32_t t = 0; t < g->zero_count; t++)
        add_to_diagonal(factor, n + g->zero_row[t], g->panels, lane_set1(-delta));
    for (int32_t t = 0; t < g->nonneg_count; t++)
        add_to_diagonal(factor, n + g->nonneg_row[t], g->panels,
                        lane_sub(lane_set1(-delta), lane_at(g->H, g->nonneg_row[t])));
    for (int32_t t = 0; t < g->block_count; t++)
        add_to_diagonal(factor, n + g->block_row[t], g->panels, lane_set1(-delta_block));
}

/* Panel J of -S0 - H, but for the blocks of H: the lower triangle of its diagonal block, and all below. */
ALWAYS_INLINE void bring_kind(const int shared, const qc__group *g, int32_t J, double *panel)
{
    const qc__factor_plan *factor = g->factor;
    const int32_t w = qc__width_of(factor, J), end = w + qc__below_of(factor, J);
    const int32_t *row = factor->order + factor->first[J];
    int64_t at = factor->panel[J] - factor->panel[factor->leading];
    for (int32_t r = 0; r < end; r++, at += w, panel += w * LANES) {
        for (int32_t c = 0; c < (r < w ? r + 1 : w); c++)
            lane_put(panel, c, value_at(g->cond.base, at + c, shared));
        if (r < w && !g->plan->row_is_block[row[r] - g->plan->n])
            lane_put(panel, r, lane_sub(lane_at(panel, r), lane_at(g->H, row[r] - g->plan->n)));
    }
}

static void bring_condensed(const void *group, int32_t J, double *panel)
{
    const qc__group *g = group;
    if (g->cond.lead.shared)
        bring_kind(1, g, J, panel);
    else
        bring_kind(0, g, J, panel);
}

/* M - E H E' into the panels, then its factor. */
static void kkt_factor(qc__group *g)
{
    const int condensed = g->path == QC__PATH_CONDENSED, whole = !condensed || g->block_count > 0;
    if (!condensed)
        fill_full(g);
    for (int32_t J = g->part.begin; whole && condensed && J < g->part.end; J++)
        bring_condensed(g, J, panel_of(&g->part, J));
    blocks_subtract_H(g);
    EACH_APART(g, t)
    apart_factor(g, t, regularization(g, 1));
    ldl_factor(&g->part, whole ? NULL : bring_condensed, g, g->scratch);
}

/*
 * Condenses: factors x and the equalities, and leaves -S0 in the other panels.  P and A are in
 * g->data (lanes), the result goes to `cond` (lanes).  Returns the problems where it cannot be done:
 * P is singular, or the equalities are redundant, to 1e-11 of the scaled matrix.
 */
static mask condense(qc__group *g, condensed *cond)
{
    const qc__factor_plan *factor = &g->plan->condense;
    const int64_t first = factor->panel[factor->leading];
    const int64_t all = factor->panel[factor->supernodes];
    double *place[2] = {cond->lead.panels, cond->base - first * LANES};
    for (int32_t J = 0; J < factor->leading; J++)
        if (!factor->covered[J])
            memset(panel_of(&cond->lead, J), 0,
                   (size_t)(factor->panel[J + 1] - factor->panel[J]) * LANES * sizeof(double));
    memset(cond->base, 0, (size_t)(all - first) * LANES * sizeof(double));
    for (int32_t k = 0; k < g->plan->P.count; k++)
        lane_put(place[factor->scatter_P[k] >= first], factor->scatter_P[k], lane_at(g->data.P, k));
    for (int32_t k = 0; k < g->plan->A.count; k++)
        lane_put(place[factor->scatter_A[k] >= first], factor->scatter_A[k], lane_at(g->data.A, k));
    mask bad = ldl_factor(&cond->lead, NULL, NULL, g->scratch);
    for (int32_t k = 0; k < factor->first[factor->leading]; k++)
        bad = mask_or(bad, mask_not(lane_lt(lane_set1(1e-11), lane_abs(lane_at(cond->lead.d, k)))));
    for (int32_t J = factor->leading; J < factor->supernodes; J++)
        collect_updates(&cond->lead, J, cond->base + (factor->panel[J] - first) * LANES,
                        g->scratch);
    return bad;
}

/* Is P + 1e-6 max|diag P| I positive definite?  L L' in single precision has eigenvalues down to -4e-7 of that.  P is
 * in g->data, as lanes. */
static mask is_convex(qc__group *g)
{
    const qc__factor_plan *factor = &g->plan->convexity;
    const int32_t n = g->plan->n;
    if (g->plan->P.count == 0)
        return mask_all();
    ldl_part part = {.plan = factor,
                     .begin = 0,
                     .end = factor->supernodes,
                     .panels = g->panels,
                     .d = g->d,
                     .dinv = g->dinv};
    memset(g->panels, 0, (size_t)factor->panel[factor->supernodes] * LANES * sizeof(double));
    scatter(factor->scatter_P, g->plan->P.count, g->data.P, 0, g->panels);
    const lane top = lane_max(max_abs(g->data.P, g->plan->P.count), lane_set1(1e-3));
    for (int32_t j = 0; j < n; j++)
        add_to_diagonal(factor, j, g->panels, lane_mul(lane_set1(1e-6), top));
    return mask_not(ldl_factor(&part, NULL, NULL, g->scratch));
}

/* ---- solve ------------------------------------------------------------------------------------ */

/* Right-hand sides between the order of the problem and the order of the pivots, from pivot `first`. */
static void gather_rhs(const qc__factor_plan *factor, int32_t first, pair r, double *permuted)
{
    const int32_t *order = factor->order;
    for (int32_t k = first; k < factor->size; k++)
        lane_put(permuted, k, lane_at(r.x, order[k]));
}

static void scatter_solution(const qc__factor_plan *factor, int32_t first, const double *permuted,
                             pair r)
{
    const int32_t *order = factor->order;
    for (int32_t k = first; k < factor->size; k++)
        lane_put(r.x, order[k], lane_at(permuted, k));
}

/* r := (M - E H E')^-1 r, for `count` <= MAX_RHS right-hand sides at once */
static void kkt_solve(qc__group *g, int count, const pair r[])
{
    const int32_t first = g->factor->first[g->part.begin], rows = g->plan->n + g->plan->m;
    for (int k = 0; k < count; k++)
        set_all(r[k].x + (int64_t)rows * LANES, g->plan->auxiliary, 0.0);
    for (int k = 0; k < count; k++) {
        EACH_APART(g, t)
        apart_forward(g, t, k, r[k]);
        gather_rhs(g->factor, first, r[k], g->permuted[k]);
    }
    ldl_forward(&g->part, count, g->permuted);
    ldl_backward(&g->part, count, g->permuted);
    for (int k = 0; k < count; k++) {
        scatter_solution(g->factor, first, g->permuted[k], r[k]);
        EACH_APART(g, t)
        apart_backward(g, t, k, r[k]);
    }
}

/* ---- products --------------------------------------------------------------------------------- */

ALWAYS_INLINE void multiply_P_kind(const int shared, const qc__matrix *P, const double *values,
                                   const double *x, double *out)
{
    for (int32_t i = 0; i < P->rows; i++) {
        const lane xi = lane_at(x, i);
        lane sum = lane_zero();
        for (int32_t k = P->row_ptr[i]; k < P->row_ptr[i + 1]; k++) {
            const int32_t j = P->col[k];
            const lane v = value_at(values, k, shared);
            sum = lane_fma(v, lane_at(x, j), sum);
            if (j != i)
                lane_put(out, j, lane_fma(v, xi, lane_at(out, j)));
        }
        lane_put(out, i, sum);
    }
}

/* out := P x, from the lower triangle */
static void multiply_P(const qc__group *g, const double *x, double *out)
{
    const int32_t n = g->plan->n;
    if (g->plan->P_dense) {
        set_all(out, n, 0.0);
        if (g->data.shared)
            multiply_symmetric(1, g->data.P, 0, n, x, out);
        else
            multiply_symmetric(0, g->data.P, 0, n, x, out);
    } else if (g->data.shared)
        multiply_P_kind(1, &g->plan->P, g->data.P, x, out);
    else
        multiply_P_kind(0, &g->plan->P, g->data.P, x, out);
}

ALWAYS_INLINE void multiply_A_kind(const int shared, const qc__matrix *A, const double *values,
                                   const double *x, const double *y, double *Ax, double *Aty)
{
    for (int32_t i = 0; i < A->rows; i++) {
        const lane yi = lane_at(y, i);
        lane sum = lane_zero();
        for (int32_t k = A->row_ptr[i]; k < A->row_ptr[i + 1]; k++) {
            const int32_t j = A->col[k];
            const lane v = value_at(values, k, shared);
            sum = lane_fma(v, lane_at(x, j), sum);
            lane_put(Aty, j, lane_fma(v, yi, lane_at(Aty, j)));
        }
        lane_put(Ax, i, sum);
    }
}

/* Ax := A x and Aty := Aty + A'y, in one pass over A */
static void multiply_A(const qc__group *g, const double *x, const double *y, double *Ax,
                       double *Aty)
{
    const int32_t n = g->plan->n, m = g->plan->m;
    if (g->plan->A_dense) {
        set_all(Ax, m, 0.0);
        if (g->data.shared)
            multiply_dense(1, g->data.A, m, n, x, y, Ax, Aty);
        else
            multiply_dense(0, g->data.A, m, n, x, y, Ax, Aty);
    } else if (g->data.shared)
        multiply_A_kind(1, &g->plan->A, g->data.A, x, y, Ax, Aty);
    else
        multiply_A_kind(0, &g->plan->A, g->data.A, x, y, Ax, Aty);
}

ALWAYS_INLINE void multiply_base_kind(const int shared, const qc__factor_plan *factor,
                                      const double *base, const double *y, double *out)
{
    const int64_t first = factor->panel[factor->leading];
    for (int32_t J = factor->leading; J < factor->supernodes; J++) {
        const int32_t w = qc__width_of(factor, J), c0 = factor->first[J];
        const int32_t *rows = factor->rows + factor->row_ptr[J];
        const int64_t step = shared ? 1 : LANES;
        const double *panel = base + (factor->panel[J] - first) * step;
        multiply_symmetric(shared, panel, w, w, y + c0 * LANES, out + c0 * LANES);
        multiply_below(shared, panel + (int64_t)w * w * step, w, qc__below_of(factor, J), rows, c0,
                       y, out);
    }
}

/* out := -S0 y over the cone's rows */
static void multiply_base(qc__group *g, const double *y, double *out)
{
    const qc__factor_plan *factor = g->factor;
    const int32_t n = g->plan->n, first = factor->first[factor->leading];
    double *in = g->permuted[0], *product = g->permuted[1];
    for (int32_t k = first; k < factor->size; k++) {
        lane_put(in, k, lane_at(y, factor->order[k] - n));
        lane_put(product, k, lane_zero());
    }
    if (g->cond.lead.shared)
        multiply_base_kind(1, factor, g->cond.base, in, product);
    else
        multiply_base_kind(0, factor, g->cond.base, in, product);
    for (int32_t k = first; k < factor->size; k++)
        lane_put(out, factor->order[k] - n, lane_at(product, k));
}

/*
 * Mw := M w.  Qw, unless NULL, is the quadratic part alone: (P x, 0) in full, (., S0 y) when condensed.
 */
static void kkt_multiply(qc__group *g, pair w, pair Mw, const pair *Qw)
{
    if (g->path == QC__PATH_CONDENSED) {
        multiply_base(g, w.y, Mw.y);
        for (int32_t t = 0; Qw && t < g->cone_count; t++)
            lane_put(Qw->y, g->cone_row[t], lane_neg(lane_at(Mw.y, g->cone_row[t])));
        return;
    }
    multiply_P(g, w.x, Mw.x);
    if (Qw)
        memcpy(Qw->x, Mw.x, (size_t)g->nx * LANES * sizeof(double));
    multiply_A(g, w.x, w.y, Mw.y, Mw.x);
}

#endif
