// SPDX-License-Identifier: Apache-2.0
/* What qc_solve answers: solutions, numbers about them, and the same ones however a batch is cut. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "support/families.h"
#include "support/problem.h"

enum { BATCH = 11 };

static void check_solved(const problems *p, const answers *a, int64_t k)
{
    const qc_solution *o = &a->out;
    const double *x = o->x + k * a->n, *y = o->y + k * a->m, *s = o->s + k * a->m;
    const conditions c = conditions_of(p, k, x, y, s);
    assert_int_equal(o->status[k], QC_SOLVED);
    assert_true(o->iterations[k] >= 0 && o->iterations[k] <= 130);
    CHECK_CLOSE(c.primal, 0.0, 1e-6);
    CHECK_CLOSE(c.dual, 0.0, 1e-6);
    CHECK_CLOSE(c.gap, 0.0, 1e-5);
    CHECK_CLOSE(c.cone, 0.0, 1e-12);
    CHECK_CLOSE(o->primal_residual[k], c.primal, 1e-9);
    CHECK_CLOSE(o->dual_residual[k], c.dual, 1e-9);
    CHECK_CLOSE(o->gap[k], c.gap, 1e-9 * (1.0 + fabs(o->objective[k])));
}

static void solves_every_family(void **state)
{
    (void)state;
    family fam;
    for (int k = 0; family_make(&fam, k); k++) {
        problems p = problems_random(&fam.f, BATCH, (uint64_t)k);
        const qc_values values = problems_values(&p);
        answers a = answers_new(BATCH, p.n, p.m);
        for (int condense = -1; condense <= 0; condense++) {
            engine e = engine_new(&fam.f, NULL, condense, BATCH, NULL);
            assert_int_equal(qc_solve(e.solver, BATCH, &values, NULL, &a.out, NULL), QC_OK);
            for (int64_t j = 0; j < BATCH; j++)
                check_solved(&p, &a, j);
            engine_free(&e);
        }
        answers_free(&a);
        problems_free(&p);
        family_free(&fam);
    }
}

static double quadratic(const problems *p, int64_t k, const double *x)
{
    const qc_values v = problems_at(p, k);
    double sum = 0.0;
    for (int64_t i = 0; i < p->n; i++) {
        sum += v.q[i] * x[i];
        for (int64_t j = 0; j < p->n; j++)
            sum += 0.5 * v.P[i * p->n + j] * x[i] * x[j];
    }
    return sum;
}

static void reports_objective_and_margin(void **state)
{
    (void)state;
    family fam;
    family_dense(&fam, 8, 2, 9);
    problems p = problems_random(&fam.f, BATCH, 3);
    const qc_values values = problems_values(&p);
    answers a = answers_new(BATCH, p.n, p.m);
    engine e = engine_new(&fam.f, NULL, -1, BATCH, NULL);
    assert_int_equal(qc_solve(e.solver, BATCH, &values, NULL, &a.out, NULL), QC_OK);
    for (int64_t k = 0; k < BATCH; k++) {
        const double *y = a.out.y + k * p.m, *s = a.out.s + k * p.m;
        const qc_values v = problems_at(&p, k);
        double scale = 1.0, margin = INFINITY;
        for (int64_t i = 0; i < p.m; i++)
            scale = fmax(scale, fabs(v.b[i]));
        for (int64_t j = 0; j < p.n; j++)
            scale = fmax(scale, fabs(v.q[j]));
        for (int64_t i = 2; i < p.m; i++)
            margin = fmin(margin, fabs(s[i] - y[i]) / scale);
        CHECK_CLOSE(a.out.objective[k], quadratic(&p, k, a.out.x + k * p.n), 1e-9 * scale * scale);
        CHECK_CLOSE(a.out.margin[k], margin, 1e-9);
    }
    answers_free(&a);
    problems_free(&p);
    engine_free(&e);
}

static void any_output_may_be_left_out(void **state)
{
    (void)state;
    family fam;
    family_dense(&fam, 8, 2, 9);
    problems p = problems_random(&fam.f, BATCH, 3);
    const qc_values values = problems_values(&p);
    answers a = answers_new(BATCH, p.n, p.m);
    const qc_solution none = {0}, only_status = {.status = a.out.status};
    engine e = engine_new(&fam.f, NULL, -1, BATCH, NULL);
    assert_int_equal(qc_solve(e.solver, BATCH, &values, NULL, &none, NULL), QC_OK);
    assert_int_equal(qc_solve(e.solver, BATCH, &values, NULL, NULL, NULL), QC_OK);
    memset(a.out.status, 0, BATCH * sizeof(int32_t));
    assert_int_equal(qc_solve(e.solver, BATCH, &values, NULL, &only_status, NULL), QC_OK);
    for (int k = 0; k < BATCH; k++)
        assert_int_equal(a.out.status[k], QC_SOLVED);
    answers_free(&a);
    problems_free(&p);
    engine_free(&e);
}

/* All of a solution of problem k, as bytes. */
static void check_same(const answers *a, int64_t k, const answers *b, int64_t j)
{
    const qc_solution *s = &a->out, *t = &b->out;
    assert_memory_equal(s->x + k * a->n, t->x + j * a->n, (size_t)a->n * sizeof(double));
    if (a->m > 0) {
        assert_memory_equal(s->y + k * a->m, t->y + j * a->m, (size_t)a->m * sizeof(double));
        assert_memory_equal(s->s + k * a->m, t->s + j * a->m, (size_t)a->m * sizeof(double));
    }
    assert_int_equal(s->status[k], t->status[j]);
    assert_int_equal(s->iterations[k], t->iterations[j]);
    assert_memory_equal(&s->objective[k], &t->objective[j], sizeof(double));
    assert_memory_equal(&s->primal_residual[k], &t->primal_residual[j], sizeof(double));
    assert_memory_equal(&s->dual_residual[k], &t->dual_residual[j], sizeof(double));
    assert_memory_equal(&s->gap[k], &t->gap[j], sizeof(double));
    assert_memory_equal(&s->margin[k], &t->margin[j], sizeof(double));
}

static void check_bits(const qc_family *f, const char *isa, uint64_t seed)
{
    qc_settings settings;
    qc_settings_default(&settings);
    settings.num_threads = 3;
    problems p = problems_random(f, BATCH, seed);
    const qc_values values = problems_values(&p);
    answers all = answers_new(BATCH, p.n, p.m), one = answers_new(1, p.n, p.m);
    answers threaded = answers_new(BATCH, p.n, p.m);
    engine e = engine_new(f, isa, -1, BATCH, &settings);
    assert_int_equal(qc_solve(e.solver, BATCH, &values, NULL, &threaded.out, NULL), QC_OK);
    settings.num_threads = 1;
    assert_int_equal(qc_solver_set(e.solver, &settings, NULL), QC_OK);
    assert_int_equal(qc_solve(e.solver, BATCH, &values, NULL, &all.out, NULL), QC_OK);
    for (int64_t j = 0; j < BATCH; j++) {
        const qc_values alone = problems_at(&p, j);
        check_same(&all, j, &threaded, j);
        assert_int_equal(qc_solve(e.solver, 1, &alone, NULL, &one.out, NULL), QC_OK);
        check_same(&all, j, &one, 0);
    }
    answers_free(&all);
    answers_free(&one);
    answers_free(&threaded);
    engine_free(&e);
    problems_free(&p);
}

static void bits_depend_on_the_problem_alone(void **state)
{
    (void)state;
    family fam;
    for (int k = 0; family_make(&fam, k); k++) {
        for (int i = 0; qc_isa_name(i); i++)
            check_bits(&fam.f, qc_isa_name(i), (uint64_t)k);
        family_free(&fam);
    }
}

/* A batch in which P and A are shared is answered as if they were repeated. */
static void sharing_changes_nothing_but_rounding(void **state)
{
    (void)state;
    family fam;
    for (int k = 1; family_make(&fam, k); k++) {
        fam.f.shared = QC_SHARED_P | QC_SHARED_A;
        problems p = problems_random(&fam.f, BATCH, (uint64_t)k);
        const qc_values values = problems_values(&p);
        answers together = answers_new(BATCH, p.n, p.m), one = answers_new(1, p.n, p.m);
        engine e = engine_new(&fam.f, NULL, -1, BATCH, NULL);
        assert_int_equal(qc_solve(e.solver, BATCH, &values, NULL, &together.out, NULL), QC_OK);
        fam.f.shared = 0;
        engine own = engine_new(&fam.f, NULL, -1, 1, NULL);
        for (int64_t j = 0; j < BATCH; j++) {
            const qc_values alone = problems_at(&p, j);
            check_solved(&p, &together, j);
            assert_int_equal(qc_solve(own.solver, 1, &alone, NULL, &one.out, NULL), QC_OK);
            CHECK_CLOSE(together.out.objective[j], one.out.objective[0],
                        1e-6 * (1.0 + fabs(one.out.objective[0])));
        }
        answers_free(&together);
        answers_free(&one);
        engine_free(&e);
        engine_free(&own);
        problems_free(&p);
        family_free(&fam);
    }
}

static void a_warm_start_saves_iterations(void **state)
{
    (void)state;
    family fam;
    family_dense(&fam, 20, 5, 30);
    problems p = problems_random(&fam.f, BATCH, 3);
    const qc_values values = problems_values(&p);
    answers cold = answers_new(BATCH, p.n, p.m), warm = answers_new(BATCH, p.n, p.m);
    engine e = engine_new(&fam.f, NULL, -1, BATCH, NULL);
    assert_int_equal(qc_solve(e.solver, BATCH, &values, NULL, &cold.out, NULL), QC_OK);
    const qc_warm_start guess = {cold.out.x, cold.out.y, cold.out.s};
    assert_int_equal(qc_solve(e.solver, BATCH, &values, &guess, &warm.out, NULL), QC_OK);
    for (int64_t k = 0; k < BATCH; k++) {
        check_solved(&p, &warm, k);
        assert_true(warm.out.iterations[k] <= 2);
        assert_true(warm.out.iterations[k] < cold.out.iterations[k]);
    }
    for (int64_t j = 0; j < BATCH * p.n; j++) /* a bad guess does no harm */
        cold.out.x[j] = 1e3 * (double)(j % 7 - 3);
    assert_int_equal(qc_solve(e.solver, BATCH, &values, &guess, &warm.out, NULL), QC_OK);
    for (int64_t k = 0; k < BATCH; k++)
        check_solved(&p, &warm, k);
    answers_free(&cold);
    answers_free(&warm);
    problems_free(&p);
    engine_free(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(solves_every_family),
        cmocka_unit_test(reports_objective_and_margin),
        cmocka_unit_test(any_output_may_be_left_out),
        cmocka_unit_test(bits_depend_on_the_problem_alone),
        cmocka_unit_test(sharing_changes_nothing_but_rounding),
        cmocka_unit_test(a_warm_start_saves_iterations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
