// SPDX-License-Identifier: Apache-2.0
#include "support/random.h"

#include <math.h>

uint64_t rng_bits(rng *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

double rng_uniform(rng *r)
{
    return (double)(rng_bits(r) >> 11) * 0x1p-53;
}

double rng_normal(rng *r)
{
    const double u = 1.0 - rng_uniform(r), angle = 6.283185307179586 * rng_uniform(r);
    return sqrt(-2.0 * log(u)) * cos(angle);
}

int rng_below(rng *r, int limit)
{
    return (int)(rng_bits(r) % (uint64_t)limit);
}

void rng_normals(rng *r, double *out, int64_t count)
{
    for (int64_t k = 0; k < count; k++)
        out[k] = rng_normal(r);
}
