// SPDX-License-Identifier: Apache-2.0
/*
 * tile.h -- the product that is nearly all of a factorization, in tiles: TILE_ROWS x TILE_COLS lanes of
 * the target stay in registers while k runs over the columns of the source.
 */
#ifndef LANE_TILE_H
#define LANE_TILE_H

#include "lane/outer.h"
#include "lane/vec.h"

/* C[row[i]][col[j]] -= sum_k a[i][k] u[j][k],  i < R, j < C.  NULL maps are the identity; a[i][k] is lane
 * i * lda + k * step of a. */
ALWAYS_INLINE void tile(const int R, const int C, const double *a, int64_t lda, int64_t step,
                        const double *u, int64_t ldu, int32_t depth, double *c, int64_t ldc,
                        const int32_t *row, const int32_t *col)
{
    double *at[TILE_ROWS][TILE_COLS];
    lane acc[TILE_ROWS][TILE_COLS];
#pragma GCC unroll 8
    for (int i = 0; i < R; i++)
#pragma GCC unroll 8
        for (int j = 0; j < C; j++) {
            at[i][j] = c + ((row ? row[i] : i) * ldc + (col ? col[j] : j)) * LANES;
            acc[i][j] = lane_load(at[i][j]);
        }
    for (int32_t k = 0; k < depth; k++) {
        lane v[TILE_COLS];
#pragma GCC unroll 8
        for (int j = 0; j < C; j++)
            v[j] = lane_load(u + (j * ldu + k) * LANES);
#pragma GCC unroll 8
        for (int i = 0; i < R; i++) {
            const lane ai = lane_kept(lane_load(a + (i * lda + k * step) * LANES));
#pragma GCC unroll 8
            for (int j = 0; j < C; j++)
                acc[i][j] = lane_fnma(ai, v[j], acc[i][j]);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < R; i++)
#pragma GCC unroll 8
        for (int j = 0; j < C; j++)
            lane_store(at[i][j], acc[i][j]);
}

#define TILE_ARGUMENTS                                                                             \
    const double *a, int64_t lda, int64_t step, const double *u, int64_t ldu, int32_t depth,       \
        double *c, int64_t ldc, const int32_t *row, const int32_t *col

/* Tiles of every size up to the full one, so that edges run at full speed as well. */
#define TILE_CASE(R, C)                                                                            \
case (R) * 8 + (C): tile(R, C, a, lda, step, u, ldu, depth, c, ldc, row, col); return

static void tile_edge(int32_t rows, int32_t cols, TILE_ARGUMENTS)
{
#define TILE_CASES(R)                                                                              \
    TILE_CASE(R, 1);                                                                               \
    TILE_CASE(R, 2)
    switch (rows * 8 + cols) {
        TILE_CASES(1);
        TILE_CASES(2);
#if LANE_ISA_NUMBER == LANE_ISA_avx2 || LANE_ISA_NUMBER == LANE_ISA_avx512 ||                      \
    (LANE_ISA_NUMBER == LANE_ISA_base && defined(__aarch64__))
        TILE_CASES(3);
#endif
#if LANE_ISA_NUMBER == LANE_ISA_avx2 || LANE_ISA_NUMBER == LANE_ISA_avx512
        TILE_CASES(4);
#endif
#if LANE_ISA_NUMBER == LANE_ISA_avx512
        TILE_CASES(5);
        TILE_CASES(6);
        TILE_CASE(1, 3);
        TILE_CASE(1, 4);
        TILE_CASE(2, 3);
        TILE_CASE(2, 4);
        TILE_CASE(3, 3);
        TILE_CASE(3, 4);
        TILE_CASE(4, 3);
        TILE_CASE(4, 4);
        TILE_CASE(5, 3);
        TILE_CASE(5, 4);
        TILE_CASE(6, 3);
        TILE_CASE(6, 4);
#endif
    }
#undef TILE_CASES
}

/* One column of tiles: `rows` rows of a against `cols` <= TILE_COLS rows of u. */
static void tile_column(int32_t rows, int32_t cols, TILE_ARGUMENTS)
{
    int32_t i = 0;
    if (cols == TILE_COLS)
        for (; i + TILE_ROWS <= rows; i += TILE_ROWS)
            tile(TILE_ROWS, TILE_COLS, a + i * lda * LANES, lda, step, u, ldu, depth,
                 row ? c : c + i * ldc * LANES, ldc, row ? row + i : row, col);
    for (; i < rows; i += TILE_ROWS)
        tile_edge(rows - i < TILE_ROWS ? rows - i : TILE_ROWS, cols, a + i * lda * LANES, lda, step,
                  u, ldu, depth, row ? c : c + i * ldc * LANES, ldc, row ? row + i : row, col);
}

/* u[j][k] = l[j][k] d[k] */
static inline void scale_rows(int32_t rows, const outer *from, double *u)
{
    for (int32_t j = 0; j < rows; j++)
        for (int32_t k = 0; k < from->depth; k++)
            lane_put(u, (int64_t)j * from->depth + k,
                     lane_mul(lane_at(from->l, j * from->lda + k * from->step),
                              lane_at(from->d, k * from->d_step)));
}

/* Lanes of scratch that a product of at most this width and depth takes. */
static int64_t outer_scratch(int32_t widest)
{
    return (int64_t)widest * widest;
}

/*
 * C[to[i]][to[j]] -= sum_k l[i][k] d[k] l[j][k]  for j < cols, j <= i < rows; NULL: to[i] = i.  What is
 * above the diagonal may change as well.  u is scratch of outer_scratch numbers.
 */
static void subtract_outer(int32_t rows, int32_t cols, const outer *from, double *c, int64_t ldc,
                           const int32_t *to, double *u)
{
    const int32_t depth = from->depth;
    scale_rows(cols, from, u);
    for (int32_t j = 0; j < cols; j += TILE_COLS)
        tile_column(rows - j, cols - j < TILE_COLS ? cols - j : TILE_COLS,
                    from->l + j * from->lda * LANES, from->lda, from->step,
                    u + (int64_t)j * depth * LANES, depth, depth,
                    to ? c : c + (j * ldc + j) * LANES, ldc, to ? to + j : to, to ? to + j : to);
}

#endif
