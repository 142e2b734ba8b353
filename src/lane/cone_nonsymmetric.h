// SPDX-License-Identifier: Apache-2.0
/*
 * cone_nonsymmetric.h -- the blocks of exponential and power cones and of their duals, of three rows each:
 * what cone.h asks of a block.  The mathematics is in nonsymmetric.h.
 */
#ifndef LANE_CONE_NONSYMMETRIC_H
#define LANE_CONE_NONSYMMETRIC_H

#include "lane/clip.h"
#include "lane/nonsymmetric.h"

/* What the state of a cone holds, in lanes. */
enum {
    NONSYM_H = 0,                             /* its lower triangle                        */
    NONSYM_Q = NONSYM_H + LOWER,              /* eigenvectors of D                         */
    NONSYM_D = NONSYM_Q + THREE * THREE,      /* eigenvalues                               */
    NONSYM_REST = NONSYM_D + THREE,           /* 1 - eigenvalues                           */
    NONSYM_INTERIOR = NONSYM_REST + THREE,    /* 1 for the problems in that phase, else 0  */
    NONSYM_STATE
};

static inline int64_t nonsym_state_size(const qc__cone *c)
{
    (void)c;
    return NONSYM_STATE;
}

static inline double nonsym_degree(const qc__cone *c)
{
    (void)c;
    return 3.0;
}

/* ---------------------------------------------------------------------------------------------- */
/* Start                                                                                          */

/* s = y = root times the point of the central path at mu = 1, as the cone itself has it. */
static inline void nonsym_start(const qc__cone *c, const double *v, lane root, double *s, double *y,
                                double *state)
{
    (void)v, (void)state;
    const double alpha = fabs(c->alpha);
    const double power[THREE] = {sqrt(1.0 + alpha), sqrt(2.0 - alpha), 0.0};
    const double *center = nonsym_is_power(c) ? power : EXP_CENTER;
    lane at_s[THREE], at_y[THREE];
    for (int i = 0; i < THREE; i++)
        at_s[i] = at_y[i] = lane_mul(root, lane_set1(center[i]));
    nonsym_store(c, NONSYM_S, at_s, s);
    nonsym_store(c, NONSYM_Y, at_y, y);
}

/* ---------------------------------------------------------------------------------------------- */
/* Projection                                                                                     */

/* Proj_K(v) and its D at any scale of v; K is the cone of which a dual one is the dual. */
static inline void nonsym_primal_spectral(const qc__cone *c, const lane v[], spectral *out)
{
    const lane scale = lane_binary_scale(max_abs3(v));
    lane unit[THREE];
    for (int i = 0; i < THREE; i++)
        unit[i] = lane_div(v[i], scale);
    if (nonsym_is_power(c))
        power_spectral(nonsym_alpha(c), unit, out);
    else
        exp_spectral(nonsym_alpha(c), unit, out);
    for (int i = 0; i < THREE; i++)
        out->s[i] = lane_mul(out->s[i], scale);
}

/* The same of the cone itself. */
static inline void nonsym_spectral(const qc__cone *c, const lane v[], spectral *out)
{
    if (!nonsym_is_dual(c)) {
        nonsym_primal_spectral(c, v, out);
        return;
    }
    nonsym_primal_spectral(c, (lane[]){lane_neg(v[0]), lane_neg(v[1]), lane_neg(v[2])}, out);
    for (int i = 0; i < THREE; i++) {
        const lane d = out->d[i];
        out->s[i] = lane_add(v[i], out->s[i]);
        out->d[i] = out->rest[i];
        out->rest[i] = d;
    }
}

static inline void nonsym_project(const qc__cone *c, const double *v, double *s, double *state)
{
    (void)state;
    const lane at[THREE] = {lane_at(v, 0), lane_at(v, 1), lane_at(v, 2)};
    spectral p;
    nonsym_spectral(c, at, &p);
    for (int i = 0; i < THREE; i++)
        lane_put(s, i, p.s[i]);
}

/* Newton's H of the eigenvalues at v = s - y; they stay in the state for the derivative. */
static inline void nonsym_clipped(const qc__cone *c, double *state, const double *s,
                                  const double *y, lane unit, lane H[])
{
    lane v[THREE];
    spectral p;
    for (int i = 0; i < THREE; i++)
        v[i] = lane_sub(lane_at(s, i), lane_at(y, i));
    nonsym_spectral(c, v, &p);
    for (int k = 0; k < LOWER; k++)
        H[k] = lane_zero();
    for (int i = 0; i < THREE; i++) {
        add_square3(H, clipped(p.d[i], p.rest[i], unit), p.Q + THREE * i);
        lane_put(state, NONSYM_D + i, p.d[i]);
        lane_put(state, NONSYM_REST + i, p.rest[i]);
    }
    for (int k = 0; k < THREE * THREE; k++)
        lane_put(state, NONSYM_Q + k, p.Q[k]);
}

static inline void nonsym_set_H(const qc__cone *c, double *state, const double *s, const double *y,
                                lane unit, mask interior, mask start)
{
    const lane one = lane_set1(1.0), zero = lane_zero();
    lane H[LOWER] = {one, zero, one, zero, zero, one};
    const mask newton = mask_not(mask_or(interior, start));
    if (mask_any(newton)) {
        lane clip[LOWER];
        nonsym_clipped(c, state, s, y, unit, clip);
        for (int k = 0; k < LOWER; k++)
            H[k] = lane_select(newton, clip[k], H[k]);
    }
    if (mask_any(interior)) {
        lane at_s[THREE], at_y[THREE], scaling[LOWER];
        nonsym_load(c, NONSYM_S, s, at_s);
        nonsym_load(c, NONSYM_Y, y, at_y);
        nonsym_scaling(c, at_s, at_y, scaling);
        nonsym_map_H(c, scaling);
        for (int k = 0; k < LOWER; k++)
            H[k] = lane_select(interior, scaling[k], H[k]);
    }
    for (int k = 0; k < LOWER; k++)
        lane_put(state, NONSYM_H + k, H[k]);
    lane_put(state, NONSYM_INTERIOR, lane_select(interior, one, zero));
}

/* ---------------------------------------------------------------------------------------------- */
/* H and D at work                                                                                */

static inline void nonsym_subtract_H(const qc__cone *c, double *state, double *panels,
                                     const int64_t *place)
{
    (void)c;
    for (int k = 0; k < LOWER; k++)
        lane_put(panels, place[k],
                 lane_sub(lane_at(panels, place[k]), lane_at(state, NONSYM_H + k)));
}

static inline void nonsym_multiply_H(const qc__cone *c, double *state, const double *in,
                                     double *out)
{
    (void)c;
    for (int i = 0; i < THREE; i++) {
        lane sum = lane_zero();
        for (int j = 0; j < THREE; j++)
            sum = lane_fma(lane_at(state, NONSYM_H + lower_at(i, j)), lane_at(in, j), sum);
        lane_put(out, i, sum);
    }
}

/* Coordinates in D's eigenbasis, and back. */
static inline void nonsym_to_basis(double *state, const double *v, lane out[])
{
    for (int k = 0; k < THREE; k++) {
        out[k] = lane_zero();
        for (int i = 0; i < THREE; i++)
            out[k] = lane_fma(lane_at(state, NONSYM_Q + THREE * k + i), lane_at(v, i), out[k]);
    }
}

static inline void nonsym_from_basis(double *state, const lane v[], double *out)
{
    for (int i = 0; i < THREE; i++) {
        lane sum = lane_zero();
        for (int k = 0; k < THREE; k++)
            sum = lane_fma(lane_at(state, NONSYM_Q + THREE * k + i), v[k], sum);
        lane_put(out, i, sum);
    }
}

static inline void nonsym_unclip(const qc__cone *c, double *state, lane unit, double *dy,
                                 double *ds)
{
    (void)c;
    lane y[THREE], s[THREE];
    nonsym_to_basis(state, dy, y);
    for (int k = 0; k < THREE; k++)
        unclip_entry(lane_at(state, NONSYM_D + k), lane_at(state, NONSYM_REST + k), unit, &y[k],
                     &s[k]);
    nonsym_from_basis(state, y, dy);
    nonsym_from_basis(state, s, ds);
}

static inline void nonsym_derivative(const qc__cone *c, double *state, const double *in,
                                     double *out)
{
    (void)c;
    lane v[THREE];
    nonsym_to_basis(state, in, v);
    for (int k = 0; k < THREE; k++)
        v[k] = lane_mul(v[k], lane_at(state, NONSYM_D + k));
    nonsym_from_basis(state, v, out);
}

/*
 * D jumps on the boundaries of K and -K*: within them nonsym_gap measures, outside |Proj(v)| and
 * |v - Proj(v)| do.  The exponential cone has others, where v leaves the reach of its face x <= 0, y = 0,
 * z >= 0.
 */
static inline lane nonsym_margin(const qc__cone *c, double *state, const double *s, const double *y)
{
    (void)state;
    const lane zero = lane_zero();
    lane v[THREE], left[THREE], minus[THREE];
    spectral p;
    for (int i = 0; i < THREE; i++) {
        v[i] = lane_sub(lane_at(s, i), lane_at(y, i));
        v[i] = nonsym_is_dual(c) ? lane_neg(v[i]) : v[i];
    }
    nonsym_primal_spectral(c, v, &p);
    for (int i = 0; i < THREE; i++) {
        left[i] = lane_sub(v[i], p.s[i]);
        minus[i] = lane_neg(v[i]);
    }
    nonsym_map(c, 0, minus);
    lane out = lane_sqrt(lane_min(dot3(p.s, p.s), dot3(left, left)));
    if (!nonsym_is_power(c)) {
        const mask no_x = lane_le(v[0], zero), no_y = lane_le(v[1], zero);
        const lane x = lane_abs(v[0]), y_abs = lane_abs(v[1]), z = lane_abs(v[2]);
        out = lane_select(no_x, lane_min(out, y_abs), out);
        out = lane_select(no_y, lane_min(out, x), out);
        out = lane_select(mask_and(no_x, no_y), lane_min(lane_min(x, y_abs), z), out);
    }
    const lane rank = lane_add(lane_add(p.d[0], p.d[1]), p.d[2]);
    out = lane_select(lane_le(lane_set1(3.0), rank), nonsym_gap(c, v), out);
    return lane_select(lane_le(rank, zero), nonsym_gap(c, minus), out);
}

/* ---------------------------------------------------------------------------------------------- */
/* Steps                                                                                          */

/*
 * r = s + sigma_mu grad f*(y) + eta,  eta = -1/2 D^3 f*(y)[dy, D^2 f*(y)^-1 ds]: half the second derivative
 * of s = -mu grad f*(y) along the central path, in terms of its tangent, the affine step (ds, dy).
 */
static inline void nonsym_corrector(const qc__cone *c, double *state, const double *s,
                                    const double *y, const double *ds, const double *dy,
                                    lane sigma_mu, mask plain, double *r)
{
    (void)state;
    const lane half = lane_set1(-0.5), zero = lane_zero();
    lane at_s[THREE], at_y[THREE], step_s[THREE], step_y[THREE];
    lane hessian[LOWER], gradient[THREE], back[THREE], eta[THREE];
    barrier f;
    nonsym_load(c, NONSYM_S, s, at_s);
    nonsym_load(c, NONSYM_Y, y, at_y);
    nonsym_load(c, NONSYM_S, ds, step_s);
    nonsym_load(c, NONSYM_Y, dy, step_y);
    nonsym_barrier(c, at_y, &f);
    barrier_gradient(&f, gradient);
    barrier_hessian(&f, hessian);
    nonsym_solve(hessian, step_s, back);
    nonsym_third(c, &f, step_y, back, eta);
    for (int i = 0; i < THREE; i++) {
        const lane second = lane_select(plain, zero, lane_mul(half, eta[i]));
        at_s[i] = lane_add(lane_fma(sigma_mu, gradient[i], at_s[i]), second);
    }
    nonsym_store(c, NONSYM_S, at_s, r);
}

/* A step is shortened by this until it ends inside; what is under 1e-6 is none.  It is worth a few more
 * tries to come within 2% of the longest: they save more than they cost in iterations. */
#define NONSYM_SHORTEN  0.7
#define NONSYM_SHORTEST 1e-6
enum { NONSYM_TRIES = 39, NONSYM_BISECTIONS = 4 };

/* How far mu mu~ may be from 1, its value on the central path (Dahl & Andersen's beta = 1e-6). */
#define NONSYM_GUARD 1e6

/* A step from (s, y) along (ds, dy), in the coordinates of the cone. */
typedef struct nonsym_path {
    lane s[THREE], y[THREE], ds[THREE], dy[THREE];
} nonsym_path;

static inline void nonsym_end(const nonsym_path *path, lane step, lane s[], lane y[])
{
    for (int i = 0; i < THREE; i++) {
        s[i] = lane_fma(step, path->ds[i], path->s[i]);
        y[i] = lane_fma(step, path->dy[i], path->y[i]);
    }
}

static inline mask nonsym_ends_inside(const qc__cone *c, const nonsym_path *path, lane step)
{
    lane s[THREE], y[THREE];
    nonsym_end(path, step, s, y);
    return mask_and(nonsym_inside(c, s, y), lane_lt(lane_zero(), dot3(s, y)));
}

static inline mask nonsym_ends_centered(const qc__cone *c, const nonsym_path *path, lane step)
{
    lane s[THREE], y[THREE];
    shadows w;
    nonsym_end(path, step, s, y);
    nonsym_shadows(c, s, y, &w);
    return lane_lt(lane_mul(w.mu, w.mu_shadow), lane_set1(NONSYM_GUARD));
}

/* The longest of the shortened steps that ends inside, or one by bisection between it and the one
 * before: no search for the point y~ is needed for that. */
static inline lane nonsym_longest(const qc__cone *c, const nonsym_path *path, mask interior,
                                  lane most)
{
    const lane shorten = lane_set1(NONSYM_SHORTEN), half = lane_set1(0.5);
    lane step = most, beyond = most, found = lane_select(interior, lane_zero(), most);
    mask going = interior;
    for (int k = 0; k < NONSYM_TRIES && mask_any(going); k++) {
        const mask good = mask_and(going, nonsym_ends_inside(c, path, step));
        found = lane_select(good, step, found);
        going = mask_andnot(going, good);
        beyond = lane_select(going, step, beyond);
        step = lane_mul(step, shorten);
    }
    const mask between = mask_and(lane_lt(lane_zero(), found), lane_lt(found, beyond));
    for (int k = 0; k < NONSYM_BISECTIONS && mask_any(between); k++) {
        const lane middle = lane_mul(half, lane_add(found, beyond));
        const mask good = mask_and(between, nonsym_ends_inside(c, path, middle));
        found = lane_select(good, middle, found);
        beyond = lane_select(mask_andnot(between, good), middle, beyond);
    }
    return found;
}

static inline nonsym_path nonsym_path_of(const qc__cone *c, const double *s, const double *y,
                                         const double *ds, const double *dy)
{
    nonsym_path path;
    nonsym_load(c, NONSYM_S, s, path.s);
    nonsym_load(c, NONSYM_Y, y, path.y);
    nonsym_load(c, NONSYM_S, ds, path.ds);
    nonsym_load(c, NONSYM_Y, dy, path.dy);
    return path;
}

static inline lane nonsym_step(const qc__cone *c, double *state, const double *s, const double *y,
                               const double *ds, const double *dy, lane most)
{
    const nonsym_path path = nonsym_path_of(c, s, y, ds, dy);
    return nonsym_longest(c, &path, lane_lt(lane_zero(), lane_at(state, NONSYM_INTERIOR)), most);
}

/* Shortens a step until it ends not too far from the central path. */
static inline lane nonsym_guard(const qc__cone *c, double *state, const double *s, const double *y,
                                const double *ds, const double *dy, lane step)
{
    const lane shorten = lane_set1(NONSYM_SHORTEN), shortest = lane_set1(NONSYM_SHORTEST);
    const nonsym_path path = nonsym_path_of(c, s, y, ds, dy);
    const mask interior = lane_lt(lane_zero(), lane_at(state, NONSYM_INTERIOR));
    mask going = mask_and(interior, lane_le(shortest, step));
    for (int k = 0; k < NONSYM_TRIES && mask_any(going); k++) {
        going = mask_andnot(going, nonsym_ends_centered(c, &path, step));
        step = lane_select(going, lane_mul(step, shorten), step);
    }
    return lane_select(mask_and(interior, lane_lt(step, shortest)), lane_zero(), step);
}

#endif
