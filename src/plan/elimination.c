// SPDX-License-Identifier: Apache-2.0
#include "plan/elimination.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

qc_error qc__elimination_new(qc__elimination *e, int32_t size)
{
    *e = (qc__elimination){
        .size = size,
        .order = NEW(size, int32_t),
        .position = NEW(size, int32_t),
        .parent = NEW(size, int32_t),
        .count = NEW(size, int32_t),
        .mark = NEW(size, int32_t),
    };
    if (e->order && e->position && e->parent && e->count && e->mark)
        return QC_OK;
    qc__elimination_free(e);
    return QC_ERROR_MEMORY;
}

void qc__elimination_free(qc__elimination *e)
{
    free(e->order);
    free(e->position);
    free(e->parent);
    free(e->count);
    free(e->mark);
    *e = (qc__elimination){0};
}

/* Row k of L is what is met on the way up the tree from the entries of row k of the matrix. */
double qc__elimination_count(qc__elimination *e, const qc__graph *g, double limit)
{
    double flops = 0.0;
    for (int32_t k = 0; k < e->size; k++)
        e->position[e->order[k]] = k;
    for (int32_t k = 0; k < e->size; k++) {
        const int32_t v = e->order[k];
        e->parent[k] = -1;
        e->count[k] = 0;
        e->mark[k] = k;
        for (int32_t t = g->ptr[v]; t < g->ptr[v + 1]; t++) {
            int32_t j = e->position[g->index[t]];
            if (j > k)
                continue;
            for (; e->mark[j] != k; j = e->parent[j]) {
                if (e->parent[j] < 0)
                    e->parent[j] = k;
                e->mark[j] = k;
                flops += 2.0 * e->count[j]++ + 3.0; /* c + c(c + 1) for the next c */
            }
        }
        if (flops > limit)
            return INFINITY;
    }
    return flops;
}

/* Columns by descending count of entries. */
static void sort_by_count(const qc__elimination *e, int32_t *start, int32_t *sorted)
{
    memset(start, 0, ((size_t)e->size + 1) * sizeof *start);
    for (int32_t k = 0; k < e->size; k++)
        start[e->size - 1 - e->count[k] + 1]++;
    for (int32_t c = 0; c < e->size; c++)
        start[c + 1] += start[c];
    for (int32_t k = 0; k < e->size; k++)
        sorted[start[e->size - 1 - e->count[k]]++] = k;
}

/* Children in lists, the one with most entries last: it is the likeliest to join its parent. */
static int32_t list_children(const qc__elimination *e, const int32_t *sorted, int32_t *child,
                             int32_t *sibling)
{
    int32_t roots = -1;
    for (int32_t k = 0; k < e->size; k++)
        child[k] = -1;
    for (int32_t t = 0; t < e->size; t++) {
        const int32_t k = sorted[t];
        int32_t *list = e->parent[k] < 0 ? &roots : &child[e->parent[k]];
        sibling[k] = *list;
        *list = k;
    }
    return roots;
}

/* Writes into `after` the columns in postorder.  The way back up from k is its parent; a column whose
 * children have been visited has an empty list. */
static void visit(const qc__elimination *e, int32_t roots, int32_t *child, const int32_t *sibling,
                  int32_t *after)
{
    int32_t visited = 0;
    for (int32_t root = roots; root >= 0; root = sibling[root])
        for (int32_t k = root; k >= 0;) {
            const int32_t next = child[k];
            if (next >= 0) {
                child[k] = sibling[next];
                k = next;
                continue;
            }
            after[visited++] = k;
            k = k == root ? -1 : e->parent[k];
        }
}

/* order := order[after], those not `late` first. */
static void renumber(qc__elimination *e, const int32_t *after, const int8_t *late)
{
    int32_t *order = e->mark, count = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int32_t k = 0; k < e->size; k++) {
            const int32_t v = e->order[after[k]];
            if ((late && late[v]) == pass)
                order[count++] = v;
        }
    memcpy(e->order, order, (size_t)e->size * sizeof *order);
}

qc_error qc__elimination_postorder(qc__elimination *e, const qc__graph *g, const int8_t *late)
{
    int32_t *child = NEW(e->size + 1, int32_t), *sibling = NEW(e->size, int32_t);
    int32_t *sorted = NEW(e->size, int32_t);
    qc_error error = QC_ERROR_MEMORY;
    if (child && sibling && sorted) {
        sort_by_count(e, child, sorted);
        const int32_t roots = list_children(e, sorted, child, sibling);
        visit(e, roots, child, sibling, sorted);
        renumber(e, sorted, late);
        qc__elimination_count(e, g, INFINITY);
        error = QC_OK;
    }
    free(child);
    free(sibling);
    free(sorted);
    return error;
}
