// SPDX-License-Identifier: Apache-2.0
/* apart_fixture.h -- a group whose plan keeps a PSD cone apart, by itself: values, phases and what a solve with its
 * factor must satisfy.  The cone's rows are the last. */
#ifndef TEST_APART_FIXTURE_H
#define TEST_APART_FIXTURE_H

#include "lane/lane_all.c" /* in place of the library's: the table it makes has the same name */
#include "support/families.h"
#include "symmetric.h"

enum { START, INTERIOR, NEWTON, PHASES };

typedef struct fixture {
    family fam;
    qc_plan *plan;
    int32_t order, own; /* of the cone; rows before it */
    void *memory;
    qc__group *g;
    double *s, *y;
    int steep; /* Newton's method with quotients that are clipped */
    rng r;
} fixture;

/* A symmetric matrix; positive definite with a shift. */
static void set_matrix(fixture *f, double shift, int lane, double *v)
{
    int32_t row = f->own;
    for (int32_t j = 0; j < f->order; j++)
        for (int32_t i = j; i < f->order; i++, row++)
            v[row * LANES + lane] = 0.3 * rng_normal(&f->r) + (i == j ? shift : 0.0);
}

/* Entries of A are random, those of P are `p`; s and y are positive definite. */
static void set_random_values(fixture *f, double p, int lane)
{
    const qc__group *g = f->g;
    for (int32_t k = 0; k < f->plan->A.count; k++)
        g->data.A[k * LANES + lane] = rng_normal(&f->r);
    for (int32_t k = 0; k < f->plan->P.count; k++)
        g->data.P[k * LANES + lane] = p;
    for (int32_t i = 0; i < f->own; i++)
        g->H[i * LANES + lane] = 0.5 + rng_uniform(&f->r);
    set_matrix(f, 4.0, lane, f->s);
    set_matrix(f, 3.0, lane, f->y);
}

/* Of the family that f->fam is; P in the pattern is `p`. */
static void setup_group(fixture *f, double p)
{
    qc__arena arena = {0};
    f->r = (rng){3};
    assert_int_equal(qc__plan_new(&f->plan, &f->fam.f, -1, NULL), QC_OK);
    assert_int_equal(f->plan->apart_count, 1);
    const qc__cone *c = &f->plan->blocks[f->plan->apart[0].block];
    f->order = c->order;
    f->own = c->first;
    group_new(f->plan, &arena);
    const size_t bytes = arena.used;
    f->memory = qc__aligned_alloc(bytes);
    arena = (qc__arena){.base = f->memory, .size = bytes};
    f->g = group_new(f->plan, &arena);
    f->g->data = f->g->own.data;
    f->g->count = LANES;
    f->s = new_lanes(f->plan->m);
    f->y = new_lanes(f->plan->m);
    choose_factor(f->g, QC__PATH_FULL);
    find_H_units(f->g);
    for (int lane = 0; lane < LANES; lane++)
        set_random_values(f, p, lane);
}

static void teardown(fixture *f)
{
    qc__plan_free(f->plan);
    qc__aligned_free(f->memory);
    qc__aligned_free(f->s);
    qc__aligned_free(f->y);
    family_free(&f->fam);
}

/* Eigenvalues of s - y whose quotients are beyond what H may have, of either sign; y = 0. */
static void set_steep(fixture *f, int lane)
{
    double u[64], norm = 0.0;
    int32_t row = f->own;
    assert_in_range(f->order, 4, 64);
    for (int32_t i = 0; i < f->order; i++) {
        u[i] = rng_normal(&f->r);
        norm += u[i] * u[i];
    }
    for (int32_t j = 0; j < f->order; j++)
        for (int32_t i = j; i < f->order; i++, row++) {
            double sum = 0.0;
            for (int32_t e = 0; e < f->order; e++) { /* Q = I - 2 u u' / |u|^2 */
                const double l = e == 0   ? 1e3
                                 : e == 1 ? 1e-11
                                 : e == 2 ? 0.0
                                 : e == 3 ? -1e-5
                                          : (e % 2 ? 1.0 : -1.0) * (0.5 + 0.1 * e);
                const double left = (i == e) - 2.0 * u[i] * u[e] / norm;
                const double right = (j == e) - 2.0 * u[j] * u[e] / norm;
                sum += l * left * right;
            }
            f->s[row * LANES + lane] = sum * (i == j ? 1.0 : sqrt(2.0));
            f->y[row * LANES + lane] = 0.0;
        }
}

/* Lane l is in phase (first + l) mod 3. */
static void set_phases(fixture *f, int first)
{
    unsigned interior = 0, start = 0;
    for (int lane = 0; lane < LANES; lane++) {
        const int phase = (first + lane) % PHASES;
        interior |= (unsigned)(phase == INTERIOR) << lane;
        start |= (unsigned)(phase == START) << lane;
        if (phase == NEWTON && f->steep)
            set_steep(f, lane);
        else if (phase == NEWTON) /* s - y has eigenvalues of both signs */
            set_matrix(f, 3.0, lane, f->s);
    }
    blocks_set_H(f->g, f->s, f->y, mask_from_bits(interior), mask_from_bits(start));
}

static int32_t vertices(const fixture *f)
{
    return f->plan->n + f->plan->m;
}

static void random_pair(fixture *f, pair r)
{
    for (int64_t k = 0; k < (int64_t)vertices(f) * LANES; k++)
        r.x[k] = rng_normal(&f->r);
}

static void copy_pair(const fixture *f, pair to, pair from)
{
    memcpy(to.x, from.x, (size_t)vertices(f) * LANES * sizeof(double));
}

/* r - (M - E H E') d, by the products of the interior point */
static void check_equations(fixture *f, pair r, pair d)
{
    qc__group *g = f->g;
    const int32_t n = f->plan->n, m = f->plan->m;
    set_all(g->Hdy, m, 0.0);
    kkt_multiply(g, d, g->product, NULL);
    blocks_multiply_H(g, d.y, g->Hdy);
    for (int32_t t = 0; t < g->nonneg_count; t++) {
        const int32_t i = g->nonneg_row[t];
        lane_put(g->Hdy, i, lane_mul(lane_at(g->H, i), lane_at(d.y, i)));
    }
    for (int lane = 0; lane < LANES; lane++) {
        const double size = 1.0 + fmax(largest(n + m, d.x, lane), largest(m, g->Hdy, lane));
        for (int32_t j = 0; j < n; j++)
            CHECK_CLOSE(at(g->product.x, j, lane), at(r.x, j, lane), 1e-8 * size);
        for (int32_t i = 0; i < m; i++)
            CHECK_CLOSE(at(g->product.y, i, lane) - at(g->Hdy, i, lane), at(r.y, i, lane),
                        1e-8 * size);
    }
}

/* Solves two right-hand sides, in rhs, and checks the solutions, in d1 and d2. */
static void check_solves(fixture *f, int first)
{
    qc__group *g = f->g;
    const pair d[2] = {g->d1, g->d2};
    set_phases(f, first);
    for (int k = 0; k < 2; k++) {
        random_pair(f, g->rhs[k]);
        copy_pair(f, d[k], g->rhs[k]);
    }
    kkt_factor(g);
    kkt_solve(g, 2, d);
    check_equations(f, g->rhs[0], d[0]);
    check_equations(f, g->rhs[1], d[1]);
}

#endif
