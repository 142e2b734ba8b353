// SPDX-License-Identifier: Apache-2.0
/*
 * far.h -- rows of the nonnegative cone whose b is so large that they are left out until a solution needs them.
 *
 * A solution of the problem without these rows that satisfies them is one of the whole, with y = 0 and s = b - A x
 * there. Where it violates one of them the problem begins again with all rows up to that b; a b of NO_BOUND or
 * more is never violated.  So s = b - A x that is all b by rounding does not scale the interior point, and no b that is
 * not felt loosens a tolerance.
 *
 * Which rows are far is a matter of each problem, but the pattern is the family's, and A may be the batch's.  So a
 * far row stays, with numbers that move nothing: s and y so small that every sum and maximum is what it is
 * without them, and H so large that dy = 0 in the factor, to the last bit of the other rows.  Its residual is
 * zero by definition and its b is 0.  Where a group has no far row, far_count = 0, and all of this is a comparison.
 */
#ifndef LANE_FAR_H
#define LANE_FAR_H

#include "lane/group.h"

/* From here on a row is left out at first, and from here on it bounds nothing. */
#define FAR      1e8
#define NO_BOUND 1e20
/* s and y of a far row: their product and its reciprocal are normal numbers, and their ratio is FAR_H. */
#define FAR_S 0x1p-300
#define FAR_Y 0x1p-600
#define FAR_H 0x1p300

/* Is the t-th far row of the group far in this problem? */
static mask is_far(const qc__group *g, int32_t t)
{
    return lane_lt(lane_zero(), lane_at(g->far, g->far_row[t]));
}

/* v := value in the far rows.  The loop is out of the way of problems that have none. */
static __attribute__((noinline)) void set_far_rows(const qc__group *g, double *v, double value)
{
    for (int32_t t = 0; t < g->far_count; t++) {
        const int32_t i = g->far_row[t];
        lane_put(v, i, lane_select(is_far(g, t), lane_set1(value), lane_at(v, i)));
    }
}

static inline void set_far(const qc__group *g, double *v, double value)
{
    if (g->far_count > 0)
        set_far_rows(g, v, value);
}

/* The s and y of far rows, in every phase. */
static void place_far(qc__group *g)
{
    set_far(g, g->s, FAR_S);
    set_far(g, g->w.y, FAR_Y);
}

/* Finds the far rows by b, which is not yet scaled, and takes b and the degree from them. */
static void find_far(qc__group *g)
{
    const lane limit = lane_at(g->far_limit, 0), one = lane_set1(1.0);
    lane top = lane_zero(), degree = lane_set1(g->degree);
    g->far_count = 0;
    for (int32_t t = 0; t < g->nonneg_count; t++)
        top = lane_max(lane_at(g->b, g->nonneg_row[t]), top);
    for (int32_t t = 0; mask_any(lane_le(limit, top)) && t < g->nonneg_count; t++) {
        const int32_t i = g->nonneg_row[t];
        const mask far = lane_le(limit, lane_at(g->b, i));
        const lane count = lane_select(far, one, lane_zero());
        if (!mask_any(far))
            continue;
        lane_put(g->far, i, count);
        degree = lane_sub(degree, count);
        g->far_row[g->far_count++] = i;
    }
    lane_store(g->own_degree, lane_max(degree, one));
    set_far(g, g->b, 0.0);
}

/* c of a far row, where condensing has left -A x of an x without inequalities. */
static void hide_far_c(const qc__group *g)
{
    for (int32_t t = 0; t < g->far_count; t++)
        lane_put(g->far_c, g->far_row[t], lane_at(g->c, g->far_row[t]));
    set_far(g, g->c, 0.0);
}

/* The residual rho of a far row becomes that of A x + s = b for its s, and -A x is kept. */
static void hide_far(const qc__group *g, lane tau, double *rho)
{
    for (int32_t t = 0; t < g->far_count; t++) {
        const int32_t i = g->far_row[t];
        const lane c = g->path == QC__PATH_CONDENSED ? lane_at(g->far_c, i) : lane_zero();
        lane_put(g->far_slack, i, lane_sub(lane_mul(tau, c), lane_at(rho, i)));
        lane_put(rho, i, lane_select(is_far(g, t), lane_neg(lane_at(g->s, i)), lane_at(rho, i)));
    }
}

#endif
