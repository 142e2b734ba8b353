// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "psd_fixture.h"

/* ---- projection ------------------------------------------------------------------------------------ */

static void neighbours_do_not_change_bits(void **unused)
{
    (void)unused;
    EACH_ORDER(f)
    {
        double *mixed = new_lanes(f.rows);
        for (int kind = 0; kind < KINDS; kind++) {
            for (int lane = 0; lane < LANES; lane++)
                hard_matrix(&f.r, f.k, (kind + lane) % KINDS, lane, f.v);
            psd_project(&f.c, f.v, mixed, f.state);
            for (int64_t i = 0; i < f.rows; i++)
                for (int lane = 1; lane < LANES; lane++)
                    f.v[i * LANES + lane] = at(f.v, i, 0);
            psd_project(&f.c, f.v, f.out, f.state);
            for (int64_t i = 0; i < f.rows; i++)
                for (int lane = 0; lane < LANES; lane++)
                    assert_memory_equal(&f.out[i * LANES + lane], &mixed[i * LANES],
                                        sizeof(double));
        }
        qc__aligned_free(mixed);
    }
}

static void what_is_not_finite_stays_in_its_lane(void **unused)
{
    (void)unused;
    const double values[] = {NAN, INFINITY, -INFINITY};
    EACH_ORDER(f)
    for (int t = 0; t < 3; t++) {
        double *clean = new_lanes(f.rows);
        psd_project(&f.c, f.v, clean, f.state);
        f.v[(f.rows - 1) * LANES] = values[t];
        psd_project(&f.c, f.v, f.out, f.state);
        for (int64_t i = 0; i < f.rows; i++) {
            assert_true(isnan(at(f.out, i, 0)));
            for (int lane = 1; lane < LANES; lane++)
                assert_true(at(f.out, i, lane) == at(clean, i, lane));
        }
        f.v[(f.rows - 1) * LANES] = 1.0;
        qc__aligned_free(clean);
    }
}

static void projects_by_moreau(void **unused)
{
    (void)unused;
    EACH_ORDER(f)
    for (int kind = 0; kind < KINDS; kind++) {
        for (int lane = 0; lane < LANES; lane++)
            hard_matrix(&f.r, f.k, (kind + lane) % KINDS, lane, f.v);
        psd_project(&f.c, f.v, f.s, f.state);
        for (int64_t i = 0; i < (int64_t)f.rows * LANES; i++)
            f.out[i] = -f.v[i];
        psd_project(&f.c, f.out, f.y, f.state);
        for (int lane = 0; lane < LANES; lane++) {
            const double top = largest(f.rows, f.v, lane), scale = top > 0.0 ? top : 1.0;
            double S[ORDER][ORDER], Y[ORDER][ORDER], SY[ORDER][ORDER];
            to_matrix(f.k, f.s, lane, S);
            to_matrix(f.k, f.y, lane, Y);
            for (int32_t i = 0; i < f.k; i++)
                for (int32_t j = 0; j < f.k; j++)
                    S[i][j] /= scale, Y[i][j] /= scale;
            multiply(f.k, S, Y, SY);
            for (int64_t i = 0; i < f.rows; i++)
                CHECK_CLOSE(at(f.s, i, lane) - at(f.y, i, lane), at(f.v, i, lane), 1e-13 * top);
            for (int32_t i = 0; i < f.k; i++) {
                assert_true(S[i][i] >= 0.0 && Y[i][i] >= 0.0);
                for (int32_t j = 0; j < f.k; j++)
                    CHECK_CLOSE(SY[i][j], 0.0, 1e-13);
            }
        }
    }
}

static void margin_is_the_smallest_eigenvalue(void **unused)
{
    (void)unused;
    EACH_ORDER(f)
    {
        double margins[LANES] __attribute__((aligned(64)));
        for (int lane = 0; lane < LANES; lane++) {
            double l[ORDER];
            for (int32_t i = 0; i < f.k; i++)
                l[i] = (i % 2 ? -1.0 : 1.0) * (0.25 + i);
            compose(&f.r, f.k, l, lane, f.v);
        }
        split(&f);
        lane_store(margins, psd_margin(&f.c, f.state, f.s, f.y));
        for (int lane = 0; lane < LANES; lane++)
            CHECK_CLOSE(margins[lane], 0.25, 1e-14 * ORDER);
    }
}

/* ---- derivative ------------------------------------------------------------------------------------- */

static void derivative_is_that_of_the_projection(void **unused)
{
    (void)unused;
    const double step = 1e-6;
    EACH_ORDER(f)
    {
        double *far = new_lanes(f.rows), *up = new_lanes(f.rows), *down = new_lanes(f.rows);
        newton_at_v(&f, 1.0);
        psd_derivative(&f.c, f.state, f.dy, f.out);
        for (int64_t i = 0; i < (int64_t)f.rows * LANES; i++)
            far[i] = f.v[i] + step * f.dy[i];
        psd_project(&f.c, far, up, f.state);
        for (int64_t i = 0; i < (int64_t)f.rows * LANES; i++)
            far[i] = f.v[i] - step * f.dy[i];
        psd_project(&f.c, far, down, f.state);
        for (int64_t i = 0; i < (int64_t)f.rows * LANES; i++)
            CHECK_CLOSE(f.out[i], (up[i] - down[i]) / (2.0 * step), 1e-6);
        double *all[] = {far, up, down};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            qc__aligned_free(all[i]);
    }
}

/* Also where eigenvalues meet, and where they are zero. */
static void derivative_is_symmetric_and_between_0_and_1(void **unused)
{
    (void)unused;
    EACH_ORDER(f)
    for (int kind = 0; kind < KINDS; kind++) {
        double *other = new_lanes(f.rows);
        for (int lane = 0; lane < LANES; lane++)
            hard_matrix(&f.r, f.k, (kind + lane) % KINDS, lane, f.v);
        newton_at_v(&f, 1.0);
        psd_derivative(&f.c, f.state, f.dy, f.out);
        for (int64_t i = 0; i < (int64_t)f.rows * LANES; i++)
            other[i] = f.ds[i];
        psd_derivative(&f.c, f.state, other, other);
        for (int lane = 0; lane < LANES; lane++) {
            const double size = dot(&f, f.dy, f.dy, lane);
            CHECK_CLOSE(dot(&f, f.ds, f.out, lane), dot(&f, f.dy, other, lane), 1e-13 * size);
            assert_true(dot(&f, f.dy, f.out, lane) >= -1e-13 * size);
            assert_true(dot(&f, f.dy, f.out, lane) <= size * (1.0 + 1e-13));
        }
        qc__aligned_free(other);
    }
}

static void unclipping_is_exact(void **unused)
{
    (void)unused;
    EACH_ORDER(f)
    for (int kind = 0; kind < KINDS; kind++) {
        double *Ddy = new_lanes(f.rows);
        for (int lane = 0; lane < LANES; lane++)
            hard_matrix(&f.r, f.k, (kind + lane) % KINDS, lane, f.v);
        newton_at_v(&f, 2.0);
        psd_unclip(&f.c, f.state, lane_set1(2.0), f.dy, f.ds);
        psd_derivative(&f.c, f.state, f.ds, f.out);
        psd_derivative(&f.c, f.state, f.dy, Ddy);
        for (int lane = 0; lane < LANES; lane++) {
            const double top = largest(f.rows, f.ds, lane) + largest(f.rows, f.dy, lane);
            for (int64_t i = 0; i < f.rows; i++)
                CHECK_CLOSE(at(f.ds, i, lane) - at(f.out, i, lane) + at(Ddy, i, lane), 0.0,
                            1e-13 * top);
        }
        qc__aligned_free(Ddy);
    }
}

/* ---- H ---------------------------------------------------------------------------------------------- */

/* The block of psd_subtract_H times `in`, beside psd_multiply_H. */
static void check_block(fixture *f, const double *in)
{
    const int64_t entries = (int64_t)f->rows * (f->rows + 1) / 2;
    int64_t *place = malloc((size_t)entries * sizeof *place);
    double *panels = new_lanes(entries);
    for (int64_t t = 0; t < entries; t++)
        place[t] = entries - 1 - t;
    psd_multiply_H(&f->c, f->state, in, f->out);
    psd_subtract_H(&f->c, f->state, panels, place);
    for (int lane = 0; lane < LANES; lane++)
        for (int64_t i = 0; i < f->rows; i++) {
            double sum = 0.0, size = 0.0;
            for (int64_t j = 0; j < f->rows; j++) {
                const int64_t t = i > j ? i * (i + 1) / 2 + j : j * (j + 1) / 2 + i;
                sum -= at(panels, place[t], lane) * at(in, j, lane);
                size += fabs(at(panels, place[t], lane) * at(in, j, lane));
            }
            CHECK_CLOSE(at(f->out, i, lane), sum, 1e-12 * size);
        }
    qc__aligned_free(panels);
    free(place);
}

static void scaling_takes_y_to_s(void **unused)
{
    (void)unused;
    EACH_ORDER(f)
    {
        interior(&f);
        psd_multiply_H(&f.c, f.state, f.y, f.out);
        for (int64_t i = 0; i < (int64_t)f.rows * LANES; i++)
            CHECK_CLOSE(f.out[i], f.s[i], 1e-13);
        check_block(&f, f.dy);
    }
}

static void start_is_the_identity(void **unused)
{
    (void)unused;
    EACH_ORDER(f)
    {
        psd_set_H(&f.c, f.state, f.s, f.y, lane_set1(1.0), mask_none(), mask_all());
        psd_multiply_H(&f.c, f.state, f.dy, f.out);
        for (int64_t i = 0; i < (int64_t)f.rows * LANES; i++)
            CHECK_CLOSE(f.out[i], f.dy[i], 1e-15 * largest(f.rows, f.dy, (int)(i % LANES)));
        check_block(&f, f.dy);
    }
}

/* H ds = d / (1 - d) where that is not clipped:  (I - D) H in = D in. */
static void newtons_block_is_of_the_derivative(void **unused)
{
    (void)unused;
    EACH_ORDER(f)
    {
        for (int lane = 0; lane < LANES; lane++)
            hard_matrix(&f.r, f.k, RANDOM, lane, f.v);
        newton_at_v(&f, 1.0);
        psd_unclip(&f.c, f.state, lane_set1(1.0), f.dy, f.ds); /* such that nothing is hidden */
        psd_multiply_H(&f.c, f.state, f.dy, f.out);
        double *rest = new_lanes(f.rows);
        psd_derivative(&f.c, f.state, f.out, rest);
        psd_derivative(&f.c, f.state, f.dy, f.ds);
        for (int64_t i = 0; i < (int64_t)f.rows * LANES; i++)
            CHECK_CLOSE(f.out[i] - rest[i], f.ds[i], 1e-9);
        qc__aligned_free(rest);
    }
}

static void newtons_block_is_as_multiplied(void **unused)
{
    (void)unused;
    const double units[] = {1.0, 1e-5, 1e4};
    EACH_ORDER(f)
    for (int kind = 0; kind < KINDS; kind++)
        for (int u = 0; u < 3; u++) {
            for (int lane = 0; lane < LANES; lane++)
                hard_matrix(&f.r, f.k, (kind + lane) % KINDS, lane, f.v);
            newton_at_v(&f, units[u]);
            check_block(&f, f.dy);
        }
}

/* Every problem has the H of its own phase, and the same bits as alone. */
static void phases_stand_side_by_side(void **unused)
{
    (void)unused;
    EACH_ORDER(f)
    for (unsigned phase = 0; phase < 3; phase++) {
        unsigned inside = 0, first = 0;
        double *alone = new_lanes(f.rows);
        for (int lane = 0; lane < LANES; lane++) {
            const unsigned its = ((unsigned)lane + phase) % 3;
            inside |= (its == 0 ? 1u : 0u) << lane;
            first |= (its == 1 ? 1u : 0u) << lane;
        }
        const mask all = mask_all(), none = mask_none();
        psd_set_H(&f.c, f.state, f.s, f.y, lane_set1(1.0), phase == 0 ? all : none,
                  phase == 1 ? all : none);
        psd_multiply_H(&f.c, f.state, f.dy, alone);
        psd_set_H(&f.c, f.state, f.s, f.y, lane_set1(1.0), mask_from_bits(inside),
                  mask_from_bits(first));
        check_block(&f, f.dy);
        for (int64_t i = 0; i < f.rows; i++)
            assert_memory_equal(&alone[i * LANES], &f.out[i * LANES], sizeof(double));
        qc__aligned_free(alone);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_do_not_change_bits),
        cmocka_unit_test(what_is_not_finite_stays_in_its_lane),
        cmocka_unit_test(projects_by_moreau),
        cmocka_unit_test(margin_is_the_smallest_eigenvalue),
        cmocka_unit_test(derivative_is_that_of_the_projection),
        cmocka_unit_test(derivative_is_symmetric_and_between_0_and_1),
        cmocka_unit_test(unclipping_is_exact),
        cmocka_unit_test(scaling_takes_y_to_s),
        cmocka_unit_test(start_is_the_identity),
        cmocka_unit_test(newtons_block_is_of_the_derivative),
        cmocka_unit_test(newtons_block_is_as_multiplied),
        cmocka_unit_test(phases_stand_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
