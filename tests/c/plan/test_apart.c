// SPDX-License-Identifier: Apache-2.0
/* Which PSD cones are kept apart, and what the plan knows of them. */
#include "plan/apart.h"

#include "support/check.h"
#include "support/families.h"

static qc_plan *plan_of(const family *fam, int condense)
{
    qc_plan *plan;
    assert_int_equal(qc__plan_new(&plan, &fam->f, condense, NULL), QC_OK);
    return plan;
}

static int is_kept_apart(const family *fam, int condense)
{
    qc_plan *plan = plan_of(fam, condense);
    const int count = plan->apart_count;
    qc__plan_free(plan);
    return count;
}

static void the_order_and_the_caller_decide(void **state)
{
    (void)state;
    family fam;
    family_matrix(&fam, 16, 3);
    assert_true(is_kept_apart(&fam, -1));
    assert_false(is_kept_apart(&fam, 0));
    assert_false(is_kept_apart(&fam, 1));
    family_free(&fam);
    family_matrix(&fam, 8, 3);
    assert_false(is_kept_apart(&fam, -1));
    family_free(&fam);
}

/* With so many other rows as there are entries, the product of them costs what the dense block does. */
static void many_other_rows_do_not_pay(void **state)
{
    (void)state;
    family fam;
    family_matrix(&fam, 16, 400);
    assert_false(is_kept_apart(&fam, -1));
    family_free(&fam);
}

/* Entry (i, j) of P or A moves to another row: the pattern is no longer the right one. */
static void the_pattern_must_be_right(void **state)
{
    (void)state;
    enum { ORDER = 16, SIZE = ORDER * (ORDER + 1) / 2, EQUALITIES = 3 };
    const int64_t m = EQUALITIES + 2 + SIZE;
    family fam;
    family_matrix(&fam, ORDER, EQUALITIES);
    int64_t *colptr = fam.arrays[2], *rowidx = fam.arrays[3];
    rowidx[colptr[SIZE - 3] - 1] =
        m - 1; /* of variable SIZE - 4: two rows share one, one is empty */
    rowidx[colptr[1] - 1] = m - 2;
    assert_false(is_kept_apart(&fam, -1));
    family_free(&fam);

    family_matrix(&fam, ORDER, EQUALITIES);
    const int64_t last = fam.arrays[2][SIZE + 1] - 1;
    fam.arrays[3][last] = m - 1; /* of the last variable: a row of the cone has two */
    assert_false(is_kept_apart(&fam, -1));
    family_free(&fam);

    family_matrix(&fam, ORDER, EQUALITIES);
    const int64_t P_colptr[SIZE + 2] = {0, 2, 4}, P_rowidx[] = {0, 1, 0, 1};
    int64_t coupled[SIZE + 2];
    for (int j = 0; j < SIZE + 2; j++)
        coupled[j] = j < 2 ? P_colptr[j] : 4;
    fam.f.P_colptr = coupled; /* two of its variables */
    fam.f.P_rowidx = P_rowidx;
    assert_false(is_kept_apart(&fam, -1));
    family_free(&fam);
}

static void its_rows_and_entries_are_listed(void **state)
{
    (void)state;
    enum { ORDER = 16, SIZE = ORDER * (ORDER + 1) / 2, EQUALITIES = 3 };
    family fam;
    family_matrix(&fam, ORDER, EQUALITIES);
    qc_plan *plan = plan_of(&fam, -1);
    const qc__apart *a = &plan->apart[0];
    assert_int_equal(plan->apart_count, 1);
    assert_int_equal(a->others, EQUALITIES + 2);
    assert_int_equal(plan->blocks[a->block].kind, QC_CONE_PSD);
    for (int t = 0; t < a->others; t++) {
        assert_int_equal(a->other[t], plan->n + t);
        for (int e = a->entry_ptr[t]; e < a->entry_ptr[t + 1]; e++) {
            const qc__apart_entry *entry = &a->entry[e];
            const int row = a->line[a->line_ptr[t] + entry->left];
            const int col = a->line[a->line_ptr[t] + entry->right];
            assert_in_range(row, col, ORDER - 1);
            assert_int_equal(entry->at, col * ORDER - col * (col - 1) / 2 + row - col);
            assert_int_equal(plan->A.col[entry->value], SIZE - 1 - entry->at);
            assert_in_range(entry->value, plan->A.row_ptr[t], plan->A.row_ptr[t + 1] - 1);
        }
    }
    /* One entry, on the diagonal, in the inequalities. */
    assert_int_equal(a->entry_ptr[5] - a->entry_ptr[4], 1);
    assert_int_equal(a->line_ptr[5] - a->line_ptr[4], 1);
    for (int v = 0; v < plan->n + plan->m; v++)
        assert_int_equal(plan->is_apart[v], v < SIZE || v >= plan->n + EQUALITIES + 2);
    assert_true(plan->has_dense);
    assert_true(plan->dense.flops_trailing > 4.0 * plan->full.flops_trailing);
    qc__plan_free(plan);
    family_free(&fam);
}

/* Entries of A in the rows of the cone, and nothing else. */
static void an_inequality_lists_its_variables(void **state)
{
    (void)state;
    enum { ORDER = 14, SIZE = ORDER * (ORDER + 1) / 2, N = 7, OWN = 3 };
    family fam;
    family_lmi(&fam, ORDER, N);
    qc_plan *plan = plan_of(&fam, -1);
    const qc__apart *a = &plan->apart[0];
    assert_int_equal(plan->apart_count, 1);
    assert_false(a->matrix);
    assert_int_equal(a->others, N - 1);
    for (int t = 0; t < a->others; t++) {
        const int64_t *rows = fam.f.A_rowidx + fam.f.A_colptr[t] + OWN;
        assert_int_equal(a->other[t], t);
        assert_int_equal(a->entry_ptr[t + 1] - a->entry_ptr[t],
                         fam.f.A_colptr[t + 1] - fam.f.A_colptr[t] - OWN);
        for (int e = a->entry_ptr[t]; e < a->entry_ptr[t + 1]; e++) {
            const qc__apart_entry *entry = &a->entry[e];
            const int row = a->line[a->line_ptr[t] + entry->left];
            const int col = a->line[a->line_ptr[t] + entry->right];
            assert_int_equal(entry->at, *rows++ - OWN);
            assert_int_equal(entry->at, col * ORDER - col * (col - 1) / 2 + row - col);
            assert_int_equal(plan->A.col[entry->value], t);
        }
    }
    for (int v = 0; v < plan->n + plan->m; v++)
        assert_int_equal(plan->is_apart[v], v >= N + OWN);
    assert_false(plan->has_dense);
    qc__plan_free(plan);
    family_free(&fam);
}

/* Dense matrices are rotated, sparse ones are not, and those with many entries among these are heavy. */
static void sparse_matrices_go_by_their_nonzeros(void **state)
{
    (void)state;
    family fam;
    family_lmi(&fam, 14, 7);
    qc_plan *plan = plan_of(&fam, -1);
    assert_false(plan->apart[0].nonzeros);
    qc__plan_free(plan);
    family_free(&fam);
    family_sparse_lmi(&fam, 20, 32);
    plan = plan_of(&fam, -1);
    assert_int_equal(plan->apart_count, 1);
    assert_true(plan->apart[0].nonzeros);
    for (int t = 0; t < plan->apart[0].others; t++)
        assert_int_equal(plan->apart[0].heavy[t], t < 2);
    qc__plan_free(plan);
    family_free(&fam);
}

/* So many variables that a dense block costs less; and so small a matrix. */
static void an_inequality_must_pay(void **state)
{
    (void)state;
    family fam;
    family_lmi(&fam, 14, 105);
    assert_false(is_kept_apart(&fam, -1));
    family_free(&fam);
    family_lmi(&fam, 14, 7);
    assert_true(is_kept_apart(&fam, -1));
    assert_false(is_kept_apart(&fam, 0));
    assert_false(is_kept_apart(&fam, 1));
    family_free(&fam);
    family_lmi(&fam, 5, 4);
    assert_false(is_kept_apart(&fam, -1));
    family_free(&fam);
}

static void a_very_large_one_has_no_dense_block(void **state)
{
    (void)state;
    family fam;
    family_matrix(&fam, 61, 2);
    qc_plan *plan = plan_of(&fam, -1);
    assert_int_equal(qc__apart_largest(plan), 61);
    assert_false(plan->has_dense);
    assert_false(plan->condensed);
    assert_true(plan->full.panel[plan->full.supernodes] < 100 * plan->full.size);
    qc__plan_free(plan);
    family_free(&fam);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_and_the_caller_decide),
        cmocka_unit_test(many_other_rows_do_not_pay),
        cmocka_unit_test(the_pattern_must_be_right),
        cmocka_unit_test(its_rows_and_entries_are_listed),
        cmocka_unit_test(an_inequality_lists_its_variables),
        cmocka_unit_test(sparse_matrices_go_by_their_nonzeros),
        cmocka_unit_test(an_inequality_must_pay),
        cmocka_unit_test(a_very_large_one_has_no_dense_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
