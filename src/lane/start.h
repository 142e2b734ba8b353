// SPDX-License-Identifier: Apache-2.0
/*
 * start.h -- the first interior point of a problem.
 */
#ifndef LANE_START_H
#define LANE_START_H

#include "lane/cone.h"
#include "lane/kkt.h"
#include "lane/progress.h"

/*
 * Condensed, without blocks, the point is one of s / sqrt(H) and y sqrt(H) with H a part of
 * S0's diagonal, so that it does not depend on the units of rows; otherwise H = 1.  (mu)^1/2 is this part of its
 * largest s or y, but no smaller than that.  Where y'S0 y is at most NEAR times what the diagonal alone makes of
 * it, the diagonal is taken for S0, and a larger part is better.  All are measured.
 */
#define START_H         0.08
#define START_NEAR      4.5
#define START_DIAGONAL  2.0
#define START_CONDENSED 0.8
#define START_FULL      0.5
#define START_SMALLEST  1e-3

/* The blocks' part of start_interior. */
static void start_blocks(qc__group *g, mask which, lane root)
{
    double *v = g->d3.y, *s = g->Hdy, *y = g->dy;
    for (int32_t t = 0; t < g->block_count; t++)
        lane_put(v, g->block_row[t], lane_neg(lane_at(g->d1.y, g->block_row[t])));
    blocks_start(g, v, root, s, y);
    for (int32_t t = 0; t < g->block_count; t++) {
        const int32_t i = g->block_row[t];
        masked_put(g->s, i, which, lane_at(s, i));
        masked_put(g->w.y, i, which, lane_at(y, i));
    }
}

/* Has START an H of the problem's own? */
static inline int start_is_scaled(const qc__group *g)
{
    return g->path == QC__PATH_CONDENSED && g->block_count == 0;
}

static inline lane start_H(const qc__group *g, int32_t i)
{
    return start_is_scaled(g) ? lane_mul(lane_set1(START_H), lane_at(g->H_unit, i))
                              : lane_set1(1.0);
}

/*
 * The first interior point.  The solution with H has s = -H y, or v := s / sqrt(H) = -y sqrt(H). Of all s, y with
 * s / sqrt(H) - y sqrt(H) = v and s o y = mu the one inside the cone is taken, so that the start is centered:
 *     s / sqrt(H), y sqrt(H) = (v^2/4 + mu)^1/2 +- v/2
 */
static void start_interior(qc__group *g, progress *at, double part)
{
    const int scaled = start_is_scaled(g);
    lane top = lane_zero();
    for (int32_t t = 0; t < g->cone_count; t++) {
        const int32_t i = g->cone_row[t];
        if (scaled)
            lane_put(g->d1.y, i, lane_mul(lane_sqrt(start_H(g, i)), lane_at(g->d1.y, i)));
        top = larger_abs(lane_at(g->d1.y, i), top);
    }
    const lane one = lane_set1(1.0), half = lane_set1(0.5);
    const lane root = lane_max(lane_mul(lane_set1(part), top), lane_set1(START_SMALLEST));
    for (int32_t j = 0; j < g->nx; j++)
        masked_put(g->w.x, j, at->start, lane_at(g->d1.x, j));
    for (int32_t t = 0; t < g->zero_count; t++)
        masked_put(g->w.y, g->zero_row[t], at->start, lane_at(g->d1.y, g->zero_row[t]));
    for (int32_t t = 0; t < g->nonneg_count; t++) {
        const int32_t i = g->nonneg_row[t];
        const lane h = lane_mul(half, lane_at(g->d1.y, i));
        const lane r = lane_sqrt(lane_fma(h, h, lane_mul(root, root)));
        const lane unit = scaled ? lane_sqrt(start_H(g, i)) : one;
        masked_put(g->w.y, i, at->start, lane_div(lane_add(r, h), unit));
        masked_put(g->s, i, at->start, lane_mul(lane_sub(r, h), unit));
        masked_put(g->s_drift, i, at->start, one);
        masked_put(g->y_drift, i, at->start, one);
    }
    place_far(g);
    start_blocks(g, at->start, root);
    at->tau = lane_select(at->start, one, at->tau);
    at->kappa = lane_select(at->start, lane_set1(at->embedded), at->kappa);
    at->interior = mask_or(at->interior, at->start);
    at->start = mask_none();
}

/*
 * Starts problems without a factorization where S0 is near enough to its diagonal D: (S0 + H) y = -g is then solved
 * by that.
 */
static void start_by_diagonal(qc__group *g, progress *at)
{
    const mask all = at->start;
    lane whole = lane_zero(), own = lane_zero();
    if (!start_is_scaled(g) || g->cone_count == 0 || !mask_any(all))
        return;
    for (int32_t t = 0; t < g->cone_count; t++) {
        const int32_t i = g->cone_row[t];
        const lane diagonal = lane_add(lane_at(g->H_unit, i), start_H(g, i));
        lane_put(g->d1.y, i, lane_neg(lane_div(lane_at(g->g.y, i), diagonal)));
    }
    multiply_base(g, g->d1.y, g->Hdy);
    for (int32_t t = 0; t < g->cone_count; t++) {
        const int32_t i = g->cone_row[t];
        const lane y = lane_at(g->d1.y, i);
        whole = lane_fnma(y, lane_at(g->Hdy, i), whole);
        own = lane_fma(lane_mul(y, y), lane_at(g->H_unit, i), own);
    }
    at->start = mask_and(all, lane_le(whole, lane_mul(lane_set1(START_NEAR), own)));
    const mask rest = mask_andnot(all, at->start);
    start_interior(g, at, START_DIAGONAL);
    at->start = rest;
    evaluate(g, at);
}

#endif
