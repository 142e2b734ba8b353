// SPDX-License-Identifier: Apache-2.0
/*
 * cone_exp.h -- the exponential cone
 *
 *     K  = closure of { (x, y, z):   y exp(x/y) <= z,       y > 0 }
 *     K* = closure of { (u, v, w):  -u exp(v/u) <= e w,     u < 0 }
 *
 * Its boundary is swept by the ray p(t) = (t, 1, exp t), and closed by the face x <= 0, y = 0, z >= 0.
 * The root of the projection is that of Friberg, "Projection onto the exponential cone: a univariate
 * root-finding problem" (2021), written in the frame of curved.h.
 */
#ifndef LANE_CONE_EXP_H
#define LANE_CONE_EXP_H

#include "lane/curved.h"
#include "lane/elementary.h"

/* s = y = -grad f*(y): the point of the central path at mu = 1. */
static const double EXP_CENTER[THREE] = {-1.0513839437502289, 0.5564096186043844,
                                         1.2589678864644603};

/* ---------------------------------------------------------------------------------------------- */
/* Projection                                                                                     */

/*
 * p = c (t, 1, exp t) and n = e (1, 1 - t, -exp -t): (c, e) is (exp -t, 1) for t > 0 and (1, exp t) for
 * t < 0, so that nothing overflows.
 *
 *     b = (-c^2 - (1 - t) e^2,  e^2 + t c^2,  -c e (t^2 - t + 1))
 */
static frame exp_frame(lane alpha, lane t)
{
    (void)alpha;
    const lane one = lane_set1(1.0), zero = lane_zero(), two = lane_set1(2.0);
    const lane E = lane_exp(lane_neg(lane_abs(t))), rest = lane_sub(one, t);
    const mask negative = lane_lt(t, zero);
    const lane c = lane_select(negative, one, E), e = lane_select(negative, E, one);
    const lane cc = lane_mul(c, c), ee = lane_mul(e, e);
    /* halves of the slopes of c^2 and e^2, and the slope of c e = E */
    const lane dcc = lane_select(negative, zero, lane_neg(cc));
    const lane dee = lane_select(negative, ee, zero);
    const lane dE = lane_select(negative, E, lane_neg(E));
    const lane square = lane_fnma(t, rest, one); /* t^2 - t + 1 */
    return (frame){
        .p = {lane_mul(t, c), c, e},
        .n = {e, lane_mul(rest, e), lane_neg(c)},
        .b = {lane_neg(lane_fma(rest, ee, cc)), lane_fma(t, cc, ee), lane_neg(lane_mul(E, square))},
        .slope = {lane_fnma(two, lane_fma(rest, dee, dcc), ee),
                  lane_fma(two, lane_fma(t, dcc, dee), cc),
                  lane_neg(lane_fma(dE, square, lane_mul(E, lane_fma(two, t, lane_neg(one)))))},
    };
}

/*
 * Where S and T > 0, and within that where exp t and exp -t leave the root.  With max |v| < 2:
 * S > 0 for (t - 1) x + y > 0, T > 0 for x > t y; and S exp t >= 4 at the upper end, T exp -t >= 4 at
 * the lower one, for exp(|t|/2) > t^2 + |t| + 1 beyond 10.
 */
static inline void exp_bracket(const lane v[], lane *low, lane *high)
{
    const lane zero = lane_zero(), one = lane_set1(1.0), two = lane_set1(2.0);
    const lane four = lane_set1(4.0), far = lane_set1(1e30), ten = lane_set1(10.0);
    const mask right = lane_lt(zero, v[0]), up = lane_lt(zero, v[1]);
    const lane S_end = lane_sub(one, lane_div(v[1], v[0])), T_end = lane_div(v[0], v[1]);
    const lane x_log = lane_log(lane_div(four, v[0])), y_log = lane_log(lane_div(four, v[1]));
    const lane above = lane_max(lane_max(lane_add(S_end, one), ten), lane_mul(two, x_log));
    const lane below = lane_max(lane_max(lane_sub(one, T_end), ten), lane_mul(two, y_log));
    *low = lane_select(right, lane_max(S_end, lane_neg(far)), lane_neg(far));
    *low = lane_select(up, lane_max(*low, lane_neg(lane_min(below, far))), *low);
    *high = lane_select(up, lane_min(T_end, far), far);
    *high = lane_select(right, lane_min(*high, lane_min(above, far)), *high);
    *low = lane_min(*low, far);
    *high = lane_max(*high, lane_neg(far));
}

/* max |v| < 2 */
static inline void exp_spectral(lane alpha, const lane v[], spectral *out)
{
    const lane zero = lane_zero(), one = lane_set1(1.0);
    const mask right = lane_lt(zero, v[0]), up = lane_lt(zero, v[1]), high = lane_lt(zero, v[2]);
    const mask all = mask_all(), none = mask_none();
    const lane exp_xy = lane_exp(lane_div(v[0], v[1]));
    const lane exp_yx = lane_exp(lane_sub(lane_div(v[1], v[0]), one));
    const mask inside = mask_and(up, lane_le(lane_mul(v[1], exp_xy), v[2]));
    const mask polar = mask_and(right, lane_le(lane_mul(v[0], exp_yx), lane_neg(v[2])));
    const mask face = mask_and(lane_le(v[0], zero), lane_le(v[1], zero));
    mask curved = mask_andnot(mask_or(right, up), mask_or(inside, polar));
    curved = mask_and(curved, lane_finite(max_abs3(v)));
    lane low, top;
    exp_bracket(v, &low, &top);
    const lane t = frame_root(exp_frame, alpha, v, low, top, curved);
    const frame f = exp_frame(alpha, t);
    const lane c = f.p[1], e = f.n[0], t1 = lane_sub(t, one);
    const lane cc = lane_mul(c, c), ee = lane_mul(e, e);
    const lane bend_p = lane_mul(c, lane_fma(ee, lane_fma(t1, t1, one), cc));
    const lane bend_n = lane_mul(e, lane_fma(cc, lane_fma(t, t, one), ee));
    frame_project(&f, v, bend_p, bend_n, out);
    axis_project(inside, v, (mask[]){all, all, all}, out);
    axis_project(polar, v, (mask[]){none, none, none}, out);
    axis_project(face, v, (mask[]){all, none, high}, out);
}

/*
 * A measure of how far v is from where D jumps.  Within K: from the boundary, by the slope of the concave
 * function z - y exp(x/y), or from y = 0.
 */
static inline lane exp_gap(lane alpha, const lane v[])
{
    (void)alpha;
    const lane one = lane_set1(1.0), ratio = lane_div(v[0], v[1]), E = lane_exp(ratio);
    const lane across = lane_mul(E, lane_sub(one, ratio));
    const lane slope = lane_fma(E, E, lane_fma(across, across, one));
    const lane gap = lane_div(lane_fnma(v[1], E, v[2]), lane_sqrt(slope));
    return lane_max(lane_min(gap, v[1]), lane_zero());
}

/* ---------------------------------------------------------------------------------------------- */
/* Interior                                                                                       */

/* y log(z/y) > x,  y, z > 0 */
static inline mask exp_inside(lane alpha, const lane s[])
{
    (void)alpha;
    const lane zero = lane_zero(), up = lane_mul(s[1], lane_log(lane_div(s[2], s[1])));
    return mask_and(mask_and(lane_lt(zero, s[1]), lane_lt(zero, s[2])), lane_lt(s[0], up));
}

/* f*(u, v, w) = -log psi - log -u - log w,   psi = v - u + u log(-u/w) */
static inline void exp_barrier(lane alpha, const lane y[], barrier *f)
{
    (void)alpha;
    const lane zero = lane_zero(), one = lane_set1(1.0);
    const lane ratio = lane_div(y[0], y[2]), l = lane_log(lane_neg(ratio));
    *f = (barrier){
        .y = {y[0], one, y[2]},
        .psi = lane_fma(y[0], l, lane_sub(y[1], y[0])),
        .first = {l, one, lane_neg(ratio)},
        .second = {lane_div(one, y[0]), zero, zero, lane_neg(lane_div(one, y[2])), zero,
                   lane_div(ratio, y[2])},
        .weight = {one, zero, one},
    };
}

/* out := D^3 psi(y)[a, b] */
static inline void exp_third(lane alpha, const barrier *f, const lane a[], const lane b[],
                             lane out[])
{
    (void)alpha;
    const lane u = f->y[0], w = f->y[2];
    const lane a_u = lane_div(a[0], u), b_u = lane_div(b[0], u);
    const lane a_w = lane_div(a[2], w), b_w = lane_div(b[2], w);
    out[0] = lane_fnma(a_u, b_u, lane_mul(a_w, b_w));
    out[1] = lane_zero();
    /* (a_u b_w + a_w b_u) / w^2 - 2 u a_w b_w / w^3 */
    const lane mixed = lane_fma(a_u, b_w, lane_mul(a_w, b_u));
    out[2] = lane_mul(lane_div(u, w), lane_fnma(lane_mul(lane_set1(2.0), a_w), b_w, mixed));
}

static inline mask exp_dual_inside(lane alpha, const lane y[])
{
    barrier f;
    exp_barrier(alpha, y, &f);
    const lane zero = lane_zero();
    return mask_and(mask_and(lane_lt(y[0], zero), lane_lt(zero, y[2])), lane_lt(zero, f.psi));
}

enum { EXP_CONJUGATE_STEPS = 12 };

/*
 * The point of K* at which -grad f* is s.  With q = -u and a = q y the conditions are w = (1 + a)/z,
 * psi = 1/y, and for t = 1/a
 *
 *     t + log(1 + t) = log(z/y) - x/y =: rho
 *
 * The left side is concave, so Newton's method climbs to the root from the left, where it starts.
 */
static inline void exp_conjugate(lane alpha, const lane s[], lane out[])
{
    (void)alpha;
    const lane one = lane_set1(1.0), two = lane_set1(2.0), ratio = lane_div(s[0], s[1]);
    const lane rho = lane_sub(lane_log(lane_div(s[2], s[1])), ratio);
    lane t = lane_max(lane_mul(lane_set1(0.5), rho), lane_sub(rho, lane_log(lane_add(one, rho))));
    mask going = lane_lt(lane_zero(), rho);
    for (int k = 0; k < EXP_CONJUGATE_STEPS && mask_any(going); k++) {
        const lane t1 = lane_add(one, t);
        const lane miss = lane_sub(lane_sub(rho, t), lane_log(t1));
        const lane step = lane_div(lane_mul(miss, t1), lane_add(one, t1));
        t = lane_select(going, lane_add(t, step), t);
        going = mask_and(going, lane_lt(lane_mul(lane_set1(1e-15), t), step));
    }
    const lane over = lane_div(one, t);
    out[0] = lane_neg(lane_div(over, s[1]));
    out[1] = lane_div(lane_fnma(lane_sub(one, ratio), over, two), s[1]);
    out[2] = lane_div(lane_add(one, over), s[2]);
}

#endif
