// SPDX-License-Identifier: Apache-2.0
/* Problems one by one, along the rows of their matrices, against problems side by side in lanes: the
 * same bits, and the rows are what few problems get. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lane/select.h"
#include "run/solver.h"
#include "support/check.h"
#include "support/families.h"
#include "support/problem.h"

enum { BATCH = 3 };

/* Everything that a solve and its derivatives give. */
typedef struct outcome {
    answers a, tangent;
    problems gradient;
} outcome;

static outcome outcome_new(const problems *p)
{
    return (outcome){answers_new(BATCH, p->n, p->m), answers_new(BATCH, p->n, p->m),
                     problems_random(&p->f, BATCH, 0)};
}

static void outcome_free(outcome *o)
{
    answers_free(&o->a);
    answers_free(&o->tangent);
    problems_free(&o->gradient);
}

static void compute(const problems *p, const qc_plan_options *options, outcome *o)
{
    const qc_values values = problems_values(p);
    const qc_cotangent in = {p->q, p->b, p->b}; /* any numbers, if they are the batch's */
    const qc_cotangent own = {.x = o->a.out.x};
    const qc_gradient out = {o->gradient.P, o->gradient.q, o->gradient.A,
                             o->gradient.b, NULL,          NULL};
    const qc_tangent tangent = {
        .x = o->tangent.out.x, .y = o->tangent.out.y, .s = o->tangent.out.s};
    engine e = engine_with(&p->f, options, BATCH, NULL);
    assert_int_equal(qc_solve(e.solver, BATCH, &values, NULL, &o->a.out, NULL), QC_OK);
    assert_int_equal(qc_vjp(e.solver, p->f.shared ? &own : &in, &out, NULL), QC_OK);
    assert_int_equal(qc_jvp(e.solver, &values, &tangent, NULL), QC_OK);
    engine_free(&e);
}

static void check_same(const char *what, const double *a, const double *b, int64_t count)
{
    for (int64_t k = 0; k < count; k++)
        if (memcmp(&a[k], &b[k], sizeof *a) != 0 && !(isnan(a[k]) && isnan(b[k])))
            fail_msg("%s[%lld]: %.17g in rows, %.17g in lanes", what, (long long)k, a[k], b[k]);
}

static void check_same_outcome(const problems *p, const outcome *rows, const outcome *lanes)
{
    const qc_solution *a = &rows->a.out, *b = &lanes->a.out;
    const qc_solution *da = &rows->tangent.out, *db = &lanes->tangent.out;
    const problems *g = &rows->gradient, *h = &lanes->gradient;
    const unsigned shared = p->f.shared;
    for (int k = 0; k < BATCH; k++) {
        assert_int_equal(a->status[k], b->status[k]);
        assert_int_equal(a->iterations[k], b->iterations[k]);
    }
    check_same("x", a->x, b->x, BATCH * p->n);
    check_same("y", a->y, b->y, BATCH * p->m);
    check_same("s", a->s, b->s, BATCH * p->m);
    check_same("gap", a->gap, b->gap, BATCH);
    check_same("margin", a->margin, b->margin, BATCH);
    check_same("dx", da->x, db->x, BATCH * p->n);
    check_same("dy", da->y, db->y, BATCH * p->m);
    check_same("ds", da->s, db->s, BATCH * p->m);
    check_same("P", g->P, h->P, (shared & QC_SHARED_P ? 1 : BATCH) * p->P_length);
    check_same("q", g->q, h->q, (shared & QC_SHARED_Q ? 1 : BATCH) * p->n);
    check_same("A", g->A, h->A, (shared & QC_SHARED_A ? 1 : BATCH) * p->A_length);
    check_same("b", g->b, h->b, (shared & QC_SHARED_B ? 1 : BATCH) * p->m);
}

/* Both engines of every instruction set that has both. */
static void check_problems(const problems *p, int condense)
{
    qc_plan_options options = {.condense = condense};
    outcome rows = outcome_new(p), lanes = outcome_new(p);
    for (int k = 0; (options.isa = qc_isa_name(k)); k++) {
        if (!qc__rows_like(qc__lanes_available(k)))
            continue;
        options.engine = "lanes";
        compute(p, &options, &lanes);
        options.engine = "rows";
        compute(p, &options, &rows);
        assert_int_equal(rows.a.out.status[0], QC_SOLVED);
        check_same_outcome(p, &rows, &lanes);
    }
    outcome_free(&rows);
    outcome_free(&lanes);
}

/* The last problem has no solution, most likely, and takes the way through the embedding. */
static void spoil(problems *p)
{
    for (int64_t i = 0; i < p->m; i++)
        p->b[(BATCH - 1) * p->m + i] = -1e3;
}

static void check_family(family *fam, uint64_t seed)
{
    for (int condense = -1; condense <= 0; condense++)
        for (unsigned shared = 0; shared < 2; shared++) {
            fam->f.shared = shared ? QC_SHARED_P | QC_SHARED_A : 0;
            problems p = problems_random(&fam->f, BATCH, seed);
            spoil(&p);
            check_problems(&p, condense);
            problems_free(&p);
        }
}

static void every_family_has_the_bits_of_lanes(void **state)
{
    (void)state;
    family fam;
    for (int k = 0; family_make(&fam, k); k++) {
        check_family(&fam, (uint64_t)k);
        family_free(&fam);
    }
}

/* Supernodes of all widths, with edges that are not whole registers. */
static void large_dense_ones_too(void **state)
{
    (void)state;
    const int sizes[][3] = {{63, 0, 110}, {71, 30, 53}, {117, 21, 90}};
    family fam;
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        family_dense(&fam, sizes[k][0], sizes[k][1], sizes[k][2]);
        check_family(&fam, k);
        family_free(&fam);
    }
}

/* Entry i of a point inside the cone. */
static double interior(const qc_cone *cone, int64_t i)
{
    static const double exponential[] = {-1.0, 1.0, 1.0}, power[] = {1.0, 1.0, 0.1};
    switch (cone->kind) {
    case QC_CONE_PSD: { /* the identity: a column is shorter than the one before it */
        int64_t column = 1;
        while (column * (column + 1) / 2 < cone->size)
            column++;
        for (; i > 0; column--)
            i -= column;
        return i == 0 ? 1.0 : 0.05;
    }
    case QC_CONE_EXPONENTIAL: return exponential[i];
    case QC_CONE_POWER: return power[i];
    default: return i == 0 ? 1.0 : 0.05;
    }
}

/* Cones of one kind: b is inside all of them, so x = 0 is feasible. */
static void check_cones(int n, qc_cone cone, int count)
{
    const int size = (int)cone.size;
    family fam;
    qc_cone *cones = calloc((size_t)count, sizeof *cones);
    family_dense(&fam, n, 0, size * count);
    for (int k = 0; k < count; k++)
        cones[k] = cone;
    problems p = problems_random(&fam.f, BATCH, 1);
    p.f.cones = cones;
    p.f.cone_count = count;
    for (int64_t i = 0; i < BATCH * p.m; i++)
        p.b[i] = interior(&cone, i % size);
    check_problems(&p, 0);
    check_problems(&p, -1);
    problems_free(&p);
    family_free(&fam);
    free(cones);
}

static void every_cone_too(void **state)
{
    (void)state;
    check_cones(20, (qc_cone){QC_CONE_SECOND_ORDER, 3, 0.0}, 9);
    check_cones(30, (qc_cone){QC_CONE_SECOND_ORDER, 6, 0.0}, 8);
    check_cones(25, (qc_cone){QC_CONE_SECOND_ORDER, 40, 0.0}, 2); /* kept sparse, in full */
    check_cones(20, (qc_cone){QC_CONE_PSD, 15, 0.0}, 2);
    check_cones(6, (qc_cone){QC_CONE_PSD, 105, 0.0}, 2); /* kept apart, as inequalities */
    check_cones(20, (qc_cone){QC_CONE_EXPONENTIAL, 3, 0.0}, 5);
    check_cones(20, (qc_cone){QC_CONE_POWER, 3, 0.3}, 5);
}

/* A matrix that is kept apart, and one that its values make dense, problem 1 of three. */
static void a_large_matrix_too(void **state)
{
    (void)state;
    enum { MATRIX = 15, SIZE = MATRIX * (MATRIX + 1) / 2, OWN = 5 };
    const qc_cone cone = {QC_CONE_PSD, SIZE, 0.0};
    family fam;
    family_matrix(&fam, MATRIX, OWN - 2);
    problems p = problems_random(&fam.f, BATCH, 2);
    for (int k = 0; k < BATCH; k++) {
        for (int j = 0; j <= SIZE; j++)
            p.P[k * p.P_length + j] = k == 1 && j == 3 ? 2.0 : 1.0;
        for (int j = 0; j < SIZE; j++)
            p.A[k * p.A_length + p.f.A_colptr[j + 1] - 1] = -1.0;
        for (int i = 0; i < p.m; i++)
            p.b[k * p.m + i] = i < OWN ? i >= OWN - 2 : interior(&cone, i - OWN);
    }
    check_problems(&p, -1);
    problems_free(&p);
    family_free(&fam);
}

static const qc__lane_table *table_of(const qc_plan *plan, int64_t capacity, int threads)
{
    qc_solver *solver;
    qc_settings settings;
    qc_settings_default(&settings);
    settings.num_threads = threads;
    assert_int_equal(qc_solver_new(&solver, plan, capacity, &settings, NULL), QC_OK);
    const qc__lane_table *table = solver->lanes;
    qc_solver_free(solver);
    return table;
}

static void few_problems_a_thread_get_rows(void **state)
{
    (void)state;
    if (!qc__rows_like(qc__lanes_available(0)) || qc__lanes_forced("auto"))
        skip();
    family fam;
    qc_plan *plan;
    qc_plan_info info;
    family_dense(&fam, 40, 0, 40);
    assert_int_equal(qc_compile(&plan, &fam.f, NULL, NULL), QC_OK);
    qc_plan_describe(plan, &info);
    assert_in_range(info.rows_per_thread, 1, info.lanes - 1);
    for (int threads = 1; threads <= 3; threads++) {
        const int64_t most = (int64_t)threads * info.rows_per_thread;
        assert_ptr_equal(table_of(plan, 1, threads), qc__rows_like(plan->lanes));
        assert_ptr_equal(table_of(plan, most, threads), qc__rows_like(plan->lanes));
        assert_ptr_equal(table_of(plan, most + 1, threads), plan->lanes);
    }
    qc_plan_free(plan);
    qc_plan_options options;
    qc_plan_options_default(&options);
    options.isa = qc_isa_name(0);
    assert_int_equal(qc_compile(&plan, &fam.f, &options, NULL), QC_OK);
    assert_ptr_equal(table_of(plan, 1, 1), plan->lanes);
    qc_plan_free(plan);
    family_free(&fam);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_family_has_the_bits_of_lanes),
        cmocka_unit_test(large_dense_ones_too),
        cmocka_unit_test(every_cone_too),
        cmocka_unit_test(a_large_matrix_too),
        cmocka_unit_test(few_problems_a_thread_get_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
