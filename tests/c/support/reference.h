// SPDX-License-Identifier: Apache-2.0
/*
 * reference.h -- two factorizations of one matrix that share no code: dense and plain, and by the plan
 * with plain loops.
 */
#ifndef TEST_REFERENCE_H
#define TEST_REFERENCE_H

#include "plan/plan.h"

/* Values of a quasi-definite matrix: P's lower triangle, A, and what is added to each pivot. */
typedef struct values {
    double *P, *A;
    double *pivot; /* [size], by vertex, with its sign */
} values;

values values_random(const qc_plan *plan, uint64_t seed);
void values_free(values *v);

/* L (unit, strict lower triangle) with D on the diagonal, size * size by rows, in the plan's order. */
double *dense_factor(const qc_plan *plan, const qc__factor_plan *f, const values *v);

/* The panels of the plan, with D on the diagonals. */
double *plan_factor(const qc_plan *plan, const qc__factor_plan *f, const values *v);

#endif
