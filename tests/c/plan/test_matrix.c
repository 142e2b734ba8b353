// SPDX-License-Identifier: Apache-2.0
#include "plan/matrix.h"

#include "support/check.h"
#include "support/families.h"

static int64_t index_of(const int64_t *colptr, const int64_t *rowidx, int i, int j)
{
    for (int64_t k = colptr[j]; k < colptr[j + 1]; k++)
        if (rowidx[k] == i)
            return k;
    return -1;
}

/* Where the caller keeps entry (i, j); -1: nowhere. */
static int64_t place(const int64_t *colptr, const int64_t *rowidx, int64_t cols, int i, int j)
{
    return colptr ? index_of(colptr, rowidx, i, j) : i * cols + j;
}

static void check_rows(const qc__matrix *M, const int64_t *colptr, const int64_t *rowidx, int lower)
{
    int64_t count = 0;
    for (int i = 0; i < M->rows; i++)
        for (int j = 0; j < (lower ? i + 1 : M->cols); j++)
            count += place(colptr, rowidx, M->cols, i, j) >= 0;
    assert_int_equal(M->count, count);
    assert_int_equal(M->row_ptr[0], 0);
    assert_int_equal(M->row_ptr[M->rows], M->count);
    for (int i = 0; i < M->rows; i++)
        for (int k = M->row_ptr[i]; k < M->row_ptr[i + 1]; k++) {
            const int j = M->col[k];
            assert_true(k == M->row_ptr[i] || M->col[k - 1] < j);
            assert_true(!lower || j <= i);
            assert_int_equal(M->source[k], place(colptr, rowidx, M->cols, i, j));
            if (lower)
                assert_int_equal(M->mirror[k], place(colptr, rowidx, M->cols, j, i));
        }
}

static void rows_know_where_their_values_are(void **state)
{
    (void)state;
    family fam;
    for (int k = 0; family_make(&fam, k); k++) {
        const qc_family *f = &fam.f;
        qc__matrix P, A;
        assert_int_equal(qc__matrix_P(&P, f, NULL), QC_OK);
        assert_int_equal(qc__matrix_A(&A, f, NULL), QC_OK);
        check_rows(&P, f->P_colptr, f->P_rowidx, 1);
        check_rows(&A, f->A_colptr, f->A_rowidx, 0);
        assert_int_equal(P.length, f->P_colptr ? f->P_colptr[f->n] : f->n * f->n);
        assert_int_equal(A.length, f->A_colptr ? f->A_colptr[f->n] : f->m * f->n);
        assert_null(A.mirror);
        qc__matrix_free(&P);
        qc__matrix_free(&A);
        family_free(&fam);
    }
}

static void check_unsymmetric(const int64_t *colptr, const int64_t *rowidx, const char *text)
{
    const qc_family f = {.n = 3, .P_colptr = colptr, .P_rowidx = rowidx};
    qc__matrix P;
    qc_message why;
    assert_int_equal(qc__matrix_P(&P, &f, &why), QC_ERROR_ARGUMENT);
    assert_string_equal(why.text, text);
    qc__matrix_free(&P);
}

static void names_an_entry_without_mirror(void **state)
{
    (void)state;
#define BEGIN "family.P must have a symmetric pattern (both triangles), got entry "
    const int64_t upper_ptr[] = {0, 1, 2, 4}, upper[] = {0, 1, 0, 2};
    check_unsymmetric(upper_ptr, upper, BEGIN "(0, 2) without (2, 0)");
    const int64_t lower_ptr[] = {0, 2, 3, 4}, lower[] = {0, 1, 1, 2};
    check_unsymmetric(lower_ptr, lower, BEGIN "(1, 0) without (0, 1)");
    const int64_t crossed_ptr[] = {0, 1, 1, 2}, crossed[] = {2, 1};
    check_unsymmetric(crossed_ptr, crossed, BEGIN "(2, 0) without (0, 2)");
    const int64_t last_ptr[] = {0, 0, 1, 2}, last[] = {2, 2};
    check_unsymmetric(last_ptr, last, BEGIN "(2, 1) without (1, 2)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_know_where_their_values_are),
        cmocka_unit_test(names_an_entry_without_mirror),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
