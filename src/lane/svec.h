// SPDX-License-Identifier: Apache-2.0
/*
 * svec.h -- a symmetric k x k matrix as a vector of k(k+1)/2 rows: its lower triangle, column after
 * column, with entries off the diagonal times sqrt(2), so that inner products are kept.
 */
#ifndef LANE_SVEC_H
#define LANE_SVEC_H

#include "lane/vec.h"

#define SQRT_TWO  1.4142135623730951
#define SQRT_HALF 0.70710678118654752

/* A := the matrix of v, both triangles, row after row */
static inline void svec_unpack(int32_t k, const double *v, double *A)
{
    int64_t row = 0;
    for (int32_t j = 0; j < k; j++) {
        lane_put(A, (int64_t)j * k + j, lane_at(v, row++));
        for (int32_t i = j + 1; i < k; i++) {
            const lane a = lane_mul(lane_at(v, row++), lane_set1(SQRT_HALF));
            lane_put(A, (int64_t)i * k + j, a);
            lane_put(A, (int64_t)j * k + i, a);
        }
    }
}

/* v := the vector of A, of which the lower triangle is read */
static inline void svec_pack(int32_t k, const double *A, double *v)
{
    int64_t row = 0;
    for (int32_t j = 0; j < k; j++) {
        lane_put(v, row++, lane_at(A, (int64_t)j * k + j));
        for (int32_t i = j + 1; i < k; i++)
            lane_put(v, row++, lane_mul(lane_at(A, (int64_t)i * k + j), lane_set1(SQRT_TWO)));
    }
}

#endif
