// SPDX-License-Identifier: Apache-2.0
/* outer.h -- what the outer products of a factorization are made of. */
#ifndef LANE_OUTER_H
#define LANE_OUTER_H

#include <stdint.h>

/* L D L' of `depth` columns: entry (i, k) of L is number i * lda + k * step of `l`, pivot k number
 * k * d_step of `d`. */
typedef struct outer {
    int32_t depth;
    const double *l, *d;
    int64_t lda, step, d_step;
} outer;

/* That of neighbouring columns, whose rows lie one after the other. */
static inline outer outer_of(int32_t depth, const double *l, int64_t lda, const double *d)
{
    return (outer){.depth = depth, .l = l, .lda = lda, .step = 1, .d = d, .d_step = 1};
}

#endif
