// SPDX-License-Identifier: Apache-2.0
#ifndef QC_PLAN_UPDATE_H
#define QC_PLAN_UPDATE_H

#include "plan/plan.h"

/* Lists, for every supernode of a plan whose panels are laid out, what it receives from which. */
qc_error qc__updates_new(qc__factor_plan *f, const int32_t *supernode_of);

#endif
