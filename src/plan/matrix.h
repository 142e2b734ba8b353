// SPDX-License-Identifier: Apache-2.0
#ifndef QC_PLAN_MATRIX_H
#define QC_PLAN_MATRIX_H

#include "plan/plan.h"

/*
 * The patterns of P (lower triangle) and A of a checked family, by compressed rows.  An unsymmetric
 * pattern of P is an error.  On failure what was made belongs to `out` still: free it.
 */
qc_error qc__matrix_P(qc__matrix *out, const qc_family *family, qc_message *why);
qc_error qc__matrix_A(qc__matrix *out, const qc_family *family, qc_message *why);
void qc__matrix_free(qc__matrix *matrix);

#endif
