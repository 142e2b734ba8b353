// SPDX-License-Identifier: Apache-2.0
/* Problems without a solution: what is said of each, and that the others of the batch do not notice. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "support/families.h"
#include "support/problem.h"

enum { N = 6, ZERO = 1, NONNEG = 8, M = ZERO + NONNEG, BATCH = 9, SICK = 4 };

typedef struct fixture {
    problems p;
    qc_values values;
    answers a, healthy;
    engine e;
} fixture;

static int condensing; /* what the tests of this file run with */

static int set_up(void **state)
{
    static fixture x;
    family fam;
    family_dense(&fam, N, ZERO, NONNEG);
    x.p = problems_random(&fam.f, BATCH, 21);
    x.values = problems_values(&x.p);
    x.a = answers_new(BATCH, N, M);
    x.healthy = answers_new(BATCH, N, M);
    x.e = engine_new(&fam.f, NULL, condensing, BATCH, NULL);
    assert_int_equal(qc_solve(x.e.solver, BATCH, &x.values, NULL, &x.healthy.out, NULL), QC_OK);
    *state = &x;
    return 0;
}

static int tear_down(void **state)
{
    fixture *x = *state;
    problems_free(&x->p);
    answers_free(&x->a);
    answers_free(&x->healthy);
    engine_free(&x->e);
    return 0;
}

static int all_nan(const double *v, int count)
{
    int result = 1;
    for (int k = 0; k < count; k++)
        result &= isnan(v[k]) != 0;
    return result;
}

/* Solves with problem SICK spoilt; returns its status. The others must be what they were, bit by bit. */
static int solve_spoilt(fixture *x)
{
    assert_int_equal(qc_solve(x->e.solver, BATCH, &x->values, NULL, &x->a.out, NULL), QC_OK);
    for (int k = 0; k < BATCH; k++) {
        if (k == SICK)
            continue;
        assert_int_equal(x->a.out.status[k], QC_SOLVED);
        assert_memory_equal(x->a.out.x + k * N, x->healthy.out.x + k * N, N * sizeof(double));
        assert_memory_equal(x->a.out.y + k * M, x->healthy.out.y + k * M, M * sizeof(double));
    }
    return x->a.out.status[SICK];
}

static void check_nothing(const fixture *x)
{
    assert_true(all_nan(x->a.out.x + SICK * N, N));
    assert_true(all_nan(x->a.out.y + SICK * M, M));
    assert_true(all_nan(x->a.out.s + SICK * M, M));
}

static void values_that_are_not_finite(void **state)
{
    fixture *x = *state;
    double *const place[] = {&x->p.P[SICK * N * N + 3 * N + 3], &x->p.q[SICK * N + 2],
                             &x->p.A[SICK * M * N + 5], &x->p.b[SICK * M]};
    const int status[] = {QC_P_NOT_FINITE, QC_Q_NOT_FINITE, QC_A_NOT_FINITE, QC_B_NOT_FINITE};
    const double bad[] = {NAN, INFINITY, -INFINITY};
    for (int k = 0; k < 4; k++)
        for (int j = 0; j < 3; j++) {
            const double before = *place[k];
            *place[k] = bad[j];
            assert_int_equal(solve_spoilt(x), status[k]);
            check_nothing(x);
            *place[k] = before;
        }
}

static void a_P_that_is_not_symmetric(void **state)
{
    fixture *x = *state;
    x->p.P[SICK * N * N + 1] += 0.1;
    assert_int_equal(solve_spoilt(x), QC_P_NOT_SYMMETRIC);
    check_nothing(x);
}

/* Rounding in single precision is none of the caller's faults: x'Px knows the symmetric part alone. */
static void a_P_that_is_symmetric_up_to_rounding(void **state)
{
    fixture *x = *state;
    double *upper = &x->p.P[SICK * N * N + 1], *lower = &x->p.P[SICK * N * N + N];
    const double gap = 1e-6 * fabs(*x->p.P);
    const double *expected = x->healthy.out.x + SICK * N, *found = x->a.out.x + SICK * N;
    *upper += gap;
    *lower -= gap;
    assert_int_equal(solve_spoilt(x), QC_SOLVED);
    for (int k = 0; k < N; k++)
        assert_float_equal(found[k], expected[k], 1e-10);
}

static void a_P_that_is_not_convex(void **state)
{
    fixture *x = *state;
    x->p.P[SICK * N * N + 2 * N + 2] = -1.0;
    assert_int_equal(solve_spoilt(x), QC_P_NOT_CONVEX);
    check_nothing(x);
}

/* Rows 1 and 2 say a'x <= -1 and -a'x <= -1. */
static void no_point_is_feasible(void **state)
{
    fixture *x = *state;
    double *A = x->p.A + SICK * M * N, *b = x->p.b + SICK * M;
    for (int j = 0; j < N; j++)
        A[2 * N + j] = -A[N + j];
    b[1] = b[2] = -1.0;
    assert_int_equal(solve_spoilt(x), QC_PRIMAL_INFEASIBLE);
    assert_true(all_nan(x->a.out.x + SICK * N, N));
    assert_true(all_nan(x->a.out.s + SICK * M, M));
    const double *y = x->a.out.y + SICK * M;
    double by = 0.0;
    for (int i = 0; i < M; i++) {
        by += b[i] * y[i];
        assert_true(i < ZERO || y[i] >= 0.0);
    }
    CHECK_CLOSE(by, -1.0, 1e-12);
    for (int j = 0; j < N; j++) {
        double Ay = 0.0;
        for (int i = 0; i < M; i++)
            Ay += A[i * N + j] * y[i];
        CHECK_CLOSE(Ay, 0.0, 1e-7);
    }
}

/* x_0 has no curvature, a cost, and no constraint that holds it. */
static void the_objective_is_unbounded(void **state)
{
    fixture *x = *state;
    double *P = x->p.P + SICK * N * N, *A = x->p.A + SICK * M * N, *q = x->p.q + SICK * N;
    for (int j = 0; j < N; j++)
        P[j] = P[j * N] = 0.0;
    for (int i = 0; i < M; i++)
        A[i * N] = i == 3 ? -1.0 : 0.0;
    q[0] = -1.0;
    assert_int_equal(solve_spoilt(x), QC_DUAL_INFEASIBLE);
    assert_true(all_nan(x->a.out.y + SICK * M, M));
    const double *v = x->a.out.x + SICK * N, *s = x->a.out.s + SICK * M;
    double qx = 0.0;
    for (int j = 0; j < N; j++) {
        double Px = 0.0;
        for (int i = 0; i < N; i++)
            Px += P[j * N + i] * v[i];
        qx += q[j] * v[j];
        CHECK_CLOSE(Px, 0.0, 1e-7);
    }
    CHECK_CLOSE(qx, -1.0, 1e-12);
    for (int i = 0; i < M; i++) {
        double Av = s[i];
        for (int j = 0; j < N; j++)
            Av += A[i * N + j] * v[j];
        CHECK_CLOSE(Av, 0.0, 1e-7);
        assert_true(i < ZERO ? s[i] == 0.0 : s[i] >= 0.0);
    }
}

static void too_few_iterations(void **state)
{
    fixture *x = *state;
    qc_settings settings;
    qc_settings_default(&settings);
    settings.max_iterations = 1;
    assert_int_equal(qc_solver_set(x->e.solver, &settings, NULL), QC_OK);
    assert_int_equal(qc_solve(x->e.solver, BATCH, &x->values, NULL, &x->a.out, NULL), QC_OK);
    for (int k = 0; k < BATCH; k++)
        assert_int_equal(x->a.out.status[k], QC_MAX_ITERATIONS);
    check_nothing(x);
}

static int stop_at_once(void *context, const qc_progress *progress)
{
    ++*(int *)context;
    return progress->done < progress->batch;
}

/* Problems large enough, and so many, that they last until the callback is asked. */
static void check_interruption(unsigned shared)
{
    enum { MANY = 600, LARGE = 60 };
    family fam;
    family_dense(&fam, LARGE, 0, LARGE);
    fam.f.shared = shared;
    problems p = problems_random(&fam.f, MANY, 5);
    int calls = 0;
    qc_settings settings;
    qc_settings_default(&settings);
    settings.callback = stop_at_once;
    settings.callback_context = &calls;
    engine e = engine_new(&fam.f, "scalar", condensing, MANY, &settings);
    answers a = answers_new(MANY, LARGE, LARGE);
    const qc_values values = problems_values(&p);
    assert_int_equal(qc_solve(e.solver, MANY, &values, NULL, &a.out, NULL), QC_OK);
    assert_int_equal(calls, 1);
    int interrupted = 0;
    for (int k = 0; k < MANY; k++) {
        if (a.out.status[k] == QC_INTERRUPTED) {
            assert_true(all_nan(a.out.x + k * LARGE, LARGE));
            interrupted++;
        } else {
            assert_int_equal(a.out.status[k], QC_SOLVED);
        }
    }
    assert_true(interrupted > 0);
    answers_free(&a);
    problems_free(&p);
    family_free(&fam);
    engine_free(&e);
}

static void the_callback_stops(void **state)
{
    (void)state;
    check_interruption(QC_SHARED_P | QC_SHARED_A);
}

/* Groups that begin after it are not condensed any more. */
static void the_callback_stops_problems_with_P_and_A_of_their_own(void **state)
{
    (void)state;
    check_interruption(0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_that_are_not_finite),
        TEST(a_P_that_is_not_symmetric),
        TEST(a_P_that_is_symmetric_up_to_rounding),
        TEST(a_P_that_is_not_convex),
        TEST(no_point_is_feasible),
        TEST(the_objective_is_unbounded),
        TEST(too_few_iterations),
        cmocka_unit_test(the_callback_stops),
        cmocka_unit_test(the_callback_stops_problems_with_P_and_A_of_their_own),
    };
    int failed = 0;
    for (condensing = 0; condensing <= 1; condensing++)
        failed += cmocka_run_group_tests(tests, NULL, NULL);
    return failed;
}
