// SPDX-License-Identifier: Apache-2.0
/*
 * row_product.h -- products with dense rows, for one problem.  A matrix is read once for M x and M'y. The
 * entries of M'y are neighbours, so they are wide; an entry of M x is a sum in a fixed order, so what
 * runs side by side there is rows.  Every sum is in the order that kkt.h has, so the bits are the same.
 */
#ifndef LANE_ROW_PRODUCT_H
#define LANE_ROW_PRODUCT_H

#include "lane/vec.h"
#include "plan/plan.h"

/* As many as hide the latency of one sum. */
enum { ROWS_TOGETHER = 8 };

/* sum[r] += a[r] x and out += sum_r a[r]' y[r], for R rows of `count` numbers. */
ALWAYS_INLINE void multiply_rows(const int R, const double *const a[], int32_t count,
                                 const double *x, const double *y, double *sum, double *out)
{
    double s[ROWS_TOGETHER];
    int32_t j = 0;
    for (int r = 0; r < R; r++)
        s[r] = sum[r];
    for (; j + WIDE <= count; j += WIDE) {
        wide t = wide_load(out + j);
#pragma GCC unroll 8
        for (int r = 0; r < R; r++)
            t = wide_fma(wide_load(a[r] + j), wide_set1(y[r]), t);
        wide_store(out + j, t);
#pragma GCC unroll 8
        for (int k = 0; k < WIDE; k++)
#pragma GCC unroll 8
            for (int r = 0; r < R; r++)
                s[r] = fma(a[r][j + k], x[j + k], s[r]);
    }
    for (; j < count; j++)
        for (int r = 0; r < R; r++) {
            s[r] = fma(a[r][j], x[j], s[r]);
            out[j] = fma(a[r][j], y[r], out[j]);
        }
    for (int r = 0; r < R; r++)
        sum[r] = s[r];
}

/* The same for rows `stride` apart, as many at once as there are. */
static void multiply_block(const double *a, int64_t stride, int32_t rows, int32_t count,
                           const double *x, const double *y, double *sum, double *out)
{
    const double *row[ROWS_TOGETHER];
    int32_t i = 0;
    for (; i + ROWS_TOGETHER <= rows; i += ROWS_TOGETHER) {
        for (int r = 0; r < ROWS_TOGETHER; r++)
            row[r] = a + (i + r) * stride;
        multiply_rows(ROWS_TOGETHER, row, count, x, y + i, sum + i, out);
    }
    for (; i < rows; i++) {
        row[0] = a + i * stride;
        multiply_rows(1, row, count, x, y + i, sum + i, out);
    }
}

/* The same for the rows of a panel below its diagonal block, which are `row` of the vectors. */
static void multiply_below(const double *a, int32_t w, int32_t below, const int32_t *row,
                           int32_t first, const double *y, double *out)
{
    for (int32_t i = 0, rows = ROWS_TOGETHER; i < below; i += rows) {
        double of_y[ROWS_TOGETHER], sum[ROWS_TOGETHER];
        if (rows > below - i)
            rows = below - i;
        for (int r = 0; r < rows; r++) {
            of_y[r] = y[row[i + r]];
            sum[r] = out[row[i + r]];
        }
        multiply_block(a + (int64_t)i * w, w, rows, w, y + first, of_y, sum, out + first);
        for (int r = 0; r < rows; r++)
            out[row[i + r]] = sum[r];
    }
}

/* out := P x, from the rows of the lower triangle, of which row i has i + 1 numbers. */
static void multiply_triangle(const double *P, int32_t n, const double *x, double *out)
{
    for (int32_t i = 0, rows = ROWS_TOGETHER; i < n; i += rows) {
        const double *row[ROWS_TOGETHER] = {NULL};
        double sum[ROWS_TOGETHER] = {0.0};
        if (rows > n - i)
            rows = 1;
        for (int32_t r = 0; r < rows; r++)
            row[r] = P + (int64_t)(i + r) * (i + r + 1) / 2;
        if (rows == 1)
            multiply_rows(1, row, i, x, x + i, sum, out);
        else
            multiply_rows(ROWS_TOGETHER, row, i, x, x + i, sum, out);
        for (int32_t r = 0; r < rows; r++) {
            for (int32_t j = i; j < i + r; j++) {
                sum[r] = fma(row[r][j], x[j], sum[r]);
                out[j] = fma(row[r][j], x[i + r], out[j]);
            }
            out[i + r] = fma(row[r][i + r], x[i + r], sum[r]);
        }
    }
}

#endif
