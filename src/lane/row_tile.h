// SPDX-License-Identifier: Apache-2.0
/*
 * row_tile.h -- the same product as in tile.h for one problem: `wide` registers along the rows of the
 * target.  Every entry is updated in the same order of k there and here, so the bits are the same.
 */
#ifndef LANE_ROW_TILE_H
#define LANE_ROW_TILE_H

#include <string.h>

#include "lane/outer.h"
#include "lane/vec.h"
#include "plan/supernode.h"

_Static_assert(QC__SUPERNODE_WIDTH <= 32, "a bit for every column of a panel");

/* Where the rows of a tile are, and which of its columns are wanted. */
typedef struct tile_target {
    double *row[WIDE_ROWS];
    wide_mask wanted[WIDE_COLS];
} tile_target;

/* row[i][j] -= sum_k l[i][k] u[k][j],  i < R, j < C wide registers, from row `first` of l on */
ALWAYS_INLINE void row_tile(const int R, const int C, const outer *from, int32_t first,
                            const double *u, int64_t ldu, const tile_target *t)
{
    const double *l = from->l + first * from->lda;
    const int64_t lda = from->lda, step = from->step;
    const int32_t depth = from->depth;
    wide acc[WIDE_ROWS][WIDE_COLS];
#pragma GCC unroll 8
    for (int i = 0; i < R; i++)
#pragma GCC unroll 8
        for (int j = 0; j < C; j++)
            acc[i][j] = wide_load_some(t->wanted[j], t->row[i] + j * WIDE);
    for (int32_t k = 0; k < depth; k++) {
        wide v[WIDE_COLS];
#pragma GCC unroll 8
        for (int j = 0; j < C; j++)
            v[j] = wide_load(u + k * ldu + j * WIDE);
#pragma GCC unroll 8
        for (int i = 0; i < R; i++) {
            const wide ai = wide_set1(l[i * lda + k * step]);
#pragma GCC unroll 8
            for (int j = 0; j < C; j++)
                acc[i][j] = wide_fnma(ai, v[j], acc[i][j]);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < R; i++)
#pragma GCC unroll 8
        for (int j = 0; j < C; j++)
            wide_store_some(t->wanted[j], t->row[i] + j * WIDE, acc[i][j]);
}

/* All rows of l against C registers of columns, of which `wanted` has a bit each. */
ALWAYS_INLINE void row_strip(const int C, int32_t rows, const outer *from, const double *u,
                             int64_t ldu, double *c, int64_t ldc, const int32_t *to,
                             unsigned wanted)
{
    tile_target t;
    for (int j = 0; j < C; j++)
        t.wanted[j] = wide_mask_from_bits(wanted >> (j * WIDE));
    for (int32_t i = 0, some = WIDE_ROWS; i < rows; i += some) {
        while (some > rows - i)
            some /= 2;
        for (int r = 0; r < some; r++)
            t.row[r] = c + (to ? to[i + r] : i + r) * ldc;
        switch (some) {
        case 8: row_tile(WIDE_ROWS, C, from, i, u, ldu, &t); break;
        case 4: row_tile(4, C, from, i, u, ldu, &t); break;
        case 2: row_tile(2, C, from, i, u, ldu, &t); break;
        default: row_tile(1, C, from, i, u, ldu, &t); break;
        }
    }
}

/* Numbers of scratch that a product of at most this width and depth takes. */
static int64_t outer_scratch(int32_t widest)
{
    return (int64_t)widest * (widest + WIDE);
}

/*
 * C[to[i]][to[j]] -= sum_k l[i][k] d[k] l[j][k]  for j < cols, j <= i < rows; NULL: to[i] = i.  What is
 * above the diagonal may change as well.  u gets d l' with its columns where the target has them.
 */
static void subtract_outer(int32_t rows, int32_t cols, const outer *from, double *c, int64_t ldc,
                           const int32_t *to, double *u)
{
    const int32_t first = to ? to[0] : 0, last = to ? to[cols - 1] : cols - 1;
    const int32_t wides = (last - first) / WIDE + 1, ldu = wides * WIDE;
    unsigned wanted = 0;
    memset(u, 0, (size_t)from->depth * (size_t)ldu * sizeof(double));
    for (int32_t j = 0; j < cols; j++) {
        const int32_t at = (to ? to[j] : j) - first;
        wanted |= 1u << at;
        for (int32_t k = 0; k < from->depth; k++)
            u[k * ldu + at] = from->l[j * from->lda + k * from->step] * from->d[k * from->d_step];
    }
    for (int32_t v = 0; v < wides; v += WIDE_COLS) {
        double *strip = c + first + v * WIDE;
        switch (wides - v) {
        case 1: row_strip(1, rows, from, u + v * WIDE, ldu, strip, ldc, to, wanted); break;
        case 2: row_strip(2, rows, from, u + v * WIDE, ldu, strip, ldc, to, wanted); break;
        default: row_strip(3, rows, from, u + v * WIDE, ldu, strip, ldc, to, wanted); break;
        }
        wanted >>= WIDE_COLS * WIDE - 1;
        wanted >>= 1;
    }
}

#endif
