// SPDX-License-Identifier: Apache-2.0
#include "plan/apart.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

/* Matrices of a smaller order stay dense: they are too small for what an eigenvector costs. */
enum { MATRIX_LEAST = 12, INEQUALITY_LEAST = 6 };

/* A flop of the spectral part takes so many times as long as one of the factor, measured.  An inequality is apart even
 * where that costs a little: in a dense block a degenerate one loses digits. */
#define MATRIX_WEIGHT     1.5
#define INEQUALITY_WEIGHT 1.0

/* Flops that a pair of entries takes the time of, in the mean of the interior point's and Newton's method. */
#define PAIR_FLOPS 80.0

typedef struct finder {
    qc_plan *plan;
    int32_t *coupled; /* [n] entries of P off the diagonal in the row and column of x_j          */
    int32_t *at; /* [n] the row of the present cone whose variable x_j is; -1: none         */
    int32_t *seen; /* [n + m] scratch: entries of a vertex, then its number; -1 between cones */
} finder;

/* ---- matrices that are variables ---------------------------------------------------------------- */

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

/* ---- the others --------------------------------------------------------------------------------- */

static int is_own_row(const qc__cone *c, int32_t row)
{
    return row >= c->first && row < c->first + c->size;
}

/* A walk over the entries of A by which others meet the cone: of a matrix, those of its variables in other
 * rows; of an inequality, those of its own rows. */
typedef void (*visitor)(const finder *f, qc__apart *a, int32_t other, qc__apart_entry entry);

static void visit(const finder *f, const qc__cone *c, qc__apart *a, visitor each)
{
    const qc__matrix *A = &f->plan->A;
    const int32_t n = f->plan->n;
    for (int32_t i = 0; i < A->rows; i++) {
        if (is_own_row(c, i) == a->matrix)
            continue;
        for (int32_t k = A->row_ptr[i]; k < A->row_ptr[i + 1]; k++) {
            const int32_t j = A->col[k], at = a->matrix ? f->at[j] : i - c->first;
            if (at >= 0 && at < c->size)
                each(f, a, a->matrix ? n + i : j, (qc__apart_entry){.value = k, .at = at});
        }
    }
}

static void count_entry(const finder *f, qc__apart *a, int32_t other, qc__apart_entry entry)
{
    (void)entry;
    a->others += f->seen[other] < 0;
    f->seen[other] += f->seen[other] < 0 ? 2 : 1;
}

/* Entries of the t-th go to entry_ptr[t + 1], which is where they end when all are there. */
static void put_entry(const finder *f, qc__apart *a, int32_t other, qc__apart_entry entry)
{
    a->entry[a->entry_ptr[f->seen[other] + 1]++] = entry;
}

/* From the counts in f->seen the others and where their entries begin; then f->seen is their number. */
static qc_error number_others(const finder *f, qc__apart *a)
{
    const int32_t size = f->plan->n + f->plan->m;
    int32_t t = 0, entries = 0;
    a->other = NEW(a->others, int32_t);
    a->entry_ptr = NEW_ZERO(a->others + 2, int32_t);
    if (!a->other || !a->entry_ptr)
        return QC_ERROR_MEMORY;
    for (int32_t v = 0; v < size; v++) {
        if (f->seen[v] < 0)
            continue;
        a->other[t] = v;
        a->entry_ptr[t + 1] = entries;
        entries += f->seen[v];
        f->seen[v] = t++;
    }
    a->entry = NEW(entries, qc__apart_entry);
    a->heavy = NEW_ZERO(a->others, int8_t);
    return a->entry && a->heavy ? QC_OK : QC_ERROR_MEMORY;
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

static int32_t line_of(qc__apart *a, int32_t *number, int32_t first, int32_t *lines, int32_t line)
{
    if (number[line] < 0) {
        number[line] = *lines - first;
        a->line[(*lines)++] = line;
    }
    return number[line];
}

/* The lines of every one of the others, from its entries.  number: [order] scratch, -1 */
static void list_lines(const qc__cone *c, qc__apart *a, int32_t *number)
{
    int32_t lines = 0;
    for (int32_t t = 0; t < a->others; t++) {
        const int32_t first = lines;
        for (int32_t e = a->entry_ptr[t]; e < a->entry_ptr[t + 1]; e++) {
            int32_t i, j;
            position_of(c->order, a->entry[e].at, &i, &j);
            a->entry[e].left = line_of(a, number, first, &lines, i);
            a->entry[e].right = line_of(a, number, first, &lines, j);
        }
        for (int32_t l = first; l < lines; l++)
            number[a->line[l]] = -1;
        a->line_ptr[t + 1] = lines;
    }
}

static qc_error fill_lines(const qc__cone *c, qc__apart *a)
{
    int64_t most = 0;
    for (int32_t t = 0; t < a->others; t++) {
        const int32_t twice = 2 * (a->entry_ptr[t + 1] - a->entry_ptr[t]);
        most += twice < c->order ? twice : c->order;
    }
    int32_t *number = NEW(c->order, int32_t);
    a->line_ptr = NEW_ZERO(a->others + 1, int32_t);
    a->line = NEW(most, int32_t);
    const int enough = number && a->line_ptr && a->line;
    if (enough) {
        memset(number, -1, (size_t)c->order * sizeof *number);
        list_lines(c, a, number);
    }
    free(number);
    return enough ? QC_OK : QC_ERROR_MEMORY;
}

static qc_error fill(const finder *f, const qc__cone *c, qc__apart *a)
{
    visit(f, c, a, count_entry);
    qc_error error = number_others(f, a);
    if (!error) {
        visit(f, c, a, put_entry);
        error = fill_lines(c, a);
    }
    memset(f->seen, -1, (size_t)(f->plan->n + f->plan->m) * sizeof *f->seen);
    return error;
}

/* ---- what it costs ------------------------------------------------------------------------------ */

static double cube(double a)
{
    return a * a * a;
}

/* Flops of one side of a congruence, and of  H^-1 V: the mean of the interior point's and Newton's method. */
static double congruence_flops(const qc__cone *c)
{
    return 3.0 * cube(c->order);
}

static double inverse_flops(const qc__cone *c)
{
    return 1.5 * congruence_flops(c);
}

/* In the eigenbasis: a decomposition, its rows, and their product; and two solves. */
static double rows_flops(const qc__cone *c, const qc__apart *a)
{
    const double k = c->order, size = c->size, others = a->others;
    const double lines = a->line_ptr[a->others], entries = a->entry_ptr[a->others];
    const double solves = 4.0 * congruence_flops(c) + 8.0 * others * size;
    return 4.0 * entries * k + lines * k * k + others * others * size + solves;
}

static int32_t entries_of(const qc__apart *a, int32_t t)
{
    return a->entry_ptr[t + 1] - a->entry_ptr[t];
}

/* By entries: pairs of those that are not heavy, the matrices of those that are; and two solves. */
static double nonzeros_flops(const qc__cone *c, const qc__apart *a)
{
    double flops = 4.0 * inverse_flops(c), light = 0.0;
    for (int32_t t = 0; t < a->others; t++) {
        if (a->heavy[t]) {
            flops += inverse_flops(c) + 2.0 * a->entry_ptr[a->others];
        } else {
            light += entries_of(a, t);
            flops += PAIR_FLOPS * entries_of(a, t) * light;
        }
    }
    return flops;
}

/* Marks as heavy, the largest first, those for which that is less. */
static void mark_heavy(const qc__cone *c, qc__apart *a)
{
    double light = a->entry_ptr[a->others];
    for (;;) {
        int32_t largest = -1;
        for (int32_t t = 0; t < a->others; t++)
            if (!a->heavy[t] && (largest < 0 || entries_of(a, t) > entries_of(a, largest)))
                largest = t;
        if (largest < 0 || PAIR_FLOPS * entries_of(a, largest) * light <
                               inverse_flops(c) + 2.0 * a->entry_ptr[a->others])
            return;
        a->heavy[largest] = 1;
        light -= entries_of(a, largest);
    }
}

static void choose_nonzeros(const qc__cone *c, qc__apart *a)
{
    mark_heavy(c, a);
    a->nonzeros = nonzeros_flops(c, a) < rows_flops(c, a);
}

/* Flops of a factorization for one cone, and of two solves. */
static double flops_of(const qc__cone *c, const qc__apart *a)
{
    const double decomposition = 20.0 * cube(c->order);
    return decomposition + (a->nonzeros ? nonzeros_flops(c, a) : rows_flops(c, a));
}

/* With a dense block: its factor, what it fills, and its entries.  Variables of an inequality may come
 * before it or after, whichever is less. */
static double dense_flops_of(const qc__cone *c, const qc__apart *a)
{
    const double size = c->size, others = a->others, entries = 8.0 * size * size;
    const double after = (cube(size + others) - cube(others)) / 3.0;
    double before = (cube(size) - cube(others)) / 3.0;
    for (int32_t t = 0; t < a->others; t++) {
        const double count = entries_of(a, t);
        before += count * count;
    }
    return entries + (a->matrix || after < before ? after : before);
}

static int pays(const qc__cone *c, const qc__apart *a)
{
    const double weight = a->matrix ? MATRIX_WEIGHT : INEQUALITY_WEIGHT;
    return weight * flops_of(c, a) < dense_flops_of(c, a);
}

double qc__apart_flops(const qc_plan *plan)
{
    double flops = 0.0;
    for (int32_t t = 0; t < plan->apart_count; t++)
        flops += flops_of(&plan->blocks[plan->apart[t].block], &plan->apart[t]);
    return flops;
}

int qc__apart_has_matrix(const qc_plan *plan)
{
    for (int32_t t = 0; t < plan->apart_count; t++)
        if (plan->apart[t].matrix)
            return 1;
    return 0;
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
    free(a->other);
    free(a->entry_ptr);
    free(a->line_ptr);
    free(a->heavy);
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

static void accept(finder *f, const qc__cone *c, const qc__apart *a)
{
    qc_plan *plan = f->plan;
    for (int32_t row = c->first; row < c->first + c->size; row++) {
        plan->is_apart[plan->n + row] = 1;
        if (a->matrix)
            plan->is_apart[plan->A.col[plan->A.row_ptr[row]]] = 1;
    }
    plan->apart_count++;
}

/* Takes the cone if that pays; `matrix`: with its variables, which f->at has. */
static qc_error offer(finder *f, const qc__cone *c, int matrix, int *taken)
{
    qc_plan *plan = f->plan;
    qc__apart *a = &plan->apart[plan->apart_count];
    *a = (qc__apart){.block = (int32_t)(c - plan->blocks), .matrix = matrix};
    const qc_error error = fill(f, c, a);
    if (!error && !matrix)
        choose_nonzeros(c, a);
    *taken = !error && pays(c, a);
    if (*taken)
        accept(f, c, a);
    else
        free_one(a);
    return error;
}

static int meets_apart(const qc_plan *plan, const qc__cone *c)
{
    const qc__matrix *A = &plan->A;
    for (int32_t k = A->row_ptr[c->first]; k < A->row_ptr[c->first + c->size]; k++)
        if (plan->is_apart[A->col[k]])
            return 1;
    return 0;
}

/* Takes block c as the kind that it can be, if any, and if it pays. */
static qc_error consider(finder *f, const qc__cone *c, int matrix)
{
    qc_error error = QC_OK;
    int taken = 0;
    if (c->kind != QC_CONE_PSD || c->order < (matrix ? MATRIX_LEAST : INEQUALITY_LEAST) ||
        f->plan->is_apart[f->plan->n + c->first])
        return QC_OK;
    if (!matrix)
        return meets_apart(f->plan, c) ? QC_OK : offer(f, c, 0, &taken);
    if (claim_variables(f, c))
        error = offer(f, c, 1, &taken);
    release_variables(f, c);
    return error;
}

qc_error qc__apart_find(qc_plan *plan)
{
    const size_t size = (size_t)plan->n + (size_t)plan->m;
    finder f = {.plan = plan,
                .coupled = NEW_ZERO(plan->n, int32_t),
                .at = NEW(plan->n, int32_t),
                .seen = NEW(size, int32_t)};
    plan->apart = NEW(plan->block_count, qc__apart);
    plan->is_apart = NEW_ZERO(size, int8_t);
    qc_error error =
        f.coupled && f.at && f.seen && plan->apart && plan->is_apart ? QC_OK : QC_ERROR_MEMORY;
    if (!error) {
        memset(f.at, -1, (size_t)plan->n * sizeof *f.at);
        memset(f.seen, -1, size * sizeof *f.seen);
        count_coupled(&f);
    }
    for (int matrix = 1; matrix >= 0; matrix--)
        for (int32_t b = 0; !error && b < plan->block_count; b++)
            error = consider(&f, &plan->blocks[b], matrix);
    free(f.coupled);
    free(f.at);
    free(f.seen);
    return error;
}
