// SPDX-License-Identifier: Apache-2.0
#include "plan/order.h"

#include <camd.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

/* CAMD wants the numbers of sets below that of vertices: those in use, renumbered from zero. */
static void number_sets(int32_t *number, const int8_t *set, int32_t size)
{
    int32_t rank[QC__ORDER_SETS] = {0}, next = 0;
    for (int32_t v = 0; v < size; v++)
        rank[set[v]] = 1;
    for (int32_t k = 0; k < QC__ORDER_SETS; k++)
        if (rank[k])
            rank[k] = next++;
    for (int32_t v = 0; v < size; v++)
        number[v] = rank[set[v]];
}

qc_error qc__order_by_set(qc__elimination *e, const qc__graph *g, const int8_t *set)
{
    double control[CAMD_CONTROL], info[CAMD_INFO];
    camd_defaults(control);
    /* The default puts vertices of high degree last, wherever their edges go; ours are often dense. */
    control[CAMD_DENSE] = -1.0;
    if (set)
        number_sets(e->mark, set, e->size);
    const int result =
        camd_order(g->size, g->ptr, g->index, e->order, control, info, set ? e->mark : NULL);
    return result >= CAMD_OK ? QC_OK : QC_ERROR_MEMORY;
}

/* What comes first, second, ...; flops are worth `weight` times those of the safest order. */
typedef struct candidate {
    int8_t cone_row, x, zero_row;
    int residuals; /* equalities that define one go with the x's */
    double weight;
} candidate;

/* From the loosest on: it has the least fill, and bounds the time that the others may take. */
static const candidate candidates[] = {
    {0, 0, 0, 1, 4.0},
    {0, 0, 1, 1, 1.5},
    {0, 1, 2, 1, 1.0},
    {0, 1, 2, 0, 1.0},
};

/* Auxiliary variables go with the rows of their cone. */
static void assign_sets(int8_t *set, const qc__graph *g, const qc__kkt_rows *kkt,
                        const candidate *c)
{
    const int32_t n = kkt->P->rows, rows_end = n + kkt->m;
    for (int32_t v = 0; v < g->size; v++) {
        const int is_zero = v >= n && v < rows_end && kkt->row_is_zero[v - n];
        set[v] = v < n ? c->x : is_zero ? c->zero_row : c->cone_row;
    }
    for (int32_t v = 0; c->residuals && v < n; v++) {
        const int32_t row = g->ptr[v + 1] - g->ptr[v] == 1 ? g->index[g->ptr[v]] : -1;
        if (row >= n && row < rows_end && kkt->row_is_zero[row - n] &&
            qc__has_diagonal(kkt->P, v)) {
            set[v] = c->cone_row;
            set[row] = c->x;
        }
    }
}

qc_error qc__order_kkt(qc__elimination *e, const qc__graph *g, const qc__kkt_rows *kkt)
{
    const size_t bytes = (size_t)g->size * sizeof(int32_t);
    int8_t *set = NEW(g->size, int8_t);
    int32_t *best = NEW(g->size, int32_t);
    qc_error error = set && best ? QC_OK : QC_ERROR_MEMORY;
    double least = INFINITY;
    for (size_t k = 0; !error && k < sizeof candidates / sizeof *candidates; k++) {
        const candidate *c = &candidates[k];
        assign_sets(set, g, kkt, c);
        error = qc__order_by_set(e, g, set);
        if (error)
            break;
        const double cost = c->weight * qc__elimination_count(e, g, least / c->weight);
        if (cost <= least) {
            least = cost;
            memcpy(best, e->order, bytes);
        }
    }
    if (!error) {
        memcpy(e->order, best, bytes);
        qc__elimination_count(e, g, INFINITY);
    }
    free(set);
    free(best);
    return error;
}
