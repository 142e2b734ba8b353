// SPDX-License-Identifier: Apache-2.0
#include "psd_fixture.h"

static void start_is_central(void **unused)
{
    (void)unused;
    EACH_ORDER(f)
    {
        const double root = 0.3;
        psd_start(&f.c, f.v, lane_set1(root), f.s, f.y, f.state);
        for (int lane = 0; lane < LANES; lane++) {
            double S[ORDER][ORDER], Y[ORDER][ORDER], SY[ORDER][ORDER];
            to_matrix(f.k, f.s, lane, S);
            to_matrix(f.k, f.y, lane, Y);
            multiply(f.k, S, Y, SY);
            for (int64_t i = 0; i < f.rows; i++)
                CHECK_CLOSE(at(f.s, i, lane) - at(f.y, i, lane), at(f.v, i, lane), 1e-13);
            for (int32_t i = 0; i < f.k; i++)
                for (int32_t j = 0; j < f.k; j++)
                    CHECK_CLOSE(SY[i][j], i == j ? root * root : 0.0, 1e-13);
        }
        for (int64_t i = 0; i < (int64_t)f.rows * LANES; i++)
            f.ds[i] = f.dy[i] = 0.0;
        interior(&f); /* on the central path there is nothing to correct */
        psd_corrector(&f.c, f.state, f.s, f.y, f.ds, f.dy, lane_set1(root * root), mask_none(),
                      f.out);
        for (int64_t i = 0; i < (int64_t)f.rows * LANES; i++)
            CHECK_CLOSE(f.out[i], 0.0, 1e-12);
    }
}

/* Without the second-order term, r = s - sigma mu Y^-1. */
static void plain_corrector_is_that_of_the_barrier(void **unused)
{
    (void)unused;
    EACH_ORDER(f)
    {
        const double mu = 0.2;
        interior(&f);
        psd_corrector(&f.c, f.state, f.s, f.y, f.ds, f.dy, lane_set1(mu), mask_all(),
                      f.ds); /* r may be ds */
        for (int lane = 0; lane < LANES; lane++) {
            double M[ORDER][ORDER], Y[ORDER][ORDER], MY[ORDER][ORDER];
            for (int64_t i = 0; i < f.rows; i++)
                f.out[i * LANES + lane] = at(f.s, i, lane) - at(f.ds, i, lane);
            to_matrix(f.k, f.out, lane, M);
            to_matrix(f.k, f.y, lane, Y);
            multiply(f.k, M, Y, MY);
            for (int32_t i = 0; i < f.k; i++)
                for (int32_t j = 0; j < f.k; j++)
                    CHECK_CLOSE(MY[i][j], i == j ? mu : 0.0, 1e-11);
        }
    }
}

/*
 * With X = R^-1 (r - r_plain) R^-T,  lambda X + X lambda = A B + B A, A and B the scaled steps.  Times R from
 * the left and R' from the right, and with R lambda R' = S:  S G^-1 Z + Z G^-1 S = dS dY G + G dY dS, where
 * Z = r - r_plain and G = R R' solves G Y G = S.
 */
static void corrector_solves_the_lyapunov_equation(void **unused)
{
    (void)unused;
    EACH_ORDER(f)
    {
        double *plain = new_lanes(f.rows);
        interior(&f);
        psd_corrector(&f.c, f.state, f.s, f.y, f.ds, f.dy, lane_set1(0.1), mask_all(), plain);
        psd_corrector(&f.c, f.state, f.s, f.y, f.ds, f.dy, lane_set1(0.1), mask_none(), f.out);
        for (int64_t i = 0; i < (int64_t)f.rows * LANES; i++)
            f.out[i] -= plain[i];
        const psd_state p = psd_open(f.k, f.state);
        for (int lane = 0; lane < LANES; lane++) {
            double G[ORDER][ORDER], Z[ORDER][ORDER], S[ORDER][ORDER], Y[ORDER][ORDER];
            double dS[ORDER][ORDER], dY[ORDER][ORDER], left[ORDER][ORDER], right[ORDER][ORDER];
            double T[ORDER][ORDER], U[ORDER][ORDER];
            for (int32_t i = 0; i < f.k; i++)
                for (int32_t j = 0; j < f.k; j++)
                    T[i][j] = at(p.T, i * f.k + j, lane);
            for (int32_t i = 0; i < f.k; i++)
                for (int32_t j = 0; j < f.k; j++)
                    U[j][i] = T[i][j];
            multiply(f.k, T, U, G);
            to_matrix(f.k, f.out, lane, Z);
            to_matrix(f.k, f.s, lane, S);
            to_matrix(f.k, f.y, lane, Y);
            to_matrix(f.k, f.ds, lane, dS);
            to_matrix(f.k, f.dy, lane, dY);
            multiply(f.k, G, Y, T); /* S G^-1 = G Y */
            multiply(f.k, T, Z, left);
            multiply(f.k, dS, dY, T);
            multiply(f.k, T, G, right);
            for (int32_t i = 0; i < f.k; i++)
                for (int32_t j = 0; j < f.k; j++)
                    CHECK_CLOSE(left[i][j] + left[j][i], right[i][j] + right[j][i], 1e-10);
        }
        qc__aligned_free(plain);
    }
}

/* The smallest eigenvalues of s + a ds and y + a dy, into (s, y). */
static double smallest_after(fixture *f, const double *v, const double *dv, const double *a,
                             int lane)
{
    double *A = new_lanes(f->k * f->k), *l = new_lanes(f->k), *work = new_lanes(EIGEN_WORK * f->k);
    double least = INFINITY;
    for (int64_t i = 0; i < (int64_t)f->rows * LANES; i++)
        f->out[i] = v[i] + a[i % LANES] * dv[i];
    svec_unpack(f->k, f->out, A);
    eigen_decompose(f->k, A, l, NULL, work);
    for (int32_t i = 0; i < f->k; i++)
        least = fmin(least, at(l, i, lane));
    double *all[] = {A, l, work};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        qc__aligned_free(all[i]);
    return least;
}

static void step_ends_on_the_boundary(void **unused)
{
    (void)unused;
    EACH_ORDER(f)
    for (int kind = 0; kind < KINDS; kind++) {
        double step[LANES] __attribute__((aligned(64)));
        for (int lane = 0; lane < LANES; lane++)
            hard_matrix(&f.r, f.k, (kind + lane) % KINDS, lane, kind % 2 ? f.ds : f.dy);
        interior(&f);
        lane_store(step, psd_step(&f.c, f.state, f.s, f.y, f.ds, f.dy, lane_set1(1.0)));
        for (int lane = 0; lane < LANES; lane++) {
            const double s = smallest_after(&f, f.s, f.ds, step, lane);
            const double y = smallest_after(&f, f.y, f.dy, step, lane);
            assert_true(step[lane] >= 0.0 && step[lane] <= 1.0);
            assert_true(fmin(s, y) >= -1e-11);
            if (step[lane] < 1.0)
                CHECK_CLOSE(fmin(s, y), 0.0, 1e-6);
        }
    }
}

/* Near the end of an interior point S and Y are nearly singular, and their product is small. */
static void scaling_holds_near_the_boundary(void **unused)
{
    (void)unused;
    EACH_ORDER(f)
    {
        const double mu = 1e-10;
        psd_start(&f.c, f.v, lane_set1(sqrt(mu)), f.s, f.y, f.state);
        interior(&f);
        psd_multiply_H(&f.c, f.state, f.y, f.out);
        for (int lane = 0; lane < LANES; lane++)
            for (int64_t i = 0; i < f.rows; i++) /* |H| is 1 / mu */
                CHECK_CLOSE(at(f.out, i, lane), at(f.s, i, lane), 1e-15 / mu);
        const psd_state p = psd_open(f.k, f.state);
        for (int lane = 0; lane < LANES; lane++)
            for (int32_t i = 0; i < f.k; i++)
                CHECK_CLOSE(at(p.lambda, i, lane), sqrt(mu), 1e-15 / mu * sqrt(mu));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_is_central),
        cmocka_unit_test(plain_corrector_is_that_of_the_barrier),
        cmocka_unit_test(corrector_solves_the_lyapunov_equation),
        cmocka_unit_test(step_ends_on_the_boundary),
        cmocka_unit_test(scaling_holds_near_the_boundary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
