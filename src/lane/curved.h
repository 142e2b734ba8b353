// SPDX-License-Identifier: Apache-2.0
/*
 * curved.h -- what the exponential and the power cone share: a boundary in three dimensions that is
 * swept by one ray.
 *
 * FRAME.  A ray p(t) of the boundary of K, and n(t), the normal of K there, which is a ray of the
 * boundary of -K*.  What lies outside of both K and -K* is v = S p + T n with S, T > 0 at exactly one
 * t, and Proj_K(v) = S p.  That t is where v has no part along b = p x n, so it is a root of one
 * equation, (v, b(t)) = 0.  Where rounding leaves (v, b) = e |b| |v|, the answer is the exact projection
 * of a point that is e |v| away, and as projections do not expand, it is off by at most that much.
 *
 * The derivative has p, n and b for its eigenvectors: 1 along p, 0 along n, and along b
 *
 *     S (p', b) / (S (p', b) + T (n', b))
 *
 * as follows from differentiating v = S p + T n and Proj_K(v) = S p by t.
 *
 * BARRIER.  f*(y) = -log psi(y) - sum_i c_i log |y_i|, of the dual cone, of degree 3.
 */
#ifndef LANE_CURVED_H
#define LANE_CURVED_H

#include "lane/vec.h"

/* ---------------------------------------------------------------------------------------------- */
/* Vectors of three, and symmetric matrices by the rows of their lower triangles                  */

enum { THREE = 3, LOWER = 6 };

static inline int lower_at(int i, int j)
{
    return i >= j ? i * (i + 1) / 2 + j : j * (j + 1) / 2 + i;
}

static inline lane dot3(const lane a[], const lane b[])
{
    return lane_fma(a[2], b[2], lane_fma(a[1], b[1], lane_mul(a[0], b[0])));
}

static inline void cross3(const lane a[], const lane b[], lane out[])
{
    for (int i = 0; i < THREE; i++) {
        const int j = (i + 1) % THREE, k = (i + 2) % THREE;
        out[i] = lane_fnma(a[k], b[j], lane_mul(a[j], b[k]));
    }
}

static inline void multiply3(const lane M[], const lane v[], lane out[])
{
    for (int i = 0; i < THREE; i++) {
        out[i] = lane_mul(M[lower_at(i, 0)], v[0]);
        for (int j = 1; j < THREE; j++)
            out[i] = lane_fma(M[lower_at(i, j)], v[j], out[i]);
    }
}

/* M := M + c a a' */
static inline void add_square3(lane M[], lane c, const lane a[])
{
    for (int i = 0; i < THREE; i++) {
        const lane ca = lane_mul(c, a[i]);
        for (int j = 0; j <= i; j++)
            M[lower_at(i, j)] = lane_fma(ca, a[j], M[lower_at(i, j)]);
    }
}

/* a / |a|; any scale of a short of 1e154 */
static inline lane normalize3(lane a[])
{
    const lane length = lane_sqrt(dot3(a, a));
    for (int i = 0; i < THREE; i++)
        a[i] = lane_div(a[i], length);
    return length;
}

static inline lane max_abs3(const lane a[])
{
    return lane_max(lane_abs(a[0]), lane_max(lane_abs(a[1]), lane_abs(a[2])));
}

/* ---------------------------------------------------------------------------------------------- */
/* Projection                                                                                     */

/* p, n and b = p x n at one t, each up to a positive factor; `slope` is that of b without its factor. */
typedef struct frame {
    lane p[THREE], n[THREE], b[THREE], slope[THREE];
} frame;

typedef frame frame_of(lane alpha, lane t);

/* Proj_K(v), and D = Q diag(d) Q': eigenvector k is Q[3 k ..], d + rest = 1. */
typedef struct spectral {
    lane s[THREE], Q[THREE * THREE], d[THREE], rest[THREE];
} spectral;

enum { ROOT_STEPS = 200 };

/*
 * The root of (v, b(t)), which increases from `low` to `high`.  Newton's method, and bisection where that
 * would leave the bracket or does not halve the step (as rtsafe of Numerical Recipes).  It ends when
 * (v, b) is down to its rounding errors, or the step to those of t.  Only lanes of `active` count.
 */
static inline lane frame_root(frame_of *at, lane alpha, const lane v[], lane low, lane high,
                              mask active)
{
    const lane half = lane_set1(0.5), eps = lane_set1(2.2e-16);
    lane t = lane_mul(half, lane_add(low, high));
    lane last = lane_sub(high, low);
    mask going = active;
    for (int k = 0; k < ROOT_STEPS && mask_any(going); k++) {
        const frame f = at(alpha, t);
        const lane g = dot3(v, f.b), slope = dot3(v, f.slope);
        lane noise = lane_zero();
        for (int i = 0; i < THREE; i++)
            noise = lane_fma(lane_abs(v[i]), lane_abs(f.b[i]), noise);
        const mask below = lane_lt(g, lane_zero());
        low = lane_select(mask_and(going, below), t, low);
        high = lane_select(mask_andnot(going, below), t, high);
        const lane middle = lane_mul(half, lane_add(low, high));
        const lane newton = lane_sub(t, lane_div(g, slope));
        mask good = mask_and(lane_lt(low, newton), lane_lt(newton, high));
        good = mask_and(
            good, lane_lt(lane_mul(lane_set1(2.0), lane_abs(g)), lane_mul(lane_abs(last), slope)));
        const lane next = lane_select(good, newton, middle), step = lane_sub(next, t);
        going = mask_andnot(going, lane_le(lane_abs(g), lane_mul(eps, noise)));
        t = lane_select(going, next, t);
        last = step;
        going = mask_andnot(going, lane_le(lane_abs(step), lane_mul(eps, lane_abs(next))));
    }
    return t;
}

/* The spectral form at the root: `bend_p` and `bend_n` are (p', b) and (n', b) up to one factor. */
static inline void frame_project(const frame *f, const lane v[], lane bend_p, lane bend_n,
                                 spectral *out)
{
    lane *p = out->Q, *n = out->Q + THREE, *b = out->Q + 2 * THREE;
    for (int i = 0; i < THREE; i++) {
        p[i] = f->p[i];
        n[i] = f->n[i];
    }
    const lane zero = lane_zero(), one = lane_set1(1.0);
    const lane p_length = normalize3(p), n_length = normalize3(n);
    const lane along_p = lane_max(dot3(p, v), zero), along_n = lane_max(dot3(n, v), zero);
    cross3(p, n, b);
    normalize3(b);
    for (int i = 0; i < THREE; i++)
        out->s[i] = lane_mul(along_p, p[i]);
    const lane keep = lane_mul(lane_div(along_p, p_length), bend_p);
    const lane lose = lane_mul(lane_div(along_n, n_length), bend_n);
    const lane both = lane_add(keep, lose);
    const mask some = lane_lt(zero, both);
    const lane ratio = lane_div(keep, both), left = lane_div(lose, both);
    out->d[0] = one, out->d[1] = zero, out->d[2] = lane_select(some, ratio, zero);
    out->rest[0] = zero, out->rest[1] = one, out->rest[2] = lane_select(some, left, one);
}

/* Where D is diagonal: the projection keeps the entries of `keep` and sets the others to 0. */
static inline void axis_project(mask where, const lane v[], const mask keep[], spectral *out)
{
    const lane one = lane_set1(1.0), zero = lane_zero();
    for (int i = 0; i < THREE; i++) {
        const lane d = lane_select(keep[i], one, zero);
        out->d[i] = lane_select(where, d, out->d[i]);
        out->rest[i] = lane_select(where, lane_sub(one, d), out->rest[i]);
        out->s[i] = lane_select(where, lane_select(keep[i], v[i], zero), out->s[i]);
        for (int j = 0; j < THREE; j++)
            out->Q[THREE * i + j] = lane_select(where, i == j ? one : zero, out->Q[THREE * i + j]);
    }
}

/* ---------------------------------------------------------------------------------------------- */
/* Barrier                                                                                        */

/* f* at y, as far as it takes to differentiate it: psi, its two derivatives, the weights c; where c = 0,
 * y may be 0 and has its place taken by 1. */
typedef struct barrier {
    lane y[THREE], psi, first[THREE], second[LOWER], weight[THREE];
} barrier;

/* out := grad f*(y) */
static inline void barrier_gradient(const barrier *f, lane out[])
{
    for (int i = 0; i < THREE; i++)
        out[i] = lane_neg(lane_add(lane_div(f->first[i], f->psi), lane_div(f->weight[i], f->y[i])));
}

/* M := D^2 f*(y) = psi' psi'' / psi^2 - psi'' / psi + diag(c / y^2) */
static inline void barrier_hessian(const barrier *f, lane M[])
{
    const lane inv = lane_div(lane_set1(1.0), f->psi);
    for (int k = 0; k < LOWER; k++)
        M[k] = lane_neg(lane_mul(f->second[k], inv));
    for (int i = 0; i < THREE; i++) {
        const lane square = lane_mul(f->y[i], f->y[i]);
        M[lower_at(i, i)] = lane_add(M[lower_at(i, i)], lane_div(f->weight[i], square));
    }
    add_square3(M, lane_mul(inv, inv), f->first);
}

/* out := D^3 f*(y)[a, b], given `third` = D^3 psi(y)[a, b]: the product rule on -psi'/psi - c/y */
static inline void barrier_third(const barrier *f, const lane third[], const lane a[],
                                 const lane b[], lane out[])
{
    const lane inv = lane_div(lane_set1(1.0), f->psi), two = lane_set1(2.0);
    const lane pa = lane_mul(dot3(f->first, a), inv), pb = lane_mul(dot3(f->first, b), inv);
    lane Pa[THREE], Pb[THREE];
    multiply3(f->second, a, Pa);
    multiply3(f->second, b, Pb);
    const lane ab = lane_mul(dot3(Pa, b), inv);
    const lane along = lane_fnma(lane_mul(two, pa), pb, ab);
    for (int i = 0; i < THREE; i++) {
        lane sum = lane_mul(along, f->first[i]);
        sum = lane_fma(pa, Pb[i], lane_fma(pb, Pa[i], sum));
        sum = lane_mul(inv, lane_sub(sum, third[i]));
        const lane ra = lane_div(a[i], f->y[i]), rb = lane_div(b[i], f->y[i]);
        const lane own = lane_mul(two, lane_mul(lane_div(f->weight[i], f->y[i]), lane_mul(ra, rb)));
        out[i] = lane_sub(sum, own);
    }
}

#endif
