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
    lane quad, rho_tau, mu;      /* w'Qw; residual of the second equation; complementarity */
    lane primal, dual;           /* largest residuals, unscaled, times tau */
    lane gap, relative_gap;      /* unscaled; complementarity relative to the objective */
    lane F, magnitude;           /* largest scaled residual, and of what it is a difference */
    lane by, qx, Aty, Px, Axs;   /* for certificates, unscaled: b'y, q'x; largest of A'y, Px, Ax + s */

    /* Newton's method: its steps, the residual before the last, whether the last changed D */
    lane newton_steps, F_before;
    mask finite;                 /* x, y and s are numbers: maxima overlook what is not */
    mask changed, cold;          /* cold: there is no interior point to go back to */
    lane next_try, backup_tau, backup_kappa;

    lane b_norm, q_norm;         /* largest of b and q, unscaled */
    lane cost_unit;              /* 1 / c */
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

/* The part of evaluate() over x: residual P x + A'y + q tau. */
static void evaluate_x(qc__group *g, progress *at)
{
    at->dual = at->qx = at->Aty = at->Px = lane_zero();
    for (int32_t j = 0; j < g->nx; j++) {
        const lane x = lane_at(g->w.x, j), unit = lane_at(g->x_unit, j);
        const lane Mw = lane_at(g->rho.x, j), Px = lane_at(g->Qw.x, j), q = lane_at(g->q, j);
        const lane r = lane_fma(q, at->tau, Mw);
        lane_put(g->rho.x, j, r);
        at->quad = lane_fma(x, Px, at->quad);
        at->qx = lane_fma(q, x, at->qx);
        at->dual = larger_abs(lane_mul(r, unit), at->dual);
        at->Px = larger_abs(lane_mul(Px, unit), at->Px);
        at->Aty = larger_abs(lane_mul(lane_sub(Mw, Px), unit), at->Aty);
        at->F = larger_abs(r, at->F);
        at->magnitude = larger_abs(Mw, larger_abs(q, at->magnitude));
    }
}

/* One row: residual (M w) + s - g tau. */
static inline void evaluate_row(qc__group *g, progress *at, int32_t i, lane s)
{
    const lane unit = lane_at(g->y_unit, i);
    const lane Mw = lane_at(g->rho.y, i), b = lane_at(g->g.y, i);
    const lane r = lane_sub(lane_add(Mw, s), lane_mul(b, at->tau));
    lane_put(g->rho.y, i, r);
    at->by = lane_fma(b, lane_at(g->w.y, i), at->by);
    at->primal = larger_abs(lane_mul(r, unit), at->primal);
    at->Axs = larger_abs(lane_mul(lane_add(Mw, s), unit), at->Axs);
    at->F = larger_abs(r, at->F);
    at->magnitude = larger_abs(Mw, larger_abs(b, at->magnitude));
}

/* Residuals and products at the present point, into rho, Qw and `at`. */
static void evaluate(qc__group *g, progress *at)
{
    kkt_multiply(g, g->w, g->rho, &g->Qw);
    at->quad = at->F = at->magnitude = at->by = at->primal = at->Axs = lane_zero();
    evaluate_x(g, at);
    for (int32_t t = 0; t < g->zero_count; t++)
        evaluate_row(g, at, g->zero_row[t], lane_zero());
    lane sy = lane_zero();
    for (int32_t t = 0; t < g->cone_count; t++) {
        const int32_t i = g->cone_row[t];
        const lane s = lane_at(g->s, i), y = lane_at(g->w.y, i);
        sy = lane_fma(s, y, sy);
        if (g->path == QC__PATH_CONDENSED) { /* A'y is what S0 y stands for */
            const lane Sy = lane_at(g->Qw.y, i);
            at->quad = lane_fma(y, Sy, at->quad);
            at->Aty = larger_abs(lane_mul(Sy, at->cost_unit), at->Aty);
        }
        evaluate_row(g, at, i, s);
    }
    const lane inv = lane_div(lane_set1(1.0), at->tau), inv2 = lane_mul(inv, inv);
    const lane linear = lane_add(at->qx, at->by);
    at->mu = lane_div(lane_fma(at->tau, at->kappa, sy), lane_set1(1.0 + g->cone_count));
    at->rho_tau = lane_add(at->kappa, lane_fma(at->quad, inv, linear));
    at->finite = mask_and(lane_finite(at->rho_tau), lane_finite(at->mu));
    const lane gap = lane_fma(linear, inv, lane_mul(at->quad, inv2));
    const lane objective = lane_fma(at->qx, inv, lane_mul(lane_set1(0.5), lane_mul(at->quad, inv2)));
    const lane size = lane_max(lane_abs(objective), lane_abs(lane_sub(objective, gap)));
    const lane scale = lane_add(lane_set1(1.0), lane_mul(size, at->cost_unit));
    at->gap = lane_div(lane_mul(lane_abs(gap), at->cost_unit), scale);
    at->relative_gap = lane_div(lane_mul(lane_mul(sy, inv2), at->cost_unit), scale);
    at->by = lane_mul(at->by, at->cost_unit);
    at->qx = lane_mul(at->qx, at->cost_unit);
    at->magnitude = lane_add(at->magnitude, lane_set1(1.0));
}

#endif
