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
    const int32_t end = qc__below_of(f, update->source);
    const int32_t first = f->first[J], width = qc__width_of(f, J);
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
    const int32_t end = qc__below_of(f, K);
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

/* Are K and L single columns with the same rows? */
static int is_alike(const qc__factor_plan *f, int32_t K, int32_t L)
{
    const int32_t below = qc__below_of(f, K);
    return qc__width_of(f, K) == 1 && qc__width_of(f, L) == 1 && qc__below_of(f, L) == below &&
           memcmp(f->rows + f->row_ptr[K], f->rows + f->row_ptr[L],
                  (size_t)below * sizeof(int32_t)) == 0;
}

/* What makes an update go with others: the first supernode that its source is alike, or itself. */
typedef struct keyed_update {
    int32_t like;
    qc__update update;
} keyed_update;

static int by_likeness(const void *a, const void *b)
{
    const keyed_update *u = a, *v = b;
    if (u->like != v->like)
        return u->like < v->like ? -1 : 1;
    return (u->update.source > v->update.source) - (u->update.source < v->update.source);
}

/* Supernodes that are alike and have this many others between them are not found. */
enum { LIKES_TRIED = 8 };

/*
 * like[K] := the first supernode that K is alike.  Those of the leading part are not like those of the
 * trailing one, so that the parts stay apart in the order by likeness.  Candidates have the same first row:
 * head[row] is the latest of them, and next[] the one before.
 */
static void find_likes(const qc__factor_plan *f, int32_t *like, int32_t *head, int32_t *next)
{
    for (int32_t k = 0; k < f->size; k++)
        head[k] = -1;
    for (int32_t K = 0; K < f->supernodes; K++) {
        like[K] = K;
        if (qc__below_of(f, K) == 0)
            continue;
        const int32_t row = f->rows[f->row_ptr[K]];
        const int32_t oldest = K < f->leading ? 0 : f->leading;
        int32_t L = head[row];
        for (int t = 0; t < LIKES_TRIED && L >= oldest && !is_alike(f, K, L); t++)
            L = next[L];
        if (L >= oldest && is_alike(f, K, L)) {
            like[K] = L;
            continue;
        }
        next[K] = head[row];
        head[row] = K;
    }
}

/* Puts the updates of every supernode in the order of likeness, so that many have neighbours to go with. */
static qc_error order_updates(qc__factor_plan *f)
{
    qc_error error = QC_ERROR_MEMORY;
    int64_t most = 1;
    for (int32_t J = 0; J < f->supernodes; J++) {
        const int64_t count = f->update_ptr[J + 1] - f->update_ptr[J];
        most = count > most ? count : most;
    }
    int32_t *like = NEW(f->supernodes, int32_t), *next = NEW(f->supernodes, int32_t);
    int32_t *head = NEW(f->size, int32_t);
    keyed_update *keyed = NEW(most, keyed_update);
    if (!like || !next || !head || !keyed)
        goto done;
    find_likes(f, like, head, next);
    for (int32_t J = 0; J < f->supernodes; J++) {
        qc__update *own = f->updates + f->update_ptr[J];
        const int64_t count = f->update_ptr[J + 1] - f->update_ptr[J];
        for (int64_t t = 0; t < count; t++)
            keyed[t] = (keyed_update){like[own[t].source], own[t]};
        qsort(keyed, (size_t)count, sizeof *keyed, by_likeness);
        for (int64_t t = 0; t < count; t++)
            own[t] = keyed[t].update;
    }
    error = QC_OK;
done:
    free(like);
    free(next);
    free(head);
    free(keyed);
    return error;
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
            const int alike = t + 1 < f->update_ptr[J + 1] && a[0].begin == a[1].begin &&
                              is_alike(f, a[0].source, a[1].source);
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
    free(next);
    next = NULL;
    if (order_updates(f) != QC_OK)
        goto no_memory;
    find_runs(f);
    return QC_OK;
no_memory:
    free(next);
    return QC_ERROR_MEMORY;
}
