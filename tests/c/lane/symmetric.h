// SPDX-License-Identifier: Apache-2.0
/* symmetric.h -- symmetric matrices for tests: one lane as plain numbers, and matrices that are hard. */
#ifndef TEST_SYMMETRIC_H
#define TEST_SYMMETRIC_H

#include <math.h>

#include "base/arena.h"
#include "lane/svec.h"
#include "support/check.h"
#include "support/random.h"

enum { ORDER = 12, ROWS = ORDER * (ORDER + 1) / 2 };

static const int32_t orders[] = {1, 2, 3, 4, 5, 7, ORDER};
enum { ORDER_COUNT = sizeof orders / sizeof *orders };

static inline double *new_lanes(int64_t count)
{
    double *p = qc__aligned_alloc((size_t)count * LANES * sizeof(double));
    for (int64_t i = 0; i < count * LANES; i++)
        p[i] = 0.0;
    return p;
}

static inline void to_matrix(int32_t k, const double *v, int lane, double M[ORDER][ORDER])
{
    int64_t row = 0;
    for (int32_t j = 0; j < k; j++)
        for (int32_t i = j; i < k; i++, row++)
            M[i][j] = M[j][i] = v[row * LANES + lane] * (i == j ? 1.0 : sqrt(0.5));
}

static inline void from_matrix(int32_t k, double M[ORDER][ORDER], int lane, double *v)
{
    int64_t row = 0;
    for (int32_t j = 0; j < k; j++)
        for (int32_t i = j; i < k; i++, row++)
            v[row * LANES + lane] = M[i][j] * (i == j ? 1.0 : sqrt(2.0));
}

static inline void multiply(int32_t k, double A[ORDER][ORDER], double B[ORDER][ORDER],
                            double C[ORDER][ORDER])
{
    for (int32_t i = 0; i < k; i++)
        for (int32_t j = 0; j < k; j++) {
            C[i][j] = 0.0;
            for (int32_t t = 0; t < k; t++)
                C[i][j] += A[i][t] * B[t][j];
        }
}

static inline double at(const double *v, int64_t i, int lane)
{
    return v[i * LANES + lane];
}

static inline double largest(int32_t rows, const double *v, int lane)
{
    double top = 0.0;
    for (int32_t i = 0; i < rows; i++)
        top = fmax(top, fabs(v[i * LANES + lane]));
    return top;
}

/* V := H diag(l) H', H a product of two random reflections. */
static inline void compose(rng *r, int32_t k, const double *l, int lane, double *v)
{
    double M[ORDER][ORDER] = {{0}};
    for (int32_t i = 0; i < k; i++)
        M[i][i] = l[i];
    for (int turn = 0; turn < 2; turn++) {
        double u[ORDER], uu = 0.0, T[ORDER][ORDER], H[ORDER][ORDER];
        rng_normals(r, u, k);
        for (int32_t i = 0; i < k; i++)
            uu += u[i] * u[i];
        for (int32_t i = 0; i < k; i++)
            for (int32_t j = 0; j < k; j++)
                H[i][j] = (i == j) - 2.0 * u[i] * u[j] / uu;
        multiply(k, H, M, T);
        multiply(k, T, H, M);
    }
    from_matrix(k, M, lane, v);
}

/* Kinds of matrices that eigenvalue algorithms find hard. */
enum { RANDOM, CLUSTERED, REPEATED, ZERO, HUGE_ONE, TINY, DIAGONAL, GRADED, BLOCKS, KINDS };

static inline void hard_matrix(rng *r, int32_t k, int kind, int lane, double *v)
{
    double l[ORDER] = {0};
    for (int32_t i = 0; i < k; i++) {
        const double a = rng_normal(r);
        const double by_kind[KINDS] = {a,
                                       i % 2 ? 1.0 + 1e-13 * a : -1.0,
                                       i % 3 - 1.0,
                                       0.0,
                                       1e150 * a,
                                       1e-150 * a,
                                       a,
                                       pow(10.0, -2.0 * i),
                                       i < 2 ? 2.0 * i : a};
        l[i] = by_kind[kind];
    }
    compose(r, k, l, lane, v);
    if (kind == DIAGONAL || kind == BLOCKS)
        for (int32_t j = 0, row = 0; j < k; j++)
            for (int32_t i = j; i < k; i++, row++)
                if (kind == DIAGONAL ? i > j : i - j > 1 || j % 2)
                    v[row * LANES + lane] = 0.0;
}

/* A positive definite matrix with eigenvalues in [low, low + 1]. */
static inline void positive(rng *r, int32_t k, double low, int lane, double *v)
{
    double l[ORDER] = {0};
    for (int32_t i = 0; i < k; i++)
        l[i] = low + rng_uniform(r);
    compose(r, k, l, lane, v);
}

#endif
