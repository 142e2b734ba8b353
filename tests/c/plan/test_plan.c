// SPDX-License-Identifier: Apache-2.0
/* The plan as a whole: what it copies, when it condenses, and what it does without memory. */
#include "plan/plan.h"

#include "support/allocator.h"
#include "support/check.h"
#include "support/families.h"

static void the_family_is_copied(void **state)
{
    (void)state;
    family fam;
    const qc_cone cones[] = {
        {QC_CONE_NONNEGATIVE, 5, 0.0}, {QC_CONE_ZERO, 0, 0.0}, {QC_CONE_ZERO, 3, 0.0}};
    family_dense(&fam, 4, 3, 5);
    fam.f.cones = cones;
    fam.f.cone_count = 3;
    fam.f.shared = QC_SHARED_A;
    qc_plan *plan;
    assert_int_equal(qc__plan_new(&plan, &fam.f, -1, NULL), QC_OK);
    assert_int_equal(plan->n, 4);
    assert_int_equal(plan->m, 8);
    assert_int_equal(plan->shared, QC_SHARED_A);
    assert_true(plan->P_dense && plan->A_dense);
    assert_int_equal(plan->block_count, 0);
    assert_int_equal(plan->zero_rows, 3);
    assert_int_equal(plan->cone_rows, 5);
    for (int i = 0; i < 8; i++)
        assert_int_equal(plan->row_is_zero[i], i >= 5);
    qc__plan_free(plan);
    qc__plan_free(NULL);
}

/* A cone of one row is a half-line, a large one is kept sparse by two auxiliary variables. */
static void second_order_cones_are_blocks(void **state)
{
    (void)state;
    family fam;
    const qc_cone cones[] = {{QC_CONE_SECOND_ORDER, 1, 0.0},
                             {QC_CONE_SECOND_ORDER, 3, 0.0},
                             {QC_CONE_ZERO, 2, 0.0},
                             {QC_CONE_SECOND_ORDER, 40, 0.0}};
    family_dense(&fam, 4, 3, 5);
    fam.f.cones = cones;
    fam.f.cone_count = 4;
    fam.f.m = 46;
    qc_plan *plan;
    assert_int_equal(qc__plan_new(&plan, &fam.f, -1, NULL), QC_OK);
    assert_int_equal(plan->block_count, 2);
    assert_int_equal(plan->block_rows, 43);
    assert_int_equal(plan->blocks[0].first, 1);
    assert_int_equal(plan->blocks[0].auxiliary, -1);
    assert_int_equal(plan->blocks[1].first, 6);
    assert_int_equal(plan->blocks[1].size, 40);
    assert_int_equal(plan->blocks[1].auxiliary, 0);
    assert_int_equal(plan->auxiliary, 2);
    assert_int_equal(plan->cone_rows, 44);
    assert_int_equal(plan->full.size, 4 + 46 + 2);
    qc__plan_free(plan);
}

static void a_bad_family_gives_no_plan(void **state)
{
    (void)state;
    family fam;
    qc_message why;
    qc_plan *plan = (qc_plan *)&fam;
    family_dense(&fam, 4, 3, 5);
    assert_int_equal(qc__plan_new(&plan, &fam.f, 7, &why), QC_ERROR_ARGUMENT);
    assert_string_equal(why.text, "options.condense must be -1, 0 or 1, got 7");
    assert_null(plan);
    fam.f.n = -1;
    plan = (qc_plan *)&fam;
    assert_int_equal(qc__plan_new(&plan, &fam.f, -1, &why), QC_ERROR_ARGUMENT);
    assert_null(plan);
    const int64_t colptr[] = {0, 1, 1}, rowidx[] = {1};
    const qc_family unsymmetric = {.n = 2, .P_colptr = colptr, .P_rowidx = rowidx};
    plan = (qc_plan *)&fam;
    assert_int_equal(qc__plan_new(&plan, &unsymmetric, -1, &why), QC_ERROR_ARGUMENT);
    assert_null(plan);
}

static int condensed(const qc_family *f, int condense)
{
    qc_plan *plan;
    assert_int_equal(qc__plan_new(&plan, f, condense, NULL), QC_OK);
    const int result = plan->condensed;
    assert_int_equal(plan->condense.size, result ? plan->n + plan->m : 0);
    assert_int_equal(plan->full.size, plan->n + plan->m);
    assert_int_equal(plan->convexity.size, plan->n);
    qc__plan_free(plan);
    return result;
}

static void condenses_where_that_pays(void **state)
{
    (void)state;
    family fam;
    family_dense(&fam, 50, 10, 50);
    assert_true(condensed(&fam.f, -1));
    assert_true(condensed(&fam.f, 1));
    assert_false(condensed(&fam.f, 0));
    /* Many more inequalities than x's: the condensed matrix would be the larger one. */
    family_dense(&fam, 10, 0, 100);
    assert_false(condensed(&fam.f, -1));
    assert_true(condensed(&fam.f, 1));
}

static void sharing_the_matrices_favours_condensing(void **state)
{
    (void)state;
    family fam;
    int changed = 0;
    for (int nonneg = 50; nonneg < 200; nonneg += 5) {
        family_dense(&fam, 100, 0, nonneg);
        const int before = condensed(&fam.f, -1);
        fam.f.shared = QC_SHARED_P | QC_SHARED_A;
        const int after = condensed(&fam.f, -1);
        assert_true(after >= before);
        changed += after != before;
    }
    assert_true(changed > 0);
}

static void check_not_offered(family *fam)
{
    qc_message why;
    qc_plan *plan;
    assert_false(condensed(&fam->f, -1));
    assert_int_equal(qc__plan_new(&plan, &fam->f, 1, &why), QC_ERROR_UNSUPPORTED);
    assert_string_equal(
        why.text, "options.condense = 1 needs all diagonal entries of P in its pattern, a row of "
                  "A outside zero cones, and second-order cones of at most 1000 rows");
    assert_null(plan);
    family_free(fam);
}

static void condensing_needs_a_diagonal_and_a_cone(void **state)
{
    (void)state;
    family fam;
    family_dense(&fam, 5, 3, 0);
    check_not_offered(&fam);
    family_random(&fam, 9, 20, 4, 20, 0.2, 0);
    check_not_offered(&fam);
}

/* Every allocation fails once; the sanitizer sees to it that nothing leaks. */
static void check_failed_allocations(const qc_family *f)
{
    qc_error error = QC_ERROR_MEMORY;
    qc_message why;
    int fail = 0;
    for (; error == QC_ERROR_MEMORY; fail++) {
        qc_plan *plan = (qc_plan *)&why;
        allocator_watch(fail);
        error = qc__plan_new(&plan, f, -1, &why);
        allocator_watch(-1);
        assert_int_equal(plan == NULL, error != QC_OK);
        qc__plan_free(plan);
    }
    assert_int_equal(error, QC_OK);
    assert_true(fail > 40);
}

static void survives_every_failed_allocation(void **state)
{
    (void)state;
    family fam;
    for (int k = 0; family_make(&fam, k); k++) {
        check_failed_allocations(&fam.f);
        family_free(&fam);
    }
    family_matrix(&fam, 14, 2);
    check_failed_allocations(&fam.f);
    family_free(&fam);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_family_is_copied),
        cmocka_unit_test(second_order_cones_are_blocks),
        cmocka_unit_test(a_bad_family_gives_no_plan),
        cmocka_unit_test(condenses_where_that_pays),
        cmocka_unit_test(sharing_the_matrices_favours_condensing),
        cmocka_unit_test(condensing_needs_a_diagonal_and_a_cone),
        cmocka_unit_test(survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
