// SPDX-License-Identifier: Apache-2.0
#ifndef QC_PLAN_GRAPH_H
#define QC_PLAN_GRAPH_H

#include "plan/plan.h"

/* The pattern of a symmetric matrix without its diagonal: the neighbours of v are
 * index[ptr[v]] .. index[ptr[v + 1] - 1]. */
typedef struct qc__graph {
    int32_t size;
    int32_t *ptr, *index;
} qc__graph;

/* The graph of the KKT matrix: x is 0 .. n - 1, row i of A is n + i, then the auxiliary variables. */
qc_error qc__graph_new(qc__graph *out, const qc__kkt *kkt);
void qc__graph_free(qc__graph *graph);

#endif
