// SPDX-License-Identifier: Apache-2.0
/*
 * clip.h -- Newton's block H = D(I - D)^-1 of one eigenvalue d of D = DProj_K(v).
 *
 * In the factor H lies between bounds, in units of what it is added to: a clipped 0 or infinity is so
 * beside that.  What the clipping hid is put back afterwards, eigenvalue by eigenvalue.  The
 * complement 1 - d is given beside d, for it is what rounding would lose.
 */
#ifndef LANE_CLIP_H
#define LANE_CLIP_H

#include "lane/vec.h"

/* Of a row by itself. */
#define CLIP 1e-8
/* Of the block of a cone, in which eigenvectors share rows: what is large costs the others digits, and
 * what is small costs nothing. */
#define CLIP_LOW  1e-10
#define CLIP_HIGH 1e6

static inline lane clipped(lane d, lane rest, lane unit)
{
    const lane low = lane_mul(lane_set1(CLIP_LOW), unit),
               high = lane_mul(lane_set1(CLIP_HIGH), unit);
    return lane_max(lane_min(lane_div(d, rest), high), low);
}

/*
 * Of a solution dy of the clipped system, the unclipped (dy, ds):  (1 - d) ds + d dy = 0  exactly.
 * Where H is clipped from above it stands for more, and ds = -H dy is what it hid.
 */
static inline void unclip_entry(lane d, lane rest, lane unit, lane *dy, lane *ds)
{
    const lane high = lane_mul(lane_set1(CLIP_HIGH), unit);
    const mask beyond = lane_lt(lane_mul(rest, high), d);
    const lane hidden = lane_neg(lane_mul(high, *dy));
    const lane H = lane_div(d, lane_select(beyond, lane_set1(1.0), rest));
    *ds = lane_select(beyond, hidden, lane_neg(lane_mul(H, *dy)));
    *dy = lane_select(beyond, lane_neg(lane_div(lane_mul(rest, hidden), d)), *dy);
}

#endif
