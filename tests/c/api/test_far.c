// SPDX-License-Identifier: Apache-2.0
/* Inequalities whose b is huge or infinite: they are as if absent, unless a solution needs them. */
#include <math.h>
#include <string.h>

#include "support/check.h"
#include "support/families.h"
#include "support/problem.h"

enum { N = 6, ZERO = 2, NEAR = 5, FAR = 4, FEW = ZERO + NEAR, M = FEW + FAR, BATCH = 11 };

/* The same problems with rows [FEW, M) and without. */
typedef struct both {
    family of_all, of_few;
    problems all, few;
} both;

static void make(both *p)
{
    static const double bounds[] = {1e8, 1e12, 1e20, 1e300, INFINITY};
    family_dense(&p->of_all, N, ZERO, NEAR + FAR);
    p->all = problems_random(&p->of_all.f, BATCH, 5);
    family_dense(&p->of_few, N, ZERO, NEAR);
    p->few = problems_random(&p->of_few.f, BATCH, 5);
    for (int k = 0; k < BATCH; k++) {
        memcpy(p->few.P + k * N * N, p->all.P + k * N * N, N * N * sizeof(double));
        memcpy(p->few.q + k * N, p->all.q + k * N, N * sizeof(double));
        memcpy(p->few.A + k * FEW * N, p->all.A + k * M * N, FEW * N * sizeof(double));
        memcpy(p->few.b + k * FEW, p->all.b + k * M, FEW * sizeof(double));
        for (int i = 0; k % 3 && i < FAR; i++) /* and some problems have none */
            p->all.b[k * M + FEW + i] = bounds[(k + i) % 5];
    }
}

static void free_both(both *p)
{
    problems_free(&p->all);
    problems_free(&p->few);
}

static answers solve_all(const problems *p, int condense)
{
    const qc_values values = problems_values(p);
    engine e = engine_new(&p->f, NULL, condense, p->batch, NULL);
    answers a = answers_new(p->batch, p->n, p->m);
    assert_int_equal(qc_solve(e.solver, p->batch, &values, NULL, &a.out, NULL), QC_OK);
    engine_free(&e);
    return a;
}

/* y = 0 and s = b - A x, in the rows that are far. */
static void check_far(const problems *p, int k, const double *x, const double *y, const double *s)
{
    for (int i = FEW; i < M; i++) {
        double rest = p->b[k * M + i];
        for (int j = 0; j < N; j++)
            rest -= p->A[(k * M + i) * N + j] * x[j];
        assert_true(y[i] == 0.0);
        assert_true(isinf(rest) ? s[i] == rest : fabs(s[i] - rest) <= 1e-15 * rest);
    }
}

static void far_rows_are_as_if_absent(void **unused)
{
    (void)unused;
    both p;
    make(&p);
    for (int condense = 0; condense <= 1; condense++) {
        answers a = solve_all(&p.all, condense), b = solve_all(&p.few, condense);
        for (int k = 0; k < BATCH; k++) {
            const double *x = a.out.x + k * N, *y = a.out.y + k * M, *s = a.out.s + k * M;
            assert_int_equal(a.out.status[k], QC_SOLVED);
            if (k % 3 == 0)
                continue;
            check_far(&p.all, k, x, y, s);
            assert_int_equal(a.out.iterations[k], b.out.iterations[k]);
            for (int j = 0; j < N; j++)
                CHECK_CLOSE(x[j], b.out.x[k * N + j], 1e-11);
            for (int i = 0; i < FEW; i++) {
                CHECK_CLOSE(y[i], b.out.y[k * FEW + i], 1e-10);
                CHECK_CLOSE(s[i], b.out.s[k * FEW + i], 1e-10);
            }
            CHECK_CLOSE(a.out.margin[k], b.out.margin[k], 1e-10);
            assert_true(a.out.primal_residual[k] < 1e-10); /* of the others */
        }
        answers_free(&a);
        answers_free(&b);
    }
    free_both(&p);
}

/* Beside others or alone, where it is solved along rows. */
static void far_rows_of_neighbours_change_no_bit(void **unused)
{
    (void)unused;
    both p;
    make(&p);
    for (int condense = 0; condense <= 1; condense++) {
        answers a = solve_all(&p.all, condense), one = answers_new(1, N, M);
        engine e = engine_new(&p.all.f, NULL, condense, 1, NULL);
        for (int k = 0; k < BATCH; k++) {
            const qc_values values = problems_at(&p.all, k);
            assert_int_equal(qc_solve(e.solver, 1, &values, NULL, &one.out, NULL), QC_OK);
            assert_memory_equal(one.out.x, a.out.x + k * N, N * sizeof(double));
            assert_memory_equal(one.out.y, a.out.y + k * M, M * sizeof(double));
            assert_memory_equal(one.out.s, a.out.s + k * M, M * sizeof(double));
        }
        engine_free(&e);
        answers_free(&a);
        answers_free(&one);
    }
    free_both(&p);
}

/* One variable, rows of ones: `zero` equalities, then inequalities. */
typedef struct small {
    double P, q, b[3];
    int zero;
} small;

/* Returns the status; x, and y and s of all rows. */
static int solve_small(const small *p, double *x, double y[3], double s[3])
{
    const double A[] = {1.0, 1.0, 1.0};
    const qc_values values = {.P = &p->P, .q = &p->q, .A = A, .b = p->b};
    family fam;
    answers a = answers_new(1, 1, 3);
    family_dense(&fam, 1, p->zero, 3 - p->zero);
    engine e = engine_new(&fam.f, NULL, 0, 1, NULL);
    assert_int_equal(qc_solve(e.solver, 1, &values, NULL, &a.out, NULL), QC_OK);
    const int status = a.out.status[0];
    *x = a.out.x[0];
    memcpy(y, a.out.y, 3 * sizeof(double));
    memcpy(s, a.out.s, 3 * sizeof(double));
    engine_free(&e);
    answers_free(&a);
    return status;
}

static void a_far_row_binds_where_the_solution_needs_it(void **unused)
{
    (void)unused;
    double x, y[3], s[3];
    const small quadratic = {.P = 1.0, .q = -1e11, .b = {1e9, 1e10, 1e21}};
    assert_int_equal(solve_small(&quadratic, &x, y, s), QC_SOLVED);
    CHECK_CLOSE(x, 1e9, 1e-3);
    CHECK_CLOSE(y[0], 99e9, 1e-3);
    assert_true(y[1] == 0.0 && y[2] == 0.0);
    const small linear = {.P = 0.0, .q = -1.0, .b = {1e8, 1e9, INFINITY}};
    assert_int_equal(solve_small(&linear, &x, y, s), QC_SOLVED);
    CHECK_CLOSE(x, 1e8, 1e-2);
    CHECK_CLOSE(y[0], 1.0, 1e-8);
}

static void no_bound_is_none(void **unused)
{
    (void)unused;
    double x, y[3], s[3];
    const small linear = {.P = 0.0, .q = -1.0, .b = {1e20, 1e30, INFINITY}};
    assert_int_equal(solve_small(&linear, &x, y, s), QC_DUAL_INFEASIBLE);
    for (int i = 0; i < 3; i++)
        CHECK_CLOSE(s[i], -x, 1e-12); /* a direction, that no row forbids */
    const small apart = {.P = 1.0, .q = 0.0, .b = {1.0, 2.0, INFINITY}, .zero = 2};
    assert_int_equal(solve_small(&apart, &x, y, s), QC_PRIMAL_INFEASIBLE);
    assert_true(y[2] == 0.0);
}

/* The residuals of the equalities are not measured by a b that nothing feels. */
static void equalities_that_disagree_have_no_solution_beside_a_far_row(void **unused)
{
    (void)unused;
    double x, y[3], s[3];
    const small apart = {.P = 1e-3, .q = 0.0, .b = {1.0, 1.001, 1e19}, .zero = 2};
    assert_int_equal(solve_small(&apart, &x, y, s), QC_PRIMAL_INFEASIBLE);
}

static void infinity_is_an_error_elsewhere(void **unused)
{
    (void)unused;
    double x, y[3], s[3];
    const small bad[] = {{.P = 1.0, .b = {INFINITY, 1.0, 1.0}, .zero = 1},
                         {.P = 1.0, .b = {1.0, -INFINITY, 1.0}, .zero = 1},
                         {.P = 1.0, .b = {1.0, INFINITY, NAN}, .zero = 1}};
    for (int k = 0; k < 3; k++) {
        assert_int_equal(solve_small(&bad[k], &x, y, s), QC_B_NOT_FINITE);
        assert_true(isnan(x) && isnan(y[1]) && isnan(s[1]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(far_rows_are_as_if_absent),
        cmocka_unit_test(far_rows_of_neighbours_change_no_bit),
        cmocka_unit_test(a_far_row_binds_where_the_solution_needs_it),
        cmocka_unit_test(no_bound_is_none),
        cmocka_unit_test(equalities_that_disagree_have_no_solution_beside_a_far_row),
        cmocka_unit_test(infinity_is_an_error_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
