// SPDX-License-Identifier: Apache-2.0
/*
 * problem.h -- batches of random problems of a family, and what a solution of one must satisfy.
 *
 * The problems are made from their solutions: x, and s and y of which one is zero and the other is not, so
 * every one of them is solvable and strictly complementary.
 */
#ifndef TEST_PROBLEM_H
#define TEST_PROBLEM_H

#include "quadcone.h"

typedef struct problems {
    qc_family f;
    int64_t batch, n, m, P_length, A_length;
    double *P, *q, *A, *b; /* as qc_values, according to f.shared */
} problems;

problems problems_random(const qc_family *f, int64_t batch, uint64_t seed);
void problems_free(problems *p);
qc_values problems_values(const problems *p);

/* Values of problem k alone; shared ones are where they are. */
qc_values problems_at(const problems *p, int64_t k);

/* Where a solution goes: all of it. */
typedef struct answers {
    int64_t batch, n, m;
    qc_solution out;
} answers;

answers answers_new(int64_t batch, int64_t n, int64_t m);
void answers_free(answers *a);

/* By how much (x, y, s) misses the optimality conditions: largest entries, and the gap. */
typedef struct conditions {
    double primal, dual, gap, cone;
} conditions;

conditions conditions_of(const problems *p, int64_t k, const double *x, const double *y,
                         const double *s);

/* Solves with the given instruction set (NULL: the best) and way of condensing. */
typedef struct engine {
    qc_plan *plan;
    qc_solver *solver;
} engine;

engine engine_new(const qc_family *f, const char *isa, int condense, int64_t capacity,
                  const qc_settings *settings);
/* The same with all options. */
engine engine_with(const qc_family *f, const qc_plan_options *options, int64_t capacity,
                   const qc_settings *settings);
void engine_free(engine *e);

#endif
