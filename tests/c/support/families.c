// SPDX-License-Identifier: Apache-2.0
#include "support/families.h"

#include <stdlib.h>

#include "support/random.h"

/* A pattern while it is made: one byte for each entry, column after column. */
typedef struct mask {
    int rows, cols;
    char *set;
} mask;

static mask mask_new(int rows, int cols)
{
    const size_t size = (size_t)rows * (size_t)cols;
    return (mask){rows, cols, calloc(size > 0 ? size : 1, 1)};
}

static char *at(const mask *m, int i, int j)
{
    return &m->set[(size_t)j * (size_t)m->rows + (size_t)i];
}

/* Turns a mask into CSC arrays, and frees it. */
static void compress(mask m, int64_t **colptr, int64_t **rowidx)
{
    int64_t count = 0;
    *colptr = malloc(((size_t)m.cols + 1) * sizeof(int64_t));
    *rowidx = malloc(((size_t)m.rows * (size_t)m.cols + 1) * sizeof(int64_t));
    for (int j = 0; j < m.cols; j++) {
        (*colptr)[j] = count;
        for (int i = 0; i < m.rows; i++)
            if (*at(&m, i, j))
                (*rowidx)[count++] = i;
    }
    (*colptr)[m.cols] = count;
    free(m.set);
}

static void set_cones(family *fam, int zero, int nonneg)
{
    fam->cones[0] = (qc_cone){QC_CONE_ZERO, zero, 0.0};
    fam->cones[1] = (qc_cone){QC_CONE_NONNEGATIVE, nonneg, 0.0};
    fam->f.m = zero + nonneg;
    fam->f.cone_count = 2;
}

/* Called last, when the family no longer moves: `f` points into it. */
static void point(family *fam)
{
    fam->f.P_colptr = fam->arrays[0];
    fam->f.P_rowidx = fam->arrays[1];
    fam->f.A_colptr = fam->arrays[2];
    fam->f.A_rowidx = fam->arrays[3];
    fam->f.cones = fam->cones;
}

static void set_masks(family *fam, mask P, mask A)
{
    compress(P, &fam->arrays[0], &fam->arrays[1]);
    compress(A, &fam->arrays[2], &fam->arrays[3]);
    point(fam);
}

void family_dense(family *out, int n, int zero, int nonneg)
{
    *out = (family){.name = "dense", .f = {.n = n}};
    set_cones(out, zero, nonneg);
    point(out);
}

void family_random(family *out, uint64_t seed, int n, int zero, int nonneg, double density,
                   int diagonal)
{
    *out = (family){.name = "random", .f = {.n = n}};
    set_cones(out, zero, nonneg);
    rng r = {seed};
    mask P = mask_new(n, n), A = mask_new(zero + nonneg, n);
    for (int j = 0; j < n; j++) {
        for (int i = j; i < n; i++)
            if ((i == j && diagonal) || rng_uniform(&r) < density)
                *at(&P, i, j) = *at(&P, j, i) = 1;
        for (int i = 0; i < A.rows; i++)
            *at(&A, i, j) = rng_uniform(&r) < density;
    }
    set_masks(out, P, A);
}

void family_banded(family *out, int n, int band)
{
    *out = (family){.name = "banded", .f = {.n = n}};
    set_cones(out, 0, n);
    mask P = mask_new(n, n), A = mask_new(n, n);
    for (int j = 0; j < n; j++)
        for (int i = j < band ? 0 : j - band; i < n && i <= j + band; i++)
            *at(&P, i, j) = *at(&A, i, j) = 1;
    set_masks(out, P, A);
}

void family_samples(family *out, int features, int samples)
{
    const int n = features + samples;
    *out = (family){.name = "samples", .f = {.n = n}};
    set_cones(out, 0, 3 * samples);
    mask P = mask_new(n, n), A = mask_new(3 * samples, n);
    for (int j = 0; j < features; j++)
        *at(&P, j, j) = 1;
    for (int i = 0; i < samples; i++) {
        for (int j = 0; j < features; j++)
            *at(&A, 3 * i, j) = 1;
        for (int r = 0; r < 3; r++)
            *at(&A, 3 * i + r, features + i) = 1;
    }
    set_masks(out, P, A);
}

/* Optimal control: states x_0 .. x_T and inputs, dynamics as equalities, bounds on everything. */
static void family_control(family *out, int horizon, int states, int inputs)
{
    const int step = states + inputs, n = horizon * step;
    *out = (family){.name = "control", .f = {.n = n}};
    set_cones(out, horizon * states, 2 * n);
    mask P = mask_new(n, n), A = mask_new(horizon * states + 2 * n, n);
    for (int j = 0; j < n; j++) {
        *at(&P, j, j) = 1;
        *at(&A, horizon * states + 2 * j, j) = 1;
        *at(&A, horizon * states + 2 * j + 1, j) = 1;
    }
    for (int t = 0; t < horizon; t++)
        for (int i = 0; i < states; i++) {
            *at(&A, t * states + i, t * step + inputs + i) = 1;
            for (int j = 0; j < inputs; j++)
                *at(&A, t * states + i, t * step + j) = 1;
            for (int j = 0; t > 0 && j < states; j++)
                *at(&A, t * states + i, (t - 1) * step + inputs + j) = 1;
        }
    set_masks(out, P, A);
}

/* A linear program with P = 0: n positive variables under a few dense equalities. */
static void family_linear(family *out, int n, int equalities)
{
    *out = (family){.name = "linear program", .f = {.n = n}};
    set_cones(out, equalities, n);
    mask P = mask_new(n, n), A = mask_new(equalities + n, n);
    for (int j = 0; j < n; j++) {
        for (int i = 0; i < equalities; i++)
            *at(&A, i, j) = 1;
        *at(&A, equalities + j, j) = 1;
    }
    set_masks(out, P, A);
}

/* Sparse P, dense A, and cones in an unusual order, one of them empty. */
static void family_mixed(family *out)
{
    family_random(out, 7, 12, 0, 0, 0.2, 1);
    out->name = "mixed";
    free(out->arrays[2]);
    free(out->arrays[3]);
    out->arrays[2] = out->arrays[3] = NULL;
    out->cones[0] = (qc_cone){QC_CONE_NONNEGATIVE, 5, 0.0};
    out->cones[1] = (qc_cone){QC_CONE_ZERO, 0, 0.0};
    out->cones[2] = (qc_cone){QC_CONE_ZERO, 3, 0.0};
    out->f.cone_count = 3;
    out->f.m = 8;
    point(out);
}

void family_matrix(family *out, int order, int equalities)
{
    const int size = order * (order + 1) / 2, n = size + 1, own = equalities + 2;
    *out = (family){.name = "matrix", .f = {.n = n}};
    set_cones(out, equalities, 2);
    out->cones[2] = (qc_cone){QC_CONE_PSD, size, 0.0};
    out->f.cone_count = 3;
    out->f.m += size;
    mask P = mask_new(n, n), A = mask_new(own + size, n);
    for (int j = 0; j < n; j++)
        *at(&P, j, j) = 1;
    for (int i = 0; i < size; i++)
        *at(&A, own + i, size - 1 - i) = 1;
    for (int i = 0; i < own; i++)
        *at(&A, i, size) = 1;
    for (int i = 0; i < equalities; i++)
        for (int j = i % 3; j < size; j += 3)
            *at(&A, i, j) = 1;
    *at(&A, equalities, size - 1) = *at(&A, equalities + 1, 0) = 1;
    set_masks(out, P, A);
}

enum { LMI_OWN = 3 }; /* rows before those of the cone */

/* All but the columns of A in the rows of the cone, which `A` has room for. */
static void begin_lmi(family *out, int order, int n, mask *P, mask *A)
{
    const int size = order * (order + 1) / 2;
    *out = (family){.name = "inequality of matrices", .f = {.n = n}};
    set_cones(out, 1, LMI_OWN - 1);
    out->cones[2] = (qc_cone){QC_CONE_PSD, size, 0.0};
    out->f.cone_count = 3;
    out->f.m += size;
    *P = mask_new(n, n);
    *A = mask_new(LMI_OWN + size, n);
    for (int j = 0; j < n; j++) {
        *at(P, j, j) = 1;
        for (int i = 0; i < LMI_OWN; i++)
            *at(A, i, j) = 1;
    }
}

void family_lmi(family *out, int order, int n)
{
    mask P, A;
    begin_lmi(out, order, n, &P, &A);
    for (int j = 0; j < n - 1; j++)
        for (int i = 0; i < order * (order + 1) / 2; i++)
            *at(&A, LMI_OWN + i, j) = j % 3 == 0 || i % (4 * j) == j;
    set_masks(out, P, A);
}

void family_sparse_lmi(family *out, int order, int n)
{
    mask P, A;
    begin_lmi(out, order, n, &P, &A);
    for (int i = 0; i < order * (order + 1) / 2; i++)
        *at(&A, LMI_OWN + i, 0) = 1;
    for (int i = 0, row = 0; i < order; row += order - i, i++) {
        *at(&A, LMI_OWN + row, 1) = 1;
        for (int j = 2; j < n - 1; j++)
            if ((j - 2) % order == i)
                *at(&A, LMI_OWN + row, j) = *at(&A, LMI_OWN + row + (i + 1 < order), j) = 1;
    }
    set_masks(out, P, A);
}

int family_make(family *out, int k)
{
    switch (k) {
    case 0: family_dense(out, 1, 0, 0); break;
    case 1: family_dense(out, 1, 0, 1); break;
    case 2: family_dense(out, 5, 2, 4); break;
    case 3: family_dense(out, 40, 10, 50); break;
    case 4: family_dense(out, 70, 0, 3); break;
    case 5: family_dense(out, 9, 4, 0); break;
    case 6: family_random(out, 1, 30, 10, 30, 0.05, 1); break;
    case 7: family_random(out, 2, 30, 10, 30, 0.15, 0); break;
    case 8: family_random(out, 3, 60, 20, 80, 0.03, 0); break;
    case 9: family_random(out, 4, 50, 0, 90, 0.08, 1); break;
    case 10: family_banded(out, 60, 1); break;
    case 11: family_banded(out, 50, 4); break;
    case 12: family_control(out, 6, 4, 2); break;
    case 13: family_linear(out, 40, 4); break;
    case 14: family_mixed(out); break;
    case 15: family_random(out, 5, 20, 0, 0, 0.2, 0); break;
    default: return 0;
    }
    return 1;
}

void family_free(family *fam)
{
    for (int k = 0; k < 4; k++)
        free(fam->arrays[k]);
    *fam = (family){0};
}
