// SPDX-License-Identifier: Apache-2.0
/*
 * jacobian.h -- products with the Jacobian of F in the caller's units, at w = (x, v):
 *
 *     J = [ P  A'(D - I) ]         J' = [ P          A' ]
 *         [ A       D    ]              [ (D - I) A  D  ]
 *
 * J is never formed.  Products with P and A take their values; or, where condensing has left only its
 * factor of them, that factor:  [ K0 . ; G . ] = [ L11 ; L21 ] D L11'.
 */
#ifndef LANE_JACOBIAN_H
#define LANE_JACOBIAN_H

#include "lane/kkt.h"
#include "lane/progress.h"

/* Takes D of every row at v = s - y in the caller's units, whose proportion is not that of the scaled
 * ones; and the view of all rows. */
static void choose_jacobian(qc__group *g)
{
    const lane inv = lane_div(lane_set1(1.0), value_at(g->data.cost, 0, g->data.shared));
    for (int32_t t = 0; t < g->block_count; t++) {
        const int32_t i = g->block_row[t];
        const lane unit = lane_at(g->y_unit, i);
        lane_put(g->Hdy, i, lane_mul(lane_at(g->s, i), unit));
        lane_put(g->dy, i, lane_div(lane_mul(lane_at(g->w.y, i), inv), unit));
    }
    blocks_set_H(g, g->Hdy, g->dy, mask_none(), mask_none());
}

/* out := D in, over the rows; in may be out.  D is 1 in nonnegative rows with s > y, else 0. */
static void multiply_D(const qc__group *g, const double *in, double *out)
{
    for (int32_t t = 0; t < g->nonneg_count; t++) {
        const int32_t i = g->nonneg_row[t];
        const mask positive = lane_lt(lane_at(g->w.y, i), lane_at(g->s, i));
        lane_put(out, i, lane_select(positive, lane_at(in, i), lane_zero()));
    }
    for (int32_t t = 0; t < g->plan->zero_rows; t++)
        lane_put(out, g->zero_row[t], lane_zero());
    blocks_derivative(g, in, out);
}

/* ---- [P A'; A 0] from the factor that condensing left --------------------------------------------- */

/* Column c of supernode J as a vector: its entries below the diagonal, which is 1. */
typedef struct pivot_column {
    const double *panel;
    const int32_t *rows;
    int32_t w, below, first, c;
    int shared;
} pivot_column;

static pivot_column column_of(const ldl_part *part, int32_t J, int32_t c)
{
    const qc__factor_plan *plan = part->plan;
    return (pivot_column){.panel = panel_of(part, J),
                          .rows = plan->rows + plan->row_ptr[J],
                          .w = qc__width_of(plan, J),
                          .below = qc__below_of(plan, J),
                          .first = plan->first[J],
                          .c = c,
                          .shared = part->shared};
}

/* Which entry of x row r of its panel is. */
static inline int32_t row_of(const pivot_column *l, int32_t r)
{
    return r < l->w ? l->first + r : l->rows[r - l->w];
}

static lane column_dot(const pivot_column *l, const double *x)
{
    lane sum = lane_at(x, l->first + l->c);
    for (int32_t r = l->c + 1; r < l->w + l->below; r++)
        sum = lane_fma(value_at(l->panel, (int64_t)r * l->w + l->c, l->shared),
                       lane_at(x, row_of(l, r)), sum);
    return sum;
}

/* out += a l, in rows [begin, end) */
static void column_add(const pivot_column *l, lane a, int32_t begin, int32_t end, double *out)
{
    for (int32_t r = l->c + 1; r < l->w + l->below; r++) {
        const int32_t row = row_of(l, r);
        if (row < begin || row >= end)
            continue;
        const lane value = value_at(l->panel, (int64_t)r * l->w + l->c, l->shared);
        lane_put(out, row, lane_fma(value, a, lane_at(out, row)));
    }
}

/* x := D L'x, in the columns of the part */
static void multiply_DLt(const ldl_part *part, double *x)
{
    for (int32_t J = part->begin; J < part->end; J++)
        for (int32_t c = 0; c < qc__width_of(part->plan, J); c++) {
            const pivot_column l = column_of(part, J, c);
            const int32_t k = l.first + c;
            const lane d = value_at(part->d, pivot_of(part, k), part->shared);
            lane_put(x, k, lane_mul(d, column_dot(&l, x)));
        }
}

/* x := L x in rows [begin, end) of the columns of the part */
static void multiply_L(const ldl_part *part, int32_t begin, int32_t end, double *x)
{
    for (int32_t J = part->end - 1; J >= part->begin; J--)
        for (int32_t c = qc__width_of(part->plan, J) - 1; c >= 0; c--) {
            const pivot_column l = column_of(part, J, c);
            column_add(&l, lane_at(x, l.first + c), begin, end, x);
        }
}

/* out := [P A'; A 0] in.  Of L D L' in, what the cone's rows are given by x and the equalities is all. */
static void multiply_factor(qc__group *g, pair in, pair out)
{
    const qc__factor_plan *factor = &g->plan->condense;
    const int32_t first = factor->first[factor->leading], size = factor->size;
    double *whole = g->permuted[0], *above = g->permuted[1];
    gather_rhs(factor, 0, in, whole);
    memcpy(above, whole, (size_t)first * LANES * sizeof(double));
    for (int32_t k = first; k < size; k++)
        lane_put(above, k, lane_zero());
    multiply_DLt(&g->cond.lead, whole);
    multiply_L(&g->cond.lead, 0, first, whole);
    multiply_DLt(&g->cond.lead, above);
    multiply_L(&g->cond.lead, first, size, above);
    memcpy(whole + (int64_t)first * LANES, above + (int64_t)first * LANES,
           (size_t)(size - first) * LANES * sizeof(double));
    scatter_solution(factor, 0, whole, out);
}

/* ---- J ---------------------------------------------------------------------------------------- */

/* (P x + A'y, A x) in the caller's units; in and out are (x, y) one after the other.  Uses d1, d2. */
static void multiply_unscaled(qc__group *g, const double *in_x, const double *in_y, double *out)
{
    const int32_t n = g->plan->n, m = g->plan->m;
    const lane cost = value_at(g->data.cost, 0, g->data.shared);
    for (int32_t j = 0; j < n; j++)
        lane_put(g->d1.x, j, lane_mul(lane_at(in_x, j), lane_mul(cost, lane_at(g->x_unit, j))));
    for (int32_t i = 0; i < m; i++)
        lane_put(g->d1.y, i, lane_mul(lane_at(in_y, i), lane_mul(cost, lane_at(g->y_unit, i))));
    if (g->path != QC__PATH_CONDENSED || g->data.shared) {
        multiply_P(g, g->d1.x, g->d2.x);
        multiply_A(g, g->d1.x, g->d1.y, g->d2.y, g->d2.x);
    } else {
        multiply_factor(g, g->d1, g->d2);
    }
    for (int32_t j = 0; j < n; j++)
        lane_put(out, j, lane_mul(lane_at(g->d2.x, j), lane_at(g->x_unit, j)));
    for (int32_t i = 0; i < m; i++)
        lane_put(out, n + i, lane_mul(lane_at(g->d2.y, i), lane_at(g->y_unit, i)));
}

/* out := J in, or J'in, of which the lower half is A x + D v, or D (A x + v) - A x. */
static void jacobian_multiply(qc__group *g, int transposed, const double *in, double *out)
{
    const int32_t n = g->plan->n, m = g->plan->m;
    double *y = g->backup.y, *Dv = g->backup_s;
    const double *v = in + (int64_t)n * LANES;
    multiply_D(g, v, Dv);
    for (int32_t i = 0; i < m; i++)
        lane_put(y, i, transposed ? lane_at(v, i) : lane_sub(lane_at(Dv, i), lane_at(v, i)));
    multiply_unscaled(g, in, y, out);
    double *Ax = out + (int64_t)n * LANES;
    if (transposed) {
        multiply_D(g, Ax, y);
        for (int32_t i = 0; i < m; i++)
            lane_put(Dv, i, lane_add(lane_at(Dv, i), lane_sub(lane_at(y, i), lane_at(Ax, i))));
    } else {
        for (int32_t i = 0; i < m; i++)
            lane_put(Dv, i, lane_add(lane_at(Dv, i), lane_at(Ax, i)));
    }
    memcpy(Ax, Dv, (size_t)m * LANES * sizeof(double));
}

#endif
