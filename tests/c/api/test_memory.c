// SPDX-License-Identifier: Apache-2.0
/* Who allocates, and what happens when there is nothing left. */
#include <stdlib.h>

#include "support/allocator.h"
#include "support/check.h"
#include "support/families.h"
#include "support/problem.h"

enum { BATCH = 5 };

static void only_compiling_and_making_a_solver_allocate(void **state)
{
    (void)state;
    family fam;
    for (int k = 0; family_make(&fam, k); k++) {
        problems p = problems_random(&fam.f, BATCH, (uint64_t)k);
        const qc_values values = problems_values(&p);
        answers a = answers_new(BATCH, p.n, p.m), t = answers_new(BATCH, p.n, p.m);
        engine e = engine_new(&fam.f, NULL, -1, BATCH, NULL);
        const qc_warm_start warm = {a.out.x, a.out.y, a.out.s};
        const qc_cotangent cotangent = {a.out.x, a.out.y, a.out.s};
        const qc_gradient gradient = {.q = t.out.x, .b = t.out.y};
        const qc_tangent tangent = {.x = t.out.x, .y = t.out.y, .s = t.out.s};
        qc_settings settings;
        qc_settings_default(&settings);
        allocator_watch(-1);
        assert_int_equal(qc_solve(e.solver, BATCH, &values, NULL, &a.out, NULL), QC_OK);
        assert_int_equal(qc_solve(e.solver, BATCH, &values, &warm, &a.out, NULL), QC_OK);
        assert_int_equal(qc_vjp(e.solver, &cotangent, &gradient, NULL), QC_OK);
        assert_int_equal(qc_jvp(e.solver, &values, &tangent, NULL), QC_OK);
        assert_int_equal(qc_solver_set(e.solver, &settings, NULL), QC_OK);
        const int calls = allocator_calls();
        assert_int_equal(calls, 0);
        answers_free(&a);
        answers_free(&t);
        problems_free(&p);
        engine_free(&e);
        family_free(&fam);
    }
}

static void a_solver_without_memory_is_no_solver(void **state)
{
    (void)state;
    family fam;
    family_dense(&fam, 5, 2, 4);
    engine e = engine_new(&fam.f, NULL, -1, 1, NULL);
    qc_settings settings;
    qc_settings_default(&settings);
    settings.num_threads = 3;
    qc_error error = QC_ERROR_MEMORY;
    int fail = 0;
    for (; error == QC_ERROR_MEMORY; fail++) {
        qc_solver *solver = (qc_solver *)&fam;
        qc_message why;
        allocator_watch(fail);
        error = qc_solver_new(&solver, e.plan, BATCH, &settings, &why);
        allocator_watch(-1);
        assert_int_equal(solver == NULL, error != QC_OK);
        qc_solver_free(solver);
    }
    assert_int_equal(error, QC_OK);
    assert_true(fail >= 3);
    engine_free(&e);
}

static void more_than_there_is_is_refused(void **state)
{
    (void)state;
    family fam;
    family_dense(&fam, 1000, 0, 1000);
    engine e = engine_new(&fam.f, NULL, 0, 1, NULL);
    qc_solver *solver = (qc_solver *)&fam;
    qc_message why;
    assert_int_equal(qc_solver_new(&solver, e.plan, INT32_MAX, NULL, &why), QC_ERROR_MEMORY);
    assert_null(solver);
    engine_free(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_compiling_and_making_a_solver_allocate),
        cmocka_unit_test(a_solver_without_memory_is_no_solver),
        cmocka_unit_test(more_than_there_is_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
