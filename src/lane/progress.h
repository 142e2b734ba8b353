// SPDX-License-Identifier: Apache-2.0
/*
 * progress.h -- where each problem of a group stands: its phase, its numbers, its residual.
 */
#ifndef LANE_PROGRESS_H
#define LANE_PROGRESS_H

#include "lane/group.h"
#include "lane/kkt.h"

typedef struct progress {
    /* Exactly one of these holds for a problem. */
    mask start, interior, newton, done;
    /* How a finished one ended; none of them: it ran out of iterations. */
    mask polished, converged, primal_infeasible, dual_infeasible, failed, interrupted;

    int embedded; /* tau and kappa move; otherwise they stay 1 and 0 */
    lane tau, kappa;
    lane step;   /* length of the last interior step */
    lane passes; /* factorizations so far */

    /* At the present point, by evaluate(): */
    lane quad, sy, rho_tau, mu;  /* w'Qw; s'y; residual of the second equation; complementarity */
    lane primal, dual;           /* largest residuals, unscaled, times tau */
    lane gap, relative_gap;      /* relative to 1 + |objective|: the gap, and s'y */
    lane F, magnitude;           /* largest scaled residual, and of what it is a difference */
    lane by, qx;                 /* for certificates, unscaled: b'y, q'x ... */
    lane Aty, Px, Axs;           /* ... and largest of A'y, Px, Ax + s */
    mask finite;                 /* x, y and s are numbers: maxima overlook what is not */

    /* Newton's method: */
    lane newton_steps, F_before;            /* steps so far, and F before the last */
    mask changed;                           /* the last step changed D */
    mask cold;                              /* there is no interior point to go back to */
    lane next_try;                          /* the relative gap at which it is tried next */
    lane backup_tau, backup_kappa;          /* of the interior point that it last left */

    lane best, best_tau; /* the distance from a solution of the best point so far, and its tau */

    lane degree_inverse; /* mu is (s'y + tau kappa) times this */
    lane b_norm, q_norm; /* largest of b and q, unscaled */
    lane cost_unit; /* 1 / c */
} progress;

ALWAYS_INLINE void masked_put(double *p, int64_t k, mask m, lane a)
{
    lane_put(p, k, lane_select(m, a, lane_at(p, k)));
}

ALWAYS_INLINE void masked_add(double *p, int64_t k, mask m, lane a)
{
    masked_put(p, k, m, lane_add(lane_at(p, k), a));
}

ALWAYS_INLINE lane larger_abs(lane a, lane top)
{
    return lane_max(lane_abs(a), top);
}

/* The part of evaluate() over x: residual P x + A'y + q tau.  Sums live in registers, here and below:
 * a store of a lane might, for all the compiler knows, change `at`. */
static void evaluate_x(const qc__group *g, progress *at)
{
    const double *x = g->w.x, *unit = g->x_unit, *Qx = g->Qw.x, *q = g->q;
    const lane tau = at->tau;
    double *rho = g->rho.x;
    lane quad = at->quad, qx = lane_zero(), dual = qx, top_Px = qx, top_Aty = qx;
    lane F = at->F, magnitude = at->magnitude;
    for (int32_t j = 0, count = g->nx; j < count; j++) {
        const lane Mw = lane_at(rho, j), Px = lane_at(Qx, j), qj = lane_at(q, j);
        const lane r = lane_fma(qj, tau, Mw);
        lane_put(rho, j, r);
        quad = lane_fma(lane_at(x, j), Px, quad);
        qx = lane_fma(qj, lane_at(x, j), qx);
        dual = larger_abs(lane_mul(r, lane_at(unit, j)), dual);
        top_Px = larger_abs(lane_mul(Px, lane_at(unit, j)), top_Px);
        top_Aty = larger_abs(lane_mul(lane_sub(Mw, Px), lane_at(unit, j)), top_Aty);
        F = larger_abs(r, F);
        magnitude = larger_abs(Mw, larger_abs(qj, magnitude));
    }
    at->quad = quad;
    at->qx = qx;
    at->dual = dual;
    at->Px = top_Px;
    at->Aty = top_Aty;
    at->F = F;
    at->magnitude = magnitude;
}

/* The part over the rows, of which s is zero outside of the cones: residual (M w) + s - g tau. */
static void evaluate_rows(const qc__group *g, progress *at, const int32_t *list, int32_t count,
                          int is_cone)
{
    const double *w = g->w.y, *unit = g->y_unit, *b = g->g.y, *slack = g->s, *Qy = g->Qw.y;
    const int condensed = g->path == QC__PATH_CONDENSED;
    const lane tau = at->tau, cost_unit = at->cost_unit;
    double *rho = g->rho.y;
    lane by = at->by, primal = at->primal, Axs = at->Axs, F = at->F, magnitude = at->magnitude;
    lane quad = at->quad, Aty = at->Aty, sy = lane_zero();
    for (int32_t t = 0; t < count; t++) {
        const int32_t i = list[t];
        const lane s = is_cone ? lane_at(slack, i) : lane_zero(), y = lane_at(w, i);
        const lane Mw = lane_at(rho, i), bi = lane_at(b, i), left = lane_add(Mw, s);
        const lane r = lane_sub(left, lane_mul(bi, tau));
        lane_put(rho, i, r);
        by = lane_fma(bi, y, by);
        sy = lane_fma(s, y, sy);
        primal = larger_abs(lane_mul(r, lane_at(unit, i)), primal);
        Axs = larger_abs(lane_mul(left, lane_at(unit, i)), Axs);
        F = larger_abs(r, F);
        magnitude = larger_abs(Mw, larger_abs(bi, magnitude));
        if (condensed) { /* A'y is what S0 y stands for */
            quad = lane_fma(y, lane_at(Qy, i), quad);
            Aty = larger_abs(lane_mul(lane_at(Qy, i), cost_unit), Aty);
        }
    }
    at->by = by;
    at->primal = primal;
    at->Axs = Axs;
    at->F = F;
    at->magnitude = magnitude;
    at->quad = quad;
    at->Aty = Aty;
    at->sy = sy;
}

/* Residuals and products at the present point, into rho, Qw and `at`. */
static void evaluate(qc__group *g, progress *at)
{
    kkt_multiply(g, g->w, g->rho, &g->Qw);
    hide_far(g, at->tau, g->rho.y);
    at->quad = at->F = at->magnitude = at->by = at->primal = at->Axs = lane_zero();
    evaluate_x(g, at);
    evaluate_rows(g, at, g->zero_row, g->zero_count, 0);
    evaluate_rows(g, at, g->cone_row, g->cone_count, 1);
    const lane sy = at->sy;
    const lane one = lane_set1(1.0), inv = at->embedded ? lane_div(one, at->tau) : one;
    const lane inv2 = lane_mul(inv, inv), linear = lane_add(at->qx, at->by);
    at->mu = lane_mul(lane_fma(at->tau, at->kappa, sy), at->degree_inverse);
    at->rho_tau = lane_add(at->kappa, lane_fma(at->quad, inv, linear));
    at->finite = mask_and(lane_finite(at->rho_tau), lane_finite(at->mu));
    const lane gap = lane_fma(linear, inv, lane_mul(at->quad, inv2));
    const lane objective =
        lane_fma(at->qx, inv, lane_mul(lane_set1(0.5), lane_mul(at->quad, inv2)));
    const lane size = lane_max(lane_abs(objective), lane_abs(lane_sub(objective, gap)));
    const lane scale = lane_div(at->cost_unit, lane_fma(size, at->cost_unit, one));
    at->gap = lane_mul(lane_abs(gap), scale);
    at->relative_gap = lane_mul(lane_mul(sy, inv2), scale);
    at->by = lane_mul(at->by, at->cost_unit);
    at->qx = lane_mul(at->qx, at->cost_unit);
    at->magnitude = lane_add(at->magnitude, lane_set1(1.0));
}

#endif
