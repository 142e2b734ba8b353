// SPDX-License-Identifier: Apache-2.0
#ifndef QC_PLAN_FACTOR_H
#define QC_PLAN_FACTOR_H

#include "plan/elimination.h"

/*
 * The factor plan for the order in `e`, up to renumbering by qc__elimination_postorder.  Vertices with
 * `late` set (NULL: no such distinction) are in trailing supernodes.  On failure what was made belongs
 * to `out` still: free it.
 */
qc_error qc__factor_plan_new(qc__factor_plan *out, qc__elimination *e, const qc__graph *g,
                             const int8_t *late, const qc__kkt *kkt);
void qc__factor_plan_free(qc__factor_plan *f);

/* Entries of L in supernodes [begin, end), diagonal included. */
double qc__factor_plan_entries(const qc__factor_plan *f, int32_t begin, int32_t end);

#endif
