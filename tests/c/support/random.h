// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_RANDOM_H
#define TEST_RANDOM_H

#include <stdint.h>

/* The same numbers on every machine: SplitMix64. */
typedef struct rng {
    uint64_t state;
} rng;

uint64_t rng_bits(rng *r);
double rng_uniform(rng *r);          /* in [0, 1) */
double rng_normal(rng *r);           /* mean 0, variance 1 */
int rng_below(rng *r, int limit);    /* in 0 .. limit - 1 */
void rng_normals(rng *r, double *out, int64_t count);

#endif
