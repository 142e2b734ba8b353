// SPDX-License-Identifier: Apache-2.0
#include "run/solver.h"

#include "lane/table.h"

static void layout_record(qc__record *r, const qc_plan *plan, size_t count, qc__arena *arena)
{
    double **numbers[] = {&r->objective, &r->primal_residual, &r->dual_residual, &r->gap,
                          &r->margin};
    r->x = TAKE(arena, count * (size_t)plan->n, double);
    r->y = TAKE(arena, count * (size_t)plan->m, double);
    r->s = TAKE(arena, count * (size_t)plan->m, double);
    r->status = TAKE(arena, count, int32_t);
    r->iterations = TAKE(arena, count, int32_t);
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        *numbers[k] = TAKE(arena, count, double);
}

/* A slot a group. The full path's tape serves every problem of a plan that does not condense, and
 * those that condensing could not serve of one that does; memory never touched costs nothing. */
static void layout_tapes(qc_solver *s, qc__arena *arena)
{
    const int64_t lanes = s->lanes->lanes, groups = (s->capacity + lanes - 1) / lanes;
    s->condensed_slot = s->plan->condensed ? s->lanes->tape_bytes(s->plan, QC__PATH_CONDENSED) : 0;
    s->full_slot = s->lanes->tape_bytes(s->plan, QC__PATH_FULL);
    s->condensed_tape = TAKE(arena, s->condensed_slot * (size_t)groups, char);
    s->full_tape = TAKE(arena, s->full_slot * (size_t)groups, char);
    s->dense_tape = TAKE(arena, s->plan->has_dense ? s->full_slot * (size_t)groups : 0, char);
}

static void layout_derivative(qc_solver *s, qc__arena *arena)
{
    const size_t count = (size_t)s->capacity;
    const size_t turned = (size_t)qc__turned_rows(s->plan, s->plan->shared, 1, 1) *
                          (size_t)qc__turned_stride(s->capacity);
    s->u_x = TAKE(arena, count * (size_t)s->plan->n, double);
    s->u_v = TAKE(arena, count * (size_t)s->plan->m, double);
    s->u_s = TAKE(arena, count * (size_t)s->plan->m, double);
    s->residual = TAKE(arena, count, double);
    s->derivative_status = TAKE(arena, count, int32_t);
    s->weight = TAKE(arena, count, double);
    s->z_turned = TAKE(arena, turned, double);
    s->u_turned = TAKE(arena, turned, double);
}

static void layout_values(qc__values *v, const qc_plan *plan, size_t count, unsigned shared,
                          qc__arena *arena)
{
    v->P = TAKE(arena, (shared & QC_SHARED_P ? 1 : count) * (size_t)plan->P.length, double);
    v->q = TAKE(arena, (shared & QC_SHARED_Q ? 1 : count) * (size_t)plan->n, double);
    v->A = TAKE(arena, (shared & QC_SHARED_A ? 1 : count) * (size_t)plan->A.length, double);
    v->b = TAKE(arena, (shared & QC_SHARED_B ? 1 : count) * (size_t)plan->m, double);
}

/* Moved, every problem has its own q and b. */
static void layout_differences(qc_solver *s, qc__arena *arena)
{
    qc__differences *d = &s->differences;
    const size_t count = (size_t)s->capacity;
    const unsigned matrices = s->plan->shared & (QC_SHARED_P | QC_SHARED_A);
    layout_values(&d->kept, s->plan, count, s->plan->shared, arena);
    layout_values(&d->moved, s->plan, count, matrices, arena);
    layout_record(&d->ahead, s->plan, count, arena);
    layout_record(&d->behind, s->plan, count, arena);
    d->x = TAKE(arena, count * (size_t)s->plan->n, double);
    d->y = TAKE(arena, count * (size_t)s->plan->m, double);
}

void qc__solver_layout(qc_solver *s, qc__arena *arena)
{
    const size_t count = (size_t)s->capacity;
    struct qc__group **group = TAKE(arena, s->max_threads, struct qc__group *);
    for (int w = 0; w < s->max_threads; w++) {
        struct qc__group *g = s->lanes->group_new(s->plan, arena);
        if (group)
            group[w] = g;
    }
    s->group = group;
    s->shared = TAKE(arena, s->lanes->shared_bytes(s->plan), char);
    layout_record(&s->record, s->plan, count, arena);
    s->retry = TAKE(arena, count, uint8_t);
    s->ordinary = TAKE(arena, count, int64_t);
    s->retried = TAKE(arena, count, int64_t);
    s->again = TAKE(arena, count, int64_t);
    if (s->tapes_kept) {
        layout_tapes(s, arena);
        layout_derivative(s, arena);
    }
    if (s->values_kept)
        layout_differences(s, arena);
}
