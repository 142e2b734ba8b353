// SPDX-License-Identifier: Apache-2.0
/*
 * square_row.h -- the product of square.h for one problem: `wide` registers along the rows of the result.
 * Every entry is summed in ascending order there and here, so the bits are the same.
 */
#ifndef LANE_SQUARE_ROW_H
#define LANE_SQUARE_ROW_H

#include "lane/vec.h"

/* Columns of the result that are done together, and so many terms of their sums. */
enum { SQUARE_STRIP = WIDE_COLS * WIDE, SQUARE_PIECE = 64 };

/* C[i][j] += sum_t a[i down + t right] u[t][j],  i < R, j < S wide registers; `first`: 0 += */
ALWAYS_INLINE void square_row_tile(const int R, const int S, int32_t depth, const double *a,
                                   int64_t down, int64_t right, const double *u, int first,
                                   const wide_mask *wanted, double *C, int64_t ldc)
{
    wide sum[WIDE_ROWS][WIDE_COLS];
#pragma GCC unroll 8
    for (int i = 0; i < R; i++)
#pragma GCC unroll 8
        for (int j = 0; j < S; j++)
            sum[i][j] = first ? wide_set1(0.0) : wide_load_some(wanted[j], C + i * ldc + j * WIDE);
    for (int32_t t = 0; t < depth; t++) {
        wide v[WIDE_COLS];
#pragma GCC unroll 8
        for (int j = 0; j < S; j++)
            v[j] = wide_load(u + t * SQUARE_STRIP + j * WIDE);
#pragma GCC unroll 8
        for (int i = 0; i < R; i++) {
            const wide ai = wide_set1(a[i * down + t * right]);
#pragma GCC unroll 8
            for (int j = 0; j < S; j++)
                sum[i][j] = wide_fma(ai, v[j], sum[i][j]);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < R; i++)
#pragma GCC unroll 8
        for (int j = 0; j < S; j++)
            wide_store_some(wanted[j], C + i * ldc + j * WIDE, sum[i][j]);
}

/* All rows of C in one strip of S registers. */
ALWAYS_INLINE void square_row_strip(const int S, int32_t rows, int32_t depth, const double *a,
                                    int64_t down, int64_t right, const double *u, int first,
                                    const wide_mask *wanted, double *C, int64_t ldc)
{
    for (int32_t i = 0, step = WIDE_ROWS; i < rows; i += step) {
        const double *ai = a + i * down;
        double *Ci = C + i * ldc;
        while (step > rows - i)
            step /= 2;
        switch (step) {
        case 8:
            square_row_tile(WIDE_ROWS, S, depth, ai, down, right, u, first, wanted, Ci, ldc);
            break;
        case 4: square_row_tile(4, S, depth, ai, down, right, u, first, wanted, Ci, ldc); break;
        case 2: square_row_tile(2, S, depth, ai, down, right, u, first, wanted, Ci, ldc); break;
        default: square_row_tile(1, S, depth, ai, down, right, u, first, wanted, Ci, ldc); break;
        }
    }
}

/* u[t][j] := b[t down + j right], and zeros up to the end of the strip. */
static void square_row_pack(int32_t depth, int32_t cols, const double *b, int64_t down,
                            int64_t right, double *u)
{
    for (int32_t t = 0; t < depth; t++)
        for (int32_t j = 0; j < SQUARE_STRIP; j++)
            u[t * SQUARE_STRIP + j] = j < cols ? b[t * down + j * right] : 0.0;
}

/* C := A B of `rows` rows and `cols` <= SQUARE_STRIP columns. */
static void square_row_columns(int32_t rows, int32_t cols, int32_t depth, const double *a,
                               int64_t a_down, int64_t a_right, const double *b, int64_t b_down,
                               int64_t b_right, double *C, int64_t ldc)
{
    double u[SQUARE_PIECE * SQUARE_STRIP];
    wide_mask wanted[WIDE_COLS];
    for (int j = 0; j < WIDE_COLS; j++)
        wanted[j] = wide_mask_from_bits(((1u << cols) - 1u) >> (j * WIDE));
    for (int32_t t = 0; t < depth; t += SQUARE_PIECE) {
        const int32_t terms = depth - t < SQUARE_PIECE ? depth - t : SQUARE_PIECE;
        const double *at = a + t * a_right;
        square_row_pack(terms, cols, b + t * b_down, b_down, b_right, u);
        if (cols <= WIDE)
            square_row_strip(1, rows, terms, at, a_down, a_right, u, t == 0, wanted, C, ldc);
        else if (cols <= 2 * WIDE)
            square_row_strip(2, rows, terms, at, a_down, a_right, u, t == 0, wanted, C, ldc);
        else
            square_row_strip(3, rows, terms, at, a_down, a_right, u, t == 0, wanted, C, ldc);
    }
}

#endif
