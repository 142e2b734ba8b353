// SPDX-License-Identifier: Apache-2.0
#include "plan/family.h"

#include "support/check.h"

/* n = 2, m = 3, sparse. Each test spoils one thing. */
static int64_t P_colptr[3], P_rowidx[4], A_colptr[3], A_rowidx[3];
static qc_cone cones[2];
static qc_family f;

static int good(void **state)
{
    (void)state;
    const int64_t P_ptr[] = {0, 2, 4}, P_row[] = {0, 1, 0, 1};
    const int64_t A_ptr[] = {0, 2, 3}, A_row[] = {0, 2, 1};
    for (int k = 0; k < 3; k++) {
        P_colptr[k] = P_ptr[k];
        A_colptr[k] = A_ptr[k];
        A_rowidx[k] = A_row[k];
    }
    for (int k = 0; k < 4; k++)
        P_rowidx[k] = P_row[k];
    cones[0] = (qc_cone){QC_CONE_ZERO, 1, 0.0};
    cones[1] = (qc_cone){QC_CONE_NONNEGATIVE, 2, 0.0};
    f = (qc_family){
        .n = 2,
        .m = 3,
        .P_colptr = P_colptr,
        .P_rowidx = P_rowidx,
        .A_colptr = A_colptr,
        .A_rowidx = A_rowidx,
        .cone_count = 2,
        .cones = cones,
        .shared = QC_SHARED_P | QC_SHARED_Q | QC_SHARED_A | QC_SHARED_B,
    };
    return 0;
}

static void check_error(const char *text)
{
    qc_message why;
    assert_int_equal(qc__family_check(&f, &why), QC_ERROR_ARGUMENT);
    assert_string_equal(why.text, text);
    assert_int_equal(qc__family_check(&f, NULL), QC_ERROR_ARGUMENT);
}

static void accepts_good_ones(void **state)
{
    (void)state;
    assert_int_equal(qc__family_check(&f, NULL), QC_OK);
    f.P_colptr = f.P_rowidx = f.A_colptr = f.A_rowidx = NULL;
    assert_int_equal(qc__family_check(&f, NULL), QC_OK);
    f.m = 0;
    f.cone_count = 0;
    f.cones = NULL;
    assert_int_equal(qc__family_check(&f, NULL), QC_OK);
}

static void an_empty_pattern_needs_no_rows(void **state)
{
    (void)state;
    P_colptr[1] = P_colptr[2] = 0;
    f.P_rowidx = NULL;
    assert_int_equal(qc__family_check(&f, NULL), QC_OK);
}

static void a_family_is_needed(void **state)
{
    (void)state;
    qc_message why;
    assert_int_equal(qc__family_check(NULL, &why), QC_ERROR_ARGUMENT);
    assert_string_equal(why.text, "family must not be NULL");
}

static void names_wrong_sizes(void **state)
{
    f.n = 0;
    check_error("family.n must be at least 1, got 0");
    good(state);
    f.m = -3;
    check_error("family.m must be at least 0, got -3");
    good(state);
    f.n = 3000000000;
    check_error("family.n + family.m must be at most 1073741823, got 3000000000 + 3");
    good(state);
    f.m = 1073741822;
    check_error("family.n + family.m must be at most 1073741823, got 2 + 1073741822");
    good(state);
    f.shared = 0x30;
    check_error("family.shared must be made of QC_SHARED_* bits, got 0x30");
}

static void names_wrong_cones(void **state)
{
    f.cone_count = -1;
    check_error("family.cone_count must be at least 0, got -1");
    good(state);
    f.cones = NULL;
    check_error("family.cones must hold 2 cones, got NULL");
    good(state);
    cones[1].kind = (qc_cone_kind)17;
    check_error("family.cones[1].kind must be a qc_cone_kind, got 17");
    good(state);
    cones[0].size = -1;
    check_error("family.cones[0].size must be at least 0, got -1");
    good(state);
    cones[1].size = 1;
    check_error("family.cones must have family.m = 3 rows together, got 2");
    good(state);
    cones[1].size = INT64_MAX;
    check_error("family.cones must have at most 1073741823 rows together, got more");
    good(state);
    cones[1] = (qc_cone){QC_CONE_SECOND_ORDER, 0, 0.0};
    check_error("family.cones[1], at row 1, must have at least 1 row, got 0");
    cones[1] = (qc_cone){QC_CONE_PSD, 2, 0.0};
    check_error("family.cones[1], a PSD cone at row 1, must have k (k + 1) / 2 rows for some k, "
                "got 2");
    cones[1] = (qc_cone){QC_CONE_DUAL_EXPONENTIAL, 2, 0.0};
    check_error("family.cones[1], at row 1, must have 3 rows, got 2");
    cones[1] = (qc_cone){QC_CONE_POWER, 3, 0.0};
    check_error("family.cones[1].alpha, of a power cone at rows 1 to 3, must be between -1 and 1 "
                "and not 0, got 0");
}

static void names_wrong_patterns(void **state)
{
    f.P_colptr = NULL;
    check_error("family.P_colptr must be given with P_rowidx, got NULL");
    good(state);
    f.A_rowidx = NULL;
    check_error("family.A_rowidx must hold 3 entries, got NULL");
    good(state);
    P_colptr[0] = 1;
    check_error("family.P_colptr[0] must be 0, got 1");
    good(state);
    A_colptr[1] = 4;
    check_error("family.A_colptr must not descend, got 3 after 4");
    good(state);
    P_rowidx[3] = 2;
    check_error("family.P_rowidx[3] must be in 0 .. 1, got 2");
    good(state);
    A_rowidx[0] = -1;
    check_error("family.A_rowidx[0] must be in 0 .. 2, got -1");
    good(state);
    A_rowidx[0] = 2;
    check_error("family.A_rowidx must ascend within column 0, got 2 after 2");
}

static void names_what_is_too_large(void **state)
{
    A_colptr[2] = 2000000000;
    check_error("family.A must have at most 1073741823 entries, got 2000000000");
    good(state);
    f.n = 40000;
    f.P_colptr = f.P_rowidx = NULL;
    check_error("family.P must have at most 1073741823 entries, got a dense one of 40000 by 40000");
    f.n = 32000;
    f.m = 10000;
    cones[1].size = 9999;
    f.A_colptr = f.A_rowidx = NULL;
    check_error("family.P and family.A must have at most 1073741823 entries together, got "
                "1344000000");
}

#define TEST(name) cmocka_unit_test_setup(name, good)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(accepts_good_ones),       TEST(an_empty_pattern_needs_no_rows),
        TEST(a_family_is_needed),      TEST(names_wrong_sizes),
        TEST(names_wrong_cones),       TEST(names_wrong_patterns),
        TEST(names_what_is_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
