// SPDX-License-Identifier: Apache-2.0
#ifndef QC_PLAN_ORDER_H
#define QC_PLAN_ORDER_H

#include "plan/elimination.h"
#include "plan/plan.h"

enum { QC__ORDER_SETS = 3 };

/* Into e->order, an order with little fill in which vertices of smaller set[v], 0 .. QC__ORDER_SETS - 1,
 * come first; with set NULL, any. */
qc_error qc__order_by_set(qc__elimination *e, const qc__graph *g, const int8_t *set);

/* What an order must know of the whole KKT matrix beside its graph. */
typedef struct qc__kkt_rows {
    const qc__matrix *P;
    int32_t m;
    const int8_t *row_is_zero; /* [m] */
} qc__kkt_rows;

/*
 * The best order for the whole KKT matrix.
 *
 * Pivots are static, so an order must be safe as well as sparse.  An x without curvature of its own
 * (P_jj = 0) must not be eliminated before the rows that give it some, and the pivot of an equality is
 * its tiny regularization unless x came before.  Safest: cone rows, x, equalities.  Looser orders are
 * taken where they save much work.
 *
 * An equality that defines a variable with curvature which is nowhere else, as the residual t in
 * "min t't, t = Ax - b", has a pivot of size 1/P_tt once t came before: it goes with the x's.
 */
qc_error qc__order_kkt(qc__elimination *e, const qc__graph *g, const qc__kkt_rows *kkt);

#endif
