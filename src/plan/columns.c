// SPDX-License-Identifier: Apache-2.0
#include "plan/columns.h"

#include <stdlib.h>

#include "base/arena.h"

/* Rows are found in ascending order, as in qc__elimination_count, and appended to their columns. */
static void fill(qc__columns *c, qc__elimination *e, const qc__graph *g, int64_t *next)
{
    for (int32_t k = 0; k < e->size; k++)
        e->mark[k] = -1;
    for (int32_t k = 0; k < e->size; k++) {
        const int32_t v = e->order[k];
        e->mark[k] = k;
        for (int32_t t = g->ptr[v]; t < g->ptr[v + 1]; t++) {
            int32_t j = e->position[g->index[t]];
            if (j > k)
                continue;
            for (; e->mark[j] != k; j = e->parent[j]) {
                e->mark[j] = k;
                c->row[next[j]++] = k;
            }
        }
    }
}

qc_error qc__columns_new(qc__columns *c, qc__elimination *e, const qc__graph *g)
{
    int64_t *next = NEW(e->size, int64_t);
    *c = (qc__columns){.ptr = NEW(e->size + 1, int64_t)};
    if (next && c->ptr) {
        c->ptr[0] = 0;
        for (int32_t k = 0; k < e->size; k++) {
            next[k] = c->ptr[k];
            c->ptr[k + 1] = c->ptr[k] + e->count[k];
        }
        c->row = NEW(c->ptr[e->size], int32_t);
    }
    if (!c->row) {
        free(next);
        qc__columns_free(c);
        return QC_ERROR_MEMORY;
    }
    fill(c, e, g, next);
    free(next);
    return QC_OK;
}

void qc__columns_free(qc__columns *c)
{
    free(c->ptr);
    free(c->row);
    *c = (qc__columns){0};
}
