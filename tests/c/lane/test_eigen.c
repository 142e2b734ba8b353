// SPDX-License-Identifier: Apache-2.0
#include "lane/eigen.h"

#include "symmetric.h"

static void check_decomposition(int32_t k, double A[ORDER][ORDER], const double *Z, const double *l,
                                int lane)
{
    double norm = 0.0, AZ[ORDER][ORDER], Zt[ORDER][ORDER];
    for (int32_t i = 0; i < k; i++)
        for (int32_t j = 0; j < k; j++) {
            norm = fmax(norm, fabs(A[i][j]));
            Zt[j][i] = at(Z, i * k + j, lane);
        }
    multiply(k, A, Zt, AZ);
    for (int32_t i = 0; i < k; i++)
        for (int32_t j = 0; j < k; j++) {
            double unit = 0.0;
            for (int32_t t = 0; t < k; t++)
                unit += Zt[t][i] * Zt[t][j];
            CHECK_CLOSE(unit, i == j, 1e-14);
            CHECK_CLOSE(AZ[i][j], Zt[i][j] * at(l, j, lane), 2e-15 * k * norm);
        }
}

static void decomposes_all_kinds(void **unused)
{
    (void)unused;
    for (int o = 0; o < ORDER_COUNT; o++) {
        const int32_t k = orders[o];
        rng r = {(uint64_t)k};
        double *v = new_lanes(k * (k + 1) / 2), *A = new_lanes(k * k), *Z = new_lanes(k * k);
        double *l = new_lanes(k), *values = new_lanes(k), *work = new_lanes(EIGEN_WORK * k);
        for (int kind = 0; kind < KINDS; kind++) {
            for (int lane = 0; lane < LANES; lane++)
                hard_matrix(&r, k, (kind + lane) % KINDS, lane, v);
            svec_unpack(k, v, A);
            eigen_decompose(k, A, values, NULL, work);
            svec_unpack(k, v, A);
            eigen_decompose(k, A, l, Z, work);
            for (int lane = 0; lane < LANES; lane++) {
                double M[ORDER][ORDER];
                to_matrix(k, v, lane, M);
                check_decomposition(k, M, Z, l, lane);
                for (int32_t i = 0; i < k; i++)
                    assert_true(at(l, i, lane) == at(values, i, lane));
            }
        }
        double *all[] = {v, A, Z, l, values, work};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            qc__aligned_free(all[i]);
    }
}

/* The smallest eigenvalue comes from below, also where it is multiple. */
static void finds_the_smallest(void **unused)
{
    (void)unused;
    for (int o = 0; o < ORDER_COUNT; o++) {
        const int32_t k = orders[o];
        rng r = {(uint64_t)k};
        double *v = new_lanes(k * (k + 1) / 2), *A = new_lanes(k * k), *l = new_lanes(k);
        double *d = new_lanes(k), *work = new_lanes(EIGEN_WORK * k);
        double found[LANES] __attribute__((aligned(64)));
        for (int kind = 0; kind < KINDS; kind++) {
            for (int lane = 0; lane < LANES; lane++)
                hard_matrix(&r, k, kind == HUGE_ONE || kind == TINY ? RANDOM : kind, lane, v);
            svec_unpack(k, v, A);
            eigen_decompose(k, A, l, NULL, work);
            svec_unpack(k, v, A);
            tridiagonalize(k, A, d, work, work + k * LANES, work + 2 * k * LANES);
            lane_store(found, eigen_smallest(k, d, work));
            for (int lane = 0; lane < LANES; lane++) {
                double least = INFINITY, top = 0.0;
                for (int32_t i = 0; i < k; i++) {
                    least = fmin(least, at(l, i, lane));
                    top = fmax(top, fabs(at(l, i, lane)));
                }
                CHECK_CLOSE(found[lane], least, 1e-6 * top);
                assert_true(found[lane] <= least + 1e-14 * top);
            }
        }
        double *all[] = {v, A, l, d, work};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            qc__aligned_free(all[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decomposes_all_kinds),
        cmocka_unit_test(finds_the_smallest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
