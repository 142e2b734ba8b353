// SPDX-License-Identifier: Apache-2.0
#include "plan/graph.h"

#include <stdlib.h>

#include "base/arena.h"

/* Adds the edges of M, whose row i is vertex `shift` + i: first (next NULL) only counts them, into
 * ptr[v + 1]; then puts them at next[v]. */
static void add_edges(const qc__matrix *M, int32_t shift, int32_t *ptr, int32_t *next,
                      int32_t *index)
{
    for (int32_t i = 0; i < M->rows; i++)
        for (int32_t k = M->row_ptr[i]; k < M->row_ptr[i + 1]; k++) {
            const int32_t u = shift + i, v = M->col[k];
            if (u == v)
                continue;
            if (next) {
                index[next[u]++] = v;
                index[next[v]++] = u;
            } else {
                ptr[u + 1]++;
                ptr[v + 1]++;
            }
        }
}

/* Rows are added in ascending order, and the columns of a row come before it, so the neighbours of
 * every vertex come out ascending. */
qc_error qc__graph_new(qc__graph *g, const qc__matrix *P, const qc__matrix *A)
{
    const int32_t size = P->rows + (A ? A->rows : 0);
    const size_t edges = 2 * ((size_t)P->count + (A ? (size_t)A->count : 0));
    int32_t *next = NEW(size, int32_t);
    *g = (qc__graph){size, NEW_ZERO(size + 1, int32_t), NEW(edges, int32_t)};
    if (!next || !g->ptr || !g->index) {
        free(next);
        qc__graph_free(g);
        return QC_ERROR_MEMORY;
    }
    add_edges(P, 0, g->ptr, NULL, NULL);
    if (A)
        add_edges(A, P->rows, g->ptr, NULL, NULL);
    for (int32_t v = 0; v < size; v++) {
        g->ptr[v + 1] += g->ptr[v];
        next[v] = g->ptr[v];
    }
    add_edges(P, 0, g->ptr, next, g->index);
    if (A)
        add_edges(A, P->rows, g->ptr, next, g->index);
    free(next);
    return QC_OK;
}

void qc__graph_free(qc__graph *g)
{
    free(g->ptr);
    free(g->index);
    *g = (qc__graph){0};
}
