// SPDX-License-Identifier: Apache-2.0
/* Projections on exponential and power cones and their duals, against answers that are known. */
#include "lane/nonsymmetric_fixture.h"

/* Orthogonal rays of the boundaries of the primal cone (s) and of its dual (y), of one parameter. */
static void boundary_pair(const qc__cone *c, rng *r, double s[], double y[])
{
    const double S = pow(10.0, uniform(r, -6.0, 6.0)), T = pow(10.0, uniform(r, -6.0, 6.0));
    if (c->kind == QC_CONE_POWER) {
        const double a = fabs(c->alpha), b = 1.0 - a, t = uniform(r, -20.0, 20.0) / fmax(a, b);
        const double A = exp(b * t), B = exp(-a * t), sign = rng_below(r, 2) ? 1.0 : -1.0;
        memcpy(s, (double[]){S * A, S * B, S * sign}, 3 * sizeof *s);
        memcpy(y, (double[]){T * a / A, T * b / B, -T * sign}, 3 * sizeof *y);
        return;
    }
    const double t = uniform(r, -30.0, 30.0), c_ = t > 0.0 ? exp(-t) : 1.0;
    const double e = t > 0.0 ? 1.0 : exp(t);
    memcpy(s, (double[]){S * c_ * t, S * c_, S * e}, 3 * sizeof *s);
    memcpy(y, (double[]){-T * e, T * e * (t - 1.0), T * c_}, 3 * sizeof *y);
}

/* What the projection of s - y must be, at scales from 1e-300 to 1e300. */
static void test_projects_to_the_pair_it_was_made_of(void **unused)
{
    (void)unused;
    rng r = {1};
    EACH_CONE(c)
    for (int round = 0; round < ROUNDS; round++) {
        vector v, out;
        double s[LANES][3], y[LANES][3];
        EACH_LANE(l)
        {
            const double scale = round % 4 ? 1.0 : pow(10.0, uniform(&r, -280.0, 280.0));
            double from[3];
            boundary_pair(c, &r, nonsym_is_dual(c) ? y[l] : s[l], nonsym_is_dual(c) ? s[l] : y[l]);
            for (int i = 0; i < THREE; i++) {
                from[i] = scale * (s[l][i] - y[l][i]);
                s[l][i] *= scale;
            }
            put3(&v, l, from);
        }
        nonsym_project(c, v.at, out.at, NULL);
        EACH_LANE(l)
        {
            double got[3], from[3];
            get3(&out, l, got);
            get3(&v, l, from);
            for (int i = 0; i < THREE; i++)
                CHECK_CLOSE(got[i], s[l][i], 2e-13 * top3(from));
        }
    }
}

/* Points of which the answer is known: v, expected. */
static void check_projection(const qc__cone *c, const double v[], const double expected[])
{
    for (double scale = 1e-150; scale <= 1e151; scale *= 1e150) {
        vector in, out;
        double got[3];
        EACH_LANE(l)
        put3(&in, l, (double[]){scale * v[0], scale * v[1], scale * v[2]});
        nonsym_project(c, in.at, out.at, NULL);
        get3(&out, LANES - 1, got);
        for (int i = 0; i < THREE; i++)
            CHECK_CLOSE(got[i], scale * expected[i], 1e-15 * scale * top3(v));
    }
}

static void test_projects_special_points(void **unused)
{
    (void)unused;
    const double zero[3] = {0.0, 0.0, 0.0};
    EACH_CONE(c)
    check_projection(c, zero, zero);
    const qc__cone *exp_cone = &cones[0], *dual = &cones[1], *power = &cones[3];
    const double inside[3] = {-1.0, 1.0, 1.0}, polar[3] = {1.0, -1.0, -1.0};
    check_projection(exp_cone, inside, inside);
    check_projection(exp_cone, polar, zero);
    check_projection(dual, (double[]){-1.0, 1.0, 1.0}, (double[]){-1.0, 1.0, 1.0});
    check_projection(exp_cone, (double[]){-2.0, -3.0, 4.0}, (double[]){-2.0, 0.0, 4.0});
    check_projection(exp_cone, (double[]){-2.0, -3.0, -4.0}, (double[]){-2.0, 0.0, 0.0});
    check_projection(exp_cone, (double[]){0.0, 0.0, 4.0}, (double[]){0.0, 0.0, 4.0});
    check_projection(exp_cone, (double[]){0.0, -1.0, 0.0}, zero);
    check_projection(exp_cone, (double[]){1e-300, -1.0, 1.0}, (double[]){0.0, 0.0, 1.0});
    check_projection(exp_cone, (double[]){-1.0, 1e-300, -1.0}, (double[]){-1.0, 0.0, 0.0});
    check_projection(power, (double[]){1.0, 2.0, 0.5}, (double[]){1.0, 2.0, 0.5});
    check_projection(power, (double[]){-1.0, -2.0, 0.5}, zero);
    check_projection(power, (double[]){1.0, -2.0, 0.0}, (double[]){1.0, 0.0, 0.0});
    check_projection(power, (double[]){-1.0, 2.0, 0.0}, (double[]){0.0, 2.0, 0.0});
    check_projection(power, (double[]){1.0, 0.0, 0.0}, (double[]){1.0, 0.0, 0.0});
    check_projection(power, (double[]){1.0, -2.0, 1e-300}, (double[]){1.0, 0.0, 0.0});
    /* x = z/2^1/2 and y = z/2^1/2 at the boundary with alpha = 1/2 and no x, y to begin with */
    check_projection(&cones[2], (double[]){0.0, 0.0, 1.0}, (double[]){1 / 3.0, 1 / 3.0, 1 / 3.0});
}

/* D v of every lane into `out`, with D in `state`. */
static void derivative_at(const qc__cone *c, memory *state, const vector *v, const vector *dv,
                          vector *out)
{
    const vector zero = {{0.0}};
    nonsym_set_H(c, state->at, v->at, zero.at, lane_set1(1.0), mask_none(), mask_none());
    nonsym_derivative(c, state->at, dv->at, out->at);
}

static void test_derivative_is_that_of_the_projection(void **unused)
{
    (void)unused;
    const double h = 1e-6;
    rng r = {2};
    EACH_CONE(c)
    for (int round = 0; round < ROUNDS; round++) {
        memory state;
        vector v, d, got, plus, minus, margin;
        random_vectors(&r, 0.0, &v);
        random_vectors(&r, 0.0, &d);
        derivative_at(c, &state, &v, &d, &got);
        lane_store(margin.at, nonsym_margin(c, state.at, v.at, (vector){{0.0}}.at));
        for (int k = 0; k < ENTRIES; k++) {
            plus.at[k] = v.at[k] + h * d.at[k];
            minus.at[k] = v.at[k] - h * d.at[k];
        }
        nonsym_project(c, plus.at, plus.at, NULL);
        nonsym_project(c, minus.at, minus.at, NULL);
        EACH_LANE(l)
        for (int i = 0; i < THREE && margin.at[l] > 0.05; i++) {
            const int k = i * LANES + l;
            CHECK_CLOSE(got.at[k], (plus.at[k] - minus.at[k]) / (2.0 * h), 1e-6);
        }
    }
}

/* D is symmetric with eigenvalues in [0, 1], and D v = Proj(v) as K is a cone. */
static void test_derivative_has_its_structure(void **unused)
{
    (void)unused;
    rng r = {3};
    EACH_CONE(c)
    for (int round = 0; round < ROUNDS; round++) {
        memory state;
        vector v, s, Dv;
        random_vectors(&r, round % 2 ? 12.0 : 0.0, &v);
        derivative_at(c, &state, &v, &v, &Dv);
        nonsym_project(c, v.at, s.at, NULL);
        EACH_LANE(l)
        {
            const double *Q = state.at + NONSYM_Q * LANES + l, *d = state.at + NONSYM_D * LANES + l;
            const double *rest = state.at + NONSYM_REST * LANES + l;
            double from[3];
            get3(&v, l, from);
            for (int i = 0; i < THREE; i++) {
                CHECK_CLOSE(Dv.at[i * LANES + l], s.at[i * LANES + l], 1e-14 * top3(from));
                CHECK_CLOSE(d[i * LANES] + rest[i * LANES], 1.0, 1e-15);
                assert_true(d[i * LANES] >= 0.0 && rest[i * LANES] >= 0.0);
                for (int j = 0; j < THREE; j++) {
                    double dot = 0.0;
                    for (int k = 0; k < THREE; k++)
                        dot += Q[(THREE * i + k) * LANES] * Q[(THREE * j + k) * LANES];
                    CHECK_CLOSE(dot, i == j ? 1.0 : 0.0, 1e-13);
                }
            }
        }
    }
}

/* (I - D) ds + D dy = 0 whatever was clipped, and (dy, ds) = (dy, -H dy) where nothing was. */
static void test_unclips_in_the_eigenbasis(void **unused)
{
    (void)unused;
    rng r = {4};
    EACH_CONE(c)
    for (int round = 0; round < ROUNDS; round++) {
        memory state;
        vector v, dy, ds, Ds, Dy;
        random_vectors(&r, 0.0, &v);
        random_vectors(&r, 0.0, &dy);
        derivative_at(c, &state, &v, &dy, &Dy);
        nonsym_unclip(c, state.at, lane_set1(1.0), dy.at, ds.at);
        nonsym_derivative(c, state.at, ds.at, Ds.at);
        nonsym_derivative(c, state.at, dy.at, Dy.at);
        EACH_LANE(l)
        {
            double a[3], b[3];
            get3(&ds, l, a);
            get3(&dy, l, b);
            for (int i = 0; i < THREE; i++) {
                const double off = a[i] - Ds.at[i * LANES + l] + Dy.at[i * LANES + l];
                CHECK_CLOSE(off, 0.0, 1e-14 * (top3(a) + top3(b)));
            }
        }
    }
}

/* Bits of a lane are the same wherever it is and whoever is beside it. */
static void test_lanes_do_not_see_each_other(void **unused)
{
    (void)unused;
    rng r = {11};
    EACH_CONE(c)
    for (int round = 0; round < ROUNDS; round++) {
        vector v, turned, out, turned_out;
        memory state, turned_state;
        random_vectors(&r, 6.0, &v);
        EACH_LANE(l)
        {
            double a[3];
            get3(&v, l, a);
            put3(&turned, (l + 1) % LANES, LANES > 1 && l == 0 ? (double[]){NAN, 1.0, 1.0} : a);
        }
        derivative_at(c, &state, &v, &v, &out);
        derivative_at(c, &turned_state, &turned, &turned, &turned_out);
        for (int l = LANES > 1; l < LANES; l++)
            for (int k = 0; k < NONSYM_INTERIOR; k++)
                assert_true(state.at[k * LANES + l] ==
                            turned_state.at[k * LANES + (l + 1) % LANES]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_projects_to_the_pair_it_was_made_of),
        cmocka_unit_test(test_projects_special_points),
        cmocka_unit_test(test_derivative_is_that_of_the_projection),
        cmocka_unit_test(test_derivative_has_its_structure),
        cmocka_unit_test(test_unclips_in_the_eigenbasis),
        cmocka_unit_test(test_lanes_do_not_see_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
