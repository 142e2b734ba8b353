// SPDX-License-Identifier: Apache-2.0
#ifndef QC_PLAN_COLUMNS_H
#define QC_PLAN_COLUMNS_H

#include "plan/elimination.h"

/* The pattern of L below its diagonal, by columns, rows ascending. */
typedef struct qc__columns {
    int64_t *ptr; /* [size + 1] */
    int32_t *row;
} qc__columns;

qc_error qc__columns_new(qc__columns *out, qc__elimination *e, const qc__graph *g);
void qc__columns_free(qc__columns *columns);

#endif
