// SPDX-License-Identifier: Apache-2.0
/*
 * smooth_nonsymmetric.h -- the smoothed projection on exponential and power cones and their duals.
 *
 * These have no spectrum, but s o y = mu e still means that the pair is on the central path, which is
 * s = -mu grad f*(y) with the barrier f* of K*.  With s - y = v that makes y the minimum of
 *
 *     phi(y) = mu f*(y) + 1/2 y'y + v'y
 *
 * phi/mu is self-concordant, so Newton's method with steps of 1/(1 + decrement) arrives from anywhere
 * (Nesterov & Nemirovskii, 1994); and soon, if it follows the path of minima from a mu of the size of
 * v^2, a quarter of it at a time.  For a dual cone f*(M^-1 y) takes the place of f*, as in
 * nonsymmetric.h; in the coordinates M^-1 y the rest of phi is 1/2 y'M^2 y + (M v)'y.
 */
#ifndef LANE_SMOOTH_NONSYMMETRIC_H
#define LANE_SMOOTH_NONSYMMETRIC_H

#include "lane/cone_nonsymmetric.h"

enum { SMOOTH_STEPS = 300 };
#define SMOOTH_NEAR 0.25 /* the decrement at which mu is lowered */
#define SMOOTH_ARRIVED                                                                             \
    1e-5 /* the decrement, which the last step squares; rounding leaves 1e-8 of it */

/* phi at y: its gradient (of phi / mu), and its Hessian. */
static inline void smooth_model(const qc__cone *c, const lane v[], lane inv_mu, const lane y[],
                                lane gradient[], lane hessian[])
{
    barrier f;
    nonsym_barrier(c, y, &f);
    barrier_gradient(&f, gradient);
    barrier_hessian(&f, hessian);
    for (int j = 0; j < THREE; j++) {
        lane e[THREE] = {lane_zero(), lane_zero(), lane_zero()}; /* column j of M^2 */
        e[j] = lane_set1(1.0);
        if (nonsym_is_dual(c)) {
            nonsym_map(c, 0, e);
            nonsym_map(c, 0, e);
        }
        for (int i = 0; i < THREE; i++) {
            gradient[i] = lane_fma(inv_mu, lane_mul(e[i], y[j]), gradient[i]);
            if (i >= j)
                hessian[lower_at(i, j)] = lane_fma(inv_mu, e[i], hessian[lower_at(i, j)]);
        }
        gradient[j] = lane_fma(inv_mu, v[j], gradient[j]);
    }
}

/* Newton's method on phi, in the coordinates of the cone, from y.  Returns those that did not arrive. */
static inline mask smooth_minimize(const qc__cone *c, const lane v[], lane root, lane from,
                                   lane y[])
{
    const lane one = lane_set1(1.0), half = lane_set1(0.5);
    mask going = mask_all();
    for (int k = 0; k < SMOOTH_STEPS && mask_any(going); k++) {
        lane gradient[THREE], hessian[LOWER], step[THREE];
        smooth_model(c, v, lane_div(one, lane_mul(from, from)), y, gradient, hessian);
        nonsym_solve(hessian, gradient, step);
        const lane decrement = lane_sqrt(dot3(step, gradient));
        const lane length = lane_div(one, lane_add(one, decrement));
        for (int i = 0; i < THREE; i++)
            y[i] = lane_select(going, lane_fnma(length, step[i], y[i]), y[i]);
        const mask last = lane_le(from, root), near = lane_le(decrement, lane_set1(SMOOTH_NEAR));
        const mask arrived = lane_le(decrement, lane_set1(SMOOTH_ARRIVED));
        going = mask_andnot(going, mask_and(last, arrived));
        from = lane_select(near, lane_max(root, lane_mul(half, from)), from);
    }
    return going;
}

/* s, y := the pair of s - y = v on the central path at mu = root^2.  NaN where it is not found. */
static inline void nonsym_smooth(const qc__cone *c, const double *v, lane root, double *s,
                                 double *y, double *state)
{
    const lane mu = lane_mul(root, root);
    lane at_v[THREE], at_y[THREE], at_s[THREE];
    for (int i = 0; i < THREE; i++)
        at_v[i] = lane_at(v, i);
    const lane from = lane_max(root, max_abs3(at_v));
    nonsym_start(c, v, from, s, y, state);
    nonsym_load(c, NONSYM_Y, y, at_y);
    if (nonsym_is_dual(c))
        nonsym_map(c, 0, at_v);
    const mask lost = smooth_minimize(c, at_v, root, from, at_y);
    barrier f;
    nonsym_barrier(c, at_y, &f);
    barrier_gradient(&f, at_s);
    for (int i = 0; i < THREE; i++)
        at_s[i] = lane_select(lost, lane_set1(NAN), lane_neg(lane_mul(mu, at_s[i])));
    nonsym_store(c, NONSYM_S, at_s, s);
    nonsym_store(c, NONSYM_Y, at_y, y);
}

/* H := mu D^2 f*(y) of such a pair, mu = s'y/3. */
static inline void nonsym_central_H(const qc__cone *c, double *state, const double *s,
                                    const double *y)
{
    lane at_s[THREE], at_y[THREE], H[LOWER];
    barrier f;
    nonsym_load(c, NONSYM_S, s, at_s);
    nonsym_load(c, NONSYM_Y, y, at_y);
    nonsym_barrier(c, at_y, &f);
    barrier_hessian(&f, H);
    const lane mu = lane_div(dot3(at_s, at_y), lane_set1(3.0));
    for (int k = 0; k < LOWER; k++)
        H[k] = lane_mul(mu, H[k]);
    nonsym_map_H(c, H);
    for (int k = 0; k < LOWER; k++)
        lane_put(state, NONSYM_H + k, H[k]);
}

#endif
