// SPDX-License-Identifier: Apache-2.0
/*
 * ldl.h -- numeric L D L' of LANES quasi-definite matrices that share one pattern, and solves with it.
 *
 * Supernodal and left-looking: supernode J first collects  panel_J -= L_K D_K L_K'  from the supernodes
 * K before it, then factors its own panel.  All the work is in register tiles (tile.h, row_tile.h).
 * Every entry is updated in the plan's order of k whatever the shape of the tile, so the result does not
 * depend on it.
 *
 * A quasi-definite matrix has an LDL' for every order, and its pivots have known signs.  A pivot that
 * comes out with the wrong sign, or too small, is replaced, and the problem is reported.
 */
#ifndef LANE_LDL_H
#define LANE_LDL_H

#include "lane/vec.h"
#if ALONG_ROWS
#    include "lane/row_tile.h"
#else
#    include "lane/tile.h"
#endif
#include "plan/plan.h"

/* The numbers of supernodes [begin, end): panels, pivots and their reciprocals.  `shared` ones are
 * plain numbers, the same for every problem of the batch. */
typedef struct ldl_part {
    const qc__factor_plan *plan;
    int32_t begin, end;
    int shared;
    double *panels, *d, *dinv;
} ldl_part;

static inline double *panel_of(const ldl_part *part, int32_t J)
{
    const int64_t offset = part->plan->panel[J] - part->plan->panel[part->begin];
    return part->panels + offset * (part->shared ? 1 : LANES);
}

/* Where pivot k of the part sits in d and dinv. */
static inline int64_t pivot_of(const ldl_part *part, int32_t k)
{
    return k - part->plan->first[part->begin];
}

/* The reciprocals of the pivots of supernode J */
static inline const double *dinv_of(const ldl_part *part, int32_t J)
{
    return part->dinv + pivot_of(part, part->plan->first[J]) * (part->shared ? 1 : LANES);
}

/* Columns of the factor that are eliminated together: the same on every machine, so that the order of
 * the operations, and with it every bit, is the same wherever there is a fused multiply-add. */
enum { BLOCK = 4 };

/* The columns of the block that begins with column k of w. */
static inline int32_t block_at(int32_t w, int32_t k)
{
    return w - k < BLOCK ? w - k : BLOCK;
}

/* ---- factor ----------------------------------------------------------------------------------- */

/* The columns of `count` supernodes of one column, or of a single one, from row `begin` below them on. */
static outer source_of(const ldl_part *from, const qc__update *update, int32_t count)
{
    const qc__factor_plan *plan = from->plan;
    const int32_t K = update->source, w = qc__width_of(plan, K);
    const double *l = panel_of(from, K) + (int64_t)(w + update->begin) * w * LANES;
    outer source = outer_of(w, l, w, from->d + pivot_of(from, plan->first[K]) * LANES);
    if (count > 1) {
        const int32_t next = update[1].source;
        source.depth = count;
        source.step = plan->panel[next] - plan->panel[K];
        source.d_step = plan->first[next] - plan->first[K];
    }
    return source;
}

/* a - sum_p v[p] l[p],  p < count */
ALWAYS_INLINE lane minus_products(const int count, lane a, const lane *v, const lane *l)
{
#pragma GCC unroll 4
    for (int p = 0; p < count; p++)
        a = lane_fnma(v[p], l[p], a);
    return a;
}

/* The product of subtract_outer for one supernode of `depth` columns, so few that tiles would not pay. */
ALWAYS_INLINE void subtract_narrow(const int depth, int32_t rows, int32_t cols, const outer *from,
                                   double *c, int64_t ldc, const int32_t *to)
{
    for (int32_t j = 0; j < cols; j++) {
        double *column = c + to[j] * LANES;
        lane u[BLOCK];
#pragma GCC unroll 4
        for (int k = 0; k < depth; k++)
            u[k] = lane_mul(lane_at(from->l, j * depth + k), lane_at(from->d, k));
        for (int32_t i = j; i < rows; i++) {
            lane l[BLOCK];
#pragma GCC unroll 4
            for (int k = 0; k < depth; k++)
                l[k] = lane_at(from->l, i * depth + k);
            lane_put(column, to[i] * ldc,
                     minus_products(depth, lane_at(column, to[i] * ldc), l, u));
        }
    }
}

/* What supernode J, at `panel`, receives from these; u is scratch. */
static void update_supernode(const ldl_part *from, const qc__update *update, int32_t count,
                             double *panel, int64_t ldc, double *u)
{
    const qc__factor_plan *plan = from->plan;
    const outer source = source_of(from, update, count);
    const int32_t rows = qc__below_of(plan, update->source) - update->begin;
    const int32_t cols = update->middle - update->begin;
    const int32_t *target = plan->target + update->target;
    const int narrow = source.depth == 1 || (count == 1 && !ALONG_ROWS);
    switch (narrow ? source.depth : 0) {
    case 1: subtract_narrow(1, rows, cols, &source, panel, ldc, target); break;
    case 2: subtract_narrow(2, rows, cols, &source, panel, ldc, target); break;
    case 3: subtract_narrow(3, rows, cols, &source, panel, ldc, target); break;
    case 4: subtract_narrow(4, rows, cols, &source, panel, ldc, target); break;
    default: subtract_outer(rows, cols, &source, panel, ldc, target, u);
    }
}

/* The first updates from t on that one product serves: u has room for the widest supernode. */
static int32_t together(const ldl_part *from, int64_t t)
{
    const qc__update *update = &from->plan->updates[t];
    int32_t count = update->run < from->plan->widest ? update->run : from->plan->widest;
    while (update[count - 1].source >= from->end)
        count--;
    return count;
}

/* All that supernode J receives from the supernodes of `from`. */
static void collect_updates(const ldl_part *from, int32_t J, double *panel, double *u)
{
    const qc__factor_plan *plan = from->plan;
    int64_t t = plan->update_ptr[J];
    const int64_t end = plan->update_ptr[J + 1];
    while (t < end && plan->updates[t].source < from->begin)
        t++;
    for (int32_t count; t < end && plan->updates[t].source < from->end; t += count) {
        count = together(from, t);
        update_supernode(from, &plan->updates[t], count, panel, qc__width_of(plan, J), u);
    }
}

/* The smallest pivot that is trusted, and what replaces a smaller one: so large that its variable does
 * not move, which is what a redundant row, all rounding, should do. */
#define PIVOT_SMALLEST 1e-13
#define PIVOT_REPLACED 1e20

/* Makes v a pivot of the expected sign, and inv, which is 1/v, its reciprocal; problems whose pivot had to be
 * replaced join `bad`.  The division that inv is need not wait for the test. */
ALWAYS_INLINE lane pivot_checked(lane v, int8_t sign, lane *inv, mask *bad)
{
    const lane sigma = lane_set1(sign);
    const mask good = lane_lt(lane_set1(PIVOT_SMALLEST), lane_mul(sigma, v));
    *bad = mask_or(*bad, mask_not(good));
    *inv = lane_select(good, *inv, lane_set1(sign / PIVOT_REPLACED));
    return lane_select(good, v, lane_set1(sign * PIVOT_REPLACED));
}

/* Rows [from, rows) of the columns [k, k + cols) of a panel whose earlier columns are already
 * subtracted: divides by the block's own L and D.  The first `cols` rows are the block itself. */
ALWAYS_INLINE void eliminate_rows(const int cols, int32_t from, int32_t rows, double *panel,
                                  int64_t w, int32_t k, const double *dinv)
{
    lane l[BLOCK][BLOCK], inv[BLOCK];
#pragma GCC unroll 4
    for (int j = 0; j < cols; j++) {
        inv[j] = lane_at(dinv, k + j);
#pragma GCC unroll 4
        for (int p = 0; p < j; p++)
            l[j][p] = lane_at(panel, (k + j) * w + k + p);
    }
    for (int32_t i = from; i < rows; i++) {
        double *r = panel + (i * w + k) * LANES;
        lane v[BLOCK];
#pragma GCC unroll 4
        for (int j = 0; j < cols; j++) {
            v[j] = lane_at(r, j);
#pragma GCC unroll 4
            for (int p = 0; p < j; p++) /* v[p] is still times d[p] */
                v[j] = lane_fnma(v[p], l[j][p], v[j]);
        }
#pragma GCC unroll 4
        for (int j = 0; j < cols; j++)
            lane_put(r, j, lane_mul(v[j], inv[j]));
    }
}

/* The first `count` entries of the row of a block that is at r: `own` is its L, and v is L times D, as it was
 * before the division. */
ALWAYS_INLINE void block_row(const int count, double *r, lane (*l)[BLOCK], const lane *inv, lane *v,
                             lane *own)
{
#pragma GCC unroll 4
    for (int c = 0; c < count; c++) {
        v[c] = minus_products(c, lane_at(r, c), v, l[c]);
        own[c] = lane_mul(v[c], inv[c]);
        lane_put(r, c, own[c]);
    }
}

/*
 * Factors the diagonal block of columns [k, k + cols), two at a time.  The pivots of a, b; b, c are a and
 * det / a with det = ac - b^2, and their reciprocals are 1/a and a / det: two divisions, of which neither
 * waits for the other.  det / a is as accurate as c - b (b / a) is.
 */
ALWAYS_INLINE void factor_block(const int cols, double *panel, int64_t w, int32_t k,
                                const int8_t *sign, double *d, double *dinv, mask *bad)
{
    lane l[BLOCK][BLOCK], v[BLOCK], u[BLOCK], inv[BLOCK];
#pragma GCC unroll 4
    for (int j = 0; j < cols; j += 2) {
        double *r = panel + ((k + j) * w + k) * LANES, *next = r + w * LANES;
        block_row(j, r, l, inv, v, l[j]);
        lane a = minus_products(j, lane_at(r, j), v, l[j]);
        inv[j] = lane_div(lane_set1(1.0), a);
        a = pivot_checked(a, sign[k + j], &inv[j], bad);
        lane_put(d, k + j, a);
        lane_put(dinv, k + j, inv[j]);
        if (j + 1 == cols)
            break;
        block_row(j, next, l, inv, u, l[j + 1]);
        const lane b = minus_products(j, lane_at(next, j), u, l[j]);
        const lane c = minus_products(j, lane_at(next, j + 1), u, l[j + 1]);
        const lane det = lane_fnma(b, b, lane_mul(a, c));
        inv[j + 1] = lane_div(a, det);
        l[j + 1][j] = lane_mul(b, inv[j]);
        lane_put(next, j, l[j + 1][j]);
        lane_put(d, k + j + 1,
                 pivot_checked(lane_mul(det, inv[j]), sign[k + j + 1], &inv[j + 1], bad));
        lane_put(dinv, k + j + 1, inv[j + 1]);
    }
}

/* Takes from the columns [k, k + cols) of a supernode what the earlier ones do to them ... */
static inline void subtract_earlier(int32_t w, int32_t rows, int32_t k, int32_t cols, double *panel,
                                    const double *d, double *u)
{
    double *below = panel + (int64_t)k * w * LANES;
    const outer earlier = outer_of(k, below, w, d);
    subtract_outer(rows - k, cols, &earlier, below + k * LANES, w, NULL, u);
}

/* ... or from the later columns what [k, next) do to them. */
static inline void subtract_later(int32_t w, int32_t rows, int32_t k, int32_t next, double *panel,
                                  const double *d, double *u)
{
    const outer block = outer_of(next - k, panel + (int64_t)next * w + k, w, d + k);
    subtract_outer(rows - next, w - next, &block, panel + (int64_t)next * (w + 1), w, NULL, u);
}

/* The block of columns [k, k + cols), and what is below it. */
#define BLOCK_CASE(C)                                                                              \
case C:                                                                                            \
    factor_block(C, panel, w, k, sign, d, dinv, bad);                                              \
    eliminate_rows(C, k + (C), rows, panel, w, k, dinv);                                           \
    break

ALWAYS_INLINE void eliminate_block(int32_t cols, int32_t w, int32_t rows, int32_t k, double *panel,
                                   const int8_t *sign, double *d, double *dinv, mask *bad)
{
    switch (cols) {
        BLOCK_CASE(1);
        BLOCK_CASE(2);
        BLOCK_CASE(3);
        BLOCK_CASE(4);
    default: break; /* there is no other width */
    }
}

static void factor_supernode(int32_t w, int32_t rows, double *panel, const int8_t *sign, double *d,
                             double *dinv, double *u, mask *bad)
{
    if (w <= BLOCK) { /* the compiler knows w then, as in forward_supernode */
        eliminate_block(w, w, rows, 0, panel, sign, d, dinv, bad);
        return;
    }
    for (int32_t k = 0; k < w; k += BLOCK) {
        const int32_t cols = block_at(w, k);
        if (!ALONG_ROWS && k > 0)
            subtract_earlier(w, rows, k, cols, panel, d, u);
        eliminate_block(cols, w, rows, k, panel, sign, d, dinv, bad);
        if (ALONG_ROWS && k + cols < w)
            subtract_later(w, rows, k, k + cols, panel, d, u);
    }
}

/* Where panels come from that are not there yet. */
typedef void (*panel_source)(const void *context, int32_t J, double *panel);

/*
 * Factors the part in place; its panels hold the matrix, minus what came from supernodes before it.
 * Where there is a source, each is brought when its turn comes, and is then still in the cache.
 * u is scratch of outer_scratch(widest) lanes.  Returns the problems in which a pivot had to be replaced.
 */
static mask ldl_factor(const ldl_part *part, panel_source bring, const void *context, double *u)
{
    const qc__factor_plan *plan = part->plan;
    mask bad = mask_none();
    for (int32_t J = part->begin; J < part->end; J++) {
        const int32_t w = qc__width_of(plan, J);
        const int64_t k = pivot_of(part, plan->first[J]);
        double *panel = panel_of(part, J);
        if (bring)
            bring(context, J, panel);
        collect_updates(part, J, panel, u);
        factor_supernode(w, w + qc__below_of(plan, J), panel, plan->sign + plan->first[J],
                         part->d + k * LANES, part->dinv + k * LANES, u, &bad);
    }
    return bad;
}

/* ---- solve: x is in the order of the pivots, one array of lanes per right-hand side ------------ */

enum { MAX_RHS = 2 };

/* Row r of a panel, of which v are entries of x in columns [k, k + cols):  x[row] -= sum_c l[r][k + c] v[c] */
ALWAYS_INLINE void forward_row(const int shared, const int rhs, const int cols, const double *panel,
                               int64_t at, lane (*v)[BLOCK], int32_t row, double *const x[])
{
    lane l[BLOCK];
#pragma GCC unroll 4
    for (int c = 0; c < cols; c++)
        l[c] = value_at(panel, at + c, shared);
#pragma GCC unroll 4
    for (int h = 0; h < rhs; h++)
        lane_put(x[h], row, minus_products(cols, lane_at(x[h], row), v[h], l));
}

/* Columns [k, k + cols) of one supernode: solves with their own block, then subtracts them below. */
ALWAYS_INLINE void forward_columns(const int shared, const int rhs, const int cols, int32_t k,
                                   const double *panel, int32_t w, int32_t below,
                                   const int32_t *rows, int32_t first, double *const x[])
{
    lane v[MAX_RHS][BLOCK];
#pragma GCC unroll 4
    for (int h = 0; h < rhs; h++)
#pragma GCC unroll 4
        for (int c = 0; c < cols; c++) {
            v[h][c] = lane_at(x[h], first + k + c);
#pragma GCC unroll 4
            for (int p = 0; p < c; p++)
                v[h][c] = lane_fnma(value_at(panel, (int64_t)(k + c) * w + k + p, shared), v[h][p],
                                    v[h][c]);
            if (c > 0)
                lane_put(x[h], first + k + c, v[h][c]);
        }
    for (int32_t r = k + cols; r < w; r++)
        forward_row(shared, rhs, cols, panel, (int64_t)r * w + k, v, first + r, x);
    for (int32_t t = 0; t < below; t++)
        forward_row(shared, rhs, cols, panel, (int64_t)(w + t) * w + k, v, rows[t], x);
}

/* Row r of a panel, transposed:  v[c] -= l[r][k + c] x[row] */
ALWAYS_INLINE void backward_row(const int shared, const int rhs, const int cols,
                                const double *panel, int64_t at, lane (*v)[BLOCK], int32_t row,
                                double *const x[])
{
    lane xr[MAX_RHS];
#pragma GCC unroll 4
    for (int h = 0; h < rhs; h++)
        xr[h] = lane_at(x[h], row);
#pragma GCC unroll 4
    for (int c = 0; c < cols; c++) {
        const lane l = value_at(panel, at + c, shared);
#pragma GCC unroll 4
        for (int h = 0; h < rhs; h++)
            v[h][c] = lane_fnma(l, xr[h], v[h][c]);
    }
}

/* The same columns of the transpose, after D: subtracts what is below, then solves with their own block. */
ALWAYS_INLINE void backward_columns(const int shared, const int rhs, const int cols, int32_t k,
                                    const double *panel, const double *dinv, int32_t w,
                                    int32_t below, const int32_t *rows, int32_t first,
                                    double *const x[])
{
    lane v[MAX_RHS][BLOCK];
#pragma GCC unroll 4
    for (int c = 0; c < cols; c++) {
        const lane inv = value_at(dinv, k + c, shared);
#pragma GCC unroll 4
        for (int h = 0; h < rhs; h++)
            v[h][c] = lane_mul(lane_at(x[h], first + k + c), inv);
    }
    for (int32_t r = k + cols; r < w; r++)
        backward_row(shared, rhs, cols, panel, (int64_t)r * w + k, v, first + r, x);
    for (int32_t t = 0; t < below; t++)
        backward_row(shared, rhs, cols, panel, (int64_t)(w + t) * w + k, v, rows[t], x);
#pragma GCC unroll 4
    for (int h = 0; h < rhs; h++)
#pragma GCC unroll 4
        for (int c = cols - 1; c >= 0; c--) {
#pragma GCC unroll 4
            for (int p = c + 1; p < cols; p++)
                v[h][c] = lane_fnma(value_at(panel, (int64_t)(k + p) * w + k + c, shared), v[h][p],
                                    v[h][c]);
            lane_put(x[h], first + k + c, v[h][c]);
        }
}

#define COLUMNS_CASES(step, cols, k, ...)                                                          \
    switch (cols) {                                                                                \
    case 1: step(shared, rhs, 1, k, __VA_ARGS__); break;                                           \
    case 2: step(shared, rhs, 2, k, __VA_ARGS__); break;                                           \
    case 3: step(shared, rhs, 3, k, __VA_ARGS__); break;                                           \
    case 4: step(shared, rhs, 4, k, __VA_ARGS__); break;                                           \
    default: break;                                                                                \
    }

/* A narrow supernode, as most of a sparse problem are, is one block: the compiler then knows w, and half of
 * the instructions go. */
ALWAYS_INLINE void forward_supernode(const int shared, const int rhs, const double *panel,
                                     int32_t w, int32_t below, const int32_t *rows, int32_t first,
                                     double *const x[])
{
    if (w <= BLOCK)
        COLUMNS_CASES(forward_columns, w, 0, panel, w, below, rows, first, x)
    else
        for (int32_t k = 0; k < w; k += BLOCK)
            COLUMNS_CASES(forward_columns, block_at(w, k), k, panel, w, below, rows, first, x)
}

ALWAYS_INLINE void backward_supernode(const int shared, const int rhs, const double *panel,
                                      const double *dinv, int32_t w, int32_t below,
                                      const int32_t *rows, int32_t first, double *const x[])
{
    if (w <= BLOCK)
        COLUMNS_CASES(backward_columns, w, 0, panel, dinv, w, below, rows, first, x)
    else
        for (int32_t k = (w - 1) / BLOCK * BLOCK; k >= 0; k -= BLOCK)
            COLUMNS_CASES(backward_columns, block_at(w, k), k, panel, dinv, w, below, rows, first,
                          x)
}

#define EACH_KIND_OF_SOLVE(step)                                                                   \
    if (part->shared && rhs == 1)                                                                  \
        step(1, 1);                                                                                \
    else if (part->shared)                                                                         \
        step(1, 2);                                                                                \
    else if (rhs == 1)                                                                             \
        step(0, 1);                                                                                \
    else                                                                                           \
        step(0, 2)

/* x := L^-1 x, all rows below the part included */
static void ldl_forward(const ldl_part *part, int rhs, double *const x[])
{
    const qc__factor_plan *plan = part->plan;
#define FORWARD(shared, count)                                                                     \
    for (int32_t J = part->begin; J < part->end; J++)                                              \
    forward_supernode(shared, count, panel_of(part, J), qc__width_of(plan, J),                     \
                      qc__below_of(plan, J), plan->rows + plan->row_ptr[J], plan->first[J], x)
    EACH_KIND_OF_SOLVE(FORWARD);
#undef FORWARD
}

/* x := L^-T D^-1 x, given the entries of x that belong to later pivots */
static void ldl_backward(const ldl_part *part, int rhs, double *const x[])
{
    const qc__factor_plan *plan = part->plan;
#define BACKWARD(shared, count)                                                                    \
    for (int32_t J = part->end - 1; J >= part->begin; J--)                                         \
    backward_supernode(shared, count, panel_of(part, J), dinv_of(part, J), qc__width_of(plan, J),  \
                       qc__below_of(plan, J), plan->rows + plan->row_ptr[J], plan->first[J], x)
    EACH_KIND_OF_SOLVE(BACKWARD);
#undef BACKWARD
}

#endif
