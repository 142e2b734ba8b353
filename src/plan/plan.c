// SPDX-License-Identifier: Apache-2.0
#include "plan/plan.h"

#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/message.h"
#include "plan/factor.h"
#include "plan/family.h"
#include "plan/matrix.h"
#include "plan/order.h"

static qc_error copy_cones(qc_plan *plan, const qc_family *f)
{
    plan->cones = NEW(f->cone_count, qc__cone);
    plan->row_is_zero = NEW(plan->m, int8_t);
    if (!plan->cones || !plan->row_is_zero)
        return QC_ERROR_MEMORY;
    int32_t row = 0;
    for (int64_t k = 0; k < f->cone_count; k++) {
        const int32_t size = (int32_t)f->cones[k].size;
        const int is_zero = f->cones[k].kind == QC_CONE_ZERO;
        if (size == 0)
            continue;
        plan->cones[plan->cone_count++] = (qc__cone){f->cones[k].kind, row, size};
        *(is_zero ? &plan->zero_rows : &plan->cone_rows) += size;
        for (const int32_t end = row + size; row < end; row++)
            plan->row_is_zero[row] = (int8_t)is_zero;
    }
    return QC_OK;
}

static int has_whole_diagonal(const qc__matrix *P)
{
    for (int32_t i = 0; i < P->rows; i++) {
        const int32_t end = P->row_ptr[i + 1];
        if (end == P->row_ptr[i] || P->col[end - 1] != i)
            return 0;
    }
    return 1;
}

static qc_error plan_full(qc_plan *plan, qc__elimination *e, const qc__graph *g)
{
    const qc_error error = qc__order_kkt(e, g, plan->n, plan->row_is_zero);
    return error ? error : qc__factor_plan_new(&plan->full, e, g, NULL, &plan->P, &plan->A);
}

/* x first, then equalities, then the rest. */
static qc_error plan_condense(qc_plan *plan, qc__elimination *e, const qc__graph *g)
{
    int8_t *set = NEW(e->size, int8_t), *late = NEW(e->size, int8_t);
    qc_error error = QC_ERROR_MEMORY;
    if (set && late) {
        for (int32_t v = 0; v < e->size; v++) {
            const int is_row = v >= plan->n, is_cone = is_row && !plan->row_is_zero[v - plan->n];
            set[v] = (int8_t)(is_row + is_cone);
            late[v] = (int8_t)is_cone;
        }
        error = qc__order_by_set(e, g, set);
    }
    if (!error) {
        qc__elimination_count(e, g, HUGE_VAL);
        error = qc__factor_plan_new(&plan->condense, e, g, late, &plan->P, &plan->A);
    }
    free(set);
    free(late);
    return error;
}

static qc_error plan_convexity(qc_plan *plan)
{
    qc__graph g;
    qc__elimination e = {0};
    qc_error error = qc__graph_new(&g, &plan->P, NULL);
    if (!error)
        error = qc__elimination_new(&e, plan->n);
    if (!error)
        error = qc__order_by_set(&e, &g, NULL);
    if (!error) {
        qc__elimination_count(&e, &g, HUGE_VAL);
        error = qc__factor_plan_new(&plan->convexity, &e, &g, NULL, &plan->P, NULL);
    }
    qc__elimination_free(&e);
    qc__graph_free(&g);
    return error;
}

/*
 * Whether condensing takes fewer flops over a typical solve: 12 iterations of 2.5 solves each, of 4 flops
 * an entry of L.  Condensed, the leading part is factored once, for the batch where all of P and A is
 * shared, and takes part in four solves.
 */
static int condensing_pays(const qc_plan *plan)
{
    const double iterations = 12.0, solves = 2.5, per_entry = 4.0, leading_solves = 4.0;
    const qc__factor_plan *c = &plan->condense, *f = &plan->full;
    const unsigned matrices = QC_SHARED_P | QC_SHARED_A;
    const double once = (plan->shared & matrices) == matrices ? 0.0 : c->flops_leading;
    const double head = per_entry * qc__factor_plan_entries(c, 0, c->leading);
    const double tail = per_entry * qc__factor_plan_entries(c, c->leading, c->supernodes);
    const double whole = per_entry * qc__factor_plan_entries(f, 0, f->supernodes);
    return once + leading_solves * head + iterations * (c->flops_trailing + solves * tail) <
           iterations * (f->flops_trailing + solves * whole);
}

/* Orders and factor plans, once the matrices are known. */
static qc_error plan_factors(qc_plan *plan, int condense)
{
    const int offered = plan->cone_rows > 0 && has_whole_diagonal(&plan->P);
    qc__graph g;
    qc__elimination e = {0};
    qc_error error = qc__graph_new(&g, &plan->P, &plan->A);
    if (!error)
        error = qc__elimination_new(&e, g.size);
    if (!error)
        error = plan_full(plan, &e, &g);
    if (!error && offered && condense != 0) {
        error = plan_condense(plan, &e, &g);
        plan->condensed = !error && (condense == 1 || condensing_pays(plan));
        if (!plan->condensed)
            qc__factor_plan_free(&plan->condense);
    } else if (!error && condense == 1) {
        error = QC_ERROR_UNSUPPORTED;
    }
    qc__elimination_free(&e);
    qc__graph_free(&g);
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
        return qc__fail(why, error,
                        "options.condense = 1 needs all diagonal entries of P in its pattern and a "
                        "row of A outside zero cones");
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
    free(plan->cones);
    free(plan->row_is_zero);
    qc__factor_plan_free(&plan->full);
    qc__factor_plan_free(&plan->condense);
    qc__factor_plan_free(&plan->convexity);
    free(plan);
}
