// SPDX-License-Identifier: Apache-2.0
/*
 * judge.h -- what happens next to each problem of a group, after its residuals are known.
 */
#ifndef LANE_JUDGE_H
#define LANE_JUDGE_H

#include "lane/newton.h"
#include "lane/progress.h"

/* Most problems are solved in fewer passes; from there on, or with the embedding, the best point is kept. */
#define KEPT_FROM 10
/* Residuals that still count as an inaccurate solution, relative. */
#define TOLERANCE_INACCURATE 1e-5
/* Newton's method is tried at this relative gap, and again each time the gap is ten times smaller. */
#define NEWTON_GAP 0.01
/* It has arrived when F is this small beside the terms that it sums. */
#define NEWTON_ARRIVED 1e-12
/* It is abandoned when a step makes F this much larger, or after so many steps. */
#define NEWTON_GROWTH 20.0
enum { NEWTON_STEPS = 8 };
/* A converged problem goes on until Newton's method succeeds, or the next try would be at this gap. */
#define NEWTON_LAST 1e-14
/* An interior point whose steps are this short is given up; without the embedding sooner, or after so
 * many passes. */
#define EMBEDDED_STEP 1e-7
#define PLAIN_STEP    0.05
enum { PLAIN_PASSES = 30 };

static void finish(progress *at, mask which)
{
    at->start = mask_andnot(at->start, which);
    at->interior = mask_andnot(at->interior, which);
    at->newton = mask_andnot(at->newton, which);
    at->done = mask_or(at->done, which);
}

/* Residuals and gap to a tolerance, relative and absolute. */
static mask is_within(const progress *at, double tol)
{
    const lane eps = lane_mul(lane_set1(tol), at->tau), one = lane_set1(1.0);
    mask ok = lane_le(at->primal, lane_mul(eps, lane_add(one, at->b_norm)));
    ok = mask_and(ok, lane_le(at->dual, lane_mul(eps, lane_add(one, at->q_norm))));
    return mask_and(ok, lane_le(at->gap, lane_set1(tol)));
}

/*
 * Accepts or abandons Newton's method.  Returns the problems that moved.  One that arrived with a step
 * that changed D goes on, for the factor to be that of its D; but where v is all but zero D never
 * settles, and the point is taken all the same.  F is scaled: where care is taken, to arrive is to be within the
 * tolerance too.
 */
static mask judge_newton(qc__group *g, progress *at)
{
    const lane limit = lane_mul(lane_set1(NEWTON_ARRIVED), at->magnitude);
    const mask last = lane_le(lane_set1(NEWTON_STEPS), at->newton_steps);
    mask arrived = mask_and(at->newton, mask_and(at->finite, lane_le(at->F, limit)));
    arrived = mask_and(arrived, mask_or(mask_not(at->changed), last));
    if (g->attempt == QC__ATTEMPT_CAREFUL)
        arrived = mask_and(arrived, is_within(at, g->settings.tolerance));
    at->polished = mask_or(at->polished, arrived);
    finish(at, arrived);
    const mask better =
        lane_le(at->F, lane_max(limit, lane_mul(lane_set1(NEWTON_GROWTH), at->F_before)));
    const mask more = mask_and(at->finite, lane_lt(at->newton_steps, lane_set1(NEWTON_STEPS)));
    const mask stuck = mask_andnot(at->newton, mask_and(better, more));
    at->F_before = lane_select(at->newton, at->F, at->F_before);
    if (mask_any(stuck))
        newton_give_up(g, at, stuck);
    const mask exhausted = lane_lt(at->next_try, lane_set1(NEWTON_LAST));
    finish(at, mask_and(mask_and(stuck, exhausted), mask_and(at->converged, at->interior)));
    return stuck;
}

/* The tolerance that the present point is within. */
static lane distance(const progress *at)
{
    const lane one = lane_set1(1.0);
    const lane primal = lane_div(at->primal, lane_mul(at->tau, lane_add(one, at->b_norm)));
    const lane dual = lane_div(at->dual, lane_mul(at->tau, lane_add(one, at->q_norm)));
    return lane_max(lane_max(primal, dual), at->gap);
}

/*
 * Keeps the point if it is the best so far and worth it: late in degenerate problems rounding makes
 * residuals grow again, and Newton's method may come close and arrive nowhere.
 */
static void keep_best(qc__group *g, progress *at)
{
    const mask late = lane_le(lane_set1(at->embedded ? 0 : KEPT_FROM), at->passes);
    const mask alive = mask_andnot(late, at->done);
    if (!mask_any(alive))
        return;
    const lane now = distance(at);
    const mask solution = mask_or(at->newton, lane_lt(at->kappa, at->tau));
    mask better = mask_and(mask_and(alive, at->finite), solution);
    better = mask_and(better, is_within(at, TOLERANCE_INACCURATE));
    better = mask_and(better, lane_lt(now, at->best));
    if (!mask_any(better))
        return;
    copy_point(g, g->best, g->best_s, g->w, g->s, better);
    at->best = lane_select(better, now, at->best);
    at->best_tau = lane_select(better, at->tau, at->best_tau);
}

static void restore_best(qc__group *g, progress *at, mask which)
{
    copy_point(g, g->w, g->s, g->best, g->best_s, which);
    at->tau = lane_select(which, at->best_tau, at->tau);
}

static void judge_certificates(const qc__group *g, progress *at, mask settled)
{
    const lane eps = lane_set1(g->settings.tolerance_infeasible);
    const mask late = mask_andnot(mask_and(settled, lane_lt(at->tau, at->kappa)), at->converged);
    const lane by = lane_neg(at->by), qx = lane_neg(at->qx);
    mask primal = mask_and(lane_lt(lane_zero(), by), lane_le(at->Aty, lane_mul(eps, by)));
    mask dual = mask_and(lane_lt(lane_zero(), qx), lane_le(at->Px, lane_mul(eps, qx)));
    dual = mask_and(dual, lane_le(at->Axs, lane_mul(eps, qx)));
    primal = mask_and(primal, late);
    dual = mask_andnot(mask_and(dual, late), primal);
    at->primal_infeasible = mask_or(at->primal_infeasible, primal);
    at->dual_infeasible = mask_or(at->dual_infeasible, dual);
    finish(at, mask_or(primal, dual));
}

static int told_to_stop(const qc__solve_job *job)
{
    return atomic_load_explicit(job->stop, memory_order_relaxed);
}

/* Adds what was done for the problems of `which` to their iterations, in any round and from any start. */
static void count_passes(const qc__group *g, const progress *at, const qc__solve_job *job,
                         unsigned which)
{
    double passes[LANES] __attribute__((aligned(64)));
    lane_store(passes, at->passes);
    for (int l = 0; l < g->count; l++)
        if (which >> l & 1)
            job->out.iterations[g->problem[l]] += (int32_t)passes[l];
}

/* Ends all that is not done yet. */
static void interrupt(progress *at)
{
    at->interrupted = mask_or(at->interrupted, mask_not(at->done));
    finish(at, at->interrupted);
}

/*
 * Ends what cannot go on: no numbers, no step, or no iterations left.  One that has been at a better point
 * goes back there.  Returns these.
 */
static mask judge_limits(qc__group *g, progress *at, mask settled)
{
    const mask moving = mask_and(at->finite, lane_lt(lane_zero(), at->tau));
    const mask stalled = lane_lt(at->step, lane_set1(at->embedded ? EMBEDDED_STEP : PLAIN_STEP));
    const mask astray = mask_and(at->converged, lane_lt(at->tau, at->kappa));
    const int passes = g->settings.max_iterations;
    const int most = at->embedded || passes < PLAIN_PASSES ? passes : PLAIN_PASSES;
    const mask stuck = mask_or(mask_not(moving), mask_or(stalled, astray));
    const mask failed = mask_and(settled, stuck), late = lane_le(lane_set1(most), at->passes);
    const mask ending = mask_andnot(mask_or(failed, late), at->done);
    const mask best = mask_and(at->finite, lane_le(distance(at), at->best));
    const mask known = lane_le(at->best, lane_set1(TOLERANCE_INACCURATE));
    const mask lost = mask_andnot(mask_and(ending, known), best);
    at->failed = mask_or(at->failed, mask_andnot(failed, lost));
    finish(at, ending);
    if (mask_any(lost))
        restore_best(g, at, lost);
    return lost;
}

/* Decides for every problem.  Returns those that moved and must be evaluated again. */
static mask judge(qc__group *g, progress *at)
{
    keep_best(g, at);
    const mask moved = judge_newton(g, at);
    const mask settled = mask_andnot(at->interior, moved);
    const mask converged = mask_and(settled, is_within(at, g->settings.tolerance));
    const mask first = mask_andnot(converged, at->converged);
    at->converged = mask_or(at->converged, converged);
    judge_certificates(g, at, settled);
    const mask lost = judge_limits(g, at, settled);
    const mask alive = mask_and(settled, at->interior);
    const mask attempt = mask_and(alive, mask_or(first, lane_lt(at->relative_gap, at->next_try)));
    at->next_try = lane_select(attempt, lane_mul(lane_set1(0.1), at->relative_gap), at->next_try);
    if (mask_any(attempt))
        newton_begin(g, at, attempt);
    return mask_or(mask_or(moved, attempt), lost);
}

/* What mu and, unscaled, residuals are measured by: how many rows there are, and the sizes of b and q. */
static void find_norms(const qc__group *g, progress *at)
{
    const lane one = lane_set1(1.0), embedded = lane_set1(at->embedded);
    at->degree_inverse = lane_div(one, lane_add(embedded, lane_at(g->own_degree, 0)));
    at->b_norm = at->q_norm = lane_zero();
    for (int32_t j = 0; j < g->plan->n; j++)
        at->q_norm = larger_abs(lane_mul(lane_at(g->q, j), lane_at(g->x_unit, j)), at->q_norm);
    for (int32_t i = 0; i < g->plan->m; i++)
        at->b_norm = larger_abs(lane_mul(lane_at(g->b, i), lane_at(g->y_unit, i)), at->b_norm);
}

/* No problem in any lane. */
static progress progress_none(const qc__group *g)
{
    progress at = {.embedded = g->attempt != QC__ATTEMPT_PLAIN};
    at.done = mask_all();
    at.cost_unit = lane_div(lane_set1(1.0), value_at(g->data.cost, 0, g->data.shared));
    return at;
}

static void forget(mask *m, mask which)
{
    *m = mask_andnot(*m, which);
}

static void set_masked(lane *a, mask which, double value)
{
    *a = lane_select(which, lane_set1(value), *a);
}

/* New problems in the lanes of `fresh`: those of `attempt` begin, `warm` ones in Newton's method. */
static void progress_admit(qc__group *g, progress *at, mask fresh, mask attempt, mask warm)
{
    mask *outcomes[] = {&at->polished,        &at->converged, &at->primal_infeasible,
                        &at->dual_infeasible, &at->failed,    &at->interrupted,
                        &at->changed,         &at->cold};
    for (size_t k = 0; k < sizeof outcomes / sizeof *outcomes; k++)
        forget(outcomes[k], fresh);
    at->done = mask_or(mask_andnot(at->done, attempt), mask_andnot(fresh, attempt));
    at->start = mask_or(at->start, mask_andnot(attempt, warm));
    at->cold = mask_or(at->cold, warm);
    set_masked(&at->tau, fresh, 1.0);
    set_masked(&at->kappa, fresh, 0.0);
    set_masked(&at->step, fresh, 1.0);
    set_masked(&at->passes, fresh, 0.0);
    set_masked(&at->next_try, fresh, NEWTON_GAP);
    set_masked(&at->best, fresh, INFINITY);
    find_norms(g, at);
    if (mask_any(warm)) {
        newton_begin(g, at, warm);
        evaluate(g, at);
        newton_note_start(at);
    }
}

#endif
