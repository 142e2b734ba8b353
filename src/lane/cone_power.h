// SPDX-License-Identifier: Apache-2.0
/*
 * cone_power.h -- the power cone of 0 < alpha < 1, with beta = 1 - alpha:
 *
 *     K  = { (x, y, z):   x^alpha y^beta >= |z|,                     x, y >= 0 }
 *     K* = { (u, v, w):  (u/alpha)^alpha (v/beta)^beta >= |w|,       u, v >= 0 }
 *
 * Half its boundary, z > 0, is swept by the ray p(t) = (exp beta t, exp -alpha t, 1).  The projection is
 * that of Hien, "Differential properties of Euclidean projection onto power cone" (2015), whose root is
 * the third coordinate; the t of a ray has the same equation without its cancellations.
 */
#ifndef LANE_CONE_POWER_H
#define LANE_CONE_POWER_H

#include "lane/curved.h"
#include "lane/elementary.h"

static inline void swap_where(mask m, lane *a, lane *b)
{
    const lane old = *a;
    *a = lane_select(m, *b, old);
    *b = lane_select(m, old, *b);
}

/* ---------------------------------------------------------------------------------------------- */
/* Projection                                                                                     */

/*
 * With A = exp beta t, B = exp -alpha t:
 *
 *     p = (A, B, 1)     n = (-alpha/A, -beta/B, 1)
 *     b = -(B + beta/B,  -A - alpha/A,  alpha B/A - beta A/B)     (the sign makes (v, b) increase)
 *
 * For t >= 0 p is divided by A, n by 1/B and b by A/B, which leaves powers of F = 1/A and G = B.  A
 * negative t is a positive one with x and y swapped, and alpha and beta.
 */
static frame power_frame(lane alpha, lane t)
{
    const lane one = lane_set1(1.0), far = lane_abs(t);
    const mask negative = lane_lt(t, lane_zero());
    lane a = alpha, b = lane_sub(one, alpha);
    swap_where(negative, &a, &b);
    const lane F = lane_exp(lane_neg(lane_mul(b, far))), G = lane_exp(lane_neg(lane_mul(a, far)));
    const lane E = lane_mul(F, G), EG = lane_mul(E, G), aEF = lane_mul(a, lane_mul(F, E));
    const lane bF = lane_mul(b, F), aEE = lane_mul(a, lane_mul(E, E));
    frame f = {
        .p = {one, E, F},
        .n = {lane_neg(lane_mul(a, E)), lane_neg(b), G},
        .b = {lane_neg(lane_add(EG, bF)), lane_add(G, aEF), lane_sub(b, aEE)},
        .slope = {lane_mul(a, lane_sub(EG, bF)), lane_mul(b, lane_sub(G, aEF)), lane_add(b, aEE)},
    };
    for (int i = 0; i < THREE; i++)
        f.b[i] = lane_select(negative, lane_neg(f.b[i]), f.b[i]);
    swap_where(negative, &f.p[0], &f.p[1]);
    swap_where(negative, &f.n[0], &f.n[1]);
    swap_where(negative, &f.b[0], &f.b[1]);
    swap_where(negative, &f.slope[0], &f.slope[1]);
    return f;
}

/*
 * (p', b) and (n', b), up to a factor.  For t >= 0 they are F (G^2 + beta^2 + alpha^2 E^2) and
 * G alpha beta (1 + E^2 + F^2); the larger of F and G is divided out, for both may be 0.
 */
static inline void power_bends(lane alpha, lane t, lane *bend_p, lane *bend_n)
{
    const lane one = lane_set1(1.0), far = lane_abs(t);
    const mask negative = lane_lt(t, lane_zero());
    lane a = alpha, b = lane_sub(one, alpha);
    swap_where(negative, &a, &b);
    const lane F = lane_exp(lane_neg(lane_mul(b, far))), G = lane_exp(lane_neg(lane_mul(a, far)));
    const lane ratio = lane_exp(lane_neg(lane_mul(lane_abs(lane_sub(a, b)), far)));
    const mask F_larger = lane_lt(b, a);
    const lane aE = lane_mul(a, lane_mul(F, G)), E = lane_mul(F, G);
    const lane p = lane_fma(aE, aE, lane_fma(b, b, lane_mul(G, G)));
    const lane n = lane_mul(lane_mul(a, b), lane_fma(F, F, lane_fma(E, E, one)));
    *bend_p = lane_select(F_larger, p, lane_mul(ratio, p));
    *bend_n = lane_select(F_larger, lane_mul(ratio, n), n);
}

/* Logarithms of v = (x, y, z), z >= 0, of the signs of x and y, and of alpha and beta. */
typedef struct power_logs {
    lane a, b, la, lb, x, y, z;
    mask x_up, y_up, x_down, y_down;
} power_logs;

static inline power_logs power_logs_of(lane alpha, const lane v[])
{
    const lane zero = lane_zero(), beta = lane_sub(lane_set1(1.0), alpha);
    return (power_logs){
        .a = alpha,
        .b = beta,
        .la = lane_log(alpha),
        .lb = lane_log(beta),
        .x = lane_log(lane_abs(v[0])),
        .y = lane_log(lane_abs(v[1])),
        .z = lane_log(v[2]),
        .x_up = lane_lt(zero, v[0]),
        .y_up = lane_lt(zero, v[1]),
        .x_down = lane_lt(v[0], zero),
        .y_down = lane_lt(v[1], zero),
    };
}

/*
 * Where (v, b) > 0 for sure, one side of the root.  From v = S p + T n and S + T = z
 *
 *     S = (x A + alpha z) / (A^2 + alpha)     S = (y B + beta z) / (B^2 + beta)
 *
 * Below the root the first is the larger. S < z in the first needs A > x/z, S > 0 in the second needs
 * B < beta z / -y where y < 0; S > 0 in the first and S < z in the second bound t from above.  And where
 * A >= max(8 x/z, (8 alpha)^1/2), B <= min(beta z / -2y, beta^1/2), the first is under z/4 and the second
 * is not.
 */
static inline lane power_upper(const power_logs *l)
{
    const lane inf = lane_set1(INFINITY), half = lane_set1(0.5);
    const lane log2 = lane_set1(0.6931471805599453), log8 = lane_set1(2.0794415416798357);
    const lane x = lane_select(l->x_up, lane_sub(lane_add(log8, l->x), l->z), lane_neg(inf));
    const lane y = lane_select(l->y_down, lane_sub(lane_sub(lane_add(log2, l->y), l->lb), l->z),
                               lane_neg(inf));
    const lane A = lane_max(x, lane_mul(half, lane_add(log8, l->la)));
    const lane B = lane_max(y, lane_neg(lane_mul(half, l->lb)));
    const lane far = lane_max(lane_div(A, l->b), lane_div(B, l->a));
    const lane T_end = lane_select(l->y_up, lane_div(lane_sub(l->z, l->y), l->a), inf);
    const lane S_end =
        lane_select(l->x_down, lane_div(lane_sub(lane_add(l->la, l->z), l->x), l->b), inf);
    return lane_min(far, lane_min(T_end, S_end));
}

static inline power_logs power_logs_swapped(const power_logs *l)
{
    return (power_logs){l->b, l->a,    l->lb,   l->la,     l->y,     l->x,
                        l->z, l->y_up, l->x_up, l->y_down, l->x_down};
}

/* max |v| < 2 */
static inline void power_spectral(lane alpha, const lane signed_v[], spectral *out)
{
    const lane zero = lane_zero(), far = lane_set1(1e300);
    const lane v[THREE] = {signed_v[0], signed_v[1], lane_abs(signed_v[2])};
    const mask all = mask_all(), none = mask_none();
    const power_logs l = power_logs_of(alpha, v), swapped = power_logs_swapped(&l);
    const lane up = lane_fma(l.a, l.x, lane_mul(l.b, l.y));
    const lane down = lane_fma(l.a, lane_sub(l.x, l.la), lane_mul(l.b, lane_sub(l.y, l.lb)));
    const mask xy_up = mask_and(lane_le(zero, v[0]), lane_le(zero, v[1]));
    const mask xy_down = mask_and(lane_le(v[0], zero), lane_le(v[1], zero));
    const mask inside = mask_and(xy_up, lane_le(l.z, up));
    const mask polar = mask_and(xy_down, lane_le(l.z, down));
    const mask curved = mask_andnot(lane_finite(max_abs3(v)), mask_or(inside, polar));
    const mask flat = lane_le(v[2], zero); /* the ray is (1, 0, 0) or (0, 1, 0): t is infinite */
    const lane low = lane_neg(power_upper(&swapped)), high = power_upper(&l);
    lane t = frame_root(power_frame, alpha, v, low, high, mask_andnot(curved, flat));
    t = lane_select(flat, lane_select(l.x_up, far, lane_neg(far)), t);
    lane bend_p, bend_n;
    power_bends(alpha, t, &bend_p, &bend_n);
    frame f = power_frame(alpha, t);
    const mask mirrored = lane_lt(signed_v[2], zero);
    f.p[2] = lane_select(mirrored, lane_neg(f.p[2]), f.p[2]);
    f.n[2] = lane_select(mirrored, lane_neg(f.n[2]), f.n[2]);
    frame_project(&f, signed_v, bend_p, bend_n, out);
    axis_project(inside, signed_v, (mask[]){all, all, all}, out);
    axis_project(polar, signed_v, (mask[]){none, none, none}, out);
}

/* How far v is within K: by the slope of the concave function x^alpha y^beta - |z|, or from x, y = 0. */
static inline lane power_gap(lane alpha, const lane v[])
{
    const lane one = lane_set1(1.0), beta = lane_sub(one, alpha);
    const lane mean = lane_exp(lane_fma(alpha, lane_log(v[0]), lane_mul(beta, lane_log(v[1]))));
    const lane along_x = lane_div(lane_mul(alpha, mean), v[0]);
    const lane along_y = lane_div(lane_mul(beta, mean), v[1]);
    const lane slope = lane_fma(along_x, along_x, lane_fma(along_y, along_y, one));
    const lane gap = lane_div(lane_sub(mean, lane_abs(v[2])), lane_sqrt(slope));
    return lane_max(lane_min(gap, lane_min(v[0], v[1])), lane_zero());
}

/* ---------------------------------------------------------------------------------------------- */
/* Interior                                                                                       */

/* log(x^2a y^2b) - log z^2 > 0 */
static inline mask power_inside(lane alpha, const lane s[])
{
    const lane zero = lane_zero(), beta = lane_sub(lane_set1(1.0), alpha);
    const lane mean = lane_fma(alpha, lane_log(s[0]), lane_mul(beta, lane_log(s[1])));
    const mask up = mask_and(lane_lt(zero, s[0]), lane_lt(zero, s[1]));
    return mask_and(up, lane_lt(lane_log(lane_abs(s[2])), mean));
}

/* f*(u, v, w) = -log psi - beta log u - alpha log v,   psi = (u/alpha)^2alpha (v/beta)^2beta - w^2 */
static inline void power_barrier(lane alpha, const lane y[], barrier *f)
{
    const lane one = lane_set1(1.0), zero = lane_zero(), two = lane_set1(2.0);
    const lane beta = lane_sub(one, alpha), a2 = lane_mul(two, alpha), b2 = lane_mul(two, beta);
    const lane lu = lane_log(lane_div(y[0], alpha)), lv = lane_log(lane_div(y[1], beta));
    const lane phi = lane_exp(lane_fma(a2, lu, lane_mul(b2, lv)));
    const lane pu = lane_div(a2, y[0]), pv = lane_div(b2, y[1]);
    const lane puu = lane_mul(pu, lane_div(lane_sub(a2, one), y[0]));
    const lane pvv = lane_mul(pv, lane_div(lane_sub(b2, one), y[1]));
    *f = (barrier){
        .y = {y[0], y[1], one},
        .psi = lane_fnma(y[2], y[2], phi),
        .first = {lane_mul(phi, pu), lane_mul(phi, pv), lane_neg(lane_mul(two, y[2]))},
        .second = {lane_mul(phi, puu), lane_mul(phi, lane_mul(pu, pv)), lane_mul(phi, pvv), zero,
                   zero, lane_neg(two)},
        .weight = {beta, alpha, zero},
    };
}

/* out := D^3 psi(y)[a, b]: of the product of powers, whose second derivatives are at hand */
static inline void power_third(lane alpha, const barrier *f, const lane a[], const lane b[],
                               lane out[])
{
    const lane two = lane_set1(2.0), a2 = lane_mul(two, alpha);
    const lane b2 = lane_sub(two, a2), u = f->y[0], v = f->y[1];
    const lane uu = f->second[0], vv = f->second[2];
    const lane uuu = lane_mul(uu, lane_div(lane_sub(a2, two), u)),
               uuv = lane_mul(uu, lane_div(b2, v));
    const lane vvv = lane_mul(vv, lane_div(lane_sub(b2, two), v)),
               uvv = lane_mul(vv, lane_div(a2, u));
    const lane ab = lane_mul(a[0], b[0]), cd = lane_mul(a[1], b[1]);
    const lane mixed = lane_fma(a[0], b[1], lane_mul(a[1], b[0]));
    out[0] = lane_fma(uuu, ab, lane_fma(uuv, mixed, lane_mul(uvv, cd)));
    out[1] = lane_fma(uuv, ab, lane_fma(uvv, mixed, lane_mul(vvv, cd)));
    out[2] = lane_zero();
}

static inline mask power_dual_inside(lane alpha, const lane y[])
{
    const lane beta = lane_sub(lane_set1(1.0), alpha);
    return power_inside(alpha, (lane[]){lane_div(y[0], alpha), lane_div(y[1], beta), y[2]});
}

enum { POWER_CONJUGATE_STEPS = 10 };

/*
 * The point of K* at which -grad f* is s = (x, y, z).  With k = w^2/psi the conditions are
 *
 *     u = (2 alpha k + alpha + 1)/x     v = (2 beta k + beta + 1)/y     w = -2 k/z
 *
 *     4 k (k + 1) / L = z^2 / (x^2alpha y^2beta) =: r
 *     L = (2k + 1 + 1/alpha)^2alpha (2k + 1 + 1/beta)^2beta
 *
 * The left side is k/(k + 2) for large k, and within a factor 9/4 of that for small ones: this gives
 * the start. Newton's method in the logarithm of the equation and in 1/k is exact at both ends.
 */
static inline void power_conjugate(lane alpha, const lane s[], lane out[])
{
    const lane one = lane_set1(1.0), two = lane_set1(2.0), four = lane_set1(4.0);
    const lane beta = lane_sub(one, alpha), a2 = lane_mul(two, alpha), b2 = lane_mul(two, beta);
    const lane ca = lane_add(one, lane_div(one, alpha)), cb = lane_add(one, lane_div(one, beta));
    const lane xy = lane_fma(a2, lane_log(s[0]), lane_mul(b2, lane_log(s[1])));
    /* A z so small that its square vanishes has k = 0 for all that matters. */
    const lane log_r =
        lane_max(lane_fma(two, lane_log(lane_abs(s[2])), lane_neg(xy)), lane_set1(-600.0));
    const lane r = lane_exp(log_r), short_of_1 = lane_sub(one, r);
    lane k = lane_div(lane_mul(two, r), lane_max(short_of_1, lane_neg(lane_mul(r, log_r))));
    mask going = lane_lt(log_r, lane_zero());
    for (int i = 0; i < POWER_CONJUGATE_STEPS && mask_any(going); i++) {
        const lane k1 = lane_add(k, one), k2 = lane_mul(two, k);
        const lane ka = lane_add(k2, ca), kb = lane_add(k2, cb);
        const lane L = lane_fma(a2, lane_log(ka), lane_mul(b2, lane_log(kb)));
        const lane miss = lane_sub(lane_sub(lane_log(lane_mul(four, lane_mul(k, k1))), L), log_r);
        const lane slope =
            lane_sub(lane_add(lane_div(lane_mul(a2, ca), ka), lane_div(lane_mul(b2, cb), kb)),
                     lane_div(one, k1));
        const lane change = lane_div(miss, slope);
        k = lane_select(going, lane_div(k, lane_add(one, change)), k);
        going =
            mask_and(going, lane_lt(lane_set1(1e-8), lane_abs(change))); /* then it is squared */
    }
    const lane k2 = lane_mul(two, k);
    const lane log_L =
        lane_fma(a2, lane_log(lane_add(k2, ca)), lane_mul(b2, lane_log(lane_add(k2, cb))));
    const lane w = lane_div(lane_exp(lane_sub(log_L, xy)), lane_mul(two, lane_add(k, one)));
    out[0] = lane_div(lane_fma(a2, k, lane_add(one, alpha)), s[0]);
    out[1] = lane_div(lane_fma(b2, k, lane_add(one, beta)), s[1]);
    out[2] = lane_neg(lane_mul(w, s[2]));
}

#endif
