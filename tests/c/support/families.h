// SPDX-License-Identifier: Apache-2.0
/* families.h -- families of problems of many shapes, for tests that should hold for all of them. */
#ifndef TEST_FAMILIES_H
#define TEST_FAMILIES_H

#include "quadcone.h"

/* A family that owns its arrays. */
typedef struct family {
    const char *name;
    qc_family f;
    qc_cone cones[3];
    int64_t *arrays[4]; /* P_colptr, P_rowidx, A_colptr, A_rowidx */
} family;

/* The k-th of the collection, small enough for dense references; false after the last. */
int family_make(family *out, int k);
void family_free(family *fam);

/* Ones that tests ask for by name.  Rows: `zero` equalities, then the rest inequalities. */
void family_dense(family *out, int n, int zero, int nonneg);
/* `density` is the chance of an entry; every diagonal entry of P is there if `diagonal`. */
void family_random(family *out, uint64_t seed, int n, int zero, int nonneg, double density,
                   int diagonal);
/* Entries where |i - j| <= band, in P and in the square A of inequalities. */
void family_banded(family *out, int n, int band);
/* A regression: each sample has an inequality in all features and a variable of its own, which has two bounds. */
void family_samples(family *out, int features, int samples);
/* A PSD cone of matrices of the given order, each row with a variable of its own in reverse, beside a
 * last variable.  Equalities meet every third variable and the last, and two inequalities one diagonal
 * entry of the matrix and the last.  P is diagonal. */
void family_matrix(family *out, int order, int equalities);
/* A PSD cone of the given order, a linear inequality of matrices in all variables but the last, every third
 * matrix of which is dense; an equality and two inequalities of all.  P is diagonal. */
void family_lmi(family *out, int order, int n);
/* The same of sparse matrices: the first is dense, the second diagonal, and the others have an entry on the
 * diagonal and one beside it. */
void family_sparse_lmi(family *out, int order, int n);

#endif
