// SPDX-License-Identifier: Apache-2.0
/* nonsymmetric_fixture.h -- exponential and power cones, and vectors of one for every lane. */
#ifndef TEST_NONSYMMETRIC_FIXTURE_H
#define TEST_NONSYMMETRIC_FIXTURE_H

#include <math.h>
#include <string.h>

#include "lane/cone_nonsymmetric.h"
#include "support/check.h"
#include "support/random.h"

enum { ROUNDS = 400, ENTRIES = THREE * LANES };

/* A vector of every lane. */
typedef struct vector {
    double at[ENTRIES] __attribute__((aligned(64)));
} vector;

typedef struct memory {
    double at[NONSYM_STATE * LANES] __attribute__((aligned(64)));
} memory;

#define EACH_CONE(c) for (const qc__cone *c = cones; c < cones + sizeof cones / sizeof *cones; c++)
#define EACH_LANE(l) for (int l = 0; l < LANES; l++)

static const qc__cone cones[] = {
    {.kind = QC_CONE_EXPONENTIAL, .size = 3},
    {.kind = QC_CONE_DUAL_EXPONENTIAL, .size = 3},
    {.kind = QC_CONE_POWER, .size = 3, .alpha = 0.5},
    {.kind = QC_CONE_POWER, .size = 3, .alpha = 0.3},
    {.kind = QC_CONE_POWER, .size = 3, .alpha = 0.999},
    {.kind = QC_CONE_POWER, .size = 3, .alpha = -0.8},
    {.kind = QC_CONE_POWER, .size = 3, .alpha = -1e-3},
};

static inline double uniform(rng *r, double low, double high)
{
    return low + (high - low) * rng_uniform(r);
}

static inline void put3(vector *v, int l, const double a[])
{
    for (int i = 0; i < THREE; i++)
        v->at[i * LANES + l] = a[i];
}

static inline void get3(const vector *v, int l, double a[])
{
    for (int i = 0; i < THREE; i++)
        a[i] = v->at[i * LANES + l];
}

static inline double top3(const double a[])
{
    return fmax(fabs(a[0]), fmax(fabs(a[1]), fabs(a[2])));
}

static inline void random_vectors(rng *r, double spread, vector *v)
{
    for (int k = 0; k < ENTRIES; k++)
        v->at[k] = rng_normal(r) * pow(10.0, uniform(r, -spread, 0.0));
}

#endif
