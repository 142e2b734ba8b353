// SPDX-License-Identifier: Apache-2.0
/*
 * elimination.h -- an order of elimination and the tree it makes.
 *
 * The parent of column j of L is the first row below its diagonal.  Column j updates only ancestors of
 * j, so every order in which children come before parents has the same L, rows and columns renamed.
 */
#ifndef QC_PLAN_ELIMINATION_H
#define QC_PLAN_ELIMINATION_H

#include "plan/graph.h"

typedef struct qc__elimination {
    int32_t size;
    int32_t *order;    /* [size] order[k]: the vertex that is pivot k                    */
    int32_t *position; /* [size] its inverse                                             */
    int32_t *parent;   /* [size] -1: a root                                              */
    int32_t *count;    /* [size] entries of column k of L below the diagonal             */
    int32_t *mark;     /* [size] scratch                                                 */
} qc__elimination;

qc_error qc__elimination_new(qc__elimination *out, int32_t size);
void qc__elimination_free(qc__elimination *e);

/* From `order`, finds the rest.  Returns the flops of a factorization, or gives up and returns
 * infinity where they are more than `limit`.  Time: the entries of L. */
double qc__elimination_count(qc__elimination *e, const qc__graph *g, double limit);

/* Renumbers into a postorder, so that columns that are alike become neighbours.  Vertices with `late`
 * set (NULL: none) come after all others, as they must have in `order` already. */
qc_error qc__elimination_postorder(qc__elimination *e, const qc__graph *g, const int8_t *late);

#endif
