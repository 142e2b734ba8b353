// SPDX-License-Identifier: Apache-2.0
/*
 * smooth.h -- the projection on K, smoothed: of v it is s, where s and y are the pair of s - y = v and
 * s o y = mu e that lies in the cones, as on the central path,
 *
 *     s, y = (v^2/4 + mu)^1/2 +- v/2
 *
 * at each eigenvalue.  Its derivative D = ds/dv is smooth: 1/2 where v = 0, and within mu/v^2 of the
 * projection's 0 or 1 far from it.  H = D (I - D)^-1 is the scaling W^2 of the interior point there.
 * Cones without a spectrum: smooth_nonsymmetric.h.
 */
#ifndef LANE_SMOOTH_H
#define LANE_SMOOTH_H

#include <math.h>

#include "lane/cone.h"
#include "lane/pack.h"
#include "lane/smooth_nonsymmetric.h"

/* v = s - y of a row in the caller's units, in which y is E y / c and s is s / E. */
static lane unscaled_v(const qc__group *g, lane inv_cost, int32_t i)
{
    const lane unit = lane_at(g->y_unit, i);
    const lane y = lane_div(lane_mul(lane_at(g->w.y, i), inv_cost), unit);
    return lane_fma(lane_at(g->s, i), unit, lane_neg(y));
}

/* s / y of a single row */
static lane smooth_ratio(lane v, lane mu)
{
    const lane h = lane_mul(lane_set1(0.5), v);
    const lane large = lane_add(lane_sqrt(lane_fma(h, h, mu)), lane_abs(h));
    const lane small = lane_div(mu, large);
    const mask positive = lane_lt(lane_zero(), h);
    return lane_select(positive, lane_div(large, small), lane_div(small, large));
}

/* That is how symmetric cones begin. */
#define soc_smooth soc_start
#define psd_smooth psd_start

/* In a block eigenvectors share rows, and what is large in H costs the others digits: no more than these,
 * with (mu)^1/2 at least this part of v. */
#define SMOOTH_LEAST 1e-4

/* The pair of every block. */
static void smooth_blocks(const qc__group *g, const double *v, double mu, double *s, double *y)
{
    EACH_BLOCK(g, k)
    {
        const qc__cone *c = block_of(g, k);
        const lane least = lane_mul(lane_set1(SMOOTH_LEAST), max_abs(ROWS_OF(c, v), c->size));
        const lane root = lane_max(lane_set1(sqrt(mu)), least);
        BY_KIND(c, smooth, c, ROWS_OF(c, v), root, ROWS_OF(c, s), ROWS_OF(c, y), state_of(g, k));
    }
}

/* H at v of the solution.  Smoothed in the caller's units, so that scales do not matter.  Uses d3.y. */
static void set_smoothed_H(qc__group *g, double mu)
{
    const lane cost = value_at(g->data.cost, 0, g->data.shared);
    const lane inv = lane_div(lane_set1(1.0), cost);
    double *v = g->d3.y, *s = g->Hdy, *y = g->dy;
    for (int32_t t = 0; t < g->nonneg_count; t++) {
        const int32_t i = g->nonneg_row[t];
        const lane ratio = smooth_ratio(unscaled_v(g, inv, i), lane_set1(mu));
        const lane E = value_at(g->data.row, i, g->data.shared);
        lane_put(g->H, i, lane_mul(ratio, lane_mul(E, lane_mul(E, inv))));
    }
    for (int32_t t = 0; t < g->block_count; t++)
        lane_put(v, g->block_row[t], unscaled_v(g, inv, g->block_row[t]));
    smooth_blocks(g, v, mu, s, y);
    for (int32_t t = 0; t < g->block_count; t++) {
        const int32_t i = g->block_row[t];
        const lane E = value_at(g->data.row, i, g->data.shared);
        lane_put(s, i, lane_mul(lane_at(s, i), E));
        lane_put(y, i, lane_mul(lane_at(y, i), lane_mul(cost, lane_at(g->y_unit, i))));
    }
    blocks_set_H(g, s, y, mask_all(), mask_none());
    EACH_BLOCK(g, k)
    {
        const qc__cone *c = block_of(g, k);
        if (block_is_nonsymmetric(c))
            nonsym_central_H(c, state_of(g, k), ROWS_OF(c, s), ROWS_OF(c, y));
    }
}

#endif
