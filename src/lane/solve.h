// SPDX-License-Identifier: Apache-2.0
/*
 * solve.h -- one group of problems, from the caller's values to the caller's solutions.
 */
#ifndef LANE_SOLVE_H
#define LANE_SOLVE_H

#include <math.h>

#include "lane/ipm.h"
#include "lane/judge.h"
#include "lane/load.h"
#include "lane/recall.h"

/* The whole of F, relative to its terms, that a last refinement is worth. */
#define REFINE_ABOVE 1e-13

/* What condensing may leave of F, in the same measure, where there are blocks: rows by themselves are
 * tested one by one. */
#define BLOCKS_DOUBTFUL 1e-11

/* x and the equalities' y from the cone's y; without the data's own part for a certificate. */
static void recover(qc__group *g, mask certificate)
{
    const qc__factor_plan *factor = &g->plan->condense;
    const int32_t first = factor->first[factor->leading];
    double *p = g->permuted[0];
    for (int32_t k = 0; k < first; k++)
        lane_put(p, k, lane_select(certificate, lane_zero(), lane_at(g->lead, k)));
    gather_rhs(factor, first, g->w, p);
    ldl_backward(&g->cond.lead, 1, &p);
    for (int32_t k = 0; k < first; k++)
        lane_put(g->w.x, factor->order[k], lane_at(p, k));
}

/* r := K^-1 r with K the whole matrix, through the condensed factor. */
static void condensed_solve(qc__group *g, pair r)
{
    double *p = g->permuted[0];
    gather_rhs(g->factor, 0, r, p);
    ldl_forward(&g->cond.lead, 1, &p);
    ldl_forward(&g->part, 1, &p);
    ldl_backward(&g->part, 1, &p);
    ldl_backward(&g->cond.lead, 1, &p);
    scatter_solution(g->factor, 0, p, r);
}

/* One Newton step on the whole of F, from the condensed factor; for problems of `which`. */
static void refine_whole(qc__group *g, progress *at, mask which)
{
    for (int32_t j = 0; j < g->nx; j++) {
        lane_put(g->d1.x, j, lane_neg(lane_at(g->rho.x, j)));
        lane_put(g->d3.x, j, lane_zero());
    }
    for (int32_t i = 0; i < g->plan->m; i++) {
        lane_put(g->d1.y, i, lane_neg(lane_at(g->rho.y, i)));
        lane_put(g->d3.y, i, lane_zero());
    }
    condensed_solve(g, g->d1);
    set_far(g, g->d1.y, 0.0);
    unclip(g, which, g->d1, g->ds);
    at->newton = which;
    newton_update(g, at);
    at->newton = mask_none();
}

/* Multiplies what belongs to each problem: 1/tau for a solution, 1/|b'y| or 1/|q'x| for a certificate. */
static void normalize(qc__group *g, progress *at)
{
    lane scale = lane_div(lane_set1(1.0), at->tau);
    scale = lane_select(at->primal_infeasible, lane_div(lane_set1(-1.0), at->by), scale);
    scale = lane_select(at->dual_infeasible, lane_div(lane_set1(-1.0), at->qx), scale);
    for (int32_t j = 0; j < g->nx; j++)
        lane_put(g->w.x, j, lane_mul(scale, lane_at(g->w.x, j)));
    for (int32_t i = 0; i < g->plan->m; i++) {
        lane_put(g->w.y, i, lane_mul(scale, lane_at(g->w.y, i)));
        lane_put(g->s, i, lane_mul(scale, lane_at(g->s, i)));
    }
    const mask certificate = mask_or(at->primal_infeasible, at->dual_infeasible);
    at->tau = lane_select(certificate, lane_zero(), lane_set1(1.0));
    at->kappa = lane_zero();
}

/*
 * Factors at the solution.  D of a block differs a little from point to point, so that the last pass has that of the
 * point before a problem's last step, or of a later one where its neighbours took more passes.
 */
static void factor_at_solution(qc__group *g, const progress *at)
{
    choose_view(g, QC__PATH_CONDENSED);
    set_H(g, at);
    kkt_factor(g);
    choose_view(g, QC__PATH_FULL);
}

/* An active row whose pivot is a millionth of its diagonal depends on the active rows before it. */
static mask is_degenerate(const qc__group *g)
{
    const qc__factor_plan *factor = g->factor;
    mask degenerate = mask_none();
    for (int32_t k = factor->first[factor->leading]; k < factor->size; k++) {
        const int32_t i = factor->order[k] - g->plan->n;
        const int64_t at = factor->diagonal[k] - factor->panel[factor->leading];
        if (g->plan->row_is_block[i])
            continue;
        const lane v = lane_sub(lane_at(g->s, i), lane_at(g->w.y, i));
        const lane before = lane_abs(value_at(g->cond.base, at, g->cond.lead.shared));
        const lane pivot = lane_abs(lane_at(g->d, pivot_of(&g->part, k)));
        const lane own = lane_sub(pivot, lane_mul(lane_set1(CLIP), lane_at(g->H_unit, i)));
        const mask small = lane_le(own, lane_mul(lane_set1(1e-6), before));
        degenerate = mask_or(degenerate, mask_andnot(small, lane_lt(lane_zero(), v)));
    }
    return degenerate;
}

/* Turns the answer of the condensed problem into one of the whole. Returns doubtful problems. */
static mask complete(qc__group *g, progress *at)
{
    recover(g, mask_or(at->primal_infeasible, at->dual_infeasible));
    choose_view(g, QC__PATH_FULL);
    evaluate(g, at);
    const lane limit = lane_mul(lane_set1(REFINE_ABOVE), at->magnitude);
    mask current = mask_andnot(at->polished, at->changed); /* the factor is that of D */
    current = mask_and(current, lane_lt(limit, at->F));
    const mask stale = mask_and(at->polished, at->changed); /* and this is of a D before it */
    if (mask_any(stale) || (g->block_count && (mask_any(current) || g->nonneg_count)))
        factor_at_solution(g, at);
    const mask doubtful = mask_and(at->polished, is_degenerate(g));
    if (mask_any(current)) {
        refine_whole(g, at, current);
        evaluate(g, at);
    }
    const lane most = lane_mul(lane_set1(BLOCKS_DOUBTFUL), at->magnitude);
    return g->block_count ? mask_or(doubtful, lane_lt(most, at->F)) : doubtful;
}

/* The status of every problem of the group that has none yet. */
static void conclude(const qc__group *g, const progress *at, int32_t *status)
{
    const double tol = g->settings.tolerance, tol_cert = 10.0 * g->settings.tolerance_infeasible;
    const lane eps = lane_set1(tol_cert);
    const mask cert_p = mask_and(at->primal_infeasible, lane_le(at->Aty, eps));
    const mask cert_d =
        mask_and(at->dual_infeasible, mask_and(lane_le(at->Px, eps), lane_le(at->Axs, eps)));
    const mask certificate = mask_or(at->primal_infeasible, at->dual_infeasible);
    const mask point = mask_andnot(mask_not(certificate), at->interrupted);
    mark(g, at->interrupted, QC_INTERRUPTED, status);
    mark(g, cert_p, QC_PRIMAL_INFEASIBLE, status);
    mark(g, cert_d, QC_DUAL_INFEASIBLE, status);
    mark(g, mask_and(point, is_within(at, tol)), QC_SOLVED, status);
    mark(g, mask_and(point, is_within(at, TOLERANCE_INACCURATE)), QC_SOLVED_INACCURATE, status);
    mark(g, mask_or(at->failed, certificate), QC_NUMERICAL_ERROR, status);
    mark(g, mask_all(), QC_MAX_ITERATIONS, status);
}

/* min |s - y| over the cones, unscaled, relative to the data. */
static lane margin_of(const qc__group *g, const progress *at)
{
    lane low = lane_set1(INFINITY);
    for (int32_t t = 0; t < g->cone_count; t++) {
        const int32_t i = g->cone_row[t];
        const lane y = lane_mul(lane_at(g->w.y, i), at->cost_unit);
        lane_put(g->Hdy, i, lane_mul(lane_at(g->s, i), lane_at(g->y_unit, i)));
        lane_put(g->dy, i, lane_mul(y, value_at(g->data.row, i, g->data.shared)));
    }
    for (int32_t t = 0; t < g->nonneg_count; t++) {
        const int32_t i = g->nonneg_row[t];
        low = lane_min(lane_abs(lane_sub(lane_at(g->Hdy, i), lane_at(g->dy, i))), low);
    }
    low = blocks_margin(g, g->Hdy, g->dy, low);
    return lane_div(low, lane_max(lane_set1(1.0), lane_max(at->b_norm, at->q_norm)));
}

/* The bits of the problems whose status is one of `wanted` (a set of bits 1 << status). */
static unsigned having(const qc__group *g, const int32_t *status, unsigned wanted)
{
    unsigned bits = 0;
    for (int l = 0; l < g->count; l++)
        bits |= (wanted >> status[l] & 1u) << l;
    return bits;
}

enum {
    HAS_NOTHING = 1 << QC_NUMERICAL_ERROR | 1 << QC_MAX_ITERATIONS,
    HAS_POINT = 1 << QC_SOLVED | 1 << QC_SOLVED_INACCURATE,
    HAS_Y = HAS_POINT | 1 << QC_PRIMAL_INFEASIBLE,
    HAS_XS = HAS_POINT | 1 << QC_DUAL_INFEASIBLE
};

static void store_vector(const qc__group *g, unsigned has, const double *in, int64_t count,
                         unsigned which, double *out)
{
    unpack(g, which & has, in, count, out);
    unpack_constant(g, which & ~has, NAN, count, out);
}

/* Unscaled, to the caller: x = D x, y = E y / c, s = s / E.  Other problems' vectors stay as they are. */
static void store(qc__group *g, const progress *at, const qc__solve_job *job, unsigned which,
                  const int32_t *status)
{
    const qc_plan *plan = g->plan;
    const int shared = g->data.shared;
    for (int32_t j = 0; j < plan->n; j++)
        lane_put(g->d1.x, j, lane_mul(lane_at(g->w.x, j), value_at(g->data.col, j, shared)));
    for (int32_t i = 0; i < plan->m; i++) {
        const lane E = value_at(g->data.row, i, shared);
        lane_put(g->d1.y, i, lane_mul(lane_at(g->w.y, i), lane_mul(E, at->cost_unit)));
        lane_put(g->ds, i, lane_mul(lane_at(g->s, i), lane_at(g->y_unit, i)));
    }
    const unsigned has_xs = having(g, status, HAS_XS), has_y = having(g, status, HAS_Y);
    store_vector(g, has_xs, g->d1.x, plan->n, which, job->out.x);
    store_vector(g, has_y, g->d1.y, plan->m, which, job->out.y);
    store_vector(g, has_xs, g->ds, plan->m, which, job->out.s);
}

static void count_done(const qc__solve_job *job, unsigned which)
{
    atomic_fetch_add_explicit(job->done, __builtin_popcount(which), memory_order_relaxed);
}

static void store_numbers(const qc__group *g, const progress *at, const qc__solve_job *job,
                          unsigned which, const int32_t *status, lane margin)
{
    double primal[LANES] __attribute__((aligned(64))), dual[LANES] __attribute__((aligned(64)));
    double objective[LANES] __attribute__((aligned(64))), gap[LANES] __attribute__((aligned(64)));
    double room[LANES] __attribute__((aligned(64)));
    const lane quad = lane_mul(at->quad, at->cost_unit);
    lane_store(primal, lane_select(at->dual_infeasible, at->Axs, at->primal));
    lane_store(dual, lane_select(at->primal_infeasible, at->Aty, at->dual));
    lane_store(objective, lane_fma(lane_set1(0.5), quad, at->qx));
    lane_store(gap, lane_abs(lane_add(quad, lane_add(at->qx, at->by))));
    lane_store(room, margin);
    for (int l = 0; l < g->count; l++) {
        if (!(which >> l & 1))
            continue;
        const int64_t k = g->problem[l];
        const int point = HAS_POINT >> status[l] & 1;
        job->out.status[k] = status[l];
        job->out.primal_residual[k] = primal[l];
        job->out.dual_residual[k] = dual[l];
        job->out.objective[k] = point ? objective[l] : NAN;
        job->out.gap[k] = point ? gap[l] : NAN;
        job->out.margin[k] = point ? room[l] : NAN;
    }
}

static void start_from_zero(qc__group *g)
{
    set_all(g->w.x, g->plan->n, 0.0);
    set_all(g->w.y, g->plan->m, 0.0);
    set_all(g->s, g->plan->m, 0.0);
    set_all(g->s_drift, g->plan->m, 1.0);
    set_all(g->y_drift, g->plan->m, 1.0);
}

/* The caller's guess, scaled, for problems of `which`.  Returns those whose guess is finite. */
static mask load_warm_start(qc__group *g, const qc_warm_start *warm, mask which)
{
    const qc_plan *plan = g->plan;
    const int shared = g->data.shared;
    pack(g, warm->x, plan->n, plan->n, g->d1.x);
    pack(g, warm->y, plan->m, plan->m, g->d1.y);
    pack(g, warm->s, plan->m, plan->m, g->ds);
    for (int32_t t = 0; t < g->nonneg_count; t++) { /* what is far may be infinite */
        const int32_t i = g->nonneg_row[t];
        lane_put(g->ds, i, lane_min(lane_set1(NO_BOUND), lane_at(g->ds, i)));
    }
    mask good = mask_and(all_finite(g->d1.x, plan->n), all_finite(g->d1.y, plan->m));
    good = mask_and(which, mask_and(good, all_finite(g->ds, plan->m)));
    const lane cost = value_at(g->data.cost, 0, shared);
    for (int32_t j = 0; j < plan->n; j++)
        masked_put(g->w.x, j, good,
                   lane_mul(lane_at(g->d1.x, j), lane_mul(cost, lane_at(g->x_unit, j))));
    for (int32_t i = 0; i < plan->m; i++) {
        const lane E = value_at(g->data.row, i, shared);
        masked_put(g->w.y, i, good,
                   lane_mul(lane_at(g->d1.y, i), lane_mul(cost, lane_at(g->y_unit, i))));
        masked_put(g->s, i, good, lane_mul(lane_at(g->ds, i), E));
    }
    return good;
}

/* Lets the problems of `fresh` begin whose values are good and that are not doubtful. */
static void begin(qc__group *g, const qc__solve_job *job, const int32_t *status, progress *at,
                  mask fresh, mask doubtful)
{
    const mask good = mask_from_bits(having(g, status, 1u << QC_UNSOLVED));
    const mask attempt = mask_andnot(mask_and(fresh, good), doubtful);
    const mask warm = job->warm ? load_warm_start(g, job->warm, attempt) : mask_none();
    progress_admit(g, at, fresh, attempt, warm);
}

/* Returns the problems that need a dense block, and marks them where the plan has none. */
static mask refuse_irregular(const qc__group *g, int32_t *status)
{
    const mask which = irregular(g);
    if (!g->plan->has_dense)
        mark(g, which, QC_NUMERICAL_ERROR, status);
    return which;
}

/* Solves the group on the path that g was assigned. Returns problems that need another path. */
static mask solve_assigned(qc__group *g, const qc__solve_job *job, int32_t *status, progress *at)
{
    const qc__path path = g->path;
    mask doubtful = mask_none();
    limit_far(g, mask_all());
    load_values(g, &job->values, status);
    choose_factor(g, path);
    if (path == QC__PATH_CONDENSED) {
        if (!g->data.shared && !told_to_stop(job))
            doubtful = condense(g, &g->cond);
        else if (g->data.shared && g->sharing->uncondensed)
            doubtful = mask_all();
        condense_rhs(g);
    }
    doubtful = mask_or(doubtful, refuse_irregular(g, status));
    find_H_units(g);
    start_from_zero(g);
    *at = progress_none(g);
    begin(g, job, status, at, mask_all(), doubtful);
    start_by_diagonal(g, at);
    while (mask_any(mask_not(at->done))) {
        advance(g, job, at);
        recall_far(g, job, status, at);
    }
    normalize(g, at);
    if (path == QC__PATH_CONDENSED)
        doubtful = mask_or(doubtful, complete(g, at));
    else
        evaluate(g, at);
    return doubtful;
}

/* The problems that must be solved again, with the embedding: all but clean answers and bad values. */
static unsigned find_retries(const qc__group *g, unsigned doubtful, const int32_t *loaded,
                             const int32_t *status)
{
    if (g->attempt != QC__ATTEMPT_PLAIN)
        return 0;
    const unsigned clean = having(g, status, 1u << QC_SOLVED | 1u << QC_INTERRUPTED) & ~doubtful;
    return having(g, loaded, 1u << QC_UNSOLVED) & ~clean;
}

/*
 * The problems whose outcome counts: in the end all, and of those that will be solved again the ones that have
 * a point, which is better than nothing.  A later round does not replace a point by nothing, or a solution by
 * an inaccurate one.
 */
static unsigned find_outcomes(const qc__group *g, const qc__solve_job *job, const progress *at,
                              const int32_t *status, unsigned retry)
{
    const unsigned tried = mask_bits(lane_lt(lane_zero(), at->passes));
    unsigned count = ~retry | (tried & having(g, status, HAS_POINT));
    for (int l = 0; l < g->count; l++) {
        const int before = job->out.status[g->problem[l]], now = status[l];
        const int lost = (HAS_POINT >> before & 1) && (HAS_NOTHING >> now & 1);
        if (lost || (before == QC_SOLVED && now == QC_SOLVED_INACCURATE))
            count &= ~(1u << l);
    }
    return count;
}

/* Hands over what is finished in the lanes of `which`; `loaded` is the status that the values gave. */
static void retire(qc__group *g, const qc__solve_job *job, const progress *at,
                   const int32_t *loaded, unsigned doubtful, unsigned which)
{
    int32_t status[LANES];
    memcpy(status, loaded, sizeof status);
    conclude(g, at, status);
    const unsigned retry = which & find_retries(g, doubtful, loaded, status);
    for (int l = 0; l < g->count; l++)
        if (retry >> l & 1)
            job->retry[g->problem[l]] =
                g->plan->has_dense && (doubtful >> l & 1) ? QC__RETRY_DENSE : QC__RETRY_EMBEDDED;
    count_passes(g, at, job, which);
    if (g->attempt != QC__ATTEMPT_CAREFUL) /* its problems were done before */
        count_done(job, which & ~retry);
    which &= find_outcomes(g, job, at, status, retry);
    reveal_far(g, at, &job->values, which);
    store_numbers(g, at, job, which, status, margin_of(g, at));
    store(g, at, job, which, status);
}

static void solve(qc__group *g, const qc__solve_job *job, qc__path path, qc__attempt attempt,
                  const int64_t *problems, int count, void *memory)
{
    int32_t status[LANES] = {QC_UNSOLVED};
    progress at;
    assign(g, path, problems, count, memory);
    g->attempt = attempt;
    const unsigned doubtful = mask_bits(solve_assigned(g, job, status, &at));
    retire(g, job, &at, status, doubtful, all_of(count));
}

/* ---- refilling lanes ---------------------------------------------------------------------------- */

/* Takes problems from the queue into the lanes of `empty`.  Returns the lanes that got one. */
static unsigned refill(qc__group *g, qc__queue *queue, unsigned empty, int32_t *status)
{
    unsigned fresh = 0;
    for (int l = 0; l < LANES; l++) {
        const int64_t k = (empty >> l & 1) ? qc__queue_take(queue) : -1;
        if (k < 0)
            continue;
        g->problem[l] = k;
        status[l] = QC_UNSOLVED;
        fresh |= 1u << l;
    }
    return fresh;
}

/*
 * Solves problems from a queue until it is empty: a lane whose problem is finished gets the next. Only
 * where this costs no more than q and b, that is in full, without the embedding, with P and A shared.
 */
static void solve_queue(qc__group *g, const qc__solve_job *job, qc__queue *queue)
{
    const int64_t any = 0;
    int32_t status[LANES] = {QC_UNSOLVED};
    unsigned busy = 0;
    mask doubtful = mask_none();
    assign(g, QC__PATH_FULL, &any, 1, NULL);
    g->count = LANES;
    g->attempt = QC__ATTEMPT_PLAIN;
    choose_factor(g, QC__PATH_FULL);
    find_units(g);
    find_H_units(g);
    start_from_zero(g);
    limit_far(g, mask_all());
    progress at = progress_none(g);
    for (;;) {
        const unsigned finished = busy & mask_bits(at.done);
        if (finished)
            retire(g, job, &at, status, mask_bits(doubtful), finished);
        const unsigned fresh = refill(g, queue, ~busy | finished, status);
        busy = (busy & ~finished) | fresh;
        if (!busy)
            return;
        if (fresh) {
            limit_far(g, mask_from_bits(fresh));
            load_vectors(g, &job->values, status);
            doubtful = refuse_irregular(g, status);
            set_rhs(g);
            begin(g, job, status, &at, mask_from_bits(fresh), doubtful);
        }
        advance(g, job, &at);
        recall_far(g, job, status, &at);
    }
}

#endif
