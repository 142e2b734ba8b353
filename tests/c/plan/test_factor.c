// SPDX-License-Identifier: Apache-2.0
/* The factor plans: what they promise about themselves, and that following them factors a matrix. */
#include "plan/factor.h"

#include <math.h>
#include <stdlib.h>

#include "plan/graph.h"
#include "plan/supernode.h"
#include "support/check.h"
#include "support/families.h"
#include "support/reference.h"

typedef void check(const qc_plan *plan, const qc__factor_plan *f);

/* Runs a check on every factor plan of every family, condensed wherever that is offered. */
static void on_every_plan(check *run)
{
    family fam;
    int condensed = 0;
    for (int k = 0; family_make(&fam, k); k++) {
        qc_plan *plan;
        if (qc__plan_new(&plan, &fam.f, 1, NULL) == QC_OK) {
            condensed++;
            run(plan, &plan->condense);
        } else {
            assert_int_equal(qc__plan_new(&plan, &fam.f, 0, NULL), QC_OK);
        }
        run(plan, &plan->full);
        run(plan, &plan->convexity);
        qc__plan_free(plan);
        family_free(&fam);
    }
    assert_true(condensed >= 8);
}

static void check_order(const qc_plan *plan, const qc__factor_plan *f)
{
    const int size = f == &plan->convexity ? plan->n : plan->n + plan->m;
    assert_int_equal(f->size, size);
    char *seen = calloc((size_t)size, 1);
    for (int k = 0; k < size; k++) {
        assert_in_range(f->order[k], 0, size - 1);
        assert_int_equal(seen[f->order[k]]++, 0);
        assert_int_equal(f->position[f->order[k]], k);
        assert_int_equal(f->sign[k], f->order[k] < plan->n ? 1 : -1);
    }
    free(seen);
}

static void orders_are_permutations(void **state)
{
    (void)state;
    on_every_plan(check_order);
}

static void check_panels(const qc_plan *plan, const qc__factor_plan *f)
{
    (void)plan;
    int widest = 0, tallest = 0;
    assert_int_equal(f->first[0], 0);
    assert_int_equal(f->first[f->supernodes], f->size);
    assert_int_equal(f->row_ptr[0], 0);
    assert_int_equal(f->panel[0], 0);
    for (int J = 0; J < f->supernodes; J++) {
        const int w = f->first[J + 1] - f->first[J];
        const int below = (int)(f->row_ptr[J + 1] - f->row_ptr[J]);
        assert_in_range(w, 1, QC__SUPERNODE_WIDTH);
        assert_int_equal(f->panel[J + 1] - f->panel[J], w * (w + below));
        for (int64_t t = f->row_ptr[J]; t < f->row_ptr[J + 1]; t++) {
            assert_true(f->rows[t] < f->size);
            assert_true(f->rows[t] >= (t > f->row_ptr[J] ? f->rows[t - 1] + 1 : f->first[J + 1]));
        }
        widest = w > widest ? w : widest;
        tallest = w + below > tallest ? w + below : tallest;
    }
    assert_int_equal(f->widest, widest);
    assert_int_equal(f->tallest, tallest);
}

static void panels_are_laid_out(void **state)
{
    (void)state;
    on_every_plan(check_panels);
}

/* The row of the matrix that row r of J's panel is. */
static int row_of(const qc__factor_plan *f, int J, int r)
{
    const int w = f->first[J + 1] - f->first[J];
    return r < w ? f->first[J] + r : f->rows[f->row_ptr[J] + r - w];
}

/* The updates of a run are from single columns, equally far apart, and go to the same places. */
static void check_run(const qc__factor_plan *f, int J, int64_t u)
{
    const qc__update *update = &f->updates[u];
    const int K = update->source, rows = (int)(f->row_ptr[K + 1] - f->row_ptr[K]);
    assert_in_range(update->run, 1, f->update_ptr[J + 1] - u);
    for (int r = 0; update->run > 1 && r < update->run; r++) {
        const int L = update[r].source, next = update[1].source;
        assert_int_equal(f->first[L + 1] - f->first[L], 1);
        assert_int_equal(f->first[L] - f->first[K], r * (f->first[next] - f->first[K]));
        assert_int_equal(f->panel[L] - f->panel[K], r * (f->panel[next] - f->panel[K]));
        assert_int_equal(update[r].begin, update->begin);
        assert_int_equal(update[r].middle, update->middle);
        assert_memory_equal(f->target + update[r].target, f->target + update->target,
                            (size_t)(rows - update->begin) * sizeof(int32_t));
    }
}

static void check_updates(const qc_plan *plan, const qc__factor_plan *f)
{
    (void)plan;
    int64_t columns = 0;
    int *receiver =
        calloc((size_t)f->supernodes + 1, sizeof *receiver); /* the last, of K, plus 1 */
    for (int J = 0; J < f->supernodes; J++)
        for (int64_t u = f->update_ptr[J]; u < f->update_ptr[J + 1]; u++) {
            const qc__update *update = &f->updates[u];
            const int K = update->source, rows = (int)(f->row_ptr[K + 1] - f->row_ptr[K]);
            const int32_t *list = f->rows + f->row_ptr[K], *target = f->target + update->target;
            assert_true(K < J);
            assert_int_not_equal(receiver[K], J + 1);
            receiver[K] = J + 1;
            assert_true(u == f->update_ptr[J] || f->updates[u - 1].source < f->leading ||
                        K >= f->leading);
            assert_true(update->begin < update->middle && update->middle <= rows);
            for (int t = update->begin; t < rows; t++) {
                assert_int_equal(row_of(f, J, target[t - update->begin]), list[t]);
                assert_int_equal(list[t] < f->first[J + 1], t < update->middle);
            }
            check_run(f, J, u);
            columns += update->middle - update->begin;
        }
    /* Every row of every supernode is a column that receives, once. */
    assert_int_equal(columns, f->row_ptr[f->supernodes]);
    free(receiver);
}

static void updates_go_where_they_belong(void **state)
{
    (void)state;
    on_every_plan(check_updates);
}

static void check_leading(const qc_plan *plan, const qc__factor_plan *f)
{
    const int size = f->size, split = f->first[f->leading];
    for (int k = 0; k < size; k++) {
        const int v = f->order[k], is_cone = v >= plan->n && !plan->row_is_zero[v - plan->n];
        if (f == &plan->condense)
            assert_int_equal(k >= split, is_cone);
    }
    if (f != &plan->condense) {
        assert_int_equal(f->leading, 0);
        assert_true(f->flops_leading == 0.0);
    }
}

static void only_cone_rows_are_not_leading(void **state)
{
    (void)state;
    on_every_plan(check_leading);
}

static void check_flops(const qc_plan *plan, const qc__factor_plan *f)
{
    (void)plan;
    double part[2] = {0.0, 0.0}, entries = 0.0;
    for (int J = 0; J < f->supernodes; J++)
        for (int c = f->first[J]; c < f->first[J + 1]; c++) {
            const double count =
                (double)(f->first[J + 1] - 1 - c) + (double)(f->row_ptr[J + 1] - f->row_ptr[J]);
            part[J >= f->leading] += count + count * (count + 1.0);
            entries += count + 1.0;
        }
    assert_true(f->flops_leading == part[0]);
    assert_true(f->flops_trailing == part[1]);
    assert_true(qc__factor_plan_entries(f, 0, f->supernodes) == entries);
}

static void flops_are_counted(void **state)
{
    (void)state;
    on_every_plan(check_flops);
}

static void check_scatter(const qc_plan *plan, const qc__factor_plan *f)
{
    char *taken = calloc((size_t)f->panel[f->supernodes], 1);
    for (int k = 0; k < f->size; k++)
        assert_int_equal(taken[f->diagonal[k]]++, 0);
    for (int i = 0; i < plan->n; i++)
        for (int k = plan->P.row_ptr[i]; k < plan->P.row_ptr[i + 1]; k++)
            assert_int_equal(taken[f->scatter_P[k]]++, plan->P.col[k] == i);
    assert_int_equal(f->scatter_A == NULL, f == &plan->convexity);
    for (int k = 0; f->scatter_A && k < plan->A.count; k++)
        assert_int_equal(taken[f->scatter_A[k]]++, 0);
    free(taken);
}

static void values_do_not_collide(void **state)
{
    (void)state;
    on_every_plan(check_scatter);
}

static void check_numbers(const qc_plan *plan, const qc__factor_plan *f)
{
    values v = values_random(plan, 11);
    const int64_t n = f->size;
    double *dense = dense_factor(plan, f, &v), *panels = plan_factor(plan, f, &v);
    for (int J = 0; J < f->supernodes; J++) {
        const int first = f->first[J], w = f->first[J + 1] - first;
        const int rows = w + (int)(f->row_ptr[J + 1] - f->row_ptr[J]);
        for (int c = 0; c < w; c++)
            for (int r = c; r < rows; r++) {
                double *expected = &dense[row_of(f, J, r) * n + first + c];
                CHECK_CLOSE(panels[f->panel[J] + r * w + c], *expected,
                            1e-11 * fmax(1.0, fabs(*expected)));
                *expected = 0.0;
            }
    }
    /* What has no place in a panel is zero. */
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++)
            assert_true(dense[i * n + j] == 0.0);
    free(dense);
    free(panels);
    values_free(&v);
}

static void following_a_plan_factors_the_matrix(void **state)
{
    (void)state;
    on_every_plan(check_numbers);
}

/* The columns of samples have others between them, and the same rows. */
static void alike_columns_go_together(void **state)
{
    (void)state;
    family fam;
    family_samples(&fam, 12, 40);
    qc_plan *plan;
    assert_int_equal(qc__plan_new(&plan, &fam.f, 0, NULL), QC_OK);
    const qc__factor_plan *f = &plan->full;
    int longest = 0;
    for (int64_t u = 0; u < f->update_ptr[f->supernodes]; u++)
        if (f->updates[u].run > 1 && f->updates[u + 1].source > f->updates[u].source + 1)
            longest = f->updates[u].run > longest ? f->updates[u].run : longest;
    assert_true(longest >= 20);
    check_updates(plan, f);
    check_numbers(plan, f);
    qc__plan_free(plan);
    family_free(&fam);
}

/* Many small patterns: what is rare in one is not in a hundred. */
static void random_patterns_factor_as_well(void **state)
{
    (void)state;
    for (int k = 0; k < 120; k++) {
        family fam;
        family_random(&fam, (uint64_t)(100 + k), 8 + k % 17, k % 7, 3 * (k % 9),
                      0.02 * (1 + k % 12), k % 2);
        qc_plan *plan;
        if (qc__plan_new(&plan, &fam.f, 1, NULL) == QC_OK)
            check_numbers(plan, &plan->condense);
        else
            assert_int_equal(qc__plan_new(&plan, &fam.f, -1, NULL), QC_OK);
        check_numbers(plan, &plan->full);
        check_updates(plan, &plan->full);
        qc__plan_free(plan);
        family_free(&fam);
    }
}

/* Entries and flops of a factorization by single columns, in the plan's order. */
static double by_columns(const qc_plan *plan, const qc__factor_plan *f, double *entries)
{
    qc__graph g;
    qc__elimination e;
    assert_int_equal(qc__graph_new(&g, &(qc__kkt){.P = &plan->P, .A = &plan->A}), QC_OK);
    assert_int_equal(qc__elimination_new(&e, f->size), QC_OK);
    for (int k = 0; k < f->size; k++)
        e.order[k] = f->order[k];
    const double flops = qc__elimination_count(&e, &g, INFINITY);
    *entries = f->size;
    for (int k = 0; k < f->size; k++)
        *entries += e.count[k];
    qc__elimination_free(&e);
    qc__graph_free(&g);
    return flops;
}

static void sharing_panels_adds_few_zeros(void **state)
{
    (void)state;
    family fam;
    for (int k = 0; k < 6; k++) {
        if (k < 3)
            family_banded(&fam, 400, 1 << k);
        else
            family_random(&fam, (uint64_t)k, 300, 50, 200, 0.002 * k, k % 2);
        qc_plan *plan;
        double entries;
        assert_int_equal(qc__plan_new(&plan, &fam.f, 0, NULL), QC_OK);
        const qc__factor_plan *f = &plan->full;
        const double flops = by_columns(plan, f, &entries);
        assert_true(qc__factor_plan_entries(f, 0, f->supernodes) <= 4.0 / 3.0 * entries);
        assert_true(f->flops_trailing <= (flops > 1e6 ? 1.1 : 1.9) * flops);
        qc__plan_free(plan);
        family_free(&fam);
    }
}

/* The inequalities of a dense problem all have the same rows below them: they must share panels, and
 * the x's after them must come in even blocks. */
static void dense_problems_have_wide_panels(void **state)
{
    (void)state;
    family fam;
    family_dense(&fam, 100, 50, 100);
    qc_plan *plan;
    assert_int_equal(qc__plan_new(&plan, &fam.f, 1, NULL), QC_OK);
    assert_true(plan->full.supernodes <= 20);
    assert_true(plan->condense.supernodes <= 12);
    double entries;
    assert_true(plan->full.flops_trailing <= 1.1 * by_columns(plan, &plan->full, &entries));
    qc__plan_free(plan);
    family_free(&fam);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_are_permutations),
        cmocka_unit_test(panels_are_laid_out),
        cmocka_unit_test(updates_go_where_they_belong),
        cmocka_unit_test(alike_columns_go_together),
        cmocka_unit_test(only_cone_rows_are_not_leading),
        cmocka_unit_test(flops_are_counted),
        cmocka_unit_test(values_do_not_collide),
        cmocka_unit_test(following_a_plan_factors_the_matrix),
        cmocka_unit_test(random_patterns_factor_as_well),
        cmocka_unit_test(sharing_panels_adds_few_zeros),
        cmocka_unit_test(dense_problems_have_wide_panels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
