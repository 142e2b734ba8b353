// SPDX-License-Identifier: Apache-2.0
/* exp and log of lanes beside those of the C library. */
#include "lane/elementary.h"

#include "support/check.h"

/* Two units in the last place, one of which may be the library's. */
#define CLOSE (3.0 * 2.220446049250313e-16)

static double of_one(lane (*f)(lane), double x)
{
    double out[LANES] __attribute__((aligned(64)));
    lane_store(out, f(lane_set1(x)));
    return out[LANES - 1];
}

static void check_close(double ours, double theirs)
{
    if (!(fabs(ours - theirs) <= CLOSE * fabs(theirs)))
        fail_msg("%.17g instead of %.17g", ours, theirs);
}

static void exp_is_close_everywhere(void **state)
{
    (void)state;
    for (double x = -707.9; x < 709.7; x += 0.0137)
        check_close(of_one(lane_exp, x), exp(x));
    for (double x = -1.0; x < 1.0; x += 0.00021)
        check_close(of_one(lane_exp, x), exp(x));
    for (double x = 1e-300; x < 1e-3; x *= 7.0)
        check_close(of_one(lane_exp, -x), exp(-x));
}

static void log_is_close_everywhere(void **state)
{
    (void)state;
    for (double x = 1e-320; x < 1e308; x *= 1.07)
        check_close(of_one(lane_log, x), log(x));
    for (double x = 0.5; x < 2.0; x += 0.00013)
        check_close(of_one(lane_log, x), log(x));
    for (double h = 0.25; h > 1e-15; h *= 0.7) {
        check_close(of_one(lane_log, 1.0 + h), log(1.0 + h));
        check_close(of_one(lane_log, 1.0 - h), log(1.0 - h));
    }
}

static void the_ends_are_those_of_the_library(void **state)
{
    (void)state;
    assert_true(of_one(lane_exp, 0.0) == 1.0);
    assert_true(of_one(lane_exp, -INFINITY) == 0.0);
    assert_true(of_one(lane_exp, INFINITY) == INFINITY);
    assert_true(of_one(lane_exp, 710.0) == INFINITY);
    assert_true(of_one(lane_exp, -746.0) == 0.0);
    assert_true(fabs(of_one(lane_exp, -740.0) - exp(-740.0)) <= 1e-323);
    assert_true(isnan(of_one(lane_exp, NAN)));
    assert_true(of_one(lane_log, 1.0) == 0.0);
    assert_true(of_one(lane_log, 0.0) == -INFINITY);
    assert_true(of_one(lane_log, INFINITY) == INFINITY);
    assert_true(isnan(of_one(lane_log, -1.0)));
    assert_true(isnan(of_one(lane_log, NAN)));
}

static lane rough_root(lane a)
{
    return rough_rsqrt(a);
}

static lane power_inverse(lane a)
{
    return inverse_power(a);
}

/* Scales are rounded down to powers of two, so that of a norm of 1 must not become 1/2. */
static void rough_roots_are_not_below(void **state)
{
    (void)state;
    for (double x = 1e-300; x < 1e300; x *= 1.0173) {
        const double ratio = of_one(rough_root, x) * sqrt(x);
        assert_true(ratio >= 1.0 - CLOSE && ratio <= 1.0 + 1e-5);
    }
    for (int e = -300; e <= 300; e++)
        assert_true(of_one(rough_root, ldexp(1.0, 2 * e)) >= ldexp(1.0, -e));
}

static void inverses_of_powers_are_exact(void **state)
{
    (void)state;
    for (int e = -1000; e <= 1000; e++)
        assert_true(of_one(power_inverse, ldexp(1.0, e)) == ldexp(1.0, -e));
}

static void lanes_do_not_mix(void **state)
{
    (void)state;
    double in[LANES] __attribute__((aligned(64))), out[LANES] __attribute__((aligned(64)));
    for (int l = 0; l < LANES; l++)
        in[l] = 0.3 * l - 1.0;
    lane_store(out, lane_exp(lane_load(in)));
    for (int l = 0; l < LANES; l++)
        assert_true(out[l] == of_one(lane_exp, in[l]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exp_is_close_everywhere),
        cmocka_unit_test(log_is_close_everywhere),
        cmocka_unit_test(the_ends_are_those_of_the_library),
        cmocka_unit_test(rough_roots_are_not_below),
        cmocka_unit_test(inverses_of_powers_are_exact),
        cmocka_unit_test(lanes_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
