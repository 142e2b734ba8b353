// SPDX-License-Identifier: Apache-2.0
/*
 * cone_soc.h -- the second-order cone {v: v0 >= |v1|}, v = (v0, v1).  It is its own dual.
 *
 * All that is needed of it is spectral.  With u = v1 / |v1|, the vectors (1, +-u) / 2^1/2 and all that
 * are orthogonal to both are eigenvectors of the Nesterov-Todd scaling W^2 and of D = DProj_K(v) alike:
 *
 *     W^2:  eta^2 (w0 + |w1|)^2,  eta^2 (w0 - |w1|)^2,  eta^2         w the scaling point, along u
 *     D:    [l > 0],  [k > 0],  (max(l, 0) - max(k, 0)) / (l - k)     l, k = v0 +- |v1|
 *
 * So H is three numbers and a vector, and costs as much as a vector however large the cone.
 */
#ifndef LANE_CONE_SOC_H
#define LANE_CONE_SOC_H

#include "lane/clip.h"
#include "lane/vec.h"
#include "plan/plan.h"

/* Eigenvalues on (1, u), on (1, -u), and on what is orthogonal to both. */
typedef struct soc_spectrum {
    lane plus, minus, rest;
} soc_spectrum;

/* The state of a cone: three spectra, then vectors of its size, of which entry 0 of u is not used. */
enum { SOC_H, SOC_D, SOC_REST, SOC_SPECTRA };

static int64_t soc_state_size(const qc__cone *c)
{
    return 3 * SOC_SPECTRA + 4 * (int64_t)c->size;
}

static double *soc_u(double *state)
{
    return state + 3 * SOC_SPECTRA * LANES;
}

static double *soc_vector(const qc__cone *c, double *state, int k)
{
    return soc_u(state) + (int64_t)k * c->size * LANES;
}

static soc_spectrum soc_get(const double *state, int which)
{
    return (soc_spectrum){lane_at(state, 3 * which), lane_at(state, 3 * which + 1),
                          lane_at(state, 3 * which + 2)};
}

static void soc_put(double *state, int which, soc_spectrum a)
{
    lane_put(state, 3 * which, a.plus);
    lane_put(state, 3 * which + 1, a.minus);
    lane_put(state, 3 * which + 2, a.rest);
}

/* ---- vectors ---------------------------------------------------------------------------------- */

/* a1'b1 */
static lane soc_dot1(int32_t size, const double *a, const double *b)
{
    lane sum = lane_zero();
    for (int32_t i = 1; i < size; i++)
        sum = lane_fma(lane_at(a, i), lane_at(b, i), sum);
    return sum;
}

/* |v1|, whose squares may be out of range where v is not. */
static lane soc_norm1(int32_t size, const double *v)
{
    lane top = lane_zero(), sum = top;
    for (int32_t i = 1; i < size; i++)
        top = lane_max(lane_abs(lane_at(v, i)), top);
    const mask zero = lane_le(top, lane_zero());
    const lane inv = lane_div(lane_set1(1.0), lane_select(zero, lane_set1(1.0), top));
    for (int32_t i = 1; i < size; i++) {
        const lane a = lane_mul(lane_at(v, i), inv);
        sum = lane_fma(a, a, sum);
    }
    return lane_mul(top, lane_sqrt(sum));
}

/* u := v1 / norm, and where that is zero the first axis. */
static void soc_direction(int32_t size, const double *v, lane norm, double *u)
{
    const mask zero = lane_le(norm, lane_zero());
    const lane inv = lane_div(lane_set1(1.0), lane_select(zero, lane_set1(1.0), norm));
    for (int32_t i = 1; i < size; i++)
        lane_put(u, i, lane_mul(lane_at(v, i), inv));
    lane_put(u, 1, lane_select(zero, lane_set1(1.0), lane_at(u, 1)));
}

/* out := the matrix of spectrum `a` times in; in may be out. */
static void soc_apply(int32_t size, soc_spectrum a, const double *u, const double *in, double *out)
{
    const lane half = lane_set1(0.5), head = lane_at(in, 0), along = soc_dot1(size, u, in);
    const lane plus = lane_mul(lane_mul(half, a.plus), lane_add(head, along));
    const lane minus = lane_mul(lane_mul(half, a.minus), lane_sub(head, along));
    const lane radial = lane_sub(plus, minus);
    lane_put(out, 0, lane_add(plus, minus));
    for (int32_t i = 1; i < size; i++) {
        const lane ui = lane_at(u, i), other = lane_fnma(along, ui, lane_at(in, i));
        lane_put(out, i, lane_fma(a.rest, other, lane_mul(radial, ui)));
    }
}

/* (v0 - |v1|) (v0 + |v1|) */
static lane soc_det(int32_t size, const double *v)
{
    const lane norm = soc_norm1(size, v), head = lane_at(v, 0);
    return lane_mul(lane_sub(head, norm), lane_add(head, norm));
}

static soc_spectrum soc_select(mask m, soc_spectrum a, soc_spectrum b)
{
    return (soc_spectrum){lane_select(m, a.plus, b.plus), lane_select(m, a.minus, b.minus),
                          lane_select(m, a.rest, b.rest)};
}

static soc_spectrum soc_constant(lane a)
{
    return (soc_spectrum){a, a, a};
}

static soc_spectrum soc_sqrt(soc_spectrum a)
{
    return (soc_spectrum){lane_sqrt(a.plus), lane_sqrt(a.minus), lane_sqrt(a.rest)};
}

static soc_spectrum soc_inverse(soc_spectrum a)
{
    const lane one = lane_set1(1.0);
    return (soc_spectrum){lane_div(one, a.plus), lane_div(one, a.minus), lane_div(one, a.rest)};
}

/* ---- projection --------------------------------------------------------------------------------- */

/* l and k of v, its eigenvalues */
static void soc_eigenvalues(int32_t size, const double *v, lane *l, lane *k, lane *norm)
{
    *norm = soc_norm1(size, v);
    *l = lane_add(lane_at(v, 0), *norm);
    *k = lane_sub(lane_at(v, 0), *norm);
}

/* The function with values f(l) and f(k) at the eigenvalues of v, of which u is the direction. */
static void soc_function(int32_t size, lane at_l, lane at_k, const double *u, double *out)
{
    const lane half = lane_set1(0.5), radial = lane_mul(half, lane_sub(at_l, at_k));
    lane_put(out, 0, lane_mul(half, lane_add(at_l, at_k)));
    for (int32_t i = 1; i < size; i++)
        lane_put(out, i, lane_mul(radial, lane_at(u, i)));
}

/* s := Proj_K(v) */
static void soc_project(const qc__cone *c, const double *v, double *s, double *state)
{
    lane l, k, norm;
    const lane zero = lane_zero();
    double *u = soc_vector(c, state, 1);
    soc_eigenvalues(c->size, v, &l, &k, &norm);
    soc_direction(c->size, v, norm, u);
    const mask inside = lane_le(zero, k);
    for (int32_t i = 0; i < c->size; i++)
        lane_put(soc_vector(c, state, 2), i, lane_at(v, i));
    soc_function(c->size, lane_max(l, zero), lane_max(k, zero), u, s);
    for (int32_t i = 0; i < c->size; i++)
        lane_put(s, i, lane_select(inside, lane_at(soc_vector(c, state, 2), i), lane_at(s, i)));
}

/* Eigenvalues d of D at v, and 1 - d. */
static void soc_derivative_spectrum(lane l, lane k, soc_spectrum *d, soc_spectrum *rest)
{
    const lane zero = lane_zero(), one = lane_set1(1.0);
    const mask l_in = lane_lt(zero, l), k_in = lane_lt(zero, k);
    const mask split = mask_andnot(l_in, k_in); /* k <= 0 < l */
    const lane between = lane_select(split, lane_sub(l, k), one);
    d->plus = lane_select(l_in, one, zero);
    d->minus = lane_select(k_in, one, zero);
    d->rest = lane_select(split, lane_div(l, between), d->minus);
    rest->plus = lane_sub(one, d->plus);
    rest->minus = lane_sub(one, d->minus);
    rest->rest = lane_select(split, lane_div(lane_neg(k), between), rest->minus);
}

/* out := D in; in may be out */
static void soc_derivative(const qc__cone *c, double *state, const double *in, double *out)
{
    soc_apply(c->size, soc_get(state, SOC_D), soc_u(state), in, out);
}

/* The smallest |eigenvalue| of s - y: D jumps where one is zero. */
static lane soc_margin(const qc__cone *c, double *state, const double *s, const double *y)
{
    double *v = soc_vector(c, state, 2);
    lane l, k, norm;
    for (int32_t i = 0; i < c->size; i++)
        lane_put(v, i, lane_sub(lane_at(s, i), lane_at(y, i)));
    soc_eigenvalues(c->size, v, &l, &k, &norm);
    return lane_min(lane_abs(l), lane_abs(k));
}

/* ---- the block H -------------------------------------------------------------------------------- */

static double soc_degree(const qc__cone *c)
{
    (void)c;
    return 1.0;
}

/* The scaling at (s, y): its direction into u, its spectrum returned, and lambda = W y into vector 1. */
static soc_spectrum soc_scaling(const qc__cone *c, double *state, const double *s, const double *y,
                                double *u)
{
    const int32_t size = c->size;
    double *w = soc_vector(c, state, 2);
    const lane one = lane_set1(1.0), half = lane_set1(0.5);
    const lane det_s = soc_det(size, s), det_y = soc_det(size, y);
    const lane s_inv = lane_div(one, lane_sqrt(det_s)), y_inv = lane_div(one, lane_sqrt(det_y));
    for (int32_t i = 0; i < size; i++) { /* w = s/det_s^1/2 + J y/det_y^1/2, times 1 / (2 gamma) */
        const lane yi = lane_mul(lane_at(y, i), y_inv);
        lane_put(w, i, lane_fma(lane_at(s, i), s_inv, i ? lane_neg(yi) : yi));
    }
    const lane sy = lane_fma(lane_at(s, 0), lane_at(y, 0), soc_dot1(size, s, y));
    const lane product = lane_mul(lane_mul(s_inv, y_inv), sy);
    const lane gamma = lane_sqrt(lane_mul(half, lane_add(one, product)));
    const lane scale = lane_div(half, gamma), norm = soc_norm1(size, w);
    soc_direction(size, w, norm, u);
    const lane stretch = lane_mul(scale, lane_add(lane_at(w, 0), norm)); /* w0 + |w1| */
    const lane eta2 = lane_sqrt(lane_div(det_s, det_y)), squared = lane_mul(stretch, stretch);
    return (soc_spectrum){lane_mul(eta2, squared), lane_div(eta2, squared), eta2};
}

/* H for every problem by its phase, and D where it is Newton's. */
static void soc_set_H(const qc__cone *c, double *state, const double *s, const double *y, lane unit,
                      mask interior, mask start)
{
    const int32_t size = c->size;
    double *u = soc_u(state), *other = soc_vector(c, state, 1), *v = soc_vector(c, state, 2);
    soc_spectrum d, rest, H;
    lane l, k, norm;
    for (int32_t i = 0; i < size; i++)
        lane_put(v, i, lane_sub(lane_at(s, i), lane_at(y, i)));
    soc_eigenvalues(size, v, &l, &k, &norm);
    soc_direction(size, v, norm, u);
    soc_derivative_spectrum(l, k, &d, &rest);
    H = (soc_spectrum){clipped(d.plus, rest.plus, unit), clipped(d.minus, rest.minus, unit),
                       clipped(d.rest, rest.rest, unit)};
    soc_put(state, SOC_D, d);
    soc_put(state, SOC_REST, rest);
    H = soc_select(start, soc_constant(lane_set1(1.0)), H);
    if (mask_any(interior)) {
        const soc_spectrum scaling = soc_scaling(c, state, s, y, other);
        H = soc_select(interior, scaling, H);
        for (int32_t i = 1; i < size; i++)
            lane_put(u, i, lane_select(interior, lane_at(other, i), lane_at(u, i)));
    }
    soc_put(state, SOC_H, H);
}

static void soc_multiply_H(const qc__cone *c, double *state, const double *in, double *out)
{
    soc_apply(c->size, soc_get(state, SOC_H), soc_u(state), in, out);
}

static inline void subtract_at(double *panels, int64_t place, lane a)
{
    lane_put(panels, place, lane_sub(lane_at(panels, place), a));
}

/* The whole block, row after row of its lower triangle. */
static void soc_subtract_H(const qc__cone *c, double *state, double *panels, const int64_t *place)
{
    const soc_spectrum H = soc_get(state, SOC_H);
    const double *u = soc_u(state);
    const lane half = lane_set1(0.5), even = lane_mul(half, lane_add(H.plus, H.minus));
    const lane odd = lane_mul(half, lane_sub(H.plus, H.minus)), radial = lane_sub(even, H.rest);
    subtract_at(panels, *place++, even);
    for (int32_t i = 1; i < c->size; i++) {
        const lane ui = lane_at(u, i), along = lane_mul(radial, ui);
        subtract_at(panels, *place++, lane_mul(odd, ui));
        for (int32_t j = 1; j < i; j++)
            subtract_at(panels, *place++, lane_mul(along, lane_at(u, j)));
        subtract_at(panels, *place++, lane_fma(along, ui, H.rest));
    }
}

/* With auxiliary variables:  H = h I + p p' - m m',  p and m along (1, u) and (1, -u). */
static void soc_subtract_sparse(const qc__cone *c, double *state, double *panels,
                                const int64_t *place)
{
    const soc_spectrum H = soc_get(state, SOC_H);
    const double *u = soc_u(state);
    const lane half = lane_set1(0.5), one = lane_set1(1.0), zero = lane_zero();
    const lane p = lane_sqrt(lane_mul(half, lane_max(lane_sub(H.plus, H.rest), zero)));
    const lane m = lane_sqrt(lane_mul(half, lane_max(lane_sub(H.rest, H.minus), zero)));
    for (int32_t i = 0; i < c->size; i++)
        subtract_at(panels, *place++, H.rest);
    lane_put(panels, *place++, p);
    for (int32_t i = 1; i < c->size; i++)
        lane_put(panels, *place++, lane_mul(p, lane_at(u, i)));
    lane_put(panels, *place++, m);
    for (int32_t i = 1; i < c->size; i++)
        lane_put(panels, *place++, lane_neg(lane_mul(m, lane_at(u, i))));
    lane_put(panels, *place++, one);
    lane_put(panels, *place, lane_neg(one));
}

/* From the clipped dy the exact (dy, ds), eigenvector by eigenvector. */
static void soc_unclip(const qc__cone *c, double *state, lane unit, double *dy, double *ds)
{
    const soc_spectrum d = soc_get(state, SOC_D), rest = soc_get(state, SOC_REST);
    const double *u = soc_u(state);
    const lane head = lane_at(dy, 0), along = soc_dot1(c->size, u, dy), half = lane_set1(0.5);
    lane y_plus = lane_mul(half, lane_add(head, along)), s_plus;
    lane y_minus = lane_mul(half, lane_sub(head, along)), s_minus;
    unclip_entry(d.plus, rest.plus, unit, &y_plus, &s_plus);
    unclip_entry(d.minus, rest.minus, unit, &y_minus, &s_minus);
    lane_put(dy, 0, lane_add(y_plus, y_minus));
    lane_put(ds, 0, lane_add(s_plus, s_minus));
    for (int32_t i = 1; i < c->size; i++) {
        const lane ui = lane_at(u, i);
        lane other = lane_fnma(along, ui, lane_at(dy, i)), s_other;
        unclip_entry(d.rest, rest.rest, unit, &other, &s_other);
        lane_put(dy, i, lane_fma(lane_sub(y_plus, y_minus), ui, other));
        lane_put(ds, i, lane_fma(lane_sub(s_plus, s_minus), ui, s_other));
    }
}

/* ---- the interior point ------------------------------------------------------------------------- */

/* s - y = v, s o y = root^2 e:  s, y = (v^2/4 + root^2)^1/2 +- v/2 at each eigenvalue */
static void soc_start(const qc__cone *c, const double *v, lane root, double *s, double *y,
                      double *state)
{
    double *u = soc_vector(c, state, 1);
    lane l, k, norm;
    soc_eigenvalues(c->size, v, &l, &k, &norm);
    soc_direction(c->size, v, norm, u);
    const lane half = lane_set1(0.5), root2 = lane_mul(root, root);
    const lane l2 = lane_mul(half, l), k2 = lane_mul(half, k);
    const lane rl = lane_sqrt(lane_fma(l2, l2, root2)), rk = lane_sqrt(lane_fma(k2, k2, root2));
    soc_function(c->size, lane_add(rl, l2), lane_add(rk, k2), u, s);
    soc_function(c->size, lane_sub(rl, l2), lane_sub(rk, k2), u, y);
}

/* x := lambda \ x, the solution of lambda o z = x */
static void soc_divide(int32_t size, const double *lambda, double *x)
{
    const lane head = lane_at(lambda, 0), inv = lane_div(lane_set1(1.0), head);
    const lane cross = lane_sub(lane_mul(head, lane_at(x, 0)), soc_dot1(size, lambda, x));
    const lane z0 = lane_div(cross, soc_det(size, lambda));
    lane_put(x, 0, z0);
    for (int32_t i = 1; i < size; i++)
        lane_put(x, i, lane_mul(inv, lane_fnma(z0, lane_at(lambda, i), lane_at(x, i))));
}

/* r := s + W (lambda \ ((W^-1 ds) o (W dy) - sigma mu e)); r may be ds */
static void soc_corrector(const qc__cone *c, double *state, const double *s, const double *y,
                          const double *ds, const double *dy, lane sigma_mu, mask plain, double *r)
{
    const int32_t size = c->size;
    const soc_spectrum W = soc_sqrt(soc_get(state, SOC_H));
    double *u = soc_u(state), *a = soc_vector(c, state, 1), *b = soc_vector(c, state, 2);
    double *lambda = soc_vector(c, state, 3);
    soc_apply(size, W, u, y, lambda);
    soc_apply(size, soc_inverse(W), u, ds, a);
    soc_apply(size, W, u, dy, b);
    const lane head_a = lane_at(a, 0), head_b = lane_at(b, 0), zero = lane_zero();
    const lane inner = lane_fma(head_a, head_b, soc_dot1(size, a, b));
    lane_put(a, 0, lane_sub(lane_select(plain, zero, inner), sigma_mu));
    for (int32_t i = 1; i < size; i++) {
        const lane second = lane_fma(head_a, lane_at(b, i), lane_mul(head_b, lane_at(a, i)));
        lane_put(a, i, lane_select(plain, zero, second));
    }
    soc_divide(size, lambda, a);
    soc_apply(size, W, u, a, b);
    for (int32_t i = 0; i < size; i++)
        lane_put(r, i, lane_add(lane_at(s, i), lane_at(b, i)));
}

/* The largest of `least` and what s + a ds in K asks of 1/a: minus the smaller eigenvalue of ds in the
 * metric of s,  |r1| - r0 of  r = Q(s^-1/2) ds. */
static lane soc_retreat(int32_t size, const double *s, const double *ds, lane least, double *r)
{
    const lane one = lane_set1(1.0), inv = lane_div(one, lane_sqrt(soc_det(size, s)));
    const lane s0 = lane_mul(lane_at(s, 0), inv), d0 = lane_at(ds, 0);
    const lane cross = lane_sub(lane_mul(lane_at(s, 0), d0), soc_dot1(size, s, ds));
    const lane r0 = lane_mul(cross, inv); /* s' J ds over det^1/2 */
    const lane part = lane_mul(lane_div(lane_add(r0, d0), lane_add(s0, one)), inv);
    for (int32_t i = 1; i < size; i++)
        lane_put(r, i, lane_fnma(part, lane_at(s, i), lane_at(ds, i)));
    return lane_max(lane_mul(lane_sub(soc_norm1(size, r), r0), inv), least);
}

static lane soc_step(const qc__cone *c, double *state, const double *s, const double *y,
                     const double *ds, const double *dy, lane most)
{
    const lane one = lane_set1(1.0);
    double *r = soc_vector(c, state, 1);
    lane retreat = soc_retreat(c->size, s, ds, lane_div(one, most), r);
    retreat = soc_retreat(c->size, y, dy, retreat, r);
    return lane_div(one, retreat);
}

#endif
