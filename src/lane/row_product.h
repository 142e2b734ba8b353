// SPDX-License-Identifier: Apache-2.0
/*
 * row_product.h -- products with dense rows, for one problem (product.h has the others).  The
 * entries of M'y are neighbours, so they are wide; an entry of M x is a sum in a fixed order, so what
 * runs side by side there is rows.  Every sum is in the order that product.h has, so the bits are the same.
 */
#ifndef LANE_ROW_PRODUCT_H
#define LANE_ROW_PRODUCT_H

#include "lane/vec.h"
#include "plan/plan.h"

/* As many as hide the latency of one sum. */
enum { ROWS_TOGETHER = 8 };

/* sum[r] += a[r] x and out += sum_r a[r]' y[r], for R rows of `count` numbers. */
ALWAYS_INLINE void multiply_rows(const int shared, const int R, const double *const a[],
                                 int32_t count, const double *x, const double *y, double *sum,
                                 double *out)
{
    double s[ROWS_TOGETHER];
    int32_t j = 0;
    (void)shared; /* the same for one problem */
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

#endif
