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

static void solves_inequality(int nonzeros, int steep)
{
    for (int first = START; first < PHASES; first++) {
        fixture f = {.steep = steep};
        if (nonzeros)
            family_sparse_lmi(&f.fam, 20, 32);
        else
            family_lmi(&f.fam, ORDER_APART, 7);
        setup_group(&f, 0.7);
        assert_false(f.plan->apart[0].matrix);
        assert_int_equal(f.plan->apart[0].nonzeros, nonzeros);
        check_solves(&f, first);
        assert_int_equal(mask_bits(irregular(f.g)), 0);
        teardown(&f);
    }
}

/* A linear inequality of matrices, some of them sparse, with an indefinite s - y in Newton's method. */
static void inequalities_are_solved_in_every_phase(void **state)
{
    (void)state;
    solves_inequality(0, 0);
}

static void by_nonzeros_too(void **state)
{
    (void)state;
    solves_inequality(1, 0);
}

static void where_quotients_are_clipped(void **state)
{
    (void)state;
    solves_inequality(0, 1);
    solves_inequality(1, 1);
}

/* The numbers of both ways are the same Schur complement, and differ by the rounding of its largest terms. */
static void compare_ways(int first, int steep)
{
    fixture f = {.steep = steep};
    family_sparse_lmi(&f.fam, 20, 32);
    setup_group(&f, 0.7);
    set_phases(&f, first);
    apart a = apart_open(f.g, 0);
    const int32_t others = a.plan->others;
    double *S = new_lanes((int64_t)others * others);
    nonzeros_factor(f.g, &a);
    memcpy(S, a.S, (size_t)others * (size_t)others * LANES * sizeof *S);
    a.E = new_lanes((int64_t)others * a.size);
    lmi_factor(f.g, &a);
    for (int lane = 0; lane < LANES; lane++)
        for (int32_t i = 0; i < others; i++)
            for (int32_t j = 0; j <= i; j++) {
                const double size =
                    sqrt(at(a.S, i * others + i, lane) * at(a.S, j * others + j, lane));
                const double by_rows = at(a.S, i * others + j, lane);
                CHECK_CLOSE(at(S, i * others + j, lane), by_rows, 1e-13 * size);
            }
    qc__aligned_free(a.E);
    qc__aligned_free(S);
    teardown(&f);
}

static void nonzeros_leave_what_rows_do(void **state)
{
    (void)state;
    for (int first = START; first < PHASES; first++)
        for (int steep = 0; steep < 2; steep++)
            compare_ways(first, steep);
}

/* H^-1 of a sum of matrices, from their entries and from its vector. */
static void sums_by_entries_are_those_of_vectors(void **state)
{
    (void)state;
    for (int first = START; first < PHASES; first++) {
        fixture f = {0};
        family_sparse_lmi(&f.fam, 20, 32);
        setup_group(&f, 0.7);
        set_phases(&f, first);
        const apart a = apart_open(f.g, 0);
        const pair r = f.g->rhs[0];
        nonzeros_factor(f.g, &a);
        random_pair(&f, r);
        set_all(a.z[0], a.size, 0.0);
        for (int32_t t = 0; t < a.plan->others; t++)
            nonzeros_add(f.g, &a, t, lane_at(r.x, a.plan->other[t]), a.z[0]);
        nonzeros_apply(f.g, &a, (summed){.vector = a.z[0]}, a.z[0]);
        nonzeros_apply(f.g, &a, (summed){.w = r.x}, a.z[1]);
        for (int lane = 0; lane < LANES; lane++)
            for (int32_t i = 0; i < a.size; i++)
                CHECK_CLOSE(at(a.z[1], i, lane), at(a.z[0], i, lane),
                            1e-13 * (1.0 + largest(a.size, a.z[0], lane)));
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
        cmocka_unit_test(by_nonzeros_too),
        cmocka_unit_test(where_quotients_are_clipped),
        cmocka_unit_test(nonzeros_leave_what_rows_do),
        cmocka_unit_test(sums_by_entries_are_those_of_vectors),
        cmocka_unit_test(values_that_cannot_be_apart_are_recognized),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
