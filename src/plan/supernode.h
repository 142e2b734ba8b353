// SPDX-License-Identifier: Apache-2.0
/*
 * supernode.h -- neighbouring columns of L that are treated as one dense panel.
 *
 * The panel of columns a .. b - 1 has one list of rows below it.  For the numbers to be right, a
 * supernode that contains a row r of the list must have place for all rows of the list after r.  It has
 * for the rows of one column of L.  Columns therefore share a panel only if the rows of one of them
 * include all the others', so that the list is always the end of the list of one column.
 */
#ifndef QC_PLAN_SUPERNODE_H
#define QC_PLAN_SUPERNODE_H

#include "plan/columns.h"

enum { QC__SUPERNODE_WIDTH = 24 };

typedef struct qc__supernode {
    int32_t first, width;
    int32_t below;       /* rows below the diagonal block */
    const int32_t *rows; /* [below] ascending; part of qc__columns.row */
    double nonzeros;     /* entries of the panel that are not zeros added by sharing it */
} qc__supernode;

/* Divides the columns of L into at most `size` supernodes; none contains both column split - 1 and
 * column split.  Returns how many. */
int32_t qc__supernodes_find(qc__supernode *out, const qc__columns *columns, int32_t size,
                            int32_t split);

#endif
