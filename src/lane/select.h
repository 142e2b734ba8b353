// SPDX-License-Identifier: Apache-2.0
/* select.h -- which instruction sets this machine runs. */
#ifndef LANE_SELECT_H
#define LANE_SELECT_H

#include "lane/table.h"

/* The k-th table that this machine runs, best first; NULL after the last. */
const qc__lane_table *qc__lanes_available(int k);

/* The table of that name; "auto" or NULL: of what the environment's QC_ISA names, or the best.  A name that
 * this machine does not run is an error, and *out is NULL. */
qc_error qc__lanes_select(const qc__lane_table **out, const char *name, qc_message *why);

/* Whether a name was given, here or in the environment. */
int qc__lanes_forced(const char *name);

/* The instance for one problem at a time in the same instruction set; NULL: there is none. */
const qc__lane_table *qc__rows_like(const qc__lane_table *lanes);

#endif
