// SPDX-License-Identifier: Apache-2.0
#include "plan/graph.h"

#include <stdlib.h>

#include "base/arena.h"

/* A walk over all edges: first (next NULL) to count them, into ptr[v + 1]; then to put them at next[v]. */
typedef struct edges {
    int32_t *ptr, *next, *index;
} edges;

static void add_edge(const edges *e, int32_t u, int32_t v)
{
    if (e->next) {
        e->index[e->next[u]++] = v;
        e->index[e->next[v]++] = u;
    } else {
        e->ptr[u + 1]++;
        e->ptr[v + 1]++;
    }
}

/* Row i of M is vertex `shift` + i. */
static void add_matrix(const edges *e, const qc__kkt *kkt, const qc__matrix *M, int32_t shift)
{
    for (int32_t i = 0; i < M->rows; i++)
        for (int32_t k = M->row_ptr[i]; k < M->row_ptr[i + 1]; k++)
            if (shift + i != M->col[k] && !qc__is_apart(kkt, shift + i) &&
                !qc__is_apart(kkt, M->col[k]))
                add_edge(e, shift + i, M->col[k]);
}

/* What eliminating a cone that is apart leaves between the others. */
static void add_apart(const edges *e, const qc__apart *a)
{
    for (int32_t i = 0; i < a->others; i++)
        for (int32_t j = 0; j < i; j++)
            add_edge(e, a->other[i], a->other[j]);
}

static void add_dense_block(const edges *e, const qc__cone *block, int32_t n)
{
    const int32_t first = n + block->first;
    for (int32_t i = first; i < first + block->size; i++)
        for (int32_t j = first; j < i; j++)
            add_edge(e, i, j);
}

static void add_sparse_block(const edges *e, const qc__cone *block, int32_t n, int32_t m)
{
    for (int32_t a = 0; a < 2; a++)
        for (int32_t i = 0; i < block->size; i++)
            add_edge(e, n + m + block->auxiliary + a, n + block->first + i);
}

/* Vertices are visited in ascending order, and the smaller neighbours of each before it, so the
 * neighbours of every vertex come out ascending; but those of what meets a cone that is apart, which may come
 * twice as well. */
static void add_all(const edges *e, const qc__kkt *kkt)
{
    const int32_t n = kkt->P->rows, m = kkt->A ? kkt->A->rows : 0;
    add_matrix(e, kkt, kkt->P, 0);
    if (kkt->A)
        add_matrix(e, kkt, kkt->A, n);
    for (int32_t k = 0; k < kkt->block_count; k++)
        if (!qc__is_sparse(kkt, &kkt->blocks[k]) && !qc__is_apart(kkt, n + kkt->blocks[k].first))
            add_dense_block(e, &kkt->blocks[k], n);
    for (int32_t k = 0; k < kkt->block_count; k++)
        if (qc__is_sparse(kkt, &kkt->blocks[k]))
            add_sparse_block(e, &kkt->blocks[k], n, m);
    for (int32_t k = 0; k < kkt->apart_count; k++)
        add_apart(e, &kkt->apart[k]);
}

/* Twice as many as there are, at least. */
static size_t count_edges(const qc__kkt *kkt)
{
    size_t count = (size_t)kkt->P->count + (kkt->A ? (size_t)kkt->A->count : 0);
    for (int32_t k = 0; k < kkt->block_count; k++) {
        const size_t size = (size_t)kkt->blocks[k].size;
        if (!qc__is_apart(kkt, kkt->P->rows + kkt->blocks[k].first))
            count += qc__is_sparse(kkt, &kkt->blocks[k]) ? 2 * size : size * (size - 1) / 2;
    }
    for (int32_t k = 0; k < kkt->apart_count; k++)
        count += (size_t)kkt->apart[k].others * (size_t)kkt->apart[k].others / 2;
    return 2 * count;
}

qc_error qc__graph_new(qc__graph *g, const qc__kkt *kkt)
{
    const int32_t size = kkt->P->rows + (kkt->A ? kkt->A->rows : 0) + kkt->auxiliary;
    int32_t *next = NEW(size, int32_t);
    *g = (qc__graph){size, NEW_ZERO(size + 1, int32_t), NEW(count_edges(kkt), int32_t)};
    if (!next || !g->ptr || !g->index) {
        free(next);
        qc__graph_free(g);
        return QC_ERROR_MEMORY;
    }
    add_all(&(edges){.ptr = g->ptr}, kkt);
    for (int32_t v = 0; v < size; v++) {
        g->ptr[v + 1] += g->ptr[v];
        next[v] = g->ptr[v];
    }
    add_all(&(edges){g->ptr, next, g->index}, kkt);
    free(next);
    return QC_OK;
}

void qc__graph_free(qc__graph *g)
{
    free(g->ptr);
    free(g->index);
    *g = (qc__graph){0};
}
