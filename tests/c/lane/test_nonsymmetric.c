// SPDX-License-Identifier: Apache-2.0
/* Barriers, scalings and steps of exponential and power cones and their duals: identities, differences. */
#include "lane/nonsymmetric_fixture.h"

static void loaded(const vector *v, lane out[])
{
    for (int i = 0; i < THREE; i++)
        out[i] = lane_at(v->at, i);
}

static void stored(const lane a[], vector *v)
{
    for (int i = 0; i < THREE; i++)
        lane_put(v->at, i, a[i]);
}

/* y inside of the dual of the primal cone, at `depth` of its boundary. */
static void random_dual_point(const qc__cone *c, rng *r, vector *y)
{
    EACH_LANE(l)
    {
        const double u = exp(rng_normal(r)), v = exp(rng_normal(r)), depth = uniform(r, 0.01, 1.0);
        const double a = fabs(c->alpha), b = 1.0 - a;
        if (c->kind == QC_CONE_POWER)
            put3(y, l,
                 (double[]){u, v,
                            (rng_below(r, 2) ? 1 : -1) * (1 - depth) * pow(u / a, a) *
                                pow(v / b, b)});
        else
            put3(y, l, (double[]){-u, -u + u * log(u / v) + depth * 10.0 * u, v});
    }
}

static void test_barrier_is_logarithmically_homogeneous(void **unused)
{
    (void)unused;
    rng r = {5};
    EACH_CONE(c)
    for (int round = 0; round < ROUNDS; round++) {
        vector y, b, gradient, Hy, Hb, third;
        lane g[THREE], H[LOWER], at[THREE], with[THREE], out[THREE];
        barrier f;
        random_dual_point(c, &r, &y);
        random_vectors(&r, 0.0, &b);
        loaded(&y, at);
        loaded(&b, with);
        nonsym_barrier(c, at, &f);
        barrier_gradient(&f, g);
        barrier_hessian(&f, H);
        stored(g, &gradient);
        multiply3(H, at, out);
        stored(out, &Hy);
        multiply3(H, with, out);
        stored(out, &Hb);
        nonsym_third(c, &f, at, with, out);
        stored(out, &third);
        EACH_LANE(l)
        {
            double p[3], q[3], h[3], t[3], degree = 0.0;
            get3(&gradient, l, p);
            get3(&Hy, l, q);
            get3(&Hb, l, h);
            get3(&third, l, t);
            for (int i = 0; i < THREE; i++) {
                degree -= p[i] * y.at[i * LANES + l];
                CHECK_CLOSE(q[i], -p[i], 1e-9 * top3(p));
                CHECK_CLOSE(t[i], -2.0 * h[i], 1e-9 * top3(h));
            }
            CHECK_CLOSE(degree, 3.0, 1e-9);
        }
    }
}

/* Gradient and Hessian at y + h d. */
static void barrier_near(const qc__cone *c, const vector *y, const vector *d, double h,
                         vector *gradient, vector *Hd)
{
    lane at[THREE], step[THREE], out[THREE], H[LOWER];
    barrier f;
    loaded(y, at);
    loaded(d, step);
    for (int i = 0; i < THREE; i++)
        at[i] = lane_fma(lane_set1(h), step[i], at[i]);
    nonsym_barrier(c, at, &f);
    barrier_gradient(&f, out);
    stored(out, gradient);
    barrier_hessian(&f, H);
    multiply3(H, step, out);
    stored(out, Hd);
}

static void test_derivatives_of_the_barrier_are_its_differences(void **unused)
{
    (void)unused;
    const double h = 1e-6;
    rng r = {6};
    EACH_CONE(c)
    for (int round = 0; round < ROUNDS; round++) {
        vector y, d, g, Hd, g_plus, g_minus, H_plus, H_minus, third;
        lane at[THREE], step[THREE], out[THREE];
        barrier f;
        random_dual_point(c, &r, &y);
        for (int k = 0; k < ENTRIES; k++)
            d.at[k] = 0.1 * y.at[k] * rng_normal(&r);
        barrier_near(c, &y, &d, 0.0, &g, &Hd);
        barrier_near(c, &y, &d, h, &g_plus, &H_plus);
        barrier_near(c, &y, &d, -h, &g_minus, &H_minus);
        loaded(&y, at);
        loaded(&d, step);
        nonsym_barrier(c, at, &f);
        nonsym_third(c, &f, step, step, out);
        stored(out, &third);
        EACH_LANE(l)
        {
            double a[3], b[3];
            get3(&Hd, l, a);
            get3(&third, l, b);
            for (int i = 0; i < THREE; i++) {
                const int k = i * LANES + l;
                const double first = (g_plus.at[k] - g_minus.at[k]) / (2 * h);
                const double second = (H_plus.at[k] - H_minus.at[k]) / (2 * h);
                CHECK_CLOSE(Hd.at[k], first, 1e-5 * top3(a));
                CHECK_CLOSE(third.at[k], second, 1e-4 * (top3(a) + top3(b)));
            }
        }
    }
}

static void shadow_of(const qc__cone *c, const vector *y, vector *s)
{
    lane at[THREE], out[THREE];
    barrier f;
    loaded(y, at);
    nonsym_barrier(c, at, &f);
    barrier_gradient(&f, out);
    stored(out, s);
    for (int k = 0; k < ENTRIES; k++)
        s->at[k] = -s->at[k];
}

static void test_conjugate_inverts_the_gradient(void **unused)
{
    (void)unused;
    rng r = {7};
    EACH_CONE(c)
    for (int round = 0; round < ROUNDS; round++) {
        vector y, s, back;
        lane at[THREE], out[THREE];
        random_dual_point(c, &r, &y);
        shadow_of(c, &y, &s);
        loaded(&s, at);
        nonsym_conjugate(c, at, out);
        stored(out, &back);
        EACH_LANE(l)
        {
            double a[3], b[3];
            get3(&y, l, a);
            get3(&back, l, b);
            for (int i = 0; i < THREE; i++)
                CHECK_CLOSE(a[i], b[i], 1e-10 * top3(a));
        }
    }
}

/* (s, y) in K x K*, inside: at distance `spread` from mu times the central path. */
static void random_interior(const qc__cone *c, rng *r, double mu, double spread, vector *s,
                            vector *y)
{
    vector other;
    lane at_s[THREE], at_y[THREE];
    random_dual_point(c, r, y);
    random_dual_point(c, r, &other);
    for (int k = 0; k < ENTRIES; k++)
        other.at[k] = (1.0 - spread) * y->at[k] + spread * other.at[k];
    shadow_of(c, &other, s);
    loaded(s, at_s);
    loaded(y, at_y);
    for (int i = 0; i < THREE; i++)
        at_s[i] = lane_mul(lane_set1(mu), at_s[i]);
    nonsym_store(c, NONSYM_S, at_s, s->at);
    nonsym_store(c, NONSYM_Y, at_y, y->at);
}

/* y~ = -grad f(s), of a dual cone as well */
static void conjugate_of(const qc__cone *c, const vector *s, vector *y)
{
    lane at[THREE], out[THREE];
    nonsym_load(c, NONSYM_S, s->at, at);
    nonsym_conjugate(c, at, out);
    nonsym_store(c, NONSYM_Y, out, y->at);
}

static void conjugate_of_y(const qc__cone *c, const vector *y, vector *s)
{
    lane at[THREE], out[THREE];
    barrier f;
    nonsym_load(c, NONSYM_Y, y->at, at);
    nonsym_barrier(c, at, &f);
    barrier_gradient(&f, out);
    for (int i = 0; i < THREE; i++)
        out[i] = lane_neg(out[i]);
    nonsym_store(c, NONSYM_S, out, s->at);
}

static void check_product(const vector *got, const vector *expected, double tolerance)
{
    EACH_LANE(l)
    {
        double a[3], b[3];
        get3(got, l, a);
        get3(expected, l, b);
        for (int i = 0; i < THREE; i++)
            CHECK_CLOSE(a[i], b[i], tolerance * top3(b));
    }
}

static void test_scaling_maps_both_pairs(void **unused)
{
    (void)unused;
    const mask all = mask_all();
    rng r = {8};
    EACH_CONE(c)
    for (int round = 0; round < ROUNDS; round++) {
        const double mu = pow(10.0, uniform(&r, -8.0, 3.0));
        const double spread = round % 3 ? rng_uniform(&r) : pow(10.0, uniform(&r, -9.0, 0.0));
        memory state;
        vector s, y, shadow_s, shadow_y, out;
        random_interior(c, &r, mu, spread, &s, &y);
        nonsym_set_H(c, state.at, s.at, y.at, lane_set1(1.0), all, mask_none());
        nonsym_multiply_H(c, state.at, y.at, out.at);
        check_product(&out, &s, 1e-8);
        conjugate_of(c, &s, &shadow_y);
        conjugate_of_y(c, &y, &shadow_s);
        nonsym_multiply_H(c, state.at, shadow_y.at, out.at);
        check_product(&out, &shadow_s, 1e-4);
        EACH_LANE(l)
        {
            const double *H = state.at + NONSYM_H * LANES + l;
            const double a = H[0], b = H[LANES], d = H[2 * LANES];
            assert_true(a > 0.0 && a * d - b * b > 0.0);
        }
    }
}

/* ---------------------------------------------------------------------------------------------- */
/* Steps                                                                                          */

static void test_start_is_central(void **unused)
{
    (void)unused;
    const lane root = lane_set1(3.0);
    EACH_CONE(c)
    {
        memory state = {{0.0}};
        vector s, y, shadow;
        nonsym_start(c, NULL, root, s.at, y.at, state.at);
        conjugate_of_y(c, &y, &shadow);
        for (int k = 0; k < ENTRIES; k++)
            shadow.at[k] *= 9.0;
        check_product(&shadow, &s, 1e-11);
    }
}

/* With ds = -s - H dy along the central path s(a) = -(1 - a) mu grad f*(y + a dy), the corrector without
 * centering is s(0) less half its second derivative; and none at a point of the path that is centered
 * on itself. */
static void test_corrector_is_of_second_order(void **unused)
{
    (void)unused;
    const double mu = 0.3, h = 1e-4;
    const mask none = mask_none(), all = mask_all();
    rng r = {9};
    EACH_CONE(c)
    for (int round = 0; round < ROUNDS; round++) {
        memory state;
        vector s, y, dy, ds, shift, plus, minus, y_plus, y_minus, zero = {{0.0}};
        random_interior(c, &r, mu, 0.0, &s, &y);
        nonsym_set_H(c, state.at, s.at, y.at, lane_set1(1.0), all, none);
        nonsym_corrector(c, state.at, s.at, y.at, zero.at, zero.at, lane_set1(mu), none, shift.at);
        EACH_LANE(l)
        {
            double a[3];
            get3(&s, l, a);
            for (int i = 0; i < THREE; i++)
                CHECK_CLOSE(shift.at[i * LANES + l], 0.0, 1e-13 * top3(a));
        }
        for (int k = 0; k < ENTRIES; k++)
            dy.at[k] = 0.1 * y.at[k] * rng_normal(&r);
        nonsym_multiply_H(c, state.at, dy.at, ds.at);
        for (int k = 0; k < ENTRIES; k++) {
            ds.at[k] = -s.at[k] - ds.at[k];
            y_plus.at[k] = y.at[k] + h * dy.at[k];
            y_minus.at[k] = y.at[k] - h * dy.at[k];
        }
        conjugate_of_y(c, &y_plus, &plus);
        conjugate_of_y(c, &y_minus, &minus);
        nonsym_corrector(c, state.at, s.at, y.at, ds.at, dy.at, lane_set1(0.0), none, shift.at);
        EACH_LANE(l)
        {
            double a[3];
            get3(&s, l, a);
            for (int i = 0; i < THREE; i++) {
                const int k = i * LANES + l;
                const double up = (1 - h) * mu * plus.at[k], down = (1 + h) * mu * minus.at[k];
                const double half = (up - 2.0 * s.at[k] + down) / (2.0 * h * h);
                CHECK_CLOSE(s.at[k] - shift.at[k], half, 1e-4 * (top3(a) + fabs(half)));
            }
        }
        nonsym_corrector(c, state.at, s.at, y.at, ds.at, dy.at, lane_set1(0.0), all, shift.at);
        check_product(&shift, &s, 1e-15);
    }
}

static unsigned inside_after(const qc__cone *c, const vector *s, const vector *y, const vector *ds,
                             const vector *dy, lane step)
{
    const nonsym_path path = nonsym_path_of(c, s->at, y->at, ds->at, dy->at);
    return mask_bits(nonsym_ends_inside(c, &path, step));
}

static unsigned centered_after(const qc__cone *c, const vector *s, const vector *y,
                               const vector *ds, const vector *dy, lane step)
{
    const nonsym_path path = nonsym_path_of(c, s->at, y->at, ds->at, dy->at);
    return mask_bits(nonsym_ends_centered(c, &path, step));
}

static void test_step_ends_inside(void **unused)
{
    (void)unused;
    const mask all = mask_all();
    rng r = {10};
    EACH_CONE(c)
    for (int round = 0; round < ROUNDS; round++) {
        memory state;
        vector s, y, ds, dy, length;
        random_interior(c, &r, 1.0, 0.5, &s, &y);
        random_vectors(&r, 2.0, &ds);
        random_vectors(&r, 2.0, &dy);
        nonsym_set_H(c, state.at, s.at, y.at, lane_set1(1.0), all, mask_none());
        const lane step = nonsym_step(c, state.at, s.at, y.at, ds.at, dy.at, lane_set1(2.0));
        const lane longer = lane_mul(step, lane_set1(1.03));
        const unsigned inside = inside_after(c, &s, &y, &ds, &dy, step);
        const unsigned beyond = inside_after(c, &s, &y, &ds, &dy, longer);
        const lane most = lane_mul(lane_set1(0.999999), step); /* from the boundary there is none */
        const lane guarded = nonsym_guard(c, state.at, s.at, y.at, ds.at, dy.at, most);
        const unsigned centered = centered_after(c, &s, &y, &ds, &dy, guarded);
        vector shortened;
        lane_store(length.at, step);
        lane_store(shortened.at, guarded);
        EACH_LANE(l)
        {
            assert_true(length.at[l] > 0.0 && length.at[l] <= 2.0);
            assert_true(inside >> l & 1);
            assert_true(length.at[l] == 2.0 || !(beyond >> l & 1));
            assert_true(shortened.at[l] > 0.0 && shortened.at[l] <= length.at[l]);
            assert_true(centered >> l & 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_barrier_is_logarithmically_homogeneous),
        cmocka_unit_test(test_derivatives_of_the_barrier_are_its_differences),
        cmocka_unit_test(test_conjugate_inverts_the_gradient),
        cmocka_unit_test(test_scaling_maps_both_pairs),
        cmocka_unit_test(test_start_is_central),
        cmocka_unit_test(test_corrector_is_of_second_order),
        cmocka_unit_test(test_step_ends_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
