// SPDX-License-Identifier: Apache-2.0
/*
 * nonsymmetric.h -- the exponential and the power cone behind one set of names, their duals, and the scaling
 * that both have.
 *
 * DUALS.  Both dual cones are linear images of their cones: with the symmetric matrix
 *
 *     M = [ 1 -1  0;  -1  0  0;  0  0  1 ]  (exponential)     M = diag(1/alpha, 1/beta, 1)  (power)
 *
 * s is in K* if and only if M s is in K, and then y is in K if and only if M^-1 y is in K*; s'y stays.
 * So interior points of a dual cone are those of its cone at (M s, M^-1 y), and H is M^-1 H M^-1.
 * M changes distances, however: projections are by Moreau's Proj_K*(v) = v + Proj_K(-v).
 *
 * SCALING.  H = W^2 of Tuncel (2001) as Dahl & Andersen, "A primal-dual interior-point algorithm for
 * nonsymmetric exponential-cone optimization" (2022), section 3, compute it:
 *
 *     H = s s'/s'y + ds ds'/ds'dy + t a a'      ds = s - mu s~,  dy = y - mu y~,  a = y x y~ / |y x y~|
 *
 * with the shadow iterates s~ = -grad f*(y), y~ = -grad f(s) and mu = s'y/3, so that H y = s and
 * H y~ = s~.  On the central path ds = dy = 0; near it, H = mu D^2 f*(y).
 */
#ifndef LANE_NONSYMMETRIC_H
#define LANE_NONSYMMETRIC_H

#include <string.h>

#include "lane/cone_exp.h"
#include "lane/cone_power.h"
#include "plan/plan.h"

/* ---------------------------------------------------------------------------------------------- */
/* Which cone                                                                                     */

static inline int nonsym_is_dual(const qc__cone *c)
{
    return c->kind == QC_CONE_DUAL_EXPONENTIAL || (c->kind == QC_CONE_POWER && c->alpha < 0.0);
}

static inline int nonsym_is_power(const qc__cone *c)
{
    return c->kind == QC_CONE_POWER;
}

static inline lane nonsym_alpha(const qc__cone *c)
{
    return lane_set1(fabs(c->alpha));
}

/* v := M v, or M^-1 v if `inverse` */
static inline void nonsym_map(const qc__cone *c, int inverse, lane v[])
{
    if (nonsym_is_power(c)) {
        const lane alpha = nonsym_alpha(c), beta = lane_sub(lane_set1(1.0), alpha);
        v[0] = inverse ? lane_mul(v[0], alpha) : lane_div(v[0], alpha);
        v[1] = inverse ? lane_mul(v[1], beta) : lane_div(v[1], beta);
        return;
    }
    const lane x = v[0], y = v[1];
    v[0] = inverse ? lane_neg(y) : lane_sub(x, y);
    v[1] = inverse ? lane_neg(lane_add(x, y)) : lane_neg(x);
}

/* Vectors of a dual cone to the coordinates of its cone, and back: s by M, y by M^-1. */
typedef enum nonsym_role { NONSYM_S, NONSYM_Y } nonsym_role;

static inline void nonsym_load(const qc__cone *c, nonsym_role role, const double *from, lane v[])
{
    for (int i = 0; i < THREE; i++)
        v[i] = lane_at(from, i);
    if (nonsym_is_dual(c))
        nonsym_map(c, role == NONSYM_Y, v);
}

static inline void nonsym_store(const qc__cone *c, nonsym_role role, lane v[], double *to)
{
    if (nonsym_is_dual(c))
        nonsym_map(c, role == NONSYM_S, v);
    for (int i = 0; i < THREE; i++)
        lane_put(to, i, v[i]);
}

/* ---------------------------------------------------------------------------------------------- */
/* The functions of cone_exp.h and cone_power.h, by kind                                          */

static inline void nonsym_barrier(const qc__cone *c, const lane y[], barrier *f)
{
    if (nonsym_is_power(c))
        power_barrier(nonsym_alpha(c), y, f);
    else
        exp_barrier(nonsym_alpha(c), y, f);
}

static inline void nonsym_third(const qc__cone *c, const barrier *f, const lane a[], const lane b[],
                                lane out[])
{
    lane third[THREE];
    if (nonsym_is_power(c))
        power_third(nonsym_alpha(c), f, a, b, third);
    else
        exp_third(nonsym_alpha(c), f, a, b, third);
    barrier_third(f, third, a, b, out);
}

static inline void nonsym_conjugate(const qc__cone *c, const lane s[], lane out[])
{
    if (nonsym_is_power(c))
        power_conjugate(nonsym_alpha(c), s, out);
    else
        exp_conjugate(nonsym_alpha(c), s, out);
}

static inline mask nonsym_inside(const qc__cone *c, const lane s[], const lane y[])
{
    const lane alpha = nonsym_alpha(c);
    return nonsym_is_power(c) ? mask_and(power_inside(alpha, s), power_dual_inside(alpha, y))
                              : mask_and(exp_inside(alpha, s), exp_dual_inside(alpha, y));
}

static inline lane nonsym_gap(const qc__cone *c, const lane v[])
{
    return nonsym_is_power(c) ? power_gap(nonsym_alpha(c), v) : exp_gap(nonsym_alpha(c), v);
}

/* ---------------------------------------------------------------------------------------------- */
/* Scaling                                                                                        */

/* How far from the central path the scaling of both s and y is to be trusted, relative to rounding. */
#define NONSYM_CENTRAL 1e-7

/* What the scaling is made of, in the coordinates of the cone (K, K*). */
typedef struct shadows {
    lane s[THREE], y[THREE], ds[THREE], dy[THREE]; /* s~, y~, and what s and y are off mu of them */
    lane sy, mu, mu_shadow; /* s'y, s'y/3, s~'y~/3                       */
    lane hessian[LOWER]; /* D^2 f*(y)                                */
} shadows;

static inline void nonsym_shadows(const qc__cone *c, const lane s[], const lane y[], shadows *w)
{
    const lane degree = lane_set1(3.0);
    barrier f;
    nonsym_barrier(c, y, &f);
    barrier_gradient(&f, w->s);
    barrier_hessian(&f, w->hessian);
    nonsym_conjugate(c, s, w->y);
    w->sy = dot3(s, y);
    w->mu = lane_div(w->sy, degree);
    for (int i = 0; i < THREE; i++) {
        w->s[i] = lane_neg(w->s[i]);
        w->ds[i] = lane_fnma(w->mu, w->s[i], s[i]);
        w->dy[i] = lane_fnma(w->mu, w->y[i], y[i]);
    }
    w->mu_shadow = lane_div(dot3(w->s, w->y), degree);
}

/*
 * H = s s'/s'y + mu G on the central path, where G = D^2 f*(y) - s~ s~'/3 has G y = 0.  Off it, of G only
 * what is along a is kept:  G - e e'/e'y~ with e = G y~,  which is of rank one, so that its size is its
 * norm; and ds ds'/ds'dy takes the place of the rest.
 */
static inline void nonsym_scaling(const qc__cone *c, const lane s[], const lane y[], lane H[])
{
    const lane one = lane_set1(1.0), zero = lane_zero(), central = lane_set1(NONSYM_CENTRAL);
    shadows w;
    lane G[LOWER], left[LOWER], far[LOWER], e[THREE], a[THREE];
    nonsym_shadows(c, s, y, &w);
    memcpy(G, w.hessian, sizeof G);
    add_square3(G, lane_set1(-1.0 / 3.0), w.s);
    multiply3(G, w.y, e);
    const lane excess = dot3(e, w.y), dsdy = dot3(w.ds, w.dy);
    memcpy(left, G, sizeof left);
    add_square3(left, lane_neg(lane_div(one, excess)), e);
    lane norm = zero;
    for (int i = 0; i < THREE; i++)
        for (int j = 0; j < THREE; j++)
            norm = lane_fma(left[lower_at(i, j)], left[lower_at(i, j)], norm);
    cross3(y, w.y, a);
    normalize3(a);
    for (int k = 0; k < LOWER; k++)
        far[k] = zero;
    add_square3(far, lane_div(one, dsdy), w.ds);
    add_square3(far, lane_mul(w.mu, lane_sqrt(norm)), a);
    /* mu mu~ - 1 and the excess, beside 3 mu~^2, vanish together on the central path. */
    const lane shadow = lane_mul(lane_set1(3.0), lane_mul(w.mu_shadow, w.mu_shadow));
    mask off = lane_lt(central, lane_sub(lane_mul(w.mu, w.mu_shadow), one));
    off = mask_and(off, lane_lt(lane_mul(central, shadow), excess));
    off = mask_and(off, lane_lt(zero, dsdy));
    for (int k = 0; k < LOWER; k++)
        H[k] = lane_select(off, far[k], lane_mul(w.mu, G[k]));
    add_square3(H, lane_div(one, w.sy), s);
}

/* H := M^-1 H M^-1 where the cone is a dual */
static inline void nonsym_map_H(const qc__cone *c, lane H[])
{
    lane column[THREE][THREE];
    if (!nonsym_is_dual(c))
        return;
    for (int j = 0; j < THREE; j++) {
        for (int i = 0; i < THREE; i++)
            column[j][i] = H[lower_at(i, j)];
        nonsym_map(c, 1, column[j]);
    }
    for (int i = 0; i < THREE; i++) {
        lane row[THREE] = {column[0][i], column[1][i], column[2][i]};
        nonsym_map(c, 1, row);
        for (int j = 0; j <= i; j++)
            H[lower_at(i, j)] = row[j];
    }
}

/* x := A^-1 b by the LDL' factors of a symmetric A; zero where A is not positive definite to rounding. */
static inline void nonsym_solve(const lane A[], const lane b[], lane x[])
{
    const lane zero = lane_zero();
    lane l10 = lane_div(A[1], A[0]), l20 = lane_div(A[3], A[0]);
    const lane d1 = lane_fnma(l10, A[1], A[2]);
    const lane l21 = lane_div(lane_fnma(l20, A[1], A[4]), d1);
    const lane d2 = lane_fnma(l21, lane_mul(l21, d1), lane_fnma(l20, A[3], A[5]));
    mask good = mask_and(lane_lt(zero, A[0]), mask_and(lane_lt(zero, d1), lane_lt(zero, d2)));
    const lane z1 = lane_fnma(l10, b[0], b[1]);
    const lane z2 = lane_fnma(l21, z1, lane_fnma(l20, b[0], b[2]));
    x[2] = lane_div(z2, d2);
    x[1] = lane_fnma(l21, x[2], lane_div(z1, d1));
    x[0] = lane_fnma(l20, x[2], lane_fnma(l10, x[1], lane_div(b[0], A[0])));
    good = mask_and(good, lane_finite(max_abs3(x)));
    for (int i = 0; i < THREE; i++)
        x[i] = lane_select(good, x[i], zero);
}

#endif
