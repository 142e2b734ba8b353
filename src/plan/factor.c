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
    free(f->block_ptr);
    free(f->scatter_H);
    free(f->apart_ptr);
    free(f->scatter_S);
    free(f->diagonal);
    free(f->covered);
    *f = (qc__factor_plan){0};
}

double qc__factor_plan_entries(const qc__factor_plan *f, int32_t begin, int32_t end)
{
    double entries = 0.0;
    for (int32_t J = begin; J < end; J++)
        entries += 0.5 * qc__width_of(f, J) * (qc__width_of(f, J) + 1.0) +
                   (double)qc__width_of(f, J) * qc__below_of(f, J);
    return entries;
}

/* Positive for x and the first auxiliary variable of a block, negative for rows and the second. */
static int8_t sign_of(int32_t vertex, int32_t n, int32_t m)
{
    if (vertex < n + m)
        return vertex < n ? 1 : -1;
    return (vertex - n - m) % 2 == 0 ? 1 : -1;
}

static qc_error copy_order(qc__factor_plan *f, const qc__elimination *e, const qc__kkt *kkt)
{
    const int32_t n = kkt->P->rows, m = kkt->A ? kkt->A->rows : 0;
    f->size = e->size;
    f->order = NEW(e->size, int32_t);
    f->position = NEW(e->size, int32_t);
    f->sign = NEW(e->size, int8_t);
    if (!f->order || !f->position || !f->sign)
        return QC_ERROR_MEMORY;
    memcpy(f->order, e->order, (size_t)e->size * sizeof *f->order);
    memcpy(f->position, e->position, (size_t)e->size * sizeof *f->position);
    for (int32_t k = 0; k < e->size; k++)
        f->sign[k] = sign_of(e->order[k], n, m);
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
    const int32_t J = supernode_of[col], w = qc__width_of(f, J);
    int64_t r = row - f->first[J];
    if (row >= f->first[J + 1]) {
        const int32_t *rows = f->rows + f->row_ptr[J];
        int32_t low = 0, high = qc__below_of(f, J) - 1;
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

/* Where the entry of vertices a and b sits. */
static int64_t place_between(const qc__factor_plan *f, const int32_t *supernode_of, int32_t a,
                             int32_t b)
{
    const int32_t u = f->position[a], v = f->position[b];
    return place_of(f, supernode_of, u > v ? u : v, u > v ? v : u);
}

/* Places of the values of M, whose row i is vertex shift + i; NULL where memory is short.  Takes each from
 * what its supernode has `left`. */
static int64_t *scatter_new(const qc__factor_plan *f, const int32_t *supernode_of,
                            const qc__kkt *kkt, const qc__matrix *M, int32_t shift, int64_t *left)
{
    int64_t *scatter = NEW(M->count, int64_t);
    if (!scatter)
        return NULL;
    for (int32_t i = 0; i < M->rows; i++)
        for (int32_t k = M->row_ptr[i]; k < M->row_ptr[i + 1]; k++) {
            const int32_t u = f->position[shift + i], v = f->position[M->col[k]];
            if (qc__is_apart(kkt, shift + i) || qc__is_apart(kkt, M->col[k])) {
                scatter[k] = -1;
                continue;
            }
            scatter[k] = place_between(f, supernode_of, shift + i, M->col[k]);
            left[supernode_of[u > v ? v : u]]--;
        }
    return scatter;
}

static int64_t *map_dense_block(const qc__factor_plan *f, const int32_t *supernode_of,
                                int32_t first, int32_t size, int64_t *place)
{
    for (int32_t i = first; i < first + size; i++)
        for (int32_t j = first; j <= i; j++)
            *place++ = place_between(f, supernode_of, i, j);
    return place;
}

/* Nothing, of a block that is apart. */
static int64_t block_places(const qc__kkt *kkt, const qc__cone *block)
{
    const int64_t size = block->size;
    if (qc__is_apart(kkt, kkt->P->rows + block->first))
        return 0;
    return qc__is_sparse(kkt, block) ? 3 * size + 2 : size * (size + 1) / 2;
}

static int64_t *map_sparse_block(const qc__factor_plan *f, const int32_t *supernode_of,
                                 int32_t first, int32_t size, int32_t auxiliary, int64_t *place)
{
    for (int32_t i = first; i < first + size; i++)
        *place++ = place_between(f, supernode_of, i, i);
    for (int32_t a = auxiliary; a < auxiliary + 2; a++)
        for (int32_t i = first; i < first + size; i++)
            *place++ = place_between(f, supernode_of, i, a);
    for (int32_t a = auxiliary; a < auxiliary + 2; a++)
        *place++ = place_between(f, supernode_of, a, a);
    return place;
}

/* The places of the blocks of H. */
static qc_error map_blocks(qc__factor_plan *f, const int32_t *supernode_of, const qc__kkt *kkt)
{
    const int32_t n = kkt->P->rows, m = kkt->A ? kkt->A->rows : 0;
    f->block_ptr = NEW_ZERO(kkt->block_count + 1, int64_t);
    if (!f->block_ptr)
        return QC_ERROR_MEMORY;
    for (int32_t k = 0; k < kkt->block_count; k++)
        f->block_ptr[k + 1] = f->block_ptr[k] + block_places(kkt, &kkt->blocks[k]);
    int64_t *place = f->scatter_H = NEW(f->block_ptr[kkt->block_count], int64_t);
    if (!place)
        return QC_ERROR_MEMORY;
    for (int32_t k = 0; k < kkt->block_count; k++) {
        const qc__cone *block = &kkt->blocks[k];
        const int32_t first = n + block->first;
        if (qc__is_apart(kkt, first))
            continue;
        place = qc__is_sparse(kkt, block)
                    ? map_sparse_block(f, supernode_of, first, block->size,
                                       n + m + block->auxiliary, place)
                    : map_dense_block(f, supernode_of, first, block->size, place);
    }
    return QC_OK;
}

/* The places of what cones that are apart leave. */
static qc_error map_apart(qc__factor_plan *f, const int32_t *supernode_of, const qc__kkt *kkt)
{
    f->apart_ptr = NEW_ZERO(kkt->apart_count + 1, int64_t);
    if (!f->apart_ptr)
        return QC_ERROR_MEMORY;
    for (int32_t t = 0; t < kkt->apart_count; t++) {
        const int64_t others = kkt->apart[t].others;
        f->apart_ptr[t + 1] = f->apart_ptr[t] + others * (others + 1) / 2;
    }
    int64_t *place = f->scatter_S = NEW(f->apart_ptr[kkt->apart_count], int64_t);
    for (int32_t t = 0; place && t < kkt->apart_count; t++) {
        const qc__apart *a = &kkt->apart[t];
        for (int32_t i = 0; i < a->others; i++)
            for (int32_t j = 0; j <= i; j++)
                *place++ = place_between(f, supernode_of, a->other[i], a->other[j]);
    }
    return f->scatter_S ? QC_OK : QC_ERROR_MEMORY;
}

/* The places of P and A; `left` becomes the entries of each panel that are used and are not theirs. */
static qc_error map_values(qc__factor_plan *f, const int32_t *supernode_of, const qc__kkt *kkt,
                           int64_t *left)
{
    const qc__matrix *P = kkt->P, *A = kkt->A;
    for (int32_t J = 0; J < f->supernodes; J++) {
        const int64_t w = qc__width_of(f, J);
        left[J] = w * (w + 1) / 2 + w * qc__below_of(f, J);
    }
    f->scatter_P = scatter_new(f, supernode_of, kkt, P, 0, left);
    if (A)
        f->scatter_A = scatter_new(f, supernode_of, kkt, A, P->rows, left);
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
                             const int8_t *late, const qc__kkt *kkt)
{
    *f = (qc__factor_plan){0};
    int32_t split = 0;
    for (int32_t v = 0; late && v < e->size; v++)
        split += !late[v];
    qc_error error = qc__elimination_postorder(e, g, late);
    if (!error)
        error = copy_order(f, e, kkt);
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
        error = map_values(f, supernode_of, kkt, left);
    if (!error)
        error = map_blocks(f, supernode_of, kkt);
    if (!error)
        error = map_apart(f, supernode_of, kkt);
    free(left);
    free(supernode_of);
    return error;
}
