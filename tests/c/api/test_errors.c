// SPDX-License-Identifier: Apache-2.0
/* Every way in which a call can be illegal, and what the message says. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "support/families.h"
#include "support/problem.h"

static family fam;
static problems p;
static qc_values values;
static answers a;
static engine e;
static qc_message why;

static int set_up(void **state)
{
    (void)state;
    family_dense(&fam, 4, 1, 3);
    p = problems_random(&fam.f, 2, 1);
    values = problems_values(&p);
    a = answers_new(2, 4, 4);
    e = engine_new(&fam.f, NULL, -1, 2, NULL);
    memset(&why, 0, sizeof why);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    answers_free(&a);
    problems_free(&p);
    engine_free(&e);
    return 0;
}

/* The call returns the error, and its message contains the text. */
#define CHECK_ERROR(call, error, contained)                                                        \
    do {                                                                                           \
        why.text[0] = '\0';                                                                        \
        assert_int_equal(call, error);                                                             \
        if (!strstr(why.text, contained))                                                          \
            fail_msg("\"%s\" does not contain \"%s\"", why.text, contained);                       \
    } while (0)

static void of_qc_compile(void **state)
{
    (void)state;
    qc_plan *plan = (qc_plan *)&fam;
    qc_plan_options options;
    qc_plan_options_default(&options);
    CHECK_ERROR(qc_compile(NULL, &fam.f, NULL, &why), QC_ERROR_ARGUMENT, "out: expected");
    CHECK_ERROR(qc_compile(&plan, NULL, NULL, &why), QC_ERROR_ARGUMENT, "family");
    assert_null(plan);
    options.condense = 2;
    CHECK_ERROR(qc_compile(&plan, &fam.f, &options, &why), QC_ERROR_ARGUMENT, "got 2");
    qc_plan_options_default(&options);
    options.isa = "abacus";
    CHECK_ERROR(qc_compile(&plan, &fam.f, &options, &why), QC_ERROR_ARGUMENT, "got \"abacus\"");
    qc_plan_options_default(&options);
    options.engine = "steam";
    CHECK_ERROR(qc_compile(&plan, &fam.f, &options, &why), QC_ERROR_ARGUMENT, "got \"steam\"");
    options.engine = "rows";
    options.isa = "base";
    CHECK_ERROR(qc_compile(&plan, &fam.f, &options, &why), QC_ERROR_UNSUPPORTED, "set is base");
    assert_null(plan);
    fam.f.n = -4;
    CHECK_ERROR(qc_compile(&plan, &fam.f, NULL, &why), QC_ERROR_ARGUMENT, "got -4");
    assert_int_equal(qc_compile(&plan, &fam.f, NULL, NULL), QC_ERROR_ARGUMENT);
    qc_plan_free(NULL);
}

/* The environment chooses where the options do not, and is what the message is about. */
static void of_an_instruction_set_in_the_environment(void **state)
{
    (void)state;
    const qc_cone cone = {.kind = QC_CONE_NONNEGATIVE, .size = 1};
    const double v = -1.0;
    double out;
    qc_plan *plan;
    qc_plan_options options;
    qc_plan_options_default(&options);
    setenv("QC_ISA", "sundial", 1);
    CHECK_ERROR(qc_compile(&plan, &fam.f, &options, &why), QC_ERROR_ARGUMENT,
                "QC_ISA: expected \"auto\" or one that qc_isa_name lists, got \"sundial\"");
    CHECK_ERROR(qc_project(&cone, 1, 1, &v, &out, &why), QC_ERROR_ARGUMENT, "got \"sundial\"");
    setenv("QC_ISA", "auto", 1);
    assert_int_equal(qc_project(&cone, 1, 1, &v, &out, &why), QC_OK);
    unsetenv("QC_ISA");
}

static void check_settings_error(const qc_settings *s, const char *text)
{
    qc_solver *solver = (qc_solver *)&fam;
    CHECK_ERROR(qc_solver_new(&solver, e.plan, 2, s, &why), QC_ERROR_ARGUMENT, text);
    assert_null(solver);
    CHECK_ERROR(qc_solver_set(e.solver, s, &why), QC_ERROR_ARGUMENT, text);
}

static void of_settings(void **state)
{
    (void)state;
    qc_settings s;
    const double tolerances[] = {0.0, -1.0, 1.0, NAN};
    for (int k = 0; k < 4; k++) {
        qc_settings_default(&s);
        s.tolerance = tolerances[k];
        check_settings_error(&s, "tolerance: expected");
        qc_settings_default(&s);
        s.tolerance_infeasible = tolerances[k];
        check_settings_error(&s, "tolerance_infeasible: expected");
    }
    qc_settings_default(&s);
    s.max_iterations = 0;
    check_settings_error(&s, "max_iterations: expected at least 1, got 0");
    qc_settings_default(&s);
    s.num_threads = 0;
    check_settings_error(&s, "num_threads: expected 1 to");
    s.num_threads = 1000000;
    check_settings_error(&s, "got 1000000");
}

static void of_qc_solver_new(void **state)
{
    (void)state;
    qc_solver *solver = (qc_solver *)&fam;
    CHECK_ERROR(qc_solver_new(NULL, e.plan, 2, NULL, &why), QC_ERROR_ARGUMENT, "out: expected");
    CHECK_ERROR(qc_solver_new(&solver, NULL, 2, NULL, &why), QC_ERROR_ARGUMENT, "plan: expected");
    assert_null(solver);
    CHECK_ERROR(qc_solver_new(&solver, e.plan, 0, NULL, &why), QC_ERROR_ARGUMENT, "got 0");
    CHECK_ERROR(qc_solver_new(&solver, e.plan, INT64_MAX, NULL, &why), QC_ERROR_ARGUMENT,
                "capacity: expected");
    qc_solver_free(NULL);
}

static void of_qc_solver_set(void **state)
{
    (void)state;
    qc_settings s;
    qc_settings_default(&s);
    CHECK_ERROR(qc_solver_set(NULL, &s, &why), QC_ERROR_ARGUMENT, "solver: expected");
    CHECK_ERROR(qc_solver_set(e.solver, NULL, &why), QC_ERROR_ARGUMENT, "settings: expected");
    s.num_threads = 2;
    CHECK_ERROR(qc_solver_set(e.solver, &s, &why), QC_ERROR_ARGUMENT, "expected at most 1");
    s.num_threads = 1;
    s.derivatives = 0;
    qc_solver *without;
    assert_int_equal(qc_solver_new(&without, e.plan, 2, &s, NULL), QC_OK);
    s.derivatives = 1;
    CHECK_ERROR(qc_solver_set(without, &s, &why), QC_ERROR_ARGUMENT, "derivatives: ");
    qc_solver_free(without);
}

static void of_qc_solve(void **state)
{
    (void)state;
    const qc_solution *out = &a.out;
    CHECK_ERROR(qc_solve(NULL, 2, &values, NULL, out, &why), QC_ERROR_ARGUMENT, "solver: expected");
    CHECK_ERROR(qc_solve(e.solver, 2, NULL, NULL, out, &why), QC_ERROR_ARGUMENT,
                "values: expected");
    CHECK_ERROR(qc_solve(e.solver, 0, &values, NULL, out, &why), QC_ERROR_ARGUMENT, "got 0");
    CHECK_ERROR(qc_solve(e.solver, 3, &values, NULL, out, &why), QC_ERROR_ARGUMENT,
                "expected 1 to 2, the solver's capacity, got 3");
    const char *names[] = {"values.P: ", "values.q: ", "values.A: ", "values.b: "};
    for (int k = 0; k < 4; k++) {
        qc_values lacking = values;
        *(const double **[]){&lacking.P, &lacking.q, &lacking.A, &lacking.b}[k] = NULL;
        CHECK_ERROR(qc_solve(e.solver, 2, &lacking, NULL, out, &why), QC_ERROR_ARGUMENT, names[k]);
    }
    for (int k = 0; k < 3; k++) {
        const qc_warm_start warm = {k == 0 ? NULL : out->x, k == 1 ? NULL : out->y,
                                    k == 2 ? NULL : out->s};
        CHECK_ERROR(qc_solve(e.solver, 2, &values, &warm, out, &why), QC_ERROR_ARGUMENT,
                    "warm: expected x, y and s");
    }
}

static void of_derivatives(void **state)
{
    (void)state;
    const qc_cotangent cotangent = {0};
    const qc_gradient gradient = {0};
    const qc_values tangents = {0};
    const qc_tangent tangent = {0};
    CHECK_ERROR(qc_vjp(e.solver, &cotangent, &gradient, &why), QC_ERROR_ORDER,
                "call qc_solve first");
    CHECK_ERROR(qc_jvp(e.solver, &tangents, &tangent, &why), QC_ERROR_ORDER, "call qc_solve first");
    assert_int_equal(qc_solve(e.solver, 2, &values, NULL, &a.out, NULL), QC_OK);
    CHECK_ERROR(qc_vjp(NULL, &cotangent, &gradient, &why), QC_ERROR_ARGUMENT, "solver: expected");
    CHECK_ERROR(qc_vjp(e.solver, NULL, &gradient, &why), QC_ERROR_ARGUMENT, "in: expected");
    CHECK_ERROR(qc_vjp(e.solver, &cotangent, NULL, &why), QC_ERROR_ARGUMENT, "out: expected");
    CHECK_ERROR(qc_jvp(NULL, &tangents, &tangent, &why), QC_ERROR_ARGUMENT, "solver: expected");
    CHECK_ERROR(qc_jvp(e.solver, NULL, &tangent, &why), QC_ERROR_ARGUMENT, "in: expected");
    CHECK_ERROR(qc_jvp(e.solver, &tangents, NULL, &why), QC_ERROR_ARGUMENT, "out: expected");
    assert_int_equal(qc_vjp(e.solver, &cotangent, &gradient, &why), QC_OK);
}

/* The derivative is of the last solve; one that kept nothing for it has none. */
static void of_derivatives_that_were_not_kept(void **state)
{
    (void)state;
    const qc_cotangent cotangent = {0};
    const qc_gradient gradient = {0};
    qc_settings s;
    qc_settings_default(&s);
    s.derivatives = 0;
    assert_int_equal(qc_solver_set(e.solver, &s, NULL), QC_OK);
    assert_int_equal(qc_solve(e.solver, 2, &values, NULL, &a.out, NULL), QC_OK);
    CHECK_ERROR(qc_vjp(e.solver, &cotangent, &gradient, &why), QC_ERROR_ORDER, "derivatives");
    s.derivatives = 1;
    assert_int_equal(qc_solver_set(e.solver, &s, NULL), QC_OK);
    CHECK_ERROR(qc_vjp(e.solver, &cotangent, &gradient, &why), QC_ERROR_ORDER, "derivatives");
    assert_int_equal(qc_solve(e.solver, 2, &values, NULL, &a.out, NULL), QC_OK);
    assert_int_equal(qc_vjp(e.solver, &cotangent, &gradient, &why), QC_OK);
}

static void a_plan_describes_itself(void **state)
{
    (void)state;
    qc_plan_info info;
    qc_plan_describe(e.plan, &info);
    assert_string_equal(info.isa, qc_isa_name(0));
    assert_true(info.lanes >= 1);
    assert_int_equal(info.P_length, 16);
    assert_int_equal(info.A_length, 16);
    assert_true(info.factor_length >= 36);
    assert_true(info.iteration_flops > 0.0);
    assert_int_equal(info.setup_flops > 0.0, info.condensed);
    assert_true(qc_solver_bytes(e.solver) > 2 * 12 * sizeof(double));
    assert_string_equal(qc_version(), "0.1.0");
}

static void the_last_instruction_set_is_scalar(void **state)
{
    (void)state;
    int count = 0;
    while (qc_isa_name(count))
        count++;
    assert_true(count >= 2);
    assert_string_equal(qc_isa_name(count - 1), "scalar");
    assert_string_equal(qc_isa_name(count - 2), "base");
    assert_null(qc_isa_name(-1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(of_qc_compile),
        TEST(of_settings),
        TEST(of_qc_solver_new),
        TEST(of_qc_solver_set),
        TEST(of_qc_solve),
        TEST(of_derivatives),
        TEST(of_derivatives_that_were_not_kept),
        TEST(a_plan_describes_itself),
        TEST(the_last_instruction_set_is_scalar),
        TEST(of_an_instruction_set_in_the_environment), /* the last, as it leaves none there */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
