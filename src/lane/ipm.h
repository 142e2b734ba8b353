// SPDX-License-Identifier: Apache-2.0
/*
 * ipm.h -- the interior point: homogeneous self-dual embedding with a quadratic objective (Goulart &
 * Chen, 2024), Mehrotra's predictor and corrector, and Newton's method on the optimality conditions
 * as soon as the gap is small (newton.h).  In the letters of kkt.h, with p = g but for the sign on x,
 *
 *     M w + E s = g tau        kappa + p'w + w'Qw / tau = 0        s o y = 0,  tau kappa = 0
 *     s, y in K, K*,  tau, kappa >= 0
 *
 * is solved by w = (x, y), s with tau > 0 (a solution, divided by tau) or kappa > 0 (a certificate).
 * Every problem is first tried without the embedding, tau = 1 and kappa = 0, which takes fewer steps and
 * one right-hand side less; what does not converge that way is solved again with it.
 *
 * Every problem is in one phase at a time, and a pass of the loop serves all phases with one
 * factorization: only H and the right-hand sides differ.
 *
 *     START     H = 1, or part of  one solve                  a first interior point
 *               S0's diagonal
 *     INTERIOR  H = W^2            predictor, corrector       one step of the embedding
 *     NEWTON    H = D(I - D)^-1    direction, refinement      one step on F
 */
#ifndef LANE_IPM_H
#define LANE_IPM_H

#include "lane/cone_nonneg.h"
#include "lane/judge.h"
#include "lane/kkt.h"
#include "lane/newton.h"
#include "lane/start.h"

/* Interior steps after so many passes refine their solves, so often. */
#define LATE 10
/* A step this short, after so many passes, is followed by a plain and well centered one. */
#define WARY_STEP   0.7
#define WARY_SIGMA  0.3
#define WARY_PASSES 10
#define INSIDE      0.995 /* how much of the way to the boundary a step goes */
enum { REFINEMENTS = 2 };

/* One entry of the predictor's right-hand sides: `r` is -rho, `affine` that of the affine step. */
static inline void predictor_entry(const progress *at, lane g, lane r, lane affine, double *d1,
                                   double *d2)
{
    if (at->embedded) {
        lane_store(d1, lane_select(at->newton, r, g));
        lane_store(d2, affine);
    } else {
        lane_store(d1, lane_select(at->start, g, lane_select(at->newton, r, affine)));
    }
}

/*
 * Right-hand sides of the predictor. With the embedding two: d1 for the direction of tau, or the first
 * step of START and NEWTON, and d2 for the affine step.  Without it there is no tau, and one will do.
 */
static void predictor_rhs(qc__group *g, const progress *at)
{
    for (int32_t j = 0; j < g->nx; j++) {
        const lane r = lane_neg(lane_at(g->rho.x, j));
        predictor_entry(at, lane_at(g->g.x, j), r, r, g->d1.x + (int64_t)j * LANES,
                        g->d2.x + (int64_t)j * LANES);
    }
    for (int32_t t = 0; t < g->zero_count; t++) {
        const int64_t i = g->zero_row[t];
        const lane r = lane_neg(lane_at(g->rho.y, i));
        predictor_entry(at, lane_at(g->g.y, i), r, r, g->d1.y + i * LANES, g->d2.y + i * LANES);
    }
    for (int32_t t = 0; t < g->cone_count; t++) {
        const int64_t i = g->cone_row[t];
        const lane r = lane_neg(lane_at(g->rho.y, i));
        predictor_entry(at, lane_at(g->g.y, i), r, lane_add(r, lane_at(g->s, i)),
                        g->d1.y + i * LANES, g->d2.y + i * LANES);
    }
}

/* Inner products with p, and with the gradient 2 Q w of the quadratic term. */
static void products(const qc__group *g, pair d, lane *pd, lane *Qwd)
{
    lane p = lane_zero(), q = lane_zero();
    for (int32_t j = 0; j < g->nx; j++) {
        p = lane_fnma(lane_at(g->g.x, j), lane_at(d.x, j), p);
        q = lane_fma(lane_at(g->Qw.x, j), lane_at(d.x, j), q);
    }
    for (int32_t t = 0; t < g->zero_count; t++)
        p = lane_fma(lane_at(g->g.y, g->zero_row[t]), lane_at(d.y, g->zero_row[t]), p);
    for (int32_t t = 0; t < g->cone_count; t++) {
        const int32_t i = g->cone_row[t];
        p = lane_fma(lane_at(g->g.y, i), lane_at(d.y, i), p);
        if (g->path == QC__PATH_CONDENSED)
            q = lane_fma(lane_at(g->Qw.y, i), lane_at(d.y, i), q);
    }
    *pd = p;
    *Qwd = q;
}

/*
 * The step of tau; none where there is no embedding. Substituting dw = d + dtau d1 and dkappa = -(target + kappa dtau)/tau into the
 * linearization of the second equation gives dtau; its denominator is at most -kappa/tau.
 */
static lane tau_step(const qc__group *g, const progress *at, pair d, lane keep, lane target)
{
    lane pd, Qd, pd1, Qd1;
    if (!at->embedded)
        return lane_zero();
    products(g, d, &pd, &Qd);
    products(g, g->d1, &pd1, &Qd1);
    const lane inv = lane_div(lane_set1(1.0), at->tau);
    const lane two = lane_mul(lane_set1(2.0), inv);
    const lane quad = lane_mul(at->quad, lane_mul(inv, inv));
    lane numerator = lane_fnma(keep, at->rho_tau, lane_mul(target, inv));
    numerator = lane_sub(numerator, lane_fma(two, Qd, pd));
    lane denominator = lane_sub(lane_fma(two, Qd1, pd1), quad);
    denominator = lane_min(lane_sub(denominator, lane_mul(at->kappa, inv)),
                           lane_neg(lane_mul(at->kappa, inv)));
    return lane_div(numerator, denominator);
}

/* dkappa = -(target + kappa dtau) / tau */
static lane kappa_step(const progress *at, lane dtau, lane target)
{
    if (!at->embedded)
        return lane_zero();
    return lane_neg(lane_div(lane_fma(at->kappa, dtau, target), at->tau));
}

/* The affine step alone, before that of tau is added. */
static pair affine_of(const qc__group *g, const progress *at)
{
    return at->embedded ? g->d2 : g->d1;
}

/* Entry k of d + dtau d1. */
static inline lane with_tau(int embedded, lane dtau, const double *d1, const double *d, int32_t k)
{
    return embedded ? lane_fma(dtau, lane_at(d1, k), lane_at(d, k)) : lane_at(d, k);
}

/* ds = -H dy - shift, where dy = d.y + dtau d1.y; `shift` is what is left of s o y, over y. */
static inline void row_step(const qc__group *g, int embedded, int32_t i, pair d, lane dtau,
                            lane shift, lane *dy, lane *ds)
{
    *dy = with_tau(embedded, dtau, g->d1.y, d.y, i);
    *ds = lane_neg(lane_fma(lane_at(g->H, i), *dy, shift));
}

/* What tau and kappa let a step be, as nonneg_retreat measures it. */
static lane scalar_retreat(const progress *at, lane dtau, lane dkappa, lane least)
{
    if (!at->embedded)
        return least;
    least = lane_max(lane_neg(lane_div(dtau, at->tau)), least);
    return lane_max(lane_neg(lane_div(dkappa, at->kappa)), least);
}

/* dy and ds = -H dy - shift along d + dtau d1 in the blocks, into g->dy and `ds`. */
static void blocks_direction(qc__group *g, int embedded, pair d, lane dtau, const double *shift,
                             double *ds)
{
    for (int32_t t = 0; t < g->block_count; t++) {
        const int32_t i = g->block_row[t];
        lane_put(g->dy, i, with_tau(embedded, dtau, g->d1.y, d.y, i));
    }
    blocks_multiply_H(g, g->dy, g->Hdy);
    for (int32_t t = 0; t < g->block_count; t++) {
        const int32_t i = g->block_row[t];
        lane_put(ds, i, lane_neg(lane_add(lane_at(g->Hdy, i), lane_at(shift, i))));
    }
}

/* The predictor's step length, and its second-order terms ds o dy into g->ds; of the blocks, ds. */
static lane affine_step(qc__group *g, const progress *at, lane dtau, lane dkappa)
{
    const pair affine = affine_of(g, at);
    lane retreat = scalar_retreat(at, dtau, dkappa, lane_set1(1.0));
    for (int32_t t = 0; t < g->nonneg_count; t++) {
        const int32_t i = g->nonneg_row[t];
        lane dy, ds;
        row_step(g, at->embedded, i, affine, dtau, lane_at(g->s, i), &dy, &ds);
        retreat = nonneg_retreat(ds, lane_at(g->s_inv, i), retreat);
        retreat = nonneg_retreat(dy, lane_at(g->y_inv, i), retreat);
        lane_put(g->ds, i, lane_mul(dy, ds));
    }
    blocks_direction(g, at->embedded, affine, dtau, g->s, g->ds);
    return blocks_step(g, g->ds, g->dy, lane_div(lane_set1(1.0), retreat));
}

/* g->ds becomes the shift of row_step; problems of `plain` leave out the second-order terms. */
static void corrector_shift(qc__group *g, lane sigma_mu, mask plain)
{
    for (int32_t t = 0; t < g->nonneg_count; t++) {
        const int32_t i = g->nonneg_row[t];
        const lane second = lane_select(plain, lane_zero(), lane_at(g->ds, i));
        const lane corr = lane_mul(lane_sub(second, sigma_mu), lane_at(g->y_inv, i));
        lane_put(g->ds, i, lane_add(lane_at(g->s, i), corr));
    }
    set_far(g, g->ds, 0.0);
    blocks_corrector(g, g->ds, g->dy, sigma_mu, plain, g->ds);
}

/* Right-hand side of the corrector into d3. */
static void corrector_rhs(qc__group *g, lane keep)
{
    for (int32_t j = 0; j < g->nx; j++)
        lane_put(g->d3.x, j, lane_neg(lane_mul(keep, lane_at(g->rho.x, j))));
    for (int32_t t = 0; t < g->zero_count; t++) {
        const int32_t i = g->zero_row[t];
        lane_put(g->d3.y, i, lane_neg(lane_mul(keep, lane_at(g->rho.y, i))));
    }
    for (int32_t t = 0; t < g->cone_count; t++) {
        const int32_t i = g->cone_row[t];
        lane_put(g->d3.y, i, lane_fnma(keep, lane_at(g->rho.y, i), lane_at(g->ds, i)));
    }
}

/*
 * ds of the blocks along d3 + dtau d1 from the rows,  ds = dtau g - keep rho - M dw,  into `ds`; of problems of
 * `late`.  H dy of a block rounds like its largest eigenvalue, which late in degenerate problems is more than ds;
 * of a matrix inequality that is apart dy is by H^-1 besides, and H undoes none of its rounding.
 */
static void rows_direction(qc__group *g, const progress *at, mask late, lane keep, lane dtau,
                           double *ds)
{
    for (int32_t j = 0; j < g->nx; j++)
        lane_put(g->left.x, j, with_tau(at->embedded, dtau, g->d1.x, g->d3.x, j));
    for (int32_t i = 0; i < g->plan->m; i++)
        lane_put(g->left.y, i, with_tau(at->embedded, dtau, g->d1.y, g->d3.y, i));
    kkt_multiply(g, g->left, g->product, NULL);
    for (int32_t t = 0; t < g->block_count; t++) {
        const int32_t i = g->block_row[t];
        const lane known = lane_fma(keep, lane_at(g->rho.y, i), lane_at(g->product.y, i));
        masked_put(ds, i, late, lane_sub(lane_mul(dtau, lane_at(g->g.y, i)), known));
    }
}

/* The longest step along d3 + dtau d1 that stays inside, times INSIDE; g->ds holds the shifts. */
static lane interior_step(qc__group *g, const progress *at, mask late, lane keep, lane dtau,
                          lane dkappa)
{
    lane retreat = scalar_retreat(at, dtau, dkappa, lane_set1(INSIDE));
    for (int32_t t = 0; t < g->nonneg_count; t++) {
        const int32_t i = g->nonneg_row[t];
        lane dy, ds;
        row_step(g, at->embedded, i, g->d3, dtau, lane_at(g->ds, i), &dy, &ds);
        retreat = nonneg_retreat(ds, lane_at(g->s_inv, i), retreat);
        retreat = nonneg_retreat(dy, lane_at(g->y_inv, i), retreat);
    }
    blocks_direction(g, at->embedded, g->d3, dtau, g->ds, g->Hdy);
    if ((g->attempt == QC__ATTEMPT_CAREFUL || has_inequality_apart(g)) && mask_any(late))
        rows_direction(g, at, late, keep, dtau, g->Hdy);
    retreat = lane_div(lane_set1(1.0), retreat);
    const lane step = lane_mul(lane_set1(INSIDE), blocks_step(g, g->Hdy, g->dy, retreat));
    return blocks_guard(g, g->Hdy, g->dy, step);
}

static void take_interior_step(qc__group *g, progress *at, lane step, lane dtau, lane dkappa)
{
    step = lane_select(at->interior, step, lane_zero());
    for (int32_t j = 0; j < g->nx; j++) {
        const lane dx = with_tau(at->embedded, dtau, g->d1.x, g->d3.x, j);
        masked_add(g->w.x, j, at->interior, lane_mul(step, dx));
    }
    for (int32_t t = 0; t < g->zero_count; t++) {
        const int32_t i = g->zero_row[t];
        const lane dy = with_tau(at->embedded, dtau, g->d1.y, g->d3.y, i);
        masked_add(g->w.y, i, at->interior, lane_mul(step, dy));
    }
    for (int32_t t = 0; t < g->nonneg_count; t++) {
        const int32_t i = g->nonneg_row[t];
        lane dy, ds;
        row_step(g, at->embedded, i, g->d3, dtau, lane_at(g->ds, i), &dy, &ds);
        const lane s = lane_at(g->s, i), y = lane_at(g->w.y, i);
        const lane s_next = lane_fma(step, ds, s), y_next = lane_fma(step, dy, y);
        masked_put(g->s, i, at->interior, s_next);
        masked_put(g->w.y, i, at->interior, y_next);
        masked_put(g->s_drift, i, at->interior, lane_mul(s_next, y));
        masked_put(g->y_drift, i, at->interior, lane_mul(y_next, s));
    }
    for (int32_t t = 0; t < g->block_count; t++) { /* as interior_step left them */
        const int32_t i = g->block_row[t];
        masked_add(g->s, i, at->interior, lane_mul(step, lane_at(g->Hdy, i)));
        masked_add(g->w.y, i, at->interior, lane_mul(step, lane_at(g->dy, i)));
    }
    at->tau = lane_select(at->interior, lane_fma(step, dtau, at->tau), at->tau);
    at->kappa = lane_select(at->interior, lane_fma(step, dkappa, at->kappa), at->kappa);
    at->step = lane_select(at->interior, step, at->step);
}

/* The predictor's outcome: how much to center, and the corrector's right-hand side. */
static void predict(qc__group *g, const progress *at, lane *keep, lane *target)
{
    const lane tau_kappa = lane_mul(at->tau, at->kappa);
    const lane dtau = tau_step(g, at, affine_of(g, at), lane_set1(1.0), tau_kappa);
    const lane dkappa = kappa_step(at, dtau, tau_kappa);
    const lane left = lane_sub(lane_set1(1.0), affine_step(g, at, dtau, dkappa));
    const mask wary = mask_and(lane_le(lane_set1(WARY_PASSES), at->passes),
                               lane_lt(at->step, lane_set1(WARY_STEP)));
    lane sigma = lane_mul(left, lane_mul(left, left));
    sigma = lane_select(wary, lane_max(sigma, lane_set1(WARY_SIGMA)), sigma);
    const lane sigma_mu = lane_mul(sigma, at->mu);
    *keep = lane_sub(lane_set1(1.0), sigma);
    const lane second = lane_select(wary, lane_zero(), lane_mul(dtau, dkappa));
    *target = lane_add(lane_sub(tau_kappa, sigma_mu), second);
    corrector_shift(g, sigma_mu, wary); /* without second-order terms it cannot cycle */
    corrector_rhs(g, *keep);
}

static void correct(qc__group *g, progress *at, mask late, lane keep, lane target)
{
    const lane dtau = tau_step(g, at, g->d3, keep, target);
    const lane dkappa = kappa_step(at, dtau, target);
    take_interior_step(g, at, interior_step(g, at, late, keep, dtau, dkappa), dtau, dkappa);
}

/* H for every problem by its phase, a finished one keeps the derivative's; and 1/s and 1/y of an interior
 * point, by one division. */
static void set_H(qc__group *g, const progress *at)
{
    for (int32_t t = 0; t < g->nonneg_count; t++) {
        const int32_t i = g->nonneg_row[t];
        const lane s = lane_at(g->s, i), y = lane_at(g->w.y, i);
        const lane inv = lane_div(lane_set1(1.0), lane_mul(s, y)), y_inv = lane_mul(s, inv);
        lane H = nonneg_clipped(lane_sub(s, y), lane_at(g->H_unit, i));
        lane_put(g->s_inv, i, lane_mul(y, inv));
        lane_put(g->y_inv, i, y_inv);
        H = lane_select(at->interior, nonneg_scaling(s, y_inv), H);
        lane_put(g->H, i, lane_select(at->start, start_H(g, i), H));
    }
    set_far(g, g->H, FAR_H);
    blocks_set_H(g, g->s, g->w.y, at->interior, at->start);
}

/* r := r - (M - E H E') d, with M d in `product` */
static void subtract_product(const qc__group *g, pair d, pair product, pair r)
{
    blocks_multiply_H(g, d.y, g->Hdy);
    for (int32_t t = 0; t < g->nonneg_count; t++) {
        const int32_t i = g->nonneg_row[t];
        lane_put(g->Hdy, i, lane_mul(lane_at(g->H, i), lane_at(d.y, i)));
    }
    for (int32_t t = 0; t < g->cone_count; t++) {
        const int32_t i = g->cone_row[t];
        lane_put(r.y, i, lane_add(lane_at(r.y, i), lane_at(g->Hdy, i)));
    }
    for (int32_t j = 0; j < g->nx; j++)
        lane_put(r.x, j, lane_sub(lane_at(r.x, j), lane_at(product.x, j)));
    for (int32_t i = 0; i < g->plan->m; i++)
        lane_put(r.y, i, lane_sub(lane_at(r.y, i), lane_at(product.y, i)));
}

/*
 * d := (M - E H E')^-1 d. Late in a hard problem H spans so many orders of magnitude that the static
 * regularization is felt: problems of `late` are refined, REFINEMENTS times.
 */
static void solve_refined(qc__group *g, mask late, int count, const pair d[])
{
    const size_t x_bytes = (size_t)g->nx * LANES * sizeof(double);
    const size_t y_bytes = (size_t)g->plan->m * LANES * sizeof(double);
    const int refine = mask_any(late) && g->path != QC__PATH_CONDENSED;
    for (int k = 0; refine && k < count; k++) {
        memcpy(g->rhs[k].x, d[k].x, x_bytes);
        memcpy(g->rhs[k].y, d[k].y, y_bytes);
    }
    kkt_solve(g, count, d);
    for (int step = 0; refine && step < REFINEMENTS; step++)
        for (int k = 0; k < count; k++) {
            memcpy(g->left.x, g->rhs[k].x, x_bytes);
            memcpy(g->left.y, g->rhs[k].y, y_bytes);
            kkt_multiply(g, d[k], g->product, NULL);
            subtract_product(g, d[k], g->product, g->left);
            kkt_solve(g, 1, &g->left);
            for (int32_t j = 0; j < g->nx; j++)
                masked_add(d[k].x, j, late, lane_at(g->left.x, j));
            for (int32_t i = 0; i < g->plan->m; i++)
                masked_add(d[k].y, i, late, lane_at(g->left.y, i));
        }
    for (int k = 0; k < count; k++)
        set_far(g, d[k].y, 0.0);
}

/* One pass: a factorization, and one step of every problem. */
static void pass(qc__group *g, progress *at)
{
    const mask newton = at->newton;
    const mask late = mask_and(at->interior, lane_le(lane_set1(LATE), at->passes));
    const pair predictor[2] = {g->d1, g->d2};
    lane keep = lane_zero(), target = lane_zero();
    set_H(g, at);
    kkt_factor(g);
    predictor_rhs(g, at);
    solve_refined(g, late, at->embedded && mask_any(at->interior) ? 2 : 1, predictor);
    if (mask_any(at->interior))
        predict(g, at, &keep, &target);
    if (mask_any(newton))
        newton_refinement_rhs(g, newton);
    if (mask_any(mask_or(at->interior, newton))) /* START has one solve */
        solve_refined(g, late, 1, &g->d3);
    if (mask_any(at->interior))
        correct(g, at, late, keep, target);
    if (mask_any(newton))
        newton_update(g, at);
    if (mask_any(at->start))
        start_interior(g, at, g->path == QC__PATH_CONDENSED ? START_CONDENSED : START_FULL);
    at->passes = lane_add(at->passes, lane_select(at->done, lane_zero(), lane_set1(1.0)));
}

/* One pass and what follows from it, for every problem that is not done. */
static void advance(qc__group *g, const qc__solve_job *job, progress *at)
{
    if (job->poll)
        job->poll(job->poll_context);
    if (told_to_stop(job)) {
        interrupt(at);
        return;
    }
    pass(g, at);
    evaluate(g, at);
    if (mask_any(judge(g, at)))
        evaluate(g, at); /* some moved to another point */
    newton_note_start(at);
}

#endif
