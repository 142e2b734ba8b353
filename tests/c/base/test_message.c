// SPDX-License-Identifier: Apache-2.0
#include "base/message.h"

#include <string.h>

#include "base/clock.h"
#include "support/check.h"

static void fail_writes_and_returns(void **state)
{
    (void)state;
    qc_message why;
    assert_int_equal(qc__fail(&why, QC_ERROR_ORDER, "got %d of %s", 3, "x"), QC_ERROR_ORDER);
    assert_string_equal(why.text, "got 3 of x");
    assert_int_equal(qc__fail(NULL, QC_ERROR_MEMORY, "nobody reads this"), QC_ERROR_MEMORY);
}

static void a_long_message_is_cut(void **state)
{
    (void)state;
    char text[1000];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    qc_message why;
    qc__fail(&why, QC_ERROR_ARGUMENT, "%s", text);
    assert_int_equal(strlen(why.text), sizeof why.text - 1);
}

static void check_sentence(const char *text)
{
    assert_non_null(strchr(text, ' '));
    assert_true(text[strlen(text) - 1] == '.');
}

static void every_error_has_a_sentence(void **state)
{
    (void)state;
    for (int k = QC_OK; k <= QC_ERROR_UNSUPPORTED; k++)
        check_sentence(qc_error_text((qc_error)k));
    assert_string_equal(qc_error_text((qc_error)99), qc_error_text((qc_error)-1));
}

static void every_status_has_a_name(void **state)
{
    (void)state;
    for (int k = QC_UNSOLVED; k <= QC_P_NOT_CONVEX; k++) {
        assert_string_not_equal(qc_status_name((qc_status)k), "unknown");
        check_sentence(qc_status_text((qc_status)k));
        for (int j = QC_UNSOLVED; j < k; j++)
            assert_string_not_equal(qc_status_name((qc_status)k), qc_status_name((qc_status)j));
    }
    assert_string_equal(qc_status_name(QC_PRIMAL_INFEASIBLE), "primal_infeasible");
    assert_string_equal(qc_status_text(QC_P_NOT_SYMMETRIC), "P is not symmetric.");
    assert_string_equal(qc_status_name((qc_status)-1), "unknown");
    assert_string_equal(qc_status_name((qc_status)1000), "unknown");
}

static void every_derivative_status_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(qc_derivative_status_name(QC_DERIVATIVE_NONE), "none");
    assert_string_equal(qc_derivative_status_name(QC_DERIVATIVE_EXACT), "exact");
    assert_string_equal(qc_derivative_status_name(QC_DERIVATIVE_LEAST_SQUARES), "least_squares");
    assert_string_equal(qc_derivative_status_name(QC_DERIVATIVE_INACCURATE), "inaccurate");
    assert_string_equal(qc_derivative_status_name(QC_DERIVATIVE_APPROXIMATE), "approximate");
    assert_string_equal(qc_derivative_status_name((qc_derivative_status)5), "unknown");
}

static void the_clock_does_not_go_back(void **state)
{
    (void)state;
    const double begin = qc__clock_seconds();
    double now = begin;
    for (int k = 0; k < 1000000 && now == begin; k++) {
        now = qc__clock_seconds();
        assert_true(now >= begin);
    }
    assert_true(now > begin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fail_writes_and_returns),
        cmocka_unit_test(a_long_message_is_cut),
        cmocka_unit_test(every_error_has_a_sentence),
        cmocka_unit_test(every_status_has_a_name),
        cmocka_unit_test(every_derivative_status_has_a_name),
        cmocka_unit_test(the_clock_does_not_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
