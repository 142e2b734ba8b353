// SPDX-License-Identifier: Apache-2.0
#include "plan/apart.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

/* Matrices of a smaller order stay dense: they are too small for what an eigenvector costs. */
enum { APART_LEAST = 12 };

/* A flop of the spectral part takes so many times as long as one of the factor, measured. */
#define APART_WEIGHT 1.5

typedef struct finder {
    qc_plan *plan;
    int32_t *coupled; /* [n] entries of P off the diagonal in the row and column of x_j */
    int32_t *at;      /* [n] the row of the present cone whose variable x_j is; -1: none */
    int32_t *seen;    /* [m] scratch: a line's number in the present row; -1: none */
} finder;

/* ---- which cones ------------------------------------------------------------------------------- */

static void count_coupled(finder *f)
{
    const qc__matrix *P = &f->plan->P;
    for (int32_t i = 0; i < P->rows; i++)
        for (int32_t k = P->row_ptr[i]; k < P->row_ptr[i + 1]; k++)
            if (P->col[k] != i) {
                f->coupled[i]++;
                f->coupled[P->col[k]]++;
            }
}

/* Has every row of the cone a variable of its own?  They are left in f->at. */
static int claim_variables(const finder *f, const qc__cone *c)
{
    const qc__matrix *A = &f->plan->A;
    for (int32_t i = 0; i < c->size; i++) {
        const int32_t row = c->first + i, k = A->row_ptr[row];
        if (A->row_ptr[row + 1] != k + 1)
            return 0;
        const int32_t j = A->col[k];
        if (f->coupled[j] || f->at[j] >= 0 || f->plan->is_apart[j])
            return 0;
        f->at[j] = i;
    }
    return 1;
}

static void release_variables(const finder *f, const qc__cone *c)
{
    const qc__matrix *A = &f->plan->A;
    for (int32_t row = c->first; row < c->first + c->size; row++)
        for (int32_t k = A->row_ptr[row]; k < A->row_ptr[row + 1]; k++)
            f->at[A->col[k]] = -1;
}

/* ---- its other rows ----------------------------------------------------------------------------- */

static int is_own_row(const qc__cone *c, int32_t row)
{
    return row >= c->first && row < c->first + c->size;
}

static int32_t entries_in(const finder *f, int32_t row)
{
    const qc__matrix *A = &f->plan->A;
    int32_t count = 0;
    for (int32_t k = A->row_ptr[row]; k < A->row_ptr[row + 1]; k++)
        count += f->at[A->col[k]] >= 0;
    return count;
}

/* Row and column of the matrix, of entry `at` of its vector. */
static void position_of(int32_t order, int32_t at, int32_t *row, int32_t *col)
{
    *col = 0;
    for (int32_t length = order; at >= length; length--) {
        at -= length;
        (*col)++;
    }
    *row = *col + at;
}

static int32_t line_of(const finder *f, qc__apart *a, int32_t first, int32_t *lines, int32_t line)
{
    if (f->seen[line] < 0) {
        f->seen[line] = *lines - first;
        a->line[(*lines)++] = line;
    }
    return f->seen[line];
}

/* The entries and lines of one row, which begin where those of the row before end. */
static void fill_row(const finder *f, const qc__cone *c, qc__apart *a, int32_t t)
{
    const qc__matrix *A = &f->plan->A;
    const int32_t row = a->row[t], first = a->line_ptr[t];
    int32_t entries = a->entry_ptr[t], lines = first;
    for (int32_t k = A->row_ptr[row]; k < A->row_ptr[row + 1]; k++) {
        const int32_t at = f->at[A->col[k]];
        int32_t i, j;
        if (at < 0)
            continue;
        position_of(c->order, at, &i, &j);
        const int32_t left = line_of(f, a, first, &lines, i);
        const int32_t right = line_of(f, a, first, &lines, j);
        a->entry[entries++] = (qc__apart_entry){.value = k, .at = at, .left = left, .right = right};
    }
    for (int32_t l = first; l < lines; l++)
        f->seen[a->line[l]] = -1;
    a->entry_ptr[t + 1] = entries;
    a->line_ptr[t + 1] = lines;
}

static qc_error fill(const finder *f, const qc__cone *c, qc__apart *a)
{
    const int32_t m = f->plan->m;
    int64_t entries = 0, lines = 0;
    for (int32_t i = 0; i < m; i++) {
        const int32_t count = is_own_row(c, i) ? 0 : entries_in(f, i);
        a->rows += count > 0;
        entries += count;
        lines += 2 * count < c->order ? 2 * count : c->order;
    }
    a->row = NEW(a->rows, int32_t);
    a->entry_ptr = NEW_ZERO(a->rows + 1, int32_t);
    a->line_ptr = NEW_ZERO(a->rows + 1, int32_t);
    a->entry = NEW(entries, qc__apart_entry);
    a->line = NEW(lines, int32_t);
    if (!a->row || !a->entry_ptr || !a->line_ptr || !a->entry || !a->line)
        return QC_ERROR_MEMORY;
    for (int32_t i = 0, t = 0; i < m; i++)
        if (!is_own_row(c, i) && entries_in(f, i) > 0) {
            a->row[t] = i;
            fill_row(f, c, a, t++);
        }
    return QC_OK;
}

/* ---- what it costs ------------------------------------------------------------------------------ */

/* Flops of a factorization for one cone: a decomposition, its rows in the eigenbasis, and E B E'. */
static double flops_of(const qc__cone *c, const qc__apart *a)
{
    const double k = c->order, size = c->size, rows = a->rows;
    const double lines = a->line_ptr[a->rows], entries = a->entry_ptr[a->rows];
    return 20.0 * k * k * k + 4.0 * entries * k + lines * k * k + rows * rows * size;
}

/* With a dense block: its factor, which fills the other rows, and its entries. */
static double dense_flops_of(const qc__cone *c, const qc__apart *a)
{
    const double size = c->size, rows = a->rows, all = size + rows;
    return (all * all * all - rows * rows * rows) / 3.0 + 8.0 * size * size;
}

static int pays(const qc__cone *c, const qc__apart *a)
{
    return APART_WEIGHT * flops_of(c, a) < dense_flops_of(c, a);
}

double qc__apart_flops(const qc_plan *plan)
{
    double flops = 0.0;
    for (int32_t t = 0; t < plan->apart_count; t++)
        flops += flops_of(&plan->blocks[plan->apart[t].block], &plan->apart[t]);
    return flops;
}

int32_t qc__apart_largest(const qc_plan *plan)
{
    int32_t most = 0;
    for (int32_t t = 0; t < plan->apart_count; t++) {
        const int32_t order = plan->blocks[plan->apart[t].block].order;
        most = order > most ? order : most;
    }
    return most;
}

/* ---- all together -------------------------------------------------------------------------------- */

static void free_one(qc__apart *a)
{
    free(a->row);
    free(a->entry_ptr);
    free(a->line_ptr);
    free(a->entry);
    free(a->line);
}

void qc__apart_free(qc_plan *plan)
{
    for (int32_t t = 0; t < plan->apart_count; t++)
        free_one(&plan->apart[t]);
    free(plan->apart);
    free(plan->is_apart);
    plan->apart = NULL;
    plan->is_apart = NULL;
    plan->apart_count = 0;
}

static void accept(finder *f, const qc__cone *c)
{
    qc_plan *plan = f->plan;
    for (int32_t row = c->first; row < c->first + c->size; row++) {
        plan->is_apart[plan->n + row] = 1;
        plan->is_apart[plan->A.col[plan->A.row_ptr[row]]] = 1;
    }
    plan->apart_count++;
}

/* Takes block b if it can be kept apart and that pays. */
static qc_error consider(finder *f, int32_t b)
{
    qc_plan *plan = f->plan;
    const qc__cone *c = &plan->blocks[b];
    qc_error error = QC_OK;
    if (c->kind != QC_CONE_PSD || c->order < APART_LEAST)
        return QC_OK;
    if (claim_variables(f, c)) {
        qc__apart *a = &plan->apart[plan->apart_count];
        *a = (qc__apart){.block = b};
        error = fill(f, c, a);
        if (!error && pays(c, a))
            accept(f, c);
        else
            free_one(a);
    }
    release_variables(f, c);
    return error;
}

qc_error qc__apart_find(qc_plan *plan)
{
    finder f = {.plan = plan,
                .coupled = NEW_ZERO(plan->n, int32_t),
                .at = NEW(plan->n, int32_t),
                .seen = NEW(plan->m, int32_t)};
    plan->apart = NEW(plan->block_count, qc__apart);
    plan->is_apart = NEW_ZERO(plan->n + plan->m, int8_t);
    qc_error error =
        f.coupled && f.at && f.seen && plan->apart && plan->is_apart ? QC_OK : QC_ERROR_MEMORY;
    if (!error) {
        memset(f.at, -1, (size_t)plan->n * sizeof *f.at);
        memset(f.seen, -1, (size_t)plan->m * sizeof *f.seen);
        count_coupled(&f);
    }
    for (int32_t b = 0; !error && b < plan->block_count; b++)
        error = consider(&f, b);
    free(f.coupled);
    free(f.at);
    free(f.seen);
    return error;
}
