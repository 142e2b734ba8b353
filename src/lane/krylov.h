// SPDX-License-Identifier: Apache-2.0
/*
 * krylov.h -- minimum-norm least-squares solutions of J x = r or J'x = r by products alone: LSQR (Paige &
 * Saunders, 1982) and LSMR (Fong & Saunders, 2011), on one bidiagonalization.
 *
 * Both estimate |r - J x| and |J'(r - J x)| by recurrences, which drift from the truth where J is badly
 * conditioned.  So what they claim is computed, and where it does not hold they start again from what is
 * left, until it does, or does no longer improve, or all steps are spent.
 *
 * Every problem of the group runs, masked when it is finished.
 */
#ifndef LANE_KRYLOV_H
#define LANE_KRYLOV_H

#include "lane/jacobian.h"

/* By how much the truth may miss the tolerance that the estimates reached. */
#define KRYLOV_SLACK 10.0

/* J = U B V', a column of each: beta u, alpha v. */
typedef struct bidiagonal {
    int transposed; /* it is J' that takes the place of J */
    int64_t count;
    double *u, *v, *product;
    lane alpha, beta;
    lane norm2; /* |B|^2, Frobenius, so far */
} bidiagonal;

/* Sizes of the residual r and of J'r. */
typedef struct residual_norms {
    lane r, Jr;
} residual_norms;

typedef struct lsqr {
    double *w;
    lane phibar, rhobar;
} lsqr;

/* In the letters of the paper; the second half estimates |r|. */
typedef struct lsmr {
    double *h, *hbar;
    lane alphabar, zetabar, zeta, rho, rhobar, cbar, sbar;
    lane betadd, betad, rhod, tautilde, thetatilde;
} lsmr;

/* |v|, Euclidean */
static lane norm_of(const double *v, int64_t count)
{
    lane sum = lane_zero();
    for (int64_t k = 0; k < count; k++)
        sum = lane_fma(lane_at(v, k), lane_at(v, k), sum);
    return lane_sqrt(sum);
}

/* v := v / |v|, and |v|; a zero vector stays */
static lane normalize_vector(double *v, int64_t count)
{
    const lane norm = norm_of(v, count);
    const lane inv =
        lane_select(lane_lt(lane_zero(), norm), lane_div(lane_set1(1.0), norm), lane_zero());
    for (int64_t k = 0; k < count; k++)
        lane_put(v, k, lane_mul(lane_at(v, k), inv));
    return norm;
}

/* u holds what is to be reached */
static void bidiagonal_start(qc__group *g, bidiagonal *b)
{
    b->beta = normalize_vector(b->u, b->count);
    jacobian_multiply(g, !b->transposed, b->u, b->v);
    b->alpha = normalize_vector(b->v, b->count);
    b->norm2 = lane_mul(b->alpha, b->alpha);
}

/* v := M in - a v, normalized */
static lane bidiagonal_half(qc__group *g, const bidiagonal *b, int transposed, const double *in,
                            lane a, double *v)
{
    jacobian_multiply(g, transposed, in, b->product);
    for (int64_t k = 0; k < b->count; k++)
        lane_put(v, k, lane_fnma(a, lane_at(v, k), lane_at(b->product, k)));
    return normalize_vector(v, b->count);
}

static void bidiagonal_step(qc__group *g, bidiagonal *b)
{
    b->beta = bidiagonal_half(g, b, b->transposed, b->v, b->alpha, b->u);
    b->alpha = bidiagonal_half(g, b, !b->transposed, b->u, b->beta, b->v);
    b->norm2 = lane_fma(b->alpha, b->alpha, lane_fma(b->beta, b->beta, b->norm2));
}

/* r := (a^2 + b^2)^1/2, c := a / r, s := b / r */
static void rotation(lane a, lane b, lane *c, lane *s, lane *r)
{
    *r = lane_sqrt(lane_fma(a, a, lane_mul(b, b)));
    const mask zero = lane_le(*r, lane_zero());
    *c = lane_select(zero, lane_set1(1.0), lane_div(a, *r));
    *s = lane_select(zero, lane_zero(), lane_div(b, *r));
}

/* ---- LSQR --------------------------------------------------------------------------------------- */

static lsqr lsqr_start(const bidiagonal *b, double *w)
{
    memcpy(w, b->v, (size_t)b->count * LANES * sizeof(double));
    return (lsqr){.w = w, .phibar = b->beta, .rhobar = b->alpha};
}

/* One step of x, for problems of `going`. */
static residual_norms lsqr_step(const bidiagonal *b, lsqr *a, double *x, mask going)
{
    lane c, s, rho;
    rotation(a->rhobar, b->beta, &c, &s, &rho);
    const lane theta = lane_mul(s, b->alpha), phi = lane_mul(c, a->phibar);
    a->rhobar = lane_neg(lane_mul(c, b->alpha));
    a->phibar = lane_mul(s, a->phibar);
    const lane along = lane_div(phi, rho), back = lane_div(theta, rho);
    for (int64_t k = 0; k < b->count; k++) {
        masked_add(x, k, going, lane_mul(along, lane_at(a->w, k)));
        lane_put(a->w, k, lane_fnma(back, lane_at(a->w, k), lane_at(b->v, k)));
    }
    const lane Jr = lane_mul(lane_mul(a->phibar, b->alpha), lane_abs(c));
    return (residual_norms){a->phibar, Jr};
}

/* ---- LSMR --------------------------------------------------------------------------------------- */

static lsmr lsmr_start(const bidiagonal *b, double *h, double *hbar)
{
    const lane zero = lane_zero(), one = lane_set1(1.0);
    memcpy(h, b->v, (size_t)b->count * LANES * sizeof(double));
    set_all(hbar, b->count, 0.0);
    return (lsmr){.h = h,
                  .hbar = hbar,
                  .alphabar = b->alpha,
                  .zetabar = lane_mul(b->alpha, b->beta),
                  .zeta = zero,
                  .rho = one,
                  .rhobar = one,
                  .cbar = one,
                  .sbar = zero,
                  .betadd = b->beta,
                  .betad = zero,
                  .rhod = one,
                  .tautilde = zero,
                  .thetatilde = zero};
}

/* |r|, by the paper's section 5; c and s are those of the first rotation. */
static lane lsmr_residual(lsmr *a, lane c, lane s, lane thetabar, lane zeta_before, lane rhobar)
{
    lane ctilde, stilde, rhotilde;
    const lane betahat = lane_mul(c, a->betadd), theta_before = a->thetatilde;
    a->betadd = lane_neg(lane_mul(s, a->betadd));
    rotation(a->rhod, thetabar, &ctilde, &stilde, &rhotilde);
    a->thetatilde = lane_mul(stilde, rhobar);
    a->rhod = lane_mul(ctilde, rhobar);
    a->betad = lane_fnma(stilde, a->betad, lane_mul(ctilde, betahat));
    a->tautilde = lane_div(lane_fnma(theta_before, a->tautilde, zeta_before), rhotilde);
    const lane taud = lane_div(lane_fnma(a->thetatilde, a->tautilde, a->zeta), a->rhod);
    const lane d = lane_sub(a->betad, taud);
    return lane_sqrt(lane_fma(d, d, lane_mul(a->betadd, a->betadd)));
}

/* One step of x, for problems of `going`. */
static residual_norms lsmr_step(const bidiagonal *b, lsmr *a, double *x, mask going)
{
    lane c, s, rho, rhobar;
    rotation(a->alphabar, b->beta, &c, &s, &rho);
    const lane theta = lane_mul(s, b->alpha), thetabar = lane_mul(a->sbar, rho);
    a->alphabar = lane_mul(c, b->alpha);
    rotation(lane_mul(a->cbar, rho), theta, &a->cbar, &a->sbar, &rhobar);
    const lane zeta_before = a->zeta;
    a->zeta = lane_mul(a->cbar, a->zetabar);
    a->zetabar = lane_neg(lane_mul(a->sbar, a->zetabar));
    const lane back = lane_div(lane_mul(thetabar, rho), lane_mul(a->rho, a->rhobar));
    const lane along = lane_div(a->zeta, lane_mul(rho, rhobar)), turn = lane_div(theta, rho);
    for (int64_t k = 0; k < b->count; k++) {
        lane_put(a->hbar, k, lane_fnma(back, lane_at(a->hbar, k), lane_at(a->h, k)));
        masked_add(x, k, going, lane_mul(along, lane_at(a->hbar, k)));
        lane_put(a->h, k, lane_fnma(turn, lane_at(a->h, k), lane_at(b->v, k)));
    }
    const lane r = lsmr_residual(a, c, s, thetabar, zeta_before, a->rhobar);
    a->rho = rho;
    a->rhobar = rhobar;
    return (residual_norms){r, lane_abs(a->zetabar)};
}

/* ---- both --------------------------------------------------------------------------------------- */

/* When a problem is finished: |r| <= tolerance |rhs|, or |J'r| <= tolerance |J| |r|. */
typedef struct krylov_goal {
    lane rhs;
    double tolerance;
} krylov_goal;

static mask is_solved(const krylov_goal *goal, residual_norms at, double slack)
{
    return lane_le(at.r, lane_mul(lane_set1(slack * goal->tolerance), goal->rhs));
}

static mask is_least(const krylov_goal *goal, residual_norms at, lane J2, double slack)
{
    const lane size = lane_mul(lane_sqrt(J2), at.r);
    return lane_le(at.Jr, lane_mul(lane_set1(slack * goal->tolerance), size));
}

/* Steps of x from the residual in b->u, until the estimates say that the goal is reached, or *left steps
 * are taken.  *J2 is the largest |B|^2 that was seen. */
static void krylov_run(qc__group *g, int with_lsqr, bidiagonal *b, const krylov_goal *goal,
                       double *x, mask going, lane *left, lane *J2)
{
    const lane one = lane_set1(1.0);
    bidiagonal_start(g, b);
    lsqr q = lsqr_start(b, g->krylov[2]);
    lsmr m = {0};
    if (!with_lsqr)
        m = lsmr_start(b, g->krylov[2], g->krylov[3]);
    going = mask_and(going, lane_le(one, *left));
    going = mask_and(going, lane_lt(lane_zero(), lane_mul(b->alpha, b->beta)));
    while (mask_any(going)) {
        bidiagonal_step(g, b);
        const residual_norms at =
            with_lsqr ? lsqr_step(b, &q, x, going) : lsmr_step(b, &m, x, going);
        *left = lane_select(going, lane_sub(*left, one), *left);
        *J2 = lane_select(going, lane_max(b->norm2, *J2), *J2);
        const mask reached = mask_or(is_solved(goal, at, 1.0), is_least(goal, at, b->norm2, 1.0));
        going = mask_and(mask_andnot(going, reached), lane_le(one, *left));
        going = mask_and(going, lane_finite(at.r)); /* a breakdown */
    }
}

/* u := rhs - J x */
static void krylov_residual(qc__group *g, const bidiagonal *b, pair rhs, const double *x)
{
    jacobian_multiply(g, b->transposed, x, b->product);
    for (int64_t k = 0; k < b->count; k++)
        lane_put(b->u, k, lane_sub(lane_at(rhs.x, k), lane_at(b->product, k)));
}

/* Their true sizes. */
static residual_norms krylov_norms(qc__group *g, const bidiagonal *b)
{
    jacobian_multiply(g, !b->transposed, b->u, b->product);
    return (residual_norms){norm_of(b->u, b->count), norm_of(b->product, b->count)};
}

/* How the problems ended: solved; or least squares with a residual; or neither. */
typedef struct krylov_outcome {
    mask solved, least;
    lane residual; /* relative to the right-hand side */
} krylov_outcome;

/*
 * J x = rhs, or J'x = rhs if `transposed`, in the caller's units, for problems of `which`; other
 * problems' x is zero.  In at most so many steps; `with_lsqr`: by LSQR, else by LSMR.
 */
static krylov_outcome least_squares(qc__group *g, double tolerance, int64_t most, int with_lsqr,
                                    int transposed, mask which, pair rhs, double *x)
{
    const int64_t count = (int64_t)g->plan->n + g->plan->m;
    bidiagonal b = {.transposed = transposed,
                    .count = count,
                    .u = g->krylov[0],
                    .v = g->krylov[1],
                    .product = g->krylov[4]};
    memcpy(b.u, rhs.x, (size_t)count * LANES * sizeof(double));
    set_all(x, count, 0.0);
    const krylov_goal goal = {norm_of(b.u, count), tolerance};
    residual_norms before = krylov_norms(g, &b);
    krylov_outcome out = {.solved = is_solved(&goal, before, 1.0), .residual = lane_zero()};
    lane left = lane_set1((double)most), J2 = lane_zero();
    mask going = mask_andnot(which, out.solved);
    while (mask_any(going)) {
        krylov_run(g, with_lsqr, &b, &goal, x, going, &left, &J2);
        krylov_residual(g, &b, rhs, x);
        const residual_norms at = krylov_norms(g, &b);
        const lane half = lane_set1(0.5), inv = lane_div(lane_set1(1.0), goal.rhs);
        const mask better = mask_or(lane_lt(at.r, lane_mul(half, before.r)),
                                    lane_lt(at.Jr, lane_mul(half, before.Jr)));
        const mask solved = mask_and(going, is_solved(&goal, at, KRYLOV_SLACK));
        const mask least = mask_and(going, is_least(&goal, at, J2, KRYLOV_SLACK));
        out.solved = mask_or(out.solved, solved);
        out.least = mask_or(out.least, mask_andnot(least, solved));
        out.residual = lane_select(going, lane_mul(at.r, inv), out.residual);
        going = mask_and(mask_andnot(going, mask_or(solved, least)), better);
        going = mask_and(going, lane_le(lane_set1(1.0), left));
        before = at;
    }
    return out;
}

#endif
