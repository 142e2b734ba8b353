// SPDX-License-Identifier: Apache-2.0
/* Derivatives in many directions, and the modes of derivatives, through the API. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "support/families.h"
#include "support/problem.h"
#include "support/random.h"

enum { BATCH = 11, DIRECTIONS = 3, N = 7, M = 9, LENGTH = N * N + N + M * N + M };

typedef struct fixture {
    family fam;
    problems p;
    engine e;
    answers a;
    double cotangent[BATCH * DIRECTIONS * N];
    rng r;
} fixture;

static fixture fixture_new(qc_derivative_mode mode, unsigned shared, int condense)
{
    fixture x = {.r = {3}};
    qc_settings settings;
    qc_settings_default(&settings);
    settings.derivative_mode = mode;
    settings.lpgd_tau = 1e-6;
    family_dense(&x.fam, N, 2, M - 2);
    x.fam.f.shared = shared;
    x.fam.f.cones = x.fam.cones;
    x.p = problems_random(&x.fam.f, BATCH, 5);
    x.e = engine_new(&x.fam.f, NULL, condense, BATCH, &settings);
    x.a = answers_new(BATCH, N, M);
    rng_normals(&x.r, x.cotangent, BATCH * DIRECTIONS * N);
    const qc_values values = problems_values(&x.p);
    assert_int_equal(qc_solve(x.e.solver, BATCH, &values, NULL, &x.a.out, NULL), QC_OK);
    for (int k = 0; k < BATCH; k++)
        assert_int_equal(x.a.out.status[k], QC_SOLVED);
    return x;
}

static void fixture_free(fixture *x)
{
    problems_free(&x->p);
    answers_free(&x->a);
    engine_free(&x->e);
}

/* Room for gradients of `count` problems or sums: P, q, A, b one after the other. */
static qc_gradient gradient_in(double *block, int64_t count)
{
    qc_gradient out = {.P = block, .q = block + count * N * N};
    out.A = out.q + count * N;
    out.b = out.A + count * M * N;
    return out;
}

/* Direction d of all problems, [BATCH][N]. */
static void take_direction(const fixture *x, int d, double *out)
{
    for (int k = 0; k < BATCH; k++)
        memcpy(out + k * N, x->cotangent + (k * DIRECTIONS + d) * N, N * sizeof *out);
}

static void check_bits(const double *a, const double *b, size_t count)
{
    assert_memory_equal(a, b, count * sizeof *a);
}

/* Each direction of qc_vjp_many has the bits of qc_vjp. */
static void many_directions_are_each_direction(void **state)
{
    (void)state;
    const qc_derivative_mode modes[] = {QC_MODE_EXACT, QC_MODE_LSMR, QC_MODE_SMOOTHED,
                                        QC_MODE_LPGD};
    double *all = malloc(sizeof(double) * BATCH * DIRECTIONS * LENGTH);
    double *one = malloc(sizeof(double) * BATCH * LENGTH);
    double residual[BATCH * DIRECTIONS], dx[BATCH * N];
    int32_t how[BATCH * DIRECTIONS];
    for (int k = 0; k < 8; k++) {
        fixture x = fixture_new(modes[k / 2], 0, k % 2);
        const qc_many many = {0, BATCH, DIRECTIONS, 0};
        qc_gradient out = gradient_in(all, BATCH * DIRECTIONS), single = gradient_in(one, BATCH);
        out.status = how;
        out.residual = residual;
        const qc_cotangent in = {.x = x.cotangent}, part = {.x = dx};
        assert_int_equal(qc_vjp_many(x.e.solver, &many, &in, &out, NULL), QC_OK);
        for (int d = 0; d < DIRECTIONS; d++) {
            take_direction(&x, d, dx);
            assert_int_equal(qc_vjp(x.e.solver, &part, &single, NULL), QC_OK);
            for (int j = 0; j < BATCH; j++) {
                const int at = j * DIRECTIONS + d;
                check_bits(out.P + at * N * N, single.P + j * N * N, N * N);
                check_bits(out.q + at * N, single.q + j * N, N);
                check_bits(out.A + at * M * N, single.A + j * M * N, M * N);
                check_bits(out.b + at * M, single.b + j * M, M);
                assert_int_equal(how[at], k < 4 ? QC_DERIVATIVE_EXACT : QC_DERIVATIVE_APPROXIMATE);
            }
        }
        fixture_free(&x);
    }
    free(all);
    free(one);
}

/* Of some problems only; what they share is summed over these, or kept apart. */
static void some_problems_of_a_batch(void **state)
{
    (void)state;
    enum { FIRST = 4, COUNT = 5 };
    fixture x = fixture_new(QC_MODE_EXACT, QC_SHARED_P | QC_SHARED_A | QC_SHARED_Q, -1);
    double apart[COUNT * DIRECTIONS * N], together[DIRECTIONS * N];
    const qc_cotangent in = {.x = x.cotangent};
    const qc_gradient out = {.q = apart}, sums = {.q = together};
    const qc_many own = {FIRST, COUNT, DIRECTIONS, 1}, summed = {FIRST, COUNT, DIRECTIONS, 0};
    assert_int_equal(qc_vjp_many(x.e.solver, &own, &in, &out, NULL), QC_OK);
    assert_int_equal(qc_vjp_many(x.e.solver, &summed, &in, &sums, NULL), QC_OK);
    for (int d = 0; d < DIRECTIONS; d++)
        for (int j = 0; j < N; j++) {
            double sum = 0.0;
            for (int k = 0; k < COUNT; k++)
                sum += apart[(k * DIRECTIONS + d) * N + j];
            CHECK_CLOSE(together[d * N + j], sum, 1e-12 * (1.0 + fabs(sum)));
        }
    /* A direction of tangents: <dx, J dq> = <J'dx, dq>. */
    double dq[COUNT * DIRECTIONS * N], dx[COUNT * DIRECTIONS * N];
    rng_normals(&x.r, dq, COUNT * DIRECTIONS * N);
    const qc_values tangent = {.q = dq};
    const qc_tangent moved = {.x = dx};
    assert_int_equal(qc_jvp_many(x.e.solver, &own, &tangent, &moved, NULL), QC_OK);
    for (int k = 0; k < COUNT * DIRECTIONS; k++) {
        double left = 0.0, right = 0.0;
        for (int j = 0; j < N; j++) {
            left += x.cotangent[k * N + j] * dx[k * N + j];
            right += apart[k * N + j] * dq[k * N + j];
        }
        CHECK_CLOSE(left, right, 1e-10 * (1.0 + fabs(left)));
    }
    fixture_free(&x);
}

static void calls_are_checked(void **state)
{
    (void)state;
    fixture x = fixture_new(QC_MODE_EXACT, 0, -1);
    const qc_cotangent in = {.x = x.cotangent};
    const qc_gradient out = {0};
    const qc_many wrong[] = {
        {-1, 1, 1, 0}, {BATCH, 1, 1, 0}, {0, 0, 1, 0}, {1, BATCH, 1, 0}, {0, 1, 0, 0}};
    const char *text[] = {"many.first", "many.first", "many.count", "many.count",
                          "many.directions"};
    qc_message why;
    for (int k = 0; k < 5; k++) {
        assert_int_equal(qc_vjp_many(x.e.solver, &wrong[k], &in, &out, &why), QC_ERROR_ARGUMENT);
        assert_non_null(strstr(why.text, text[k]));
    }
    assert_int_equal(qc_vjp_many(x.e.solver, NULL, &in, &out, &why), QC_ERROR_ARGUMENT);
    qc_settings settings;
    qc_settings_default(&settings);
    settings.derivative_mode = QC_MODE_LPGD; /* the solver has no memory for it */
    assert_int_equal(qc_solver_set(x.e.solver, &settings, &why), QC_ERROR_ARGUMENT);
    assert_non_null(strstr(why.text, "derivative_mode"));
    settings.derivative_mode = (qc_derivative_mode)7;
    assert_int_equal(qc_solver_set(x.e.solver, &settings, &why), QC_ERROR_ARGUMENT);
    settings.derivative_mode = QC_MODE_SMOOTHED;
    settings.smoothing = 0.0;
    assert_int_equal(qc_solver_set(x.e.solver, &settings, &why), QC_ERROR_ARGUMENT);
    assert_non_null(strstr(why.text, "smoothing"));
    fixture_free(&x);
}

/* What a solve in a mode of LPGD keeps does not serve the others, and the other way round. */
static void modes_do_not_mix_behind_a_solve(void **state)
{
    (void)state;
    fixture x = fixture_new(QC_MODE_LPGD, 0, -1);
    const qc_cotangent in = {.x = x.cotangent};
    const qc_gradient out = {0};
    qc_message why;
    qc_settings settings;
    qc_settings_default(&settings);
    assert_int_equal(qc_vjp(x.e.solver, &in, &out, &why), QC_OK);
    assert_int_equal(qc_solver_set(x.e.solver, &settings, &why), QC_OK);
    assert_int_equal(qc_vjp(x.e.solver, &in, &out, &why), QC_ERROR_ORDER);
    assert_non_null(strstr(why.text, "LPGD"));
    settings.derivative_mode = QC_MODE_LSQR; /* any of the others may follow any of them */
    const qc_values values = problems_values(&x.p);
    assert_int_equal(qc_solver_set(x.e.solver, &settings, &why), QC_OK);
    assert_int_equal(qc_solve(x.e.solver, BATCH, &values, NULL, NULL, NULL), QC_OK);
    settings.derivative_mode = QC_MODE_EXACT;
    assert_int_equal(qc_solver_set(x.e.solver, &settings, &why), QC_OK);
    assert_int_equal(qc_vjp(x.e.solver, &in, &out, &why), QC_OK);
    fixture_free(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_directions_are_each_direction),
        cmocka_unit_test(some_problems_of_a_batch),
        cmocka_unit_test(calls_are_checked),
        cmocka_unit_test(modes_do_not_mix_behind_a_solve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
