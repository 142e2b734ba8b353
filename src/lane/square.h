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

enum { SQUARE_TILE = TILE_COLS };

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
            const lane ai = lane_at(a.p, i * a.down + t * a.right);
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

static inline void square_tile_any(int32_t rows, int32_t cols, int32_t depth, view a, view b,
                                   double *C, int64_t ldc)
{
    switch (rows * 8 + cols) {
        SQUARE_CASE(1, 1);
        SQUARE_CASE(1, 2);
        SQUARE_CASE(2, 1);
        SQUARE_CASE(2, 2);
#if LANE_ISA_NUMBER == LANE_ISA_avx512
        SQUARE_CASE(1, 3);
        SQUARE_CASE(1, 4);
        SQUARE_CASE(2, 3);
        SQUARE_CASE(2, 4);
        SQUARE_CASE(3, 1);
        SQUARE_CASE(3, 2);
        SQUARE_CASE(3, 3);
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

/* C := A B, k x k, of `depth` columns of A; of a SQUARE_LOWER one, entries above the diagonal are
 * anything.  C is neither A nor B. */
static inline void square_product(int32_t k, int32_t depth, view a, view b, part which, double *C)
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

/*
 * A := L with A = L L', zeros above the diagonal.  A pivot that rounding has made too small for its
 * diagonal entry, or negative, is replaced by the smallest that is not.
 */
static inline void square_cholesky(int32_t k, double *A)
{
    for (int32_t j = 0; j < k; j++) {
        double *Aj = A + (int64_t)j * k * LANES;
        lane inverse = lane_zero();
        for (int32_t i = j; i < k; i++) {
            double *Ai = A + (int64_t)i * k * LANES;
            lane sum = lane_at(Ai, j);
            for (int32_t t = 0; t < j; t++)
                sum = lane_fnma(lane_at(Ai, t), lane_at(Aj, t), sum);
            if (i == j) {
                const lane least = lane_mul(lane_set1(0x1p-52), lane_at(Aj, j));
                const lane pivot = lane_sqrt(lane_max(sum, least));
                inverse = lane_div(lane_set1(1.0), pivot);
                lane_put(Aj, j, pivot);
            } else {
                lane_put(Ai, j, lane_mul(sum, inverse));
                lane_put(Aj, i, lane_zero());
            }
        }
    }
}

/* x := the row x with  x L = z */
static inline void square_solve_row(int32_t k, const double *L, const double *z, double *x)
{
    for (int32_t j = k - 1; j >= 0; j--) {
        lane sum = lane_at(z, j);
        for (int32_t t = j + 1; t < k; t++)
            sum = lane_fnma(lane_at(x, t), lane_at(L, (int64_t)t * k + j), sum);
        lane_put(x, j, lane_div(sum, lane_at(L, (int64_t)j * k + j)));
    }
}

#endif
