// SPDX-License-Identifier: Apache-2.0
#include "plan/factor.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "plan/supernode.h"
#include "plan/update.h"

void qc__factor_plan_free(qc__factor_plan *f)
{
    free(f->order);
    free(f->position);
    free(f->sign);
    free(f->first);
    free(f->row_ptr);
    free(f->rows);
    free(f->panel);
    free(f->update_ptr);
    free(f->updates);
    free(f->target);
    free(f->scatter_P);
    free(f->scatter_A);
    free(f->diagonal);
    free(f->covered);
    *f = (qc__factor_plan){0};
}

static int32_t width_of(const qc__factor_plan *f, int32_t J)
{
    return f->first[J + 1] - f->first[J];
}

static int32_t below_of(const qc__factor_plan *f, int32_t J)
{
    return (int32_t)(f->row_ptr[J + 1] - f->row_ptr[J]);
}

double qc__factor_plan_entries(const qc__factor_plan *f, int32_t begin, int32_t end)
{
    double entries = 0.0;
    for (int32_t J = begin; J < end; J++)
        entries +=
            0.5 * width_of(f, J) * (width_of(f, J) + 1.0) + (double)width_of(f, J) * below_of(f, J);
    return entries;
}

/* Order, position and signs; x is vertices 0 .. n - 1. */
static qc_error copy_order(qc__factor_plan *f, const qc__elimination *e, int32_t n)
{
    f->size = e->size;
    f->order = NEW(e->size, int32_t);
    f->position = NEW(e->size, int32_t);
    f->sign = NEW(e->size, int8_t);
    if (!f->order || !f->position || !f->sign)
        return QC_ERROR_MEMORY;
    memcpy(f->order, e->order, (size_t)e->size * sizeof *f->order);
    memcpy(f->position, e->position, (size_t)e->size * sizeof *f->position);
    for (int32_t k = 0; k < e->size; k++)
        f->sign[k] = e->order[k] < n ? 1 : -1;
    return QC_OK;
}

/* Flops of the factorization of one supernode and of all the updates that it makes. */
static double flops_of(int32_t width, int32_t below)
{
    double flops = 0.0;
    for (int32_t c = 0; c < width; c++) {
        const double count = width - 1 - c + below;
        flops += count + count * (count + 1.0);
    }
    return flops;
}

/* Copies supernodes into the plan and lays out the panels. */
static qc_error lay_out_panels(qc__factor_plan *f, const qc__supernode *s, int32_t count,
                               int32_t split)
{
    f->supernodes = count;
    f->first = NEW(count + 1, int32_t);
    f->row_ptr = NEW(count + 1, int64_t);
    f->panel = NEW(count + 1, int64_t);
    if (!f->first || !f->row_ptr || !f->panel)
        return QC_ERROR_MEMORY;
    f->first[0] = 0;
    f->row_ptr[0] = f->panel[0] = 0;
    for (int32_t J = 0; J < count; J++) {
        const int32_t w = s[J].width, tall = w + s[J].below;
        f->first[J + 1] = f->first[J] + w;
        f->row_ptr[J + 1] = f->row_ptr[J] + s[J].below;
        f->panel[J + 1] = f->panel[J] + (int64_t)w * tall;
        f->widest = w > f->widest ? w : f->widest;
        f->tallest = tall > f->tallest ? tall : f->tallest;
        f->leading += f->first[J] < split;
        *(f->first[J] < split ? &f->flops_leading : &f->flops_trailing) += flops_of(w, s[J].below);
    }
    f->rows = NEW(f->row_ptr[count], int32_t);
    if (!f->rows)
        return QC_ERROR_MEMORY;
    for (int32_t J = 0; J < count; J++)
        memcpy(f->rows + f->row_ptr[J], s[J].rows, (size_t)s[J].below * sizeof *f->rows);
    return QC_OK;
}

static qc_error find_supernodes(qc__factor_plan *f, qc__elimination *e, const qc__graph *g,
                                int32_t split)
{
    qc__columns columns;
    qc_error error = qc__columns_new(&columns, e, g);
    if (error)
        return error;
    qc__supernode *s = NEW(e->size, qc__supernode);
    if (s) {
        const int32_t count = qc__supernodes_find(s, &columns, e->size, split);
        error = lay_out_panels(f, s, count, split);
    } else {
        error = QC_ERROR_MEMORY;
    }
    free(s);
    qc__columns_free(&columns);
    return error;
}

/* Where entry (row, col) of the permuted matrix sits, row >= col. */
static int64_t place_of(const qc__factor_plan *f, const int32_t *supernode_of, int32_t row,
                        int32_t col)
{
    const int32_t J = supernode_of[col], w = width_of(f, J);
    int64_t r = row - f->first[J];
    if (row >= f->first[J + 1]) {
        const int32_t *rows = f->rows + f->row_ptr[J];
        int32_t low = 0, high = below_of(f, J) - 1;
        while (low < high) {
            const int32_t middle = low + (high - low) / 2;
            if (rows[middle] < row)
                low = middle + 1;
            else
                high = middle;
        }
        r = w + low;
    }
    return f->panel[J] + r * w + (col - f->first[J]);
}

/* Places of the values of M, whose row i is vertex shift + i; NULL where memory is short.  Takes each from
 * what its supernode has `left`. */
static int64_t *scatter_new(const qc__factor_plan *f, const int32_t *supernode_of,
                            const qc__matrix *M, int32_t shift, int64_t *left)
{
    int64_t *scatter = NEW(M->count, int64_t);
    if (!scatter)
        return NULL;
    for (int32_t i = 0; i < M->rows; i++)
        for (int32_t k = M->row_ptr[i]; k < M->row_ptr[i + 1]; k++) {
            const int32_t u = f->position[shift + i], v = f->position[M->col[k]];
            const int32_t row = u > v ? u : v, col = u > v ? v : u;
            scatter[k] = place_of(f, supernode_of, row, col);
            left[supernode_of[col]]--;
        }
    return scatter;
}

/* The places of P and A; `left` becomes the entries of each panel that are used and are not theirs. */
static qc_error map_values(qc__factor_plan *f, const int32_t *supernode_of, const qc__matrix *P,
                           const qc__matrix *A, int64_t *left)
{
    for (int32_t J = 0; J < f->supernodes; J++) {
        const int64_t w = width_of(f, J);
        left[J] = w * (w + 1) / 2 + w * below_of(f, J);
    }
    f->scatter_P = scatter_new(f, supernode_of, P, 0, left);
    if (A)
        f->scatter_A = scatter_new(f, supernode_of, A, P->rows, left);
    f->covered = NEW(f->supernodes, int8_t);
    f->diagonal = NEW(f->size, int64_t);
    if (!f->scatter_P || (A && !f->scatter_A) || !f->covered || !f->diagonal)
        return QC_ERROR_MEMORY;
    for (int32_t J = 0; J < f->supernodes; J++)
        f->covered[J] = left[J] == 0;
    for (int32_t k = 0; k < f->size; k++)
        f->diagonal[k] = place_of(f, supernode_of, k, k);
    return QC_OK;
}

qc_error qc__factor_plan_new(qc__factor_plan *f, qc__elimination *e, const qc__graph *g,
                             const int8_t *late, const qc__matrix *P, const qc__matrix *A)
{
    *f = (qc__factor_plan){0};
    int32_t split = 0;
    for (int32_t v = 0; late && v < e->size; v++)
        split += !late[v];
    qc_error error = qc__elimination_postorder(e, g, late);
    if (!error)
        error = copy_order(f, e, P->rows);
    if (!error)
        error = find_supernodes(f, e, g, split);
    if (error)
        return error;
    int32_t *supernode_of = NEW(f->size, int32_t);
    int64_t *left = NEW(f->supernodes, int64_t);
    for (int32_t J = 0; supernode_of && J < f->supernodes; J++)
        for (int32_t k = f->first[J]; k < f->first[J + 1]; k++)
            supernode_of[k] = J;
    error = supernode_of && left ? qc__updates_new(f, supernode_of) : QC_ERROR_MEMORY;
    if (!error)
        error = map_values(f, supernode_of, P, A, left);
    free(left);
    free(supernode_of);
    return error;
}
