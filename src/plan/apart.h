// SPDX-License-Identifier: Apache-2.0
#ifndef QC_PLAN_APART_H
#define QC_PLAN_APART_H

#include "plan/plan.h"

/* Finds the PSD cones that are better kept apart (plan.h), from the patterns and the blocks of the plan:
 * its fields apart, apart_count and is_apart.  On failure what was made belongs to the plan still. */
qc_error qc__apart_find(qc_plan *plan);
void qc__apart_free(qc_plan *plan);

/* Flops of an iteration that are spent on cones that are apart, beside those of the factor plan. */
double qc__apart_flops(const qc_plan *plan);

/* Is a matrix apart that is a variable?  Its values may ask for a dense block. */
int qc__apart_has_matrix(const qc_plan *plan);

/* The order of the largest matrix that is apart; 0: none is. */
int32_t qc__apart_largest(const qc_plan *plan);

#endif
