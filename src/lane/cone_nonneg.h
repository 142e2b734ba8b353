// SPDX-License-Identifier: Apache-2.0
/*
 * cone_nonneg.h -- the nonnegative cone, row by row.  It is its own dual.
 *
 * Nesterov-Todd scaling:  W^2 = s / y.    Projection:  max(v, 0).    Its derivative D:  1 where v > 0.
 * In every function, row i of the cone's vectors is lane i; each sees one row.
 */
#ifndef LANE_CONE_NONNEG_H
#define LANE_CONE_NONNEG_H

#include "lane/clip.h"
#include "lane/vec.h"

static inline lane nonneg_scaling(lane s, lane y_inv)
{
    return lane_mul(s, y_inv);
}

/* The largest of `least` and -dv / v over the rows: its reciprocal is the step to the boundary. */
static inline lane nonneg_retreat(lane dv, lane v_inv, lane least)
{
    return lane_max(lane_neg(lane_mul(dv, v_inv)), least);
}

static inline lane nonneg_project(lane v)
{
    return lane_max(v, lane_zero());
}

/* H = D (I - D)^-1 at v = s - y, clipped: CLIP units where y > 0, 1/CLIP where s > 0 (clip.h). */
static inline lane nonneg_clipped(lane v, lane unit)
{
    const lane H = lane_select(lane_lt(lane_zero(), v), lane_set1(1.0 / CLIP), lane_set1(CLIP));
    return lane_mul(H, unit);
}

/*
 * Of a solution dy of the clipped system, the unclipped (dy, ds):  (I - D) ds + D dy = 0  exactly.
 * Where D = 1, the clipped H = 1/CLIP stands for infinity, and ds = -H dy is what it hid.
 */
static inline void nonneg_unclip(lane v, lane unit, lane *dy, lane *ds)
{
    const mask free = lane_lt(lane_zero(), v);
    const lane hidden = lane_mul(lane_mul(lane_set1(-1.0 / CLIP), unit), *dy);
    *ds = lane_select(free, hidden, lane_zero());
    *dy = lane_select(free, lane_zero(), *dy);
}

#endif
