// SPDX-License-Identifier: Apache-2.0
/*
 * lane_all.c -- all numerics, compiled once per instruction set (-DLANE_ISA=...) as one translation
 * unit, so that everything inlines and nothing of one instruction set leaks into another. Its only
 * symbol is the table of its coarse functions.
 */
#include "lane/adjoint.h"
#include "lane/gradient.h"
#include "lane/project.h"
#include "lane/solve.h"
#include "lane/table.h"
#include "lane/tangent.h"

#define LANE_STRING_(a) #a
#define LANE_STRING(a)  LANE_STRING_(a)

const qc__lane_table LANE_PASTE(qc__lanes_, LANE_ISA) = {
    .name = LANE_STRING(LANE_ISA),
    .lanes = LANES,
    .group_new = group_new,
    .tape_bytes = tape_bytes,
    .shared_bytes = shared_bytes,
    .group_bind = group_bind,
    .share = share,
    .solve = solve,
    .solve_queue = solve_queue,
    .vjp = vjp,
    .jvp = jvp,
    .own_gradients = own_gradients,
    .shared_gradients = shared_gradients,
    .project = project,
};
