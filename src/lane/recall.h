// SPDX-License-Identifier: Apache-2.0
/*
 * recall.h -- the end of far rows (far.h): whether the solution without them is one with them, and if not, the
 * problem begins again; and what is said of them at last.
 */
#ifndef LANE_RECALL_H
#define LANE_RECALL_H

#include "lane/judge.h"
#include "lane/load.h"

/* A problem's first limit.  The last round has all rows, for there are problems that need them: with a flat
 * objective they may be all that keeps the interior point from infinity. */
static void limit_far(qc__group *g, mask fresh)
{
    const double first = g->attempt == QC__ATTEMPT_CAREFUL ? NO_BOUND : FAR;
    masked_put(g->far_limit, 0, fresh, lane_set1(first));
}

/* A direction whose A x is at most this part of x goes along the boundary of a row, whose a is near one. */
#define ALONG 1e-9

/* b of row i, as the caller gave it. */
static lane given_b(const qc__group *g, const qc_values *values, int32_t i)
{
    double b[LANES] __attribute__((aligned(64)));
    const double *from[LANES];
    find_own(g, values->b, stride_of_b(g), from);
    pack_run(from, i, 1, b);
    return lane_load(b);
}

static lane row_scale(const qc__group *g, int32_t i)
{
    return value_at(g->data.row, i, g->data.shared);
}

/* The largest b that the end of a problem violates, be it a point or a direction, which has no b; 0: none. */
static lane largest_violated(const qc__group *g, const qc_values *values, const progress *at)
{
    const mask tried = mask_and(at->done, lane_lt(lane_zero(), at->passes));
    const mask ended = mask_andnot(tried, mask_or(at->primal_infeasible, at->interrupted));
    const lane longest = lane_mul(lane_set1(-ALONG), max_abs(g->w.x, g->nx));
    lane top = lane_zero();
    for (int32_t t = 0; t < g->far_count; t++) {
        const int32_t i = g->far_row[t];
        const lane b = given_b(g, values, i), rest = lane_at(g->far_slack, i);
        const lane s = lane_fma(at->tau, lane_mul(b, row_scale(g, i)), rest);
        const mask point = mask_andnot(lane_lt(s, lane_zero()), at->dual_infeasible);
        const mask direction = mask_and(at->dual_infeasible, lane_lt(rest, longest));
        mask violated = mask_and(mask_or(direction, point), mask_and(is_far(g, t), ended));
        violated = mask_and(violated, lane_lt(b, lane_set1(NO_BOUND)));
        top = lane_select(violated, lane_max(b, top), top);
    }
    return top;
}

/* Problems that have ended where a far row forbids begin again, with all rows up to the largest such b. */
static void recall_far(qc__group *g, const qc__solve_job *job, int32_t *status, progress *at)
{
    if (g->far_count == 0 || !mask_any(at->done))
        return;
    const lane top = largest_violated(g, &job->values, at);
    const mask again = lane_lt(lane_zero(), top);
    if (!mask_any(again))
        return;
    masked_put(g->far_limit, 0, again, lane_min(lane_set1(NO_BOUND), lane_add(top, top)));
    load_vectors(g, &job->values, status);
    set_rhs(g);
    if (g->path == QC__PATH_CONDENSED)
        condense_rhs(g);
    count_passes(g, at, job, mask_bits(again) & all_of(g->count));
    progress_admit(g, at, again, again, mask_none());
}

/* s = b - A x and y = 0 of the far rows, for problems of `which`; s = -A x in a certificate. */
static void reveal_far(qc__group *g, const progress *at, const qc_values *values, unsigned which)
{
    for (int32_t t = 0; t < g->far_count; t++) {
        const int32_t i = g->far_row[t];
        const mask here = mask_and(is_far(g, t), mask_from_bits(which));
        const lane b = lane_mul(given_b(g, values, i), row_scale(g, i));
        const lane bound = lane_select(at->dual_infeasible, lane_zero(), b);
        masked_put(g->s, i, here, lane_add(bound, lane_at(g->far_slack, i)));
        masked_put(g->w.y, i, here, lane_zero());
    }
}

#endif
