// SPDX-License-Identifier: Apache-2.0
/*
 * product.h -- products with dense rows.  A matrix is read once for M x and M'y, a few rows at a time, so
 * that an entry of M'y is loaded and stored once for all of them.  Every sum is in a fixed order, row
 * after row and column after column, so the bits do not depend on how many rows go together.
 *
 * `shared` values are plain numbers, the same for every problem; others are lanes.
 */
#ifndef LANE_PRODUCT_H
#define LANE_PRODUCT_H

#include "lane/vec.h"

#if ALONG_ROWS
#    include "lane/row_product.h"
#else
enum { ROWS_TOGETHER = 4 };

/* sum[r] += a[r] x and out += sum_r a[r]' y[r], for R rows of `count` numbers. */
ALWAYS_INLINE void multiply_rows(const int shared, const int R, const double *const a[],
                                 int32_t count, const double *x, const double *y, double *sum,
                                 double *out)
{
    lane s[ROWS_TOGETHER], yr[ROWS_TOGETHER];
#    pragma GCC unroll 4
    for (int r = 0; r < R; r++) {
        s[r] = lane_at(sum, r);
        yr[r] = lane_at(y, r);
    }
    for (int32_t j = 0; j < count; j++) {
        const lane xj = lane_at(x, j);
        lane t = lane_at(out, j);
#    pragma GCC unroll 4
        for (int r = 0; r < R; r++) {
            const lane v = value_at(a[r], j, shared);
            s[r] = lane_fma(v, xj, s[r]);
            t = lane_fma(v, yr[r], t);
        }
        lane_put(out, j, t);
    }
#    pragma GCC unroll 4
    for (int r = 0; r < R; r++)
        lane_put(sum, r, s[r]);
}
#endif

/* The same for any number of rows. */
ALWAYS_INLINE void multiply_some(const int shared, int32_t rows, const double *const a[],
                                 int32_t count, const double *x, const double *y, double *sum,
                                 double *out)
{
    int32_t r = 0;
    for (; r + ROWS_TOGETHER <= rows; r += ROWS_TOGETHER)
        multiply_rows(shared, ROWS_TOGETHER, a + r, count, x, y + r * LANES, sum + r * LANES, out);
    for (; r + 2 <= rows; r += 2)
        multiply_rows(shared, 2, a + r, count, x, y + r * LANES, sum + r * LANES, out);
    for (; r < rows; r++)
        multiply_rows(shared, 1, a + r, count, x, y + r * LANES, sum + r * LANES, out);
}

/* The next rows to go together, of those from i on; row r begins at number r * stride of `a`. */
ALWAYS_INLINE int32_t next_rows(const int shared, const double *a, int64_t stride, int32_t i,
                                int32_t end, const double *row[])
{
    const int32_t rows = end - i < ROWS_TOGETHER ? end - i : ROWS_TOGETHER;
    for (int32_t r = 0; r < rows; r++)
        row[r] = a + (i + r) * stride * (shared ? 1 : LANES);
    return rows;
}

/* sum += M x and out += M'y for a dense matrix, `count` numbers in each row. */
ALWAYS_INLINE void multiply_dense(const int shared, const double *a, int32_t rows, int32_t count,
                                  const double *x, const double *y, double *sum, double *out)
{
    const double *row[ROWS_TOGETHER];
    for (int32_t i = 0, some; i < rows; i += some) {
        some = next_rows(shared, a, count, i, rows, row);
        multiply_some(shared, some, row, count, x, y + i * LANES, sum + i * LANES, out);
    }
}

/* The same for the rows of a panel below its diagonal block, which are `place` of the vectors. */
ALWAYS_INLINE void multiply_below(const int shared, const double *a, int32_t w, int32_t below,
                                  const int32_t *place, int32_t first, const double *x, double *out)
{
    const double *row[ROWS_TOGETHER];
    double y[ROWS_TOGETHER * LANES] __attribute__((aligned(64)));
    double sum[ROWS_TOGETHER * LANES] __attribute__((aligned(64)));
    for (int32_t i = 0, some; i < below; i += some) {
        some = next_rows(shared, a, w, i, below, row);
        for (int32_t r = 0; r < some; r++) {
            lane_put(y, r, lane_at(x, place[i + r]));
            lane_put(sum, r, lane_at(out, place[i + r]));
        }
        multiply_some(shared, some, row, w, x + first * LANES, y, sum, out + first * LANES);
        for (int32_t r = 0; r < some; r++)
            lane_put(out, place[i + r], lane_at(sum, r));
    }
}

/* out += M x for the square of R rows, and as many columns, from i on. */
ALWAYS_INLINE void multiply_square(const int shared, const int R, const double *const row[],
                                   int32_t i, const double *x, double *out)
{
    lane xi[ROWS_TOGETHER], sum[ROWS_TOGETHER];
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
        xi[r] = lane_at(x, i + r);
        sum[r] = lane_at(out, i + r);
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
#pragma GCC unroll 8
        for (int c = 0; c < r; c++) {
            const lane v = value_at(row[r], i + c, shared);
            sum[r] = lane_fma(v, xi[c], sum[r]);
            sum[c] = lane_fma(v, xi[r], sum[c]);
        }
        sum[r] = lane_fma(value_at(row[r], i + r, shared), xi[r], sum[r]);
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
        lane_put(out, i + r, sum[r]);
}

/* out += M x for a symmetric matrix, from its lower triangle; with stride 0 row i has i + 1 numbers. */
ALWAYS_INLINE void multiply_symmetric(const int shared, const double *a, int64_t stride, int32_t n,
                                      const double *x, double *out)
{
    const int64_t step = shared ? 1 : LANES;
    const double *row[ROWS_TOGETHER];
    for (int32_t i = 0, some; i < n; i += some) {
        some = next_rows(shared, a, stride, i, n, row);
        for (int32_t r = 0; stride == 0 && r < some; r++)
            row[r] = a + (int64_t)(i + r) * (i + r + 1) / 2 * step;
        multiply_some(shared, some, row, i, x, x + i * LANES, out + i * LANES, out);
        if (some == ROWS_TOGETHER)
            multiply_square(shared, ROWS_TOGETHER, row, i, x, out);
        else
            multiply_square(shared, some, row, i, x, out);
    }
}

#endif
