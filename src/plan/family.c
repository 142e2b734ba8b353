// SPDX-License-Identifier: Apache-2.0
#include "plan/family.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>

#include "base/message.h"

#define FAIL(...) return qc__fail(why, QC_ERROR_ARGUMENT, __VA_ARGS__)

/* Indices are 32 bits wide inside, and the KKT graph names each entry of P and A twice. */
enum { MOST_ENTRIES = INT32_MAX / 2 };

static qc_error check_sizes(const qc_family *f, qc_message *why)
{
    if (f->n < 1)
        FAIL("family.n must be at least 1, got %" PRId64, f->n);
    if (f->m < 0)
        FAIL("family.m must be at least 0, got %" PRId64, f->m);
    if (f->n > MOST_ENTRIES || f->m > MOST_ENTRIES - f->n)
        FAIL("family.n + family.m must be at most %d, got %" PRId64 " + %" PRId64, MOST_ENTRIES,
             f->n, f->m);
    const unsigned known = QC_SHARED_P | QC_SHARED_Q | QC_SHARED_A | QC_SHARED_B;
    if (f->shared & ~known)
        FAIL("family.shared must be made of QC_SHARED_* bits, got 0x%x", f->shared);
    return QC_OK;
}

static int is_triangular(int64_t rows)
{
    int64_t k = 0;
    while (k * (k + 1) / 2 < rows)
        k++;
    return k * (k + 1) / 2 == rows;
}

/* One cone, the k-th, which begins at row `row`. */
static qc_error check_cone(const char *owner, const qc_cone *cone, int64_t k, int64_t row,
                           qc_message *why)
{
    const int64_t size = cone->size;
    if ((int)cone->kind < QC_CONE_ZERO || cone->kind > QC_CONE_POWER)
        FAIL("%scones[%" PRId64 "].kind must be a qc_cone_kind, got %d", owner, k, (int)cone->kind);
    if (cone->kind <= QC_CONE_NONNEGATIVE) {
        if (size < 0)
            FAIL("%scones[%" PRId64 "].size must be at least 0, got %" PRId64, owner, k, size);
        return QC_OK;
    }
    if (size < 1)
        FAIL("%scones[%" PRId64 "], at row %" PRId64 ", must have at least 1 row, got %" PRId64,
             owner, k, row, size);
    if (cone->kind == QC_CONE_PSD && !is_triangular(size))
        FAIL("%scones[%" PRId64 "], a PSD cone at row %" PRId64
             ", must have k (k + 1) / 2 rows for some k, got %" PRId64,
             owner, k, row, size);
    if (cone->kind >= QC_CONE_EXPONENTIAL && size != 3)
        FAIL("%scones[%" PRId64 "], at row %" PRId64 ", must have 3 rows, got %" PRId64, owner, k,
             row, size);
    if (cone->kind == QC_CONE_POWER && !(fabs(cone->alpha) < 1.0 && cone->alpha != 0.0))
        FAIL("%scones[%" PRId64 "].alpha, of a power cone at rows %" PRId64 " to %" PRId64
             ", must be between -1 and 1 and not 0, got %g",
             owner, k, row, row + 2, cone->alpha);
    return QC_OK;
}

qc_error qc__cones_check(const char *owner, const qc_cone *cones, int64_t count, int64_t *rows,
                         qc_message *why)
{
    if (count < 0)
        FAIL("%scone_count must be at least 0, got %" PRId64, owner, count);
    if (count > 0 && !cones)
        FAIL("%scones must hold %" PRId64 " cones, got NULL", owner, count);
    *rows = 0;
    for (int64_t k = 0; k < count; k++) {
        const qc_error error = check_cone(owner, &cones[k], k, *rows, why);
        if (error)
            return error;
        if (cones[k].size > MOST_ENTRIES - *rows)
            FAIL("%scones must have at most %d rows together, got more", owner, MOST_ENTRIES);
        *rows += cones[k].size;
    }
    return QC_OK;
}

static qc_error check_cones(const qc_family *f, qc_message *why)
{
    int64_t rows = 0;
    const qc_error error = qc__cones_check("family.", f->cones, f->cone_count, &rows, why);
    if (!error && rows != f->m)
        FAIL("family.cones must have family.m = %" PRId64 " rows together, got %" PRId64, f->m,
             rows);
    return error;
}

/* The pattern of one column: in range, ascending, no duplicates. */
static qc_error check_column(const char *name, int64_t column, int64_t rows, const int64_t *colptr,
                             const int64_t *rowidx, qc_message *why)
{
    for (int64_t k = colptr[column]; k < colptr[column + 1]; k++) {
        if (rowidx[k] < 0 || rowidx[k] >= rows)
            FAIL("family.%s_rowidx[%" PRId64 "] must be in 0 .. %" PRId64 ", got %" PRId64, name, k,
                 rows - 1, rowidx[k]);
        if (k > colptr[column] && rowidx[k] <= rowidx[k - 1])
            FAIL("family.%s_rowidx must ascend within column %" PRId64 ", got %" PRId64
                 " after %" PRId64,
                 name, column, rowidx[k], rowidx[k - 1]);
    }
    return QC_OK;
}

static qc_error check_pattern(const char *name, int64_t rows, int64_t cols, const int64_t *colptr,
                              const int64_t *rowidx, qc_message *why)
{
    if (!colptr) {
        if (rowidx)
            FAIL("family.%s_colptr must be given with %s_rowidx, got NULL", name, name);
        if (rows > 0 && cols > MOST_ENTRIES / rows)
            FAIL("family.%s must have at most %d entries, got a dense one of %" PRId64
                 " by %" PRId64,
                 name, MOST_ENTRIES, rows, cols);
        return QC_OK;
    }
    if (colptr[0] != 0)
        FAIL("family.%s_colptr[0] must be 0, got %" PRId64, name, colptr[0]);
    for (int64_t j = 0; j < cols; j++)
        if (colptr[j + 1] < colptr[j])
            FAIL("family.%s_colptr must not descend, got %" PRId64 " after %" PRId64, name,
                 colptr[j + 1], colptr[j]);
    if (colptr[cols] > MOST_ENTRIES)
        FAIL("family.%s must have at most %d entries, got %" PRId64, name, MOST_ENTRIES,
             colptr[cols]);
    if (colptr[cols] > 0 && !rowidx)
        FAIL("family.%s_rowidx must hold %" PRId64 " entries, got NULL", name, colptr[cols]);
    for (int64_t j = 0; j < cols; j++) {
        const qc_error error = check_column(name, j, rows, colptr, rowidx, why);
        if (error)
            return error;
    }
    return QC_OK;
}

static int64_t entries(int64_t rows, int64_t cols, const int64_t *colptr)
{
    return colptr ? colptr[cols] : rows * cols;
}

qc_error qc__family_check(const qc_family *f, qc_message *why)
{
    if (!f)
        FAIL("family must not be NULL");
    qc_error error = check_sizes(f, why);
    if (!error)
        error = check_cones(f, why);
    if (!error)
        error = check_pattern("P", f->n, f->n, f->P_colptr, f->P_rowidx, why);
    if (!error)
        error = check_pattern("A", f->m, f->n, f->A_colptr, f->A_rowidx, why);
    if (error)
        return error;
    const int64_t total = entries(f->n, f->n, f->P_colptr) + entries(f->m, f->n, f->A_colptr);
    if (total > MOST_ENTRIES)
        FAIL("family.P and family.A must have at most %d entries together, got %" PRId64,
             MOST_ENTRIES, total);
    return QC_OK;
}
