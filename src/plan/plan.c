// SPDX-License-Identifier: Apache-2.0
#include "plan/plan.h"

#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/message.h"
#include "plan/apart.h"
#include "plan/factor.h"
#include "plan/family.h"
#include "plan/matrix.h"
#include "plan/order.h"

/* Second-order cones with more rows than this are kept sparse where the whole matrix is factored; with
 * more than the second, where x is eliminated first they would be too large to be dense. */
enum { SPARSE_ABOVE = 12, DENSE_MOST = 1000 };

/* Matrices of a larger order that are apart have no dense block for values that need one. */
enum { FALLBACK_MOST = 60 };

qc__cone qc__cone_of(const qc_cone *cone, int32_t first)
{
    qc__cone c = {.kind = cone->kind,
                  .first = first,
                  .size = (int32_t)cone->size,
                  .auxiliary = -1,
                  .alpha = cone->alpha};
    if ((c.kind == QC_CONE_SECOND_ORDER || c.kind == QC_CONE_PSD) && c.size == 1)
        c.kind = QC_CONE_NONNEGATIVE;
    while (c.kind == QC_CONE_PSD && c.order * (c.order + 1) / 2 < c.size)
        c.order++;
    return c;
}

static void add_block(qc_plan *plan, qc__cone cone)
{
    if (cone.kind == QC_CONE_SECOND_ORDER && cone.size > SPARSE_ABOVE) {
        cone.auxiliary = plan->auxiliary;
        plan->auxiliary += 2;
    }
    plan->block_rows += cone.size;
    plan->blocks[plan->block_count++] = cone;
}

static qc_error copy_cones(qc_plan *plan, const qc_family *f)
{
    plan->blocks = NEW(f->cone_count, qc__cone);
    plan->row_is_zero = NEW(plan->m, int8_t);
    plan->row_is_block = NEW(plan->m, int8_t);
    if (!plan->blocks || !plan->row_is_zero || !plan->row_is_block)
        return QC_ERROR_MEMORY;
    int32_t row = 0;
    for (int64_t k = 0; k < f->cone_count; k++) {
        const qc__cone cone = qc__cone_of(&f->cones[k], row);
        const int is_zero = cone.kind == QC_CONE_ZERO;
        const int is_block = cone.kind > QC_CONE_NONNEGATIVE;
        *(is_zero ? &plan->zero_rows : &plan->cone_rows) += cone.size;
        if (is_block)
            add_block(plan, cone);
        for (const int32_t end = row + cone.size; row < end; row++) {
            plan->row_is_zero[row] = (int8_t)is_zero;
            plan->row_is_block[row] = (int8_t)is_block;
        }
    }
    return QC_OK;
}

int qc__has_whole_diagonal(const qc__matrix *P)
{
    for (int32_t j = 0; j < P->rows; j++)
        if (!qc__has_diagonal(P, j))
            return 0;
    return 1;
}

/* The whole matrix; `sparse`: with auxiliary variables for large second-order cones; `apart`: without
 * the PSD cones that are kept apart. */
static qc__kkt kkt_of(const qc_plan *plan, int sparse, int apart)
{
    return (qc__kkt){.P = &plan->P,
                     .A = &plan->A,
                     .blocks = plan->blocks,
                     .block_count = plan->block_count,
                     .auxiliary = sparse ? plan->auxiliary : 0,
                     .apart = apart ? plan->apart : NULL,
                     .apart_count = apart ? plan->apart_count : 0,
                     .is_apart = apart ? plan->is_apart : NULL};
}

static qc_error plan_full(const qc_plan *plan, int apart, qc__factor_plan *factor)
{
    const qc__kkt kkt = kkt_of(plan, 1, apart);
    const qc__kkt_rows rows = {.P = &plan->P, .m = plan->m, .row_is_zero = plan->row_is_zero};
    qc__graph g = {0};
    qc__elimination e = {0};
    qc_error error = qc__graph_new(&g, &kkt);
    if (!error)
        error = qc__elimination_new(&e, g.size);
    if (!error)
        error = qc__order_kkt(&e, &g, &rows);
    if (!error)
        error = qc__factor_plan_new(factor, &e, &g, NULL, &kkt);
    qc__elimination_free(&e);
    qc__graph_free(&g);
    return error;
}

/* Flops of a factorization and entries of L, in what is done once and what at every iteration. */
typedef struct work {
    double flops_once, flops_each, entries_once, entries_each;
} work;

/*
 * Flops of a typical solve: 12 iterations of 2.5 solves each, of 4 flops an entry of L.  What is
 * factored once, and for the whole batch where all of P and A is shared, takes part in four solves.
 */
static double solve_flops(const qc_plan *plan, work w)
{
    const double iterations = 12.0, solves = 2.5, per_entry = 4.0, solves_once = 4.0;
    const double once = qc__values_shared(plan) ? 0.0 : w.flops_once;
    return once + solves_once * per_entry * w.entries_once +
           iterations * (w.flops_each + solves * per_entry * w.entries_each);
}

static double solve_flops_full(const qc_plan *plan)
{
    const qc__factor_plan *f = &plan->full;
    return solve_flops(plan, (work){
                                 .flops_each = f->flops_trailing,
                                 .entries_each = qc__factor_plan_entries(f, 0, f->supernodes),
                             });
}

/* From the counts of a condensing order, so that no plan is made in vain: it can be huge. */
static double solve_flops_condensed(const qc_plan *plan, const qc__elimination *e,
                                    const int8_t *late)
{
    work w = {0};
    for (int32_t k = 0; k < e->size; k++) {
        const double count = e->count[k], flops = count + count * (count + 1.0);
        const int each = late[e->order[k]];
        *(each ? &w.flops_each : &w.flops_once) += flops;
        *(each ? &w.entries_each : &w.entries_once) += count + 1.0;
    }
    return solve_flops(plan, w);
}

/* The x's first, then equalities, then the rest, if it is asked for (1) or pays (-1). */
static qc_error order_condensed(qc_plan *plan, qc__elimination *e, const qc__graph *g, int condense,
                                int8_t *set, int8_t *late)
{
    for (int32_t v = 0; v < e->size; v++) {
        const int is_row = v >= plan->n, is_cone = is_row && !plan->row_is_zero[v - plan->n];
        set[v] = (int8_t)(is_row + is_cone);
        late[v] = (int8_t)is_cone;
    }
    const qc_error error = qc__order_by_set(e, g, set);
    if (error)
        return error;
    /* Beyond the limit even what is done once takes longer than all of the other way. */
    const double full = solve_flops_full(plan), limit = condense == 1 ? HUGE_VAL : 10.0 * full;
    const double total = qc__elimination_count(e, g, limit);
    plan->condensed =
        condense == 1 || (total < limit && solve_flops_condensed(plan, e, late) < full);
    return QC_OK;
}

static qc_error plan_condense(qc_plan *plan, int condense)
{
    const qc__kkt kkt = kkt_of(plan, 0, 0);
    qc__graph g = {0};
    qc__elimination e = {0};
    qc_error error = qc__graph_new(&g, &kkt);
    if (!error)
        error = qc__elimination_new(&e, g.size);
    int8_t *set = NEW(g.size, int8_t), *late = NEW(g.size, int8_t);
    if (!error)
        error = set && late ? order_condensed(plan, &e, &g, condense, set, late) : QC_ERROR_MEMORY;
    if (!error && plan->condensed)
        error = qc__factor_plan_new(&plan->condense, &e, &g, late, &kkt);
    free(set);
    free(late);
    qc__elimination_free(&e);
    qc__graph_free(&g);
    return error;
}

static qc_error plan_convexity(qc_plan *plan)
{
    const qc__kkt P_alone = {.P = &plan->P};
    qc__graph g = {0};
    qc__elimination e = {0};
    qc_error error = qc__graph_new(&g, &P_alone);
    if (!error)
        error = qc__elimination_new(&e, plan->n);
    if (!error)
        error = qc__order_by_set(&e, &g, NULL);
    if (!error) {
        qc__elimination_count(&e, &g, HUGE_VAL);
        error = qc__factor_plan_new(&plan->convexity, &e, &g, NULL, &P_alone);
    }
    qc__elimination_free(&e);
    qc__graph_free(&g);
    return error;
}

static int32_t largest_block(const qc_plan *plan)
{
    int32_t most = 0;
    for (int32_t k = 0; k < plan->block_count; k++)
        if (plan->blocks[k].auxiliary >= 0 && plan->blocks[k].size > most)
            most = plan->blocks[k].size;
    return most;
}

/* `full`, with what pays to be kept apart where that is left to the plan, and `dense`. */
static qc_error plan_whole(qc_plan *plan, int condense)
{
    qc_error error = condense < 0 ? qc__apart_find(plan) : QC_OK;
    if (!error)
        error = plan_full(plan, plan->apart_count > 0, &plan->full);
    if (error || plan->apart_count == 0)
        return error;
    plan->full.flops_trailing += qc__apart_flops(plan);
    plan->has_dense = qc__apart_has_matrix(plan) && qc__apart_largest(plan) <= FALLBACK_MOST;
    return plan->has_dense ? plan_full(plan, 0, &plan->dense) : QC_OK;
}

/* What is condensed has dense blocks, in all rounds. */
static qc_error drop_apart(qc_plan *plan)
{
    const int had = plan->apart_count > 0, has_dense = plan->has_dense;
    qc__apart_free(plan);
    if (!had)
        return QC_OK;
    qc__factor_plan_free(&plan->full);
    plan->full = plan->dense;
    plan->dense = (qc__factor_plan){0};
    plan->has_dense = 0;
    return has_dense ? QC_OK : plan_full(plan, 0, &plan->full);
}

/* Orders and factor plans, once the matrices are known. */
static qc_error plan_factors(qc_plan *plan, int condense)
{
    qc_error error = plan_whole(plan, condense);
    const int offered = plan->cone_rows > 0 && qc__apart_largest(plan) <= FALLBACK_MOST &&
                        qc__has_whole_diagonal(&plan->P) && largest_block(plan) <= DENSE_MOST;
    if (!error && offered && condense != 0)
        error = plan_condense(plan, condense);
    else if (!error && condense == 1)
        error = QC_ERROR_UNSUPPORTED;
    if (!error && plan->condensed)
        error = drop_apart(plan);
    return error ? error : plan_convexity(plan);
}

static qc_error fill(qc_plan *plan, const qc_family *f, int condense, qc_message *why)
{
    qc_error error = qc__matrix_P(&plan->P, f, why);
    if (!error)
        error = qc__matrix_A(&plan->A, f, why);
    if (error)
        return error;
    error = copy_cones(plan, f);
    if (!error)
        error = plan_factors(plan, condense);
    if (error == QC_ERROR_UNSUPPORTED)
        return qc__fail(
            why, error,
            "options.condense = 1 needs all diagonal entries of P in its pattern, a row of "
            "A outside zero cones, and second-order cones of at most %d rows",
            DENSE_MOST);
    return error ? qc__fail(why, error, "out of memory for the plan") : QC_OK;
}

qc_error qc__plan_new(qc_plan **out, const qc_family *f, int condense, qc_message *why)
{
    *out = NULL;
    qc_error error = qc__family_check(f, why);
    if (error)
        return error;
    if (condense < -1 || condense > 1)
        return qc__fail(why, QC_ERROR_ARGUMENT, "options.condense must be -1, 0 or 1, got %d",
                        condense);
    qc_plan *plan = NEW(1, qc_plan);
    if (!plan)
        return qc__fail(why, QC_ERROR_MEMORY, "out of memory for the plan");
    *plan = (qc_plan){
        .n = (int32_t)f->n,
        .m = (int32_t)f->m,
        .shared = f->shared,
        .P_dense = !f->P_colptr,
        .A_dense = !f->A_colptr,
    };
    error = fill(plan, f, condense, why);
    if (error) {
        qc__plan_free(plan);
        return error;
    }
    *out = plan;
    return QC_OK;
}

void qc__plan_free(qc_plan *plan)
{
    if (!plan)
        return;
    qc__matrix_free(&plan->P);
    qc__matrix_free(&plan->A);
    free(plan->blocks);
    free(plan->row_is_zero);
    free(plan->row_is_block);
    qc__apart_free(plan);
    qc__factor_plan_free(&plan->full);
    qc__factor_plan_free(&plan->dense);
    qc__factor_plan_free(&plan->condense);
    qc__factor_plan_free(&plan->convexity);
    free(plan);
}
