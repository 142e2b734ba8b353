// SPDX-License-Identifier: Apache-2.0
/* A PSD cone that is apart: its solves satisfy the equations in every phase, and are those with a dense
 * block; values that cannot be apart are recognized. */
#include "lane/lane_all.c" /* in place of the library's: the table it makes has the same name */
#include "support/families.h"
#include "symmetric.h"

enum { ORDER_APART = 14, SIZE = ORDER_APART * (ORDER_APART + 1) / 2, EQUALITIES = 5 };
enum { N = SIZE + 1, OWN = EQUALITIES + 2, M = OWN + SIZE };

enum { START, INTERIOR, NEWTON, PHASES };

typedef struct fixture {
    family fam;
    qc_plan *plan;
    void *memory;
    qc__group *g;
    double *s, *y;
    rng r;
} fixture;

/* Entries of both signs and several sizes, P_ii / a_i^2 = p, and positive definite s and y. */
static void set_values(fixture *f, double p, int lane)
{
    qc__group *g = f->g;
    const qc__apart *a = &f->plan->apart[0];
    const qc__cone *c = &f->plan->blocks[a->block];
    for (int32_t k = 0; k < f->plan->A.count; k++)
        g->data.A[k * LANES + lane] = rng_normal(&f->r);
    for (int32_t k = 0; k < f->plan->P.count; k++)
        g->data.P[k * LANES + lane] = 1.0;
    for (int32_t i = 0; i < SIZE; i++) {
        const double value = (i % 2 ? -0.25 : 0.25) * (1 << i % 4);
        const int32_t j = own_variable(g, c, i), at = f->plan->P.row_ptr[j];
        g->data.A[own_entry(g, c, i) * LANES + lane] = value;
        g->data.P[at * LANES + lane] = p * value * value;
    }
    for (int32_t i = 0; i < OWN; i++)
        g->H[i * LANES + lane] = 0.5 + rng_uniform(&f->r);
}

/* A symmetric matrix; positive definite with a shift. */
static void set_matrix(fixture *f, double shift, int lane, double *v)
{
    int32_t row = OWN;
    for (int32_t j = 0; j < ORDER_APART; j++)
        for (int32_t i = j; i < ORDER_APART; i++, row++)
            v[row * LANES + lane] = 0.3 * rng_normal(&f->r) + (i == j ? shift : 0.0);
}

static fixture setup(double p)
{
    fixture f = {.r = {3}};
    qc__arena arena = {0};
    family_matrix(&f.fam, ORDER_APART, EQUALITIES);
    assert_int_equal(qc__plan_new(&f.plan, &f.fam.f, -1, NULL), QC_OK);
    assert_int_equal(f.plan->apart_count, 1);
    group_new(f.plan, &arena);
    const size_t bytes = arena.used;
    f.memory = qc__aligned_alloc(bytes);
    arena = (qc__arena){.base = f.memory, .size = bytes};
    f.g = group_new(f.plan, &arena);
    f.g->data = f.g->own.data;
    f.g->count = LANES;
    f.s = new_lanes(M);
    f.y = new_lanes(M);
    choose_factor(f.g, QC__PATH_FULL);
    find_H_units(f.g);
    for (int lane = 0; lane < LANES; lane++) {
        set_values(&f, p, lane);
        set_matrix(&f, 4.0, lane, f.s);
        set_matrix(&f, 3.0, lane, f.y);
    }
    return f;
}

static void teardown(fixture *f)
{
    qc__plan_free(f->plan);
    qc__aligned_free(f->memory);
    qc__aligned_free(f->s);
    qc__aligned_free(f->y);
    family_free(&f->fam);
}

/* Lane l is in phase (first + l) mod 3. */
static void set_phases(fixture *f, int first)
{
    unsigned interior = 0, start = 0;
    for (int lane = 0; lane < LANES; lane++) {
        const int phase = (first + lane) % PHASES;
        interior |= (unsigned)(phase == INTERIOR) << lane;
        start |= (unsigned)(phase == START) << lane;
        if (phase == NEWTON) /* s - y has eigenvalues of both signs */
            set_matrix(f, 3.0, lane, f->s);
    }
    for (int32_t i = 0; i < OWN; i++)
        for (int lane = 0; lane < LANES; lane++)
            f->s[i * LANES + lane] = f->y[i * LANES + lane] = 0.0;
    blocks_set_H(f->g, f->s, f->y, mask_from_bits(interior), mask_from_bits(start));
}

static void random_pair(fixture *f, pair r)
{
    for (int64_t k = 0; k < (int64_t)(N + M) * LANES; k++)
        r.x[k] = rng_normal(&f->r);
}

static void copy_pair(pair to, pair from)
{
    memcpy(to.x, from.x, (size_t)(N + M) * LANES * sizeof(double));
}

/* r - (M - E H E') d, by the products of the interior point */
static void check_equations(fixture *f, pair r, pair d)
{
    qc__group *g = f->g;
    set_all(g->Hdy, M, 0.0);
    kkt_multiply(g, d, g->product, NULL);
    blocks_multiply_H(g, d.y, g->Hdy);
    for (int32_t t = 0; t < g->nonneg_count; t++) {
        const int32_t i = g->nonneg_row[t];
        lane_put(g->Hdy, i, lane_mul(lane_at(g->H, i), lane_at(d.y, i)));
    }
    for (int lane = 0; lane < LANES; lane++) {
        const double size = 1.0 + fmax(largest(N + M, d.x, lane), largest(M, g->Hdy, lane));
        for (int32_t j = 0; j < N; j++)
            CHECK_CLOSE(at(g->product.x, j, lane), at(r.x, j, lane), 1e-8 * size);
        for (int32_t i = 0; i < M; i++)
            CHECK_CLOSE(at(g->product.y, i, lane) - at(g->Hdy, i, lane), at(r.y, i, lane),
                        1e-8 * size);
    }
}

/* `tolerance`: of the dense way, in which x is regularized by another amount. */
static void solves_in(double p, int first, double tolerance)
{
    fixture f = setup(p);
    qc__group *g = f.g;
    const pair d[2] = {g->d1, g->d2}, r[2] = {g->rhs[0], g->rhs[1]};
    set_phases(&f, first);
    for (int k = 0; k < 2; k++) {
        random_pair(&f, r[k]);
        copy_pair(d[k], r[k]);
    }
    kkt_factor(g);
    kkt_solve(g, 2, d);
    check_equations(&f, r[0], d[0]);
    check_equations(&f, r[1], d[1]);
    choose_factor(g, QC__PATH_DENSE);
    copy_pair(g->d3, r[1]);
    kkt_factor(g);
    kkt_solve(g, 1, &g->d3);
    for (int lane = 0; lane < LANES; lane++)
        for (int32_t k = 0; k < N + M; k++)
            CHECK_CLOSE(at(g->d3.x, k, lane), at(d[1].x, k, lane),
                        tolerance * (1.0 + largest(N + M, d[1].x, lane)));
    teardown(&f);
}

static void solves_are_right_in_every_phase(void **state)
{
    (void)state;
    for (int first = START; first < PHASES; first++)
        solves_in(0.7, first, 1e-7);
}

static void without_curvature_too(void **state)
{
    (void)state;
    for (int first = START; first < PHASES; first++)
        solves_in(0.0, first, 1e-3);
}

/* The problems that are irregular with a value of the last lane times `by`. */
static unsigned irregular_with(const fixture *f, double *value, double by)
{
    double *last = value + LANES - 1, before = *last;
    *last *= by;
    const unsigned bits = mask_bits(irregular(f->g));
    *last = before;
    return bits;
}

static void values_that_cannot_be_apart_are_recognized(void **state)
{
    (void)state;
    fixture f = setup(0.7);
    const qc__cone *c = &f.plan->blocks[f.plan->apart[0].block];
    const int32_t j = own_variable(f.g, c, SIZE - 2);
    double *P = f.g->data.P + f.plan->P.row_ptr[j] * LANES;
    double *A = f.g->data.A + own_entry(f.g, c, SIZE - 2) * LANES;
    const unsigned last = 1u << (LANES - 1);
    assert_int_equal(irregular_with(&f, P, 1.0), 0);
    assert_int_equal(irregular_with(&f, P, 1.0 + 1e-14), 0);
    assert_int_equal(irregular_with(&f, P, 1.001), last);
    assert_int_equal(irregular_with(&f, A, -1.0), 0);
    assert_int_equal(irregular_with(&f, A, 2.0), last);
    assert_int_equal(irregular_with(&f, A, 0.0), last);
    choose_factor(f.g, QC__PATH_DENSE);
    assert_int_equal(irregular_with(&f, P, 1.001), 0);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(solves_are_right_in_every_phase),
        cmocka_unit_test(without_curvature_too),
        cmocka_unit_test(values_that_cannot_be_apart_are_recognized),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
