// SPDX-License-Identifier: Apache-2.0
/*
 * group.h -- the memory in which one thread solves LANES problems side by side.
 *
 * One layout function both measures and places, so that size and placement cannot disagree.  What a
 * derivative needs later is laid out apart, on a tape; what the whole batch shares, in a third block.
 */
#ifndef LANE_GROUP_H
#define LANE_GROUP_H

#include "lane/block.h"
#include "lane/ldl.h"
#include "lane/table.h"
#include "lane/vec.h"

/* A vector with an entry for every x and one for every row: (x, y), a residual, a step.  The rows follow
 * the x in memory, and the auxiliary variables the rows, so that entry v of the KKT matrix is element
 * v of x. */
typedef struct pair {
    double *x, *y;
} pair;

/*
 * The scaled problem: P = c D P0 D, A = E A0 D, q = c D q0, b = E b0 with D = col, E = row, so that
 * x0 = D x, y0 = E y / c, s0 = s / E.  All scales are powers of two: scaling rounds nothing.
 * `shared` numbers are plain, the same for all problems.
 */
typedef struct scaled {
    int shared;
    double *P, *A;             /* [P.count], [A.count] */
    double *col, *row, *cost; /* [n], [m], [1] */
} scaled;

/* x and the equalities eliminated: their factor, and the matrix they leave over the cone's rows. */
typedef struct condensed {
    ldl_part lead;  /* supernodes [0, leading) */
    double *base;   /* panels of the others, before -H is added; as lead, shared or lanes */
} condensed;

/* What became of P and A where the batch shares them. */
typedef struct sharing {
    uint8_t status;      /* a qc_status, of all problems */
    uint8_t uncondensed; /* condensing failed            */
} sharing;

typedef struct tape {
    scaled data;
    condensed cond;
} tape;

enum { KRYLOV_VECTORS = 5 };

typedef struct qc__group {
    const qc_plan *plan;
    qc_settings settings;
    unsigned shared_vectors; /* QC_SHARED_Q, QC_SHARED_B: one q, one b for all problems */

    /* What is being solved: problem[l] is in lane l; lanes >= count repeat the last. */
    int64_t problem[LANES];
    int count;
    qc__path path;
    qc__attempt attempt;

    /* The data, in the thread's memory, on a tape, or shared. */
    scaled data;
    condensed cond;
    tape own, shared;
    sharing *sharing; /* NULL where P and A are not shared */

    /* What the interior point works on: all x and rows, or only the cone's rows. */
    const qc__factor_plan *factor;
    ldl_part part;            /* what is factored at every iteration */
    int32_t nx, zero_count, cone_count, nonneg_count, block_count; /* counts of rows */
    int32_t *zero_row, *cone_row, *nonneg_row, *block_row;
    double degree; /* of K: s'y = degree * mu */
    double *own_degree; /* without the far rows of each problem, and at least 1 */
    pair g;                   /* right-hand side: M w + s = g tau */

    double *panels, *d, *dinv, *scratch;
    double *permuted[MAX_RHS]; /* right-hand sides in the order of the pivots */
    double *lead;              /* forward-solved (-q, b), for recovering x */
    double *q, *b, *c;         /* scaled q and b; c: the condensed right-hand side */
    double *x_unit, *y_unit;   /* 1 / (c D) and 1 / E: what a scaled residual of 1 is unscaled */
    double *s, *H, *ds, *backup_s, *best_s;
    double *H_unit;        /* what a clipped H is measured in */
    double *s_inv, *y_inv; /* 1/s and 1/y at the interior point */
    double *s_drift, *y_drift; /* the last step's change of s beside that of y */
    double *state; /* of the blocks, cone.h; block k's begins at state_at[k] */
    int64_t *state_at;
    double *apart; /* of the cones that are apart, apart.h; the t-th's begins at apart_at[t] */
    int64_t *apart_at;
    double *apart_scratch;
    double *dy, *Hdy; /* of a step, in the blocks' rows */
    int32_t *far_row, far_count; /* far.h: rows that are left out of some problem */
    double *far_limit; /* from which b on, of each problem */
    double *far, *far_c, *far_slack; /* 1 where left out, else 0; their c, and -A x */
    pair w, backup, best, rho, Qw, d1, d2, d3;
    pair rhs[MAX_RHS], left, product; /* of refinement */
    double *krylov[KRYLOV_VECTORS]; /* of size n + m, krylov.h */
} qc__group;

static void layout_scaled(scaled *data, const qc_plan *plan, qc__arena *arena, int shared)
{
    const size_t L = shared ? 1 : LANES;
    data->shared = shared;
    data->P = TAKE(arena, L * (size_t)plan->P.count, double);
    data->A = TAKE(arena, L * (size_t)plan->A.count, double);
    data->col = TAKE(arena, L * (size_t)plan->n, double);
    data->row = TAKE(arena, L * (size_t)plan->m, double);
    data->cost = TAKE(arena, L, double);
}

/* The scales alone: what a condensed problem keeps of its data. */
static void layout_scales(scaled *data, const qc_plan *plan, qc__arena *arena)
{
    data->shared = 0;
    data->P = data->A = NULL;
    data->col = TAKE(arena, LANES * (size_t)plan->n, double);
    data->row = TAKE(arena, LANES * (size_t)plan->m, double);
    data->cost = TAKE(arena, LANES, double);
}

static void layout_condensed(condensed *cond, const qc_plan *plan, qc__arena *arena, int shared)
{
    const qc__factor_plan *factor = &plan->condense;
    const size_t L = shared ? 1 : LANES;
    const size_t first = (size_t)factor->panel[factor->leading];
    const size_t all = (size_t)factor->panel[factor->supernodes];
    const size_t pivots = (size_t)factor->first[factor->leading];
    cond->lead = (ldl_part){.plan = factor, .begin = 0, .end = factor->leading, .shared = shared};
    cond->lead.panels = TAKE(arena, L * first, double);
    cond->lead.d = TAKE(arena, L * pivots, double);
    cond->lead.dinv = TAKE(arena, L * pivots, double);
    cond->base = TAKE(arena, L * (all - first), double);
}

/* What a group leaves for its derivative.  Shared data need no tape. */
static void layout_tape(tape *t, const qc_plan *plan, qc__path path, qc__arena *arena)
{
    if (qc__values_shared(plan))
        return;
    if (path == QC__PATH_CONDENSED) {
        layout_scales(&t->data, plan, arena);
        layout_condensed(&t->cond, plan, arena, 0);
    } else {
        layout_scaled(&t->data, plan, arena, 0);
    }
}

static size_t tape_bytes(const qc_plan *plan, qc__path path)
{
    tape t;
    qc__arena arena = {0};
    layout_tape(&t, plan, path, &arena);
    return arena.used;
}

static void layout_shared(tape *t, sharing **outcome, const qc_plan *plan, qc__arena *arena)
{
    if (!qc__values_shared(plan))
        return;
    *outcome = TAKE(arena, 1, sharing);
    layout_scaled(&t->data, plan, arena, 1);
    if (plan->condensed)
        layout_condensed(&t->cond, plan, arena, 1);
}

static size_t shared_bytes(const qc_plan *plan)
{
    tape t;
    sharing *outcome;
    qc__arena arena = {0};
    layout_shared(&t, &outcome, plan, &arena);
    return arena.used;
}

static double *take_lanes(qc__arena *arena, int64_t count)
{
    return TAKE(arena, (size_t)count * LANES, double);
}

static pair take_pair(qc__arena *arena, const qc_plan *plan)
{
    double *x = take_lanes(arena, (int64_t)plan->n + plan->m + plan->auxiliary);
    return (pair){.x = x, .y = x ? x + (int64_t)plan->n * LANES : NULL};
}

static int64_t trailing_panels(const qc__factor_plan *factor)
{
    return factor->panel[factor->supernodes] - factor->panel[factor->leading];
}

static int32_t max_int(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* Panels that hold whichever factor is being computed, and its scratch. */
static void layout_factor(qc__group *g, const qc_plan *plan, qc__arena *arena)
{
    int64_t panels = trailing_panels(&plan->full);
    int32_t widest = max_int(plan->full.widest, plan->convexity.widest);
    if (plan->has_dense) {
        widest = max_int(widest, plan->dense.widest);
        if (trailing_panels(&plan->dense) > panels)
            panels = trailing_panels(&plan->dense);
    }
    if (trailing_panels(&plan->convexity) > panels)
        panels = trailing_panels(&plan->convexity);
    if (plan->condensed) {
        widest = max_int(widest, plan->condense.widest);
        if (trailing_panels(&plan->condense) > panels)
            panels = trailing_panels(&plan->condense);
    }
    g->panels = take_lanes(arena, panels);
    g->d = take_lanes(arena, plan->n + plan->m + plan->auxiliary);
    g->dinv = take_lanes(arena, plan->n + plan->m + plan->auxiliary);
    g->scratch = take_lanes(arena, outer_scratch(widest));
}

static void layout_vectors(qc__group *g, const qc_plan *plan, qc__arena *arena)
{
    pair *pairs[] = {&g->w,  &g->backup, &g->best,   &g->rho,    &g->Qw,      &g->d1,
                     &g->d2, &g->d3,     &g->rhs[0], &g->rhs[1], &g->product, &g->left};
    double **rows[] = {&g->s,       &g->H,      &g->ds,    &g->backup_s, &g->best_s, &g->b,
                       &g->c,       &g->y_unit, &g->s_inv, &g->y_inv,    &g->H_unit, &g->s_drift,
                       &g->y_drift, &g->dy,     &g->Hdy,   &g->far,      &g->far_c,  &g->far_slack};
    const int64_t size = (int64_t)plan->n + plan->m + plan->auxiliary;
    for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++)
        *pairs[k] = take_pair(arena, plan);
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
        *rows[k] = take_lanes(arena, plan->m);
    g->own_degree = take_lanes(arena, 1);
    g->far_limit = take_lanes(arena, 1);
    g->q = take_lanes(arena, plan->n);
    g->x_unit = take_lanes(arena, plan->n);
    g->g.x = take_lanes(arena, plan->n);
    g->lead = take_lanes(arena, size);
    for (int k = 0; k < MAX_RHS; k++)
        g->permuted[k] = take_lanes(arena, size);
    for (int k = 0; k < KRYLOV_VECTORS; k++)
        g->krylov[k] = take_lanes(arena, size);
}

/* Memory of the blocks. */
static void layout_states(qc__group *g, const qc_plan *plan, qc__arena *arena)
{
    int64_t size = 0;
    g->state_at = TAKE(arena, plan->block_count, int64_t);
    for (int32_t k = 0; k < plan->block_count; k++) {
        if (g->state_at)
            g->state_at[k] = size;
        size += block_state_size(&plan->blocks[k]);
    }
    g->state = take_lanes(arena, size);
}

/* A product of rows is done in strips, and in pieces of their length. */
enum { APART_STRIP = 16, APART_PIECE = 64 };

/* Of a cone that is apart: U; n, b, 1/a and right-hand sides; the rows of E, if any, and a number for each;
 * E B E'; p. */
static int64_t apart_size(const qc_plan *plan, const qc__apart *a)
{
    const qc__cone *c = &plan->blocks[a->block];
    const int64_t k = c->order, others = a->others, rows = a->nonzeros ? 0 : others;
    return k * k + (3 + MAX_RHS) * (int64_t)c->size + rows * c->size + others * (others + 1) + 1;
}

static void layout_apart(qc__group *g, const qc_plan *plan, qc__arena *arena)
{
    int64_t size = 0;
    g->apart_at = TAKE(arena, plan->apart_count, int64_t);
    for (int32_t t = 0; t < plan->apart_count; t++) {
        if (g->apart_at)
            g->apart_at[t] = size;
        size += apart_size(plan, &plan->apart[t]);
    }
    g->apart = take_lanes(arena, size);
    if (plan->apart_count > 0)
        g->apart_scratch = take_lanes(arena, outer_scratch(APART_PIECE));
}

static void list_rows(qc__group *g, const qc_plan *plan)
{
    int32_t zero = 0, cone = 0;
    for (int32_t i = 0; i < plan->m; i++) {
        if (plan->row_is_zero[i]) {
            g->zero_row[zero++] = i;
            continue;
        }
        g->cone_row[cone++] = i;
        if (plan->row_is_block[i])
            g->block_row[g->block_count++] = i;
        else
            g->nonneg_row[g->nonneg_count++] = i;
    }
    g->degree = g->nonneg_count;
    for (int32_t k = 0; k < plan->block_count; k++)
        g->degree += block_degree(&plan->blocks[k]);
}

static qc__group *group_new(const qc_plan *plan, qc__arena *arena)
{
    qc__group measured = {0};
    qc__group *place = TAKE(arena, 1, qc__group), *g = place ? place : &measured;
    *g = (qc__group){.plan = plan};
    g->zero_row = TAKE(arena, plan->zero_rows, int32_t);
    g->cone_row = TAKE(arena, plan->cone_rows, int32_t);
    g->nonneg_row = TAKE(arena, plan->cone_rows - plan->block_rows, int32_t);
    g->block_row = TAKE(arena, plan->block_rows, int32_t);
    g->far_row = TAKE(arena, plan->cone_rows - plan->block_rows, int32_t);
    layout_scaled(&g->own.data, plan, arena, 0);
    if (plan->condensed)
        layout_condensed(&g->own.cond, plan, arena, 0);
    layout_factor(g, plan, arena);
    layout_vectors(g, plan, arena);
    layout_states(g, plan, arena);
    layout_apart(g, plan, arena);
    if (place)
        list_rows(g, plan);
    return place;
}

static void group_bind(qc__group *g, const qc_settings *settings, unsigned shared_vectors,
                       void *shared)
{
    qc__arena arena = {.base = shared, .size = shared_bytes(g->plan)};
    g->settings = *settings;
    g->shared_vectors = shared_vectors;
    layout_shared(&g->shared, &g->sharing, g->plan, &arena);
}

#endif
