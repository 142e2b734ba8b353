// SPDX-License-Identifier: Apache-2.0
/* A PSD cone that is apart: its solves satisfy the equations in every phase, and are those with a dense
 * block; values that cannot be apart are recognized. */
#include "apart_fixture.h"

enum { ORDER_APART = 14, SIZE = ORDER_APART * (ORDER_APART + 1) / 2, EQUALITIES = 5 };

/* Entries of both signs and several sizes, and P_ii / a_i^2 = p. */
static void set_own_values(const fixture *f, double p, int lane)
{
    const qc__group *g = f->g;
    const qc__cone *c = &f->plan->blocks[f->plan->apart[0].block];
    for (int32_t i = 0; i < SIZE; i++) {
        const double value = (i % 2 ? -0.25 : 0.25) * (1 << i % 4);
        const int32_t j = own_variable(g, c, i), at = f->plan->P.row_ptr[j];
        g->data.A[own_entry(g, c, i) * LANES + lane] = value;
        g->data.P[at * LANES + lane] = p * value * value;
    }
}

static fixture setup(double p)
{
    fixture f = {0};
    family_matrix(&f.fam, ORDER_APART, EQUALITIES);
    setup_group(&f, 1.0);
    for (int lane = 0; lane < LANES; lane++)
        set_own_values(&f, p, lane);
    return f;
}

/* `tolerance`: of the dense way, in which x is regularized by another amount. */
static void solves_in(double p, int first, double tolerance)
{
    fixture f = setup(p);
    qc__group *g = f.g;
    check_solves(&f, first);
    choose_factor(g, QC__PATH_DENSE);
    copy_pair(&f, g->d3, g->rhs[1]);
    kkt_factor(g);
    kkt_solve(g, 1, &g->d3);
    for (int lane = 0; lane < LANES; lane++)
        for (int32_t k = 0; k < vertices(&f); k++)
            CHECK_CLOSE(at(g->d3.x, k, lane), at(g->d2.x, k, lane),
                        tolerance * (1.0 + largest(vertices(&f), g->d2.x, lane)));
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

/* A linear inequality of matrices, some of them sparse, with an indefinite s - y in Newton's method. */
static void inequalities_are_solved_in_every_phase(void **state)
{
    (void)state;
    for (int first = START; first < PHASES; first++) {
        fixture f = {0};
        family_lmi(&f.fam, ORDER_APART, 7);
        setup_group(&f, 0.7);
        assert_false(f.plan->apart[0].matrix);
        check_solves(&f, first);
        assert_int_equal(mask_bits(irregular(f.g)), 0);
        teardown(&f);
    }
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
        cmocka_unit_test(inequalities_are_solved_in_every_phase),
        cmocka_unit_test(values_that_cannot_be_apart_are_recognized),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
