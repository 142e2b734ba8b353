// SPDX-License-Identifier: Apache-2.0
#ifndef QC_PLAN_FAMILY_H
#define QC_PLAN_FAMILY_H

#include "quadcone.h"

/* Checks everything about a family but the symmetry of P's pattern; the message names what is wrong,
 * what was expected and what was given. */
qc_error qc__family_check(const qc_family *family, qc_message *why);

/* Checks cones by themselves, and counts their rows. Messages call them `owner` + "cones". */
qc_error qc__cones_check(const char *owner, const qc_cone *cones, int64_t count, int64_t *rows,
                         qc_message *why);

#endif
