// SPDX-License-Identifier: Apache-2.0
/* qc_project and qc_project_derivative, against what defines a projection, at every scale. */
#include <math.h>
#include <string.h>

#include "support/check.h"
#include "support/random.h"

#include "quadcone.h"

enum { BATCH = 11, CONES = 9, MOST_ROWS = 64 };

/* One of each kind, and of some kinds two. */
static const qc_cone product[CONES] = {
    {.kind = QC_CONE_ZERO, .size = 2},
    {.kind = QC_CONE_NONNEGATIVE, .size = 3},
    {.kind = QC_CONE_SECOND_ORDER, .size = 1},
    {.kind = QC_CONE_SECOND_ORDER, .size = 5},
    {.kind = QC_CONE_PSD, .size = 6},
    {.kind = QC_CONE_EXPONENTIAL, .size = 3},
    {.kind = QC_CONE_DUAL_EXPONENTIAL, .size = 3},
    {.kind = QC_CONE_POWER, .size = 3, .alpha = 0.3},
    {.kind = QC_CONE_POWER, .size = 3, .alpha = -0.6},
};

static int64_t rows_of(const qc_cone *cones, int count)
{
    int64_t rows = 0;
    for (int k = 0; k < count; k++)
        rows += cones[k].size;
    return rows;
}

static void check_project(const qc_cone *cones, int count, int64_t batch, const double *v,
                          double *out)
{
    qc_message why = {{0}};
    if (qc_project(cones, count, batch, v, out, &why))
        fail_msg("%s", why.text);
}

static void check_derivative(const qc_cone *cones, int count, int64_t batch, const double *v,
                             const double *dv, double *out)
{
    qc_message why = {{0}};
    if (qc_project_derivative(cones, count, batch, v, dv, out, &why))
        fail_msg("%s", why.text);
}

/* Whether a 3 x 3 matrix in PSD rows, plus `slack` of the identity, has a Cholesky factor. */
static int psd_inside(const double *s, double slack)
{
    const double h = sqrt(0.5), a = s[0] + slack, b = h * s[1], c = h * s[2];
    const double d = s[3] + slack - b * b / a, e = h * s[4] - b * c / a;
    const double f = s[5] + slack - c * c / a - e * e / d;
    return a > 0.0 && d > 0.0 && f > 0.0;
}

static int exp_inside(double x, double y, double z)
{
    return (y > 0.0 && y * exp(x / y) <= z) || (y == 0.0 && x <= 0.0 && z >= 0.0);
}

static int power_inside(double x, double y, double z, double alpha)
{
    return x >= 0.0 && y >= 0.0 && pow(x, alpha) * pow(y, 1.0 - alpha) >= fabs(z);
}

/* Whether s, moved into the cone by `slack`, is in the cone; or in its dual. */
static int inside(const qc_cone *c, int dual, const double *s, double slack)
{
    const double a = fabs(c->alpha);
    double norm = 0.0, least = INFINITY, most = 0.0;
    for (int64_t i = 0; i < c->size; i++) {
        norm = i ? hypot(norm, s[i]) : 0.0;
        least = fmin(least, s[i]);
        most = fmax(most, fabs(s[i]));
    }
    switch (c->kind) {
    case QC_CONE_ZERO: return dual || most == 0.0;
    case QC_CONE_NONNEGATIVE: return least >= 0.0;
    case QC_CONE_SECOND_ORDER: return s[0] + slack >= norm;
    case QC_CONE_PSD: return psd_inside(s, slack);
    case QC_CONE_POWER:
        if (dual == (c->alpha < 0.0))
            return power_inside(s[0] + slack, s[1] + slack, s[2], a);
        return power_inside((s[0] + slack) / a, (s[1] + slack) / (1.0 - a), s[2], a);
    default:
        if (dual == (c->kind == QC_CONE_DUAL_EXPONENTIAL))
            return exp_inside(s[0] - slack, s[1] + slack, s[2] + 3.0 * slack);
        /* u, v, w of the dual: (u - v, -u, w) is in the primal */
        return exp_inside(s[0] - s[1] - 2.0 * slack, -s[0] + slack, s[2] + 3.0 * slack);
    }
}

/* s = Proj(v) if and only if s is in K, s - v in K*, and they are orthogonal. */
static void check_moreau(const qc_cone *c, const double *v, const double *s)
{
    double y[MOST_ROWS], top = 0.0, dot = 0.0;
    for (int64_t i = 0; i < c->size; i++)
        top = fmax(top, fabs(v[i]));
    if (top == 0.0)
        top = 1.0;
    double unit[MOST_ROWS];
    for (int64_t i = 0; i < c->size; i++) {
        y[i] = (s[i] - v[i]) / top;
        unit[i] = s[i] / top;
        dot += y[i] * unit[i];
    }
    CHECK_CLOSE(dot, 0.0, 1e-13 * (double)c->size);
    assert_true(inside(c, 0, unit, 1e-13 * (double)c->size));
    assert_true(inside(c, 1, y, 1e-13 * (double)c->size));
}

static void random_batch(rng *r, int64_t length, int round, double *v)
{
    static const double scales[] = {1.0, 1e-150, 1e150, 1e-290};
    for (int64_t k = 0; k < length; k++) {
        const double spread = round % 3 ? pow(10.0, -12.0 * rng_uniform(r)) : 1.0;
        v[k] = rng_below(r, 8) ? rng_normal(r) * spread : 0.0;
        v[k] *= scales[round % 4];
    }
}

static void test_meets_moreau_at_every_scale(void **unused)
{
    (void)unused;
    const int64_t m = rows_of(product, CONES);
    double v[BATCH * MOST_ROWS], out[BATCH * MOST_ROWS];
    rng r = {1};
    for (int round = 0; round < 300; round++) {
        random_batch(&r, BATCH * m, round, v);
        check_project(product, CONES, BATCH, v, out);
        for (int64_t problem = 0; problem < BATCH; problem++) {
            int64_t row = problem * m;
            for (int k = 0; k < CONES; k++) {
                check_moreau(&product[k], v + row, out + row);
                row += product[k].size;
            }
        }
    }
}

/* What is in the cone stays, bit by bit where nothing has to be computed, and is projected on itself. */
static void test_projects_twice_to_the_same(void **unused)
{
    (void)unused;
    const int64_t m = rows_of(product, CONES);
    double v[BATCH * MOST_ROWS], once[BATCH * MOST_ROWS], twice[BATCH * MOST_ROWS];
    rng r = {2};
    for (int round = 0; round < 100; round++) {
        random_batch(&r, BATCH * m, 4 * round, v);
        check_project(product, CONES, BATCH, v, once);
        memcpy(twice, once, sizeof twice);
        check_project(product, CONES, BATCH, twice, twice); /* out may be v */
        for (int64_t k = 0; k < BATCH * m; k++)
            CHECK_CLOSE(once[k], twice[k], 1e-14 * 10.0);
    }
}

static double dot_of(int64_t count, const double *a, const double *b)
{
    double sum = 0.0;
    for (int64_t k = 0; k < count; k++)
        sum += a[k] * b[k];
    return sum;
}

/* v' (D w) = w' (D v),  D v = Proj(v),  0 <= w' D w <= w'w;  out may be dv */
static void test_derivative_is_symmetric(void **unused)
{
    (void)unused;
    const int64_t m = rows_of(product, CONES);
    double v[BATCH * MOST_ROWS], a[BATCH * MOST_ROWS], b[BATCH * MOST_ROWS];
    double s[BATCH * MOST_ROWS], Da[BATCH * MOST_ROWS], Db[BATCH * MOST_ROWS],
        Dv[BATCH * MOST_ROWS];
    rng r = {3};
    for (int round = 0; round < 100; round++) {
        random_batch(&r, BATCH * m, 4 * round, v);
        rng_normals(&r, a, BATCH * m);
        rng_normals(&r, b, BATCH * m);
        memcpy(Db, b, sizeof Db);
        check_project(product, CONES, BATCH, v, s);
        check_derivative(product, CONES, BATCH, v, v, Dv);
        check_derivative(product, CONES, BATCH, v, a, Da);
        check_derivative(product, CONES, BATCH, v, Db, Db);
        CHECK_CLOSE(dot_of(BATCH * m, a, Db), dot_of(BATCH * m, b, Da), 1e-10);
        for (int64_t k = 0; k < BATCH; k++) {
            const double quadratic = dot_of(m, a + k * m, Da + k * m);
            assert_true(quadratic >= -1e-12);
            assert_true(quadratic <= dot_of(m, a + k * m, a + k * m) + 1e-12);
        }
        for (int64_t k = 0; k < BATCH * m; k++)
            CHECK_CLOSE(Dv[k], s[k], 1e-13 * 10.0);
    }
}

/* The distance to K is smooth: v - Proj(v) is the gradient of half its square, everywhere. And where Proj
 * itself is, D is its derivative; elsewhere the two differences disagree, which is how kinks are told. */
static void test_derivative_is_the_difference(void **unused)
{
    (void)unused;
    const double h = 1e-6;
    const int64_t m = rows_of(product, CONES);
    double v[BATCH * MOST_ROWS], d[BATCH * MOST_ROWS], Dd[BATCH * MOST_ROWS], at[BATCH * MOST_ROWS];
    double plus[BATCH * MOST_ROWS], minus[BATCH * MOST_ROWS], zero[BATCH * MOST_ROWS];
    int64_t compared = 0;
    rng r = {4};
    for (int round = 0; round < 50; round++) {
        rng_normals(&r, v, BATCH * m);
        rng_normals(&r, d, BATCH * m);
        check_derivative(product, CONES, BATCH, v, d, Dd);
        check_project(product, CONES, BATCH, v, zero);
        for (int64_t k = 0; k < BATCH * m; k++)
            at[k] = v[k] + h * d[k];
        check_project(product, CONES, BATCH, at, plus);
        for (int64_t k = 0; k < BATCH * m; k++)
            at[k] = v[k] - h * d[k];
        check_project(product, CONES, BATCH, at, minus);
        for (int64_t k = 0; k < BATCH * m; k++) {
            if (fabs(plus[k] - 2.0 * zero[k] + minus[k]) > 0.01 * h)
                continue;
            compared++;
            CHECK_CLOSE(Dd[k], (plus[k] - minus[k]) / (2.0 * h), 0.02);
        }
    }
    assert_true(compared > 49 * BATCH * m);
}

/* What is not finite stays within its cone and its problem. */
static void test_poison_stays_in_its_cone(void **unused)
{
    (void)unused;
    static const double poisons[] = {NAN, INFINITY, -INFINITY};
    const int64_t m = rows_of(product, CONES);
    double v[BATCH * MOST_ROWS], clean[BATCH * MOST_ROWS], got[BATCH * MOST_ROWS];
    rng r = {5};
    random_batch(&r, BATCH * m, 0, v);
    for (int derivative = 0; derivative < 2; derivative++) {
        int64_t row = 4 * m; /* of problem 4 */
        if (derivative)
            check_derivative(product, CONES, BATCH, v, v, clean);
        else
            check_project(product, CONES, BATCH, v, clean);
        for (int k = 0; k < CONES; k++) {
            const int64_t end = row + product[k].size;
            const double kept = v[end - 1];
            v[end - 1] = poisons[k % 3];
            if (derivative)
                check_derivative(product, CONES, BATCH, v, v, got);
            else
                check_project(product, CONES, BATCH, v, got);
            v[end - 1] = kept;
            for (int64_t i = 0; i < BATCH * m; i++) {
                if (row <= i && i < end)
                    assert_true(isnan(got[i]));
                else
                    assert_true(got[i] == clean[i]);
            }
            row = end;
        }
    }
}

/* Bit by bit what it is alone. */
static void test_batch_does_not_matter(void **unused)
{
    (void)unused;
    const int64_t m = rows_of(product, CONES);
    double v[BATCH * MOST_ROWS], together[BATCH * MOST_ROWS], alone[MOST_ROWS];
    rng r = {6};
    random_batch(&r, BATCH * m, 1, v);
    check_project(product, CONES, BATCH, v, together);
    for (int64_t k = 0; k < BATCH; k++) {
        check_project(product, CONES, 1, v + k * m, alone);
        assert_memory_equal(alone, together + k * m, (size_t)m * sizeof *alone);
    }
}

static void test_nothing_is_fine(void **unused)
{
    (void)unused;
    qc_message why;
    double v[3] = {1.0, 2.0, 3.0}, out[3] = {7.0, 7.0, 7.0};
    assert_int_equal(qc_project(NULL, 0, 5, NULL, NULL, &why), QC_OK);
    assert_int_equal(qc_project(product + 5, 1, 0, v, out, &why), QC_OK);
    assert_true(out[0] == 7.0);
}

static void expect_error(qc_error error, const qc_message *why, const char *text)
{
    assert_int_equal(error, QC_ERROR_ARGUMENT);
    assert_string_equal(why->text, text);
}

static void test_errors_name_the_argument(void **unused)
{
    (void)unused;
    qc_message why;
    double v[6] = {0.0}, out[6];
    const qc_cone bad[] = {{.kind = QC_CONE_NONNEGATIVE, .size = 2},
                           {.kind = QC_CONE_PSD, .size = 4}};
    const qc_cone power = {.kind = QC_CONE_POWER, .size = 3, .alpha = 1.0};
    const qc_cone *line = &product[1];
    expect_error(qc_project(bad, 2, 1, v, out, &why), &why,
                 "cones[1], a PSD cone at row 2, must have k (k + 1) / 2 rows for some k, got 4");
    expect_error(
        qc_project(&power, 1, 1, v, out, &why), &why,
        "cones[0].alpha, of a power cone at rows 0 to 2, must be between -1 and 1 and not 0, "
        "got 1");
    expect_error(qc_project(NULL, 1, 1, v, out, &why), &why, "cones must hold 1 cones, got NULL");
    expect_error(qc_project(line, 1, -1, v, out, &why), &why, "batch: expected at least 0, got -1");
    expect_error(qc_project(line, 1, 2, NULL, out, &why), &why, "v: expected 6 numbers, got NULL");
    expect_error(qc_project(line, 1, 2, v, NULL, &why), &why, "out: expected 6 numbers, got NULL");
    expect_error(qc_project_derivative(line, 1, 2, v, NULL, out, &why), &why,
                 "dv: expected 6 numbers, got NULL");
    assert_int_equal(qc_project(line, 1, 2, NULL, out, NULL), QC_ERROR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meets_moreau_at_every_scale),
        cmocka_unit_test(test_projects_twice_to_the_same),
        cmocka_unit_test(test_derivative_is_symmetric),
        cmocka_unit_test(test_derivative_is_the_difference),
        cmocka_unit_test(test_poison_stays_in_its_cone),
        cmocka_unit_test(test_batch_does_not_matter),
        cmocka_unit_test(test_nothing_is_fine),
        cmocka_unit_test(test_errors_name_the_argument),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
