// SPDX-License-Identifier: Apache-2.0
#include "plan/matrix.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/message.h"

static qc_error no_memory(qc_message *why)
{
    return qc__fail(why, QC_ERROR_MEMORY, "out of memory for the pattern of a matrix");
}

static qc_error matrix_new(qc__matrix *M, int64_t rows, int64_t cols, int64_t count, int64_t length,
                           qc_message *why)
{
    *M = (qc__matrix){
        .rows = (int32_t)rows,
        .cols = (int32_t)cols,
        .count = (int32_t)count,
        .row_ptr = NEW_ZERO(rows + 1, int32_t),
        .col = NEW(count, int32_t),
        .source = NEW(count, int64_t),
        .length = length,
    };
    return M->row_ptr && M->col && M->source ? QC_OK : no_memory(why);
}

void qc__matrix_free(qc__matrix *M)
{
    free(M->row_ptr);
    free(M->col);
    free(M->source);
    free(M->mirror);
    *M = (qc__matrix){0};
}

/* Fills a dense matrix, of which row i has columns 0 .. i or all. */
static void fill_dense(qc__matrix *M, int lower)
{
    int32_t k = 0;
    for (int32_t i = 0; i < M->rows; i++) {
        for (int32_t j = 0; j < (lower ? i + 1 : M->cols); j++, k++) {
            M->col[k] = j;
            M->source[k] = (int64_t)i * M->cols + j;
            if (lower)
                M->mirror[k] = (int64_t)j * M->cols + i;
        }
        M->row_ptr[i + 1] = k;
    }
}

/* Fills by rows what is given by columns, of every column j the rows from j (`lower`) or 0 on. */
static void fill_sparse(qc__matrix *M, int lower, const int64_t *colptr, const int64_t *rowidx)
{
    for (int32_t j = 0; j < M->cols; j++)
        for (int64_t k = colptr[j]; k < colptr[j + 1]; k++)
            if (!lower || rowidx[k] >= j)
                M->row_ptr[rowidx[k] + 1]++;
    for (int32_t i = 0; i < M->rows; i++)
        M->row_ptr[i + 1] += M->row_ptr[i];
    for (int32_t j = 0; j < M->cols; j++)
        for (int64_t k = colptr[j]; k < colptr[j + 1]; k++)
            if (!lower || rowidx[k] >= j) {
                const int32_t at = M->row_ptr[rowidx[k]]++; /* the start of a row is its end now */
                M->col[at] = j;
                M->source[at] = k;
            }
    for (int32_t i = M->rows; i > 0; i--)
        M->row_ptr[i] = M->row_ptr[i - 1];
    M->row_ptr[0] = 0;
}

static qc_error no_mirror(int64_t i, int64_t j, qc_message *why)
{
    return qc__fail(why, QC_ERROR_ARGUMENT,
                    "family.P must have a symmetric pattern (both triangles), got entry (%" PRId64
                    ", %" PRId64 ") without (%" PRId64 ", %" PRId64 ")",
                    i, j, j, i);
}

/* Row i of the lower triangle must have the columns that column i of the upper has as rows. */
static qc_error match_mirror(qc__matrix *P, const int64_t *colptr, const int64_t *rowidx,
                             qc_message *why)
{
    for (int32_t i = 0; i < P->rows; i++) {
        int32_t k = P->row_ptr[i];
        const int32_t end = P->row_ptr[i + 1];
        for (int64_t t = colptr[i]; t < colptr[i + 1] && rowidx[t] <= i; t++, k++) {
            if (k == end || P->col[k] > rowidx[t])
                return no_mirror(rowidx[t], i, why);
            if (P->col[k] < rowidx[t])
                return no_mirror(i, P->col[k], why);
            P->mirror[k] = t;
        }
        if (k < end)
            return no_mirror(i, P->col[k], why);
    }
    return QC_OK;
}

/* Entries on and below the diagonal. */
static int64_t count_lower(int64_t n, const int64_t *colptr, const int64_t *rowidx)
{
    int64_t count = 0;
    for (int64_t j = 0; j < n; j++)
        for (int64_t k = colptr[j]; k < colptr[j + 1]; k++)
            count += rowidx[k] >= j;
    return count;
}

qc_error qc__matrix_P(qc__matrix *P, const qc_family *f, qc_message *why)
{
    const int64_t n = f->n, *colptr = f->P_colptr, *rowidx = f->P_rowidx;
    const int64_t count = colptr ? count_lower(n, colptr, rowidx) : n * (n + 1) / 2;
    const qc_error error = matrix_new(P, n, n, count, colptr ? colptr[n] : n * n, why);
    if (error)
        return error;
    P->mirror = NEW(count, int64_t);
    if (!P->mirror)
        return no_memory(why);
    if (!colptr) {
        fill_dense(P, 1);
        return QC_OK;
    }
    fill_sparse(P, 1, colptr, rowidx);
    return match_mirror(P, colptr, rowidx, why);
}

qc_error qc__matrix_A(qc__matrix *A, const qc_family *f, qc_message *why)
{
    const int64_t count = f->A_colptr ? f->A_colptr[f->n] : f->m * f->n;
    const qc_error error = matrix_new(A, f->m, f->n, count, count, why);
    if (error)
        return error;
    if (f->A_colptr)
        fill_sparse(A, 0, f->A_colptr, f->A_rowidx);
    else
        fill_dense(A, 0);
    return QC_OK;
}
