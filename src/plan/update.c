// SPDX-License-Identifier: Apache-2.0
#include "plan/update.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

/* A walk over all updates, by source: first to count them, then to write them. */
typedef struct updates {
    qc__factor_plan *f;
    const int32_t *supernode_of;
    int64_t *next; /* [supernodes] where the next update of J goes; NULL: only count */
    int64_t targets;
} updates;

static void fill_targets(const updates *u, int32_t J, qc__update *update)
{
    const qc__factor_plan *f = u->f;
    const int32_t *rows = f->rows + f->row_ptr[update->source];
    const int32_t end = (int32_t)(f->row_ptr[update->source + 1] - f->row_ptr[update->source]);
    const int32_t first = f->first[J], width = f->first[J + 1] - first;
    const int32_t *row_of_J = f->rows + f->row_ptr[J];
    int32_t *target = f->target + update->target, r = 0;
    for (int32_t t = update->begin; t < update->middle; t++)
        *target++ = rows[t] - first;
    for (int32_t t = update->middle; t < end; t++) {
        while (row_of_J[r] != rows[t])
            r++;
        *target++ = width + r;
    }
}

/* The updates that K makes: one for each supernode that has columns among K's rows. */
static void visit(updates *u, int32_t K)
{
    qc__factor_plan *f = u->f;
    const int32_t *rows = f->rows + f->row_ptr[K];
    const int32_t end = (int32_t)(f->row_ptr[K + 1] - f->row_ptr[K]);
    for (int32_t begin = 0, middle; begin < end; begin = middle) {
        const int32_t J = u->supernode_of[rows[begin]];
        middle = begin + 1;
        while (middle < end && rows[middle] < f->first[J + 1])
            middle++;
        if (u->next) {
            qc__update *update = &f->updates[u->next[J]++];
            *update =
                (qc__update){.source = K, .begin = begin, .middle = middle, .target = u->targets};
            fill_targets(u, J, update);
        } else {
            f->update_ptr[J + 1]++;
        }
        u->targets += end - begin;
    }
}

/* Are a and the next update from single columns with the same rows? */
static int is_alike(const qc__factor_plan *f, const qc__update *a)
{
    const int32_t K = a[0].source, L = a[1].source;
    const int64_t below = f->row_ptr[K + 1] - f->row_ptr[K];
    return f->first[K + 1] - f->first[K] == 1 && f->first[L + 1] - f->first[L] == 1 &&
           a[0].begin == a[1].begin && f->row_ptr[L + 1] - f->row_ptr[L] == below &&
           memcmp(f->rows + f->row_ptr[K], f->rows + f->row_ptr[L],
                  (size_t)below * sizeof(int32_t)) == 0;
}

/* Are three sources equally far apart? */
static int is_even(const qc__factor_plan *f, const qc__update *a)
{
    const int32_t K = a[0].source, L = a[1].source, M = a[2].source;
    return f->first[L] - f->first[K] == f->first[M] - f->first[L] &&
           f->panel[L] - f->panel[K] == f->panel[M] - f->panel[L];
}

static void find_runs(qc__factor_plan *f)
{
    for (int32_t J = 0; J < f->supernodes; J++)
        for (int64_t t = f->update_ptr[J + 1] - 1; t >= f->update_ptr[J]; t--) {
            qc__update *a = &f->updates[t];
            const int alike = t + 1 < f->update_ptr[J + 1] && is_alike(f, a);
            const int longer = alike && a[1].run > 1 && is_even(f, a);
            a->run = longer ? a[1].run + 1 : 1 + alike;
        }
}

qc_error qc__updates_new(qc__factor_plan *f, const int32_t *supernode_of)
{
    updates u = {.f = f, .supernode_of = supernode_of};
    f->update_ptr = NEW_ZERO(f->supernodes + 1, int64_t);
    int64_t *next = NEW(f->supernodes, int64_t);
    if (!f->update_ptr || !next)
        goto no_memory;
    for (int32_t K = 0; K < f->supernodes; K++)
        visit(&u, K);
    for (int32_t J = 0; J < f->supernodes; J++) {
        next[J] = f->update_ptr[J];
        f->update_ptr[J + 1] += f->update_ptr[J];
    }
    f->updates = NEW(f->update_ptr[f->supernodes], qc__update);
    f->target = NEW(u.targets, int32_t);
    if (!f->updates || !f->target)
        goto no_memory;
    u.next = next;
    u.targets = 0;
    for (int32_t K = 0; K < f->supernodes; K++)
        visit(&u, K);
    find_runs(f);
    free(next);
    return QC_OK;
no_memory:
    free(next);
    return QC_ERROR_MEMORY;
}
