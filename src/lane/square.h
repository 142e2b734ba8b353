// SPDX-License-Identifier: Apache-2.0
/*
 * square.h -- dense k x k matrices in lanes, row after row: products, congruences, Cholesky.
 *
 * An operand is seen through a `view`, which may transpose it.  Entry after entry is summed in
 * ascending order whatever the tiles, so the bits do not depend on them.
 */
#ifndef LANE_SQUARE_H
#define LANE_SQUARE_H

#include "lane/vec.h"
#if ALONG_ROWS
#    include "lane/square_row.h"
#endif

/* Entry (i, j) is lane i*down + j*right of p. */
typedef struct view {
    const double *p;
    int64_t down, right;
} view;

static inline view plain_view(int32_t k, const double *A)
{
    return (view){.p = A, .down = k, .right = 1};
}

static inline view transposed_view(int32_t k, const double *A)
{
    return (view){.p = A, .down = 1, .right = k};
}

/* What to compute of a product. */
typedef enum part { SQUARE_WHOLE, SQUARE_LOWER } part;

/* C[i][j] := sum_t a(i, t) b(t, j),  i < R, j < S */
ALWAYS_INLINE void square_tile(const int R, const int S, int32_t depth, view a, view b, double *C,
                               int64_t ldc)
{
    lane sum[SQUARE_TILE][SQUARE_TILE];
#pragma GCC unroll 4
    for (int i = 0; i < R; i++)
#pragma GCC unroll 4
        for (int j = 0; j < S; j++)
            sum[i][j] = lane_zero();
    for (int32_t t = 0; t < depth; t++) {
        lane bt[SQUARE_TILE];
#pragma GCC unroll 4
        for (int j = 0; j < S; j++)
            bt[j] = lane_at(b.p, t * b.down + j * b.right);
#pragma GCC unroll 4
        for (int i = 0; i < R; i++) {
            const lane ai = lane_kept(lane_at(a.p, i * a.down + t * a.right));
#pragma GCC unroll 4
            for (int j = 0; j < S; j++)
                sum[i][j] = lane_fma(ai, bt[j], sum[i][j]);
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < R; i++)
#pragma GCC unroll 4
        for (int j = 0; j < S; j++)
            lane_put(C, i * ldc + j, sum[i][j]);
}

#define SQUARE_CASE(R, S)                                                                          \
case (R) * 8 + (S): square_tile(R, S, depth, a, b, C, ldc); break

ALWAYS_INLINE void square_tile_any(int32_t rows, int32_t cols, int32_t depth, view a, view b,
                                   double *C, int64_t ldc)
{
    switch (rows * 8 + cols) {
        SQUARE_CASE(1, 1);
        SQUARE_CASE(1, 2);
        SQUARE_CASE(2, 1);
        SQUARE_CASE(2, 2);
#if LANE_ISA_NUMBER == LANE_ISA_avx2 || LANE_ISA_NUMBER == LANE_ISA_avx512
        SQUARE_CASE(1, 3);
        SQUARE_CASE(2, 3);
        SQUARE_CASE(3, 1);
        SQUARE_CASE(3, 2);
        SQUARE_CASE(3, 3);
#endif
#if LANE_ISA_NUMBER == LANE_ISA_avx512
        SQUARE_CASE(1, 4);
        SQUARE_CASE(2, 4);
        SQUARE_CASE(3, 4);
        SQUARE_CASE(4, 1);
        SQUARE_CASE(4, 2);
        SQUARE_CASE(4, 3);
        SQUARE_CASE(4, 4);
#endif
    }
}

#if ALONG_ROWS
/* The same product as below, in strips of columns. */
static inline void square_product_strips(int32_t k, int32_t depth, view a, view b, part which,
                                         double *C)
{
    for (int32_t j = 0; j < k; j += SQUARE_STRIP) {
        const int32_t cols = k - j < SQUARE_STRIP ? k - j : SQUARE_STRIP;
        const int32_t i = which == SQUARE_LOWER ? j : 0;
        square_row_columns(k - i, cols, depth, a.p + i * a.down, a.down, a.right, b.p + j * b.right,
                           b.down, b.right, C + (int64_t)i * k + j, k);
    }
}
#endif

/*
 * C := A B, k x k, of `depth` columns of A; of a SQUARE_LOWER one, entries above the diagonal are
 * anything.  C is neither A nor B.  One function with all its tiles in it, by order: left to the
 * compiler, what is inlined here changes with what is written elsewhere, by a fifth of a small matrix' time.
 */
static __attribute__((noinline)) void square_product(int32_t k, int32_t depth, view a, view b,
                                                     part which, double *C)
{
#if ALONG_ROWS
    if (k >= WIDE) {
        square_product_strips(k, depth, a, b, which, C);
        return;
    }
#endif
    for (int32_t j = 0; j < k; j += SQUARE_TILE) {
        const int32_t cols = k - j < SQUARE_TILE ? k - j : SQUARE_TILE;
        const view bj = {.p = b.p + j * b.right * LANES, .down = b.down, .right = b.right};
        for (int32_t i = which == SQUARE_LOWER ? j : 0; i < k; i += SQUARE_TILE) {
            const int32_t rows = k - i < SQUARE_TILE ? k - i : SQUARE_TILE;
            const view ai = {.p = a.p + i * a.down * LANES, .down = a.down, .right = a.right};
            square_tile_any(rows, cols, depth, ai, bj, C + ((int64_t)i * k + j) * LANES, k);
        }
    }
}

static inline void square_multiply(int32_t k, view a, view b, part which, double *C)
{
    square_product(k, k, a, b, which, C);
}

/* The upper triangle := the lower one */
static inline void square_mirror(int32_t k, double *A)
{
    for (int32_t i = 1; i < k; i++)
        for (int32_t j = 0; j < i; j++)
            lane_put(A, (int64_t)j * k + i, lane_at(A, (int64_t)i * k + j));
}

/* C := B X B' of a symmetric X, both triangles; C may be X. */
static inline void square_congruence(int32_t k, view B, const double *X, double *product, double *C)
{
    const view Bt = {.p = B.p, .down = B.right, .right = B.down};
    square_multiply(k, B, plain_view(k, X), SQUARE_WHOLE, product);
    square_multiply(k, plain_view(k, product), Bt, SQUARE_LOWER, C);
    square_mirror(k, C);
}

/* Sums of rows that are taken side by side, so that they hide each other's latency. */
enum { SQUARE_ROWS = 4 };

/* Column j of L in rows [i, i + R), given the columns before it and the inverse of its pivot. */
ALWAYS_INLINE void cholesky_rows(const int R, int32_t k, double *A, int32_t i, int32_t j,
                                 lane inverse)
{
    const double *Aj = A + (int64_t)j * k * LANES;
    double *Ai = A + (int64_t)i * k * LANES;
    lane sum[SQUARE_ROWS];
    for (int r = 0; r < R; r++)
        sum[r] = lane_at(Ai, (int64_t)r * k + j);
    for (int32_t t = 0; t < j; t++) {
        const lane a = lane_at(Aj, t);
#pragma GCC unroll 4
        for (int r = 0; r < R; r++)
            sum[r] = lane_fnma(lane_at(Ai, (int64_t)r * k + t), a, sum[r]);
    }
    for (int r = 0; r < R; r++)
        lane_put(Ai, (int64_t)r * k + j, lane_mul(sum[r], inverse));
}

/*
 * A := L with A = L L', zeros above the diagonal.  A pivot that rounding has made too small for its
 * diagonal entry, or negative, is replaced by the smallest that is not.
 */
static inline void square_cholesky(int32_t k, double *A)
{
    const lane one = lane_set1(1.0);
    for (int32_t j = 0; j < k; j++) {
        double *Aj = A + (int64_t)j * k * LANES;
        const lane least = lane_mul(lane_set1(0x1p-52), lane_at(Aj, j));
        int32_t i = j + 1;
        cholesky_rows(1, k, A, j, j, one);
        const lane pivot = lane_sqrt(lane_max(lane_at(Aj, j), least));
        const lane inverse = lane_div(one, pivot);
        lane_put(Aj, j, pivot);
        for (; i + SQUARE_ROWS <= k; i += SQUARE_ROWS)
            cholesky_rows(SQUARE_ROWS, k, A, i, j, inverse);
        for (; i < k; i++)
            cholesky_rows(1, k, A, i, j, inverse);
        set_all(Aj + (int64_t)(j + 1) * LANES, k - j - 1, 0.0);
    }
}

/* X := X L^-1 in rows [i, i + R) */
ALWAYS_INLINE void square_solve_some(const int R, int32_t k, const double *L, int32_t i, double *X)
{
    double *Xi = X + (int64_t)i * k * LANES;
    lane x[SQUARE_ROWS];
    for (int32_t t = k - 1; t >= 0; t--) {
        const double *Lt = L + (int64_t)t * k * LANES;
        for (int r = 0; r < R; r++) {
            x[r] = lane_div(lane_at(Xi, (int64_t)r * k + t), lane_at(Lt, t));
            lane_put(Xi, (int64_t)r * k + t, x[r]);
        }
        for (int32_t j = 0; j < t; j++) {
            const lane l = lane_at(Lt, j);
#pragma GCC unroll 4
            for (int r = 0; r < R; r++) {
                const int64_t at = (int64_t)r * k + j;
                lane_put(Xi, at, lane_fnma(x[r], l, lane_at(Xi, at)));
            }
        }
    }
}

/* X := X L^-1 */
static inline void square_solve(int32_t k, const double *L, double *X)
{
    int32_t i = 0;
    for (; i + SQUARE_ROWS <= k; i += SQUARE_ROWS)
        square_solve_some(SQUARE_ROWS, k, L, i, X);
    for (; i < k; i++)
        square_solve_some(1, k, L, i, X);
}

#endif
