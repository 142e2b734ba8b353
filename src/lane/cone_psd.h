// SPDX-License-Identifier: Apache-2.0
/*
 * cone_psd.h -- the cone of positive semidefinite k x k matrices.  It is its own dual.
 *
 * Capital letters are the matrices of the vectors with small ones.  With Q diag(l) Q' = V = S - Y,
 *
 *     projection:             Q diag(max(l, 0)) Q'
 *     its derivative:         D: X -> Q (d o Q'XQ) Q',    d_ij = (l_i+ + l_j+) / (|l_i| + |l_j|)
 *     Nesterov-Todd scaling:  W: X -> R X R',    R'YR = R^-1 S R^-T = diag(lambda)
 *
 * H is in all phases of one form,  X -> T (h o T'XT) T':  T = R and h = 1 at an interior point, where
 * it is W^2; T = Q and h = d / (1 - d), clipped, in Newton's method; and the identity at the start.
 */
#ifndef LANE_CONE_PSD_H
#define LANE_CONE_PSD_H

#include "lane/clip.h"
#include "lane/eigen.h"
#include "lane/psd_block.h"
#include "lane/square.h"
#include "lane/svec.h"
#include "plan/plan.h"

enum { PSD_SCRATCH = PSD_BLOCK_MATRICES, PSD_MATRICES = PSD_SCRATCH + 3 };
enum { PSD_WORK = 1 + EIGEN_WORK, PSD_VECTORS = PSD_WORK + 2 };

/* What a cone's state consists of: k x k matrices, vectors of k, and two lanes. */
typedef struct psd_state {
    double *T, *R_inv, *h;
    double *l, *lambda;
    double *unit, *newton; /* of psd_operator; 1 for true */
    double *m[PSD_SCRATCH], *v[PSD_WORK];
} psd_state;

static inline int64_t psd_state_size(const qc__cone *c)
{
    const int64_t k = c->order;
    return PSD_MATRICES * k * k + PSD_VECTORS * k + 2;
}

static inline psd_state psd_open(int32_t k, double *state)
{
    const int64_t matrix = (int64_t)k * k * LANES, vector = (int64_t)k * LANES;
    psd_state p = {.T = state, .R_inv = state + matrix, .h = state + 2 * matrix};
    for (int i = 0; i < PSD_SCRATCH; i++)
        p.m[i] = state + (3 + i) * matrix;
    p.l = state + PSD_MATRICES * matrix;
    p.lambda = p.l + vector;
    for (int i = 0; i < PSD_WORK; i++)
        p.v[i] = p.l + (2 + i) * vector;
    p.unit = p.l + PSD_VECTORS * vector;
    p.newton = p.unit + LANES;
    return p;
}

/* The problems in which psd_set_H was asked for Newton's H. */
static inline mask psd_newton(const psd_state *p)
{
    return lane_lt(lane_zero(), lane_load(p->newton));
}

/* H of the last psd_set_H in the basis T; or its inverse, and T is that of psd_inverse_basis. */
static inline psd_operator psd_operator_of(int32_t k, const psd_state *p, int inverse,
                                           const double *T)
{
    return (psd_operator){.k = k,
                          .inverse = inverse,
                          .T = T,
                          .h = p->h,
                          .l = p->l,
                          .newton = psd_newton(p),
                          .unit = lane_load(p->unit)};
}

static inline double psd_degree(const qc__cone *c)
{
    return (double)c->order;
}

/* ---- projection --------------------------------------------------------------------------------- */

/* out := Z' diag(a) Z, lower triangle */
static inline void psd_compose(int32_t k, const double *Z, const double *a, double *scaled,
                               double *out)
{
    for (int32_t i = 0; i < k; i++)
        for (int32_t j = 0; j < k; j++)
            lane_put(scaled, i * k + j, lane_mul(lane_at(Z, i * k + j), lane_at(a, i)));
    square_multiply(k, transposed_view(k, Z), plain_view(k, scaled), SQUARE_LOWER, out);
}

/* s := Proj_K(v).  What psd_set_H computed stays. */
static inline void psd_project(const qc__cone *c, const double *v, double *s, double *state)
{
    const int32_t k = c->order;
    const psd_state p = psd_open(k, state);
    double *l = p.v[EIGEN_WORK];
    svec_unpack(k, v, p.m[0]);
    eigen_decompose(k, p.m[0], l, p.m[1], p.v[0]);
    for (int32_t i = 0; i < k; i++)
        lane_put(l, i, lane_max(lane_zero(), lane_at(l, i))); /* in this order NaN stays NaN */
    psd_compose(k, p.m[1], l, p.m[2], p.m[0]);
    svec_pack(k, p.m[0], s);
}

/* The smallest |eigenvalue| of v = s - y: at 0 the projection has a kink. */
static inline lane psd_margin(const qc__cone *c, double *state, const double *s, const double *y)
{
    const int32_t k = c->order;
    const psd_state p = psd_open(k, state);
    double *l = p.v[EIGEN_WORK];
    svec_unpack(k, s, p.m[0]);
    svec_unpack(k, y, p.m[1]);
    for (int32_t t = 0; t < k * k; t++)
        lane_put(p.m[0], t, lane_sub(lane_at(p.m[0], t), lane_at(p.m[1], t)));
    eigen_decompose(k, p.m[0], l, NULL, p.v[0]);
    lane margin = lane_abs(lane_at(l, 0));
    for (int32_t i = 1; i < k; i++)
        margin = lane_min(margin, lane_abs(lane_at(l, i)));
    return margin;
}

/*
 * The first interior point: s - y = v and s o y = root^2 e.  Of each eigenvalue the smaller of s and y is
 * root^2 by the larger, which does not cancel.
 */
static inline void psd_start(const qc__cone *c, const double *v, lane root, double *s, double *y,
                             double *state)
{
    const int32_t k = c->order;
    const psd_state p = psd_open(k, state);
    double *of_s = p.v[0], *of_y = p.v[EIGEN_WORK];
    const lane half = lane_set1(0.5), mu = lane_mul(root, root);
    svec_unpack(k, v, p.m[0]);
    eigen_decompose(k, p.m[0], of_y, p.m[1], p.v[0]);
    for (int32_t i = 0; i < k; i++) {
        const lane l = lane_mul(half, lane_at(of_y, i));
        const lane large = lane_add(lane_sqrt(lane_fma(l, l, mu)), lane_abs(l));
        const lane small = lane_div(mu, large);
        const mask up = lane_lt(lane_zero(), l);
        lane_put(of_s, i, lane_select(up, large, small));
        lane_put(of_y, i, lane_select(up, small, large));
    }
    psd_compose(k, p.m[1], of_s, p.m[2], p.m[0]);
    svec_pack(k, p.m[0], s);
    psd_compose(k, p.m[1], of_y, p.m[2], p.m[0]);
    svec_pack(k, p.m[0], y);
}

/* ---- H ------------------------------------------------------------------------------------------ */

/* d_ij and, without cancellation, 1 - d_ij.  Where both eigenvalues are 0: 0 and 1. */
static inline lane psd_quotient(lane li, lane lj, lane *rest)
{
    const lane zero = lane_zero(), size = lane_add(lane_abs(li), lane_abs(lj));
    const lane up = lane_add(lane_max(li, zero), lane_max(lj, zero));
    const lane down = lane_add(lane_max(lane_neg(li), zero), lane_max(lane_neg(lj), zero));
    const mask none = lane_le(size, zero);
    *rest = lane_select(none, lane_set1(1.0), lane_div(down, size));
    return lane_select(none, zero, lane_div(up, size));
}

/* The matrix to decompose, into m[3]: of an interior point N'N, N = L_Y' L_S with L_S left in m[0]; V
 * in Newton's method; 0 elsewhere. */
static inline void psd_set_matrix(int32_t k, const psd_state *p, const double *s, const double *y,
                                  mask interior, mask newton)
{
    svec_unpack(k, s, p->m[0]);
    svec_unpack(k, y, p->m[1]);
    for (int32_t t = 0; t < k * k; t++) {
        const lane v = lane_sub(lane_at(p->m[0], t), lane_at(p->m[1], t));
        lane_put(p->m[4], t, lane_select(newton, v, lane_zero()));
    }
    square_cholesky(k, p->m[0]);
    square_cholesky(k, p->m[1]);
    square_multiply(k, transposed_view(k, p->m[1]), plain_view(k, p->m[0]), SQUARE_WHOLE, p->m[2]);
    square_multiply(k, transposed_view(k, p->m[2]), plain_view(k, p->m[2]), SQUARE_LOWER, p->m[3]);
    for (int32_t t = 0; t < k * k; t++)
        lane_put(p->m[3], t, lane_select(interior, lane_at(p->m[3], t), lane_at(p->m[4], t)));
}

/* From N'N = Z' diag(l) Z:  lambda = l^1/2,  R = L Z' lambda^-1/2,  R^-1 = lambda^1/2 Z L^-1 */
static inline void psd_set_scaling(int32_t k, const psd_state *p, const double *L, const double *Z)
{
    square_multiply(k, plain_view(k, L), transposed_view(k, Z), SQUARE_WHOLE, p->T);
    for (int32_t i = 0; i < k; i++) {
        const lane lambda = lane_sqrt(lane_at(p->l, i)), root = lane_sqrt(lambda);
        const lane inverse = lane_div(lane_set1(1.0), root);
        lane_put(p->lambda, i, lambda);
        for (int32_t j = 0; j < k; j++) {
            lane_put(p->R_inv, i * k + j, lane_mul(root, lane_at(Z, i * k + j)));
            lane_put(p->T, j * k + i, lane_mul(inverse, lane_at(p->T, j * k + i)));
        }
    }
    square_solve(k, L, p->R_inv);
}

/* Computes T, h and all else of this pass.  unit: of the clipping. */
static inline void psd_set_H(const qc__cone *c, double *state, const double *s, const double *y,
                             lane unit, mask interior, mask start)
{
    const int32_t k = c->order;
    const psd_state p = psd_open(k, state);
    const lane one = lane_set1(1.0), zero = lane_zero();
    const mask newton = mask_andnot(mask_not(interior), start);
    const double *Z = p.m[1];
    lane_store(p.unit, unit);
    lane_store(p.newton, lane_select(newton, one, zero));
    psd_set_matrix(k, &p, s, y, interior, newton);
    eigen_decompose(k, p.m[3], p.l, p.m[1], p.v[0]);
    psd_set_scaling(k, &p, p.m[0], Z);
    for (int32_t i = 0; i < k; i++)
        for (int32_t j = 0; j < k; j++) {
            const lane T = lane_at(p.T, i * k + j), Q = lane_at(Z, j * k + i);
            lane rest, d = psd_quotient(lane_at(p.l, i), lane_at(p.l, j), &rest);
            lane_put(p.T, i * k + j,
                     lane_select(interior, T, lane_select(newton, Q, i == j ? one : zero)));
            lane_put(p.h, i * k + j, lane_select(newton, clipped(d, rest, unit), one));
            if (mask_any(start))
                lane_put(p.R_inv, i * k + j,
                         lane_select(start, i == j ? one : zero, lane_at(p.R_inv, i * k + j)));
        }
}

/* U with  H^-1: X -> U (1/h o U'XU) U' */
static inline void psd_inverse_basis(int32_t k, const psd_state *p, double *U)
{
    const mask newton = psd_newton(p);
    for (int32_t i = 0; i < k; i++)
        for (int32_t j = 0; j < k; j++) {
            const int64_t at = (int64_t)i * k + j;
            const lane R = lane_at(p->R_inv, (int64_t)j * k + i);
            lane_put(U, at, lane_select(newton, lane_at(p->T, at), R));
        }
}

static inline void psd_subtract_H(const qc__cone *c, double *state, double *panels,
                                  const int64_t *place)
{
    const psd_state p = psd_open(c->order, state);
    const psd_operator H = psd_operator_of(c->order, &p, 0, p.T);
    psd_block_subtract(&H, p.m, p.v, panels, place);
}

static inline void psd_multiply_H(const qc__cone *c, double *state, const double *in, double *out)
{
    const int32_t k = c->order;
    const psd_state p = psd_open(k, state);
    svec_unpack(k, in, p.m[0]);
    square_congruence(k, transposed_view(k, p.T), p.m[0], p.m[1], p.m[0]);
    for (int32_t t = 0; t < k * k; t++)
        lane_put(p.m[0], t, lane_mul(lane_at(p.h, t), lane_at(p.m[0], t)));
    square_congruence(k, plain_view(k, p.T), p.m[0], p.m[1], p.m[0]);
    svec_pack(k, p.m[0], out);
}

/* ---- the interior point ------------------------------------------------------------------------- */

/* m[2] := W^-1 ds = R^-1 dS R^-T,  m[3] := W dy = R' dY R;  m[0], m[1]: scratch */
static inline void psd_scale_step(int32_t k, const psd_state *p, const double *ds, const double *dy)
{
    svec_unpack(k, ds, p->m[0]);
    square_congruence(k, plain_view(k, p->R_inv), p->m[0], p->m[1], p->m[2]);
    svec_unpack(k, dy, p->m[0]);
    square_congruence(k, transposed_view(k, p->T), p->m[0], p->m[1], p->m[3]);
}

/*
 * r := W (lambda \ (lambda o lambda + (W^-1 ds) o (W dy) - sigma_mu e)), without the second-order term for
 * problems of `plain`.  With diag(lambda), a \ of matrices is a division of (i, j) by the mean of
 * lambda_i and lambda_j.
 */
static inline void psd_corrector(const qc__cone *c, double *state, const double *s, const double *y,
                                 const double *ds, const double *dy, lane sigma_mu, mask plain,
                                 double *r)
{
    (void)s, (void)y;
    const int32_t k = c->order;
    const psd_state p = psd_open(k, state);
    psd_scale_step(k, &p, ds, dy);
    square_multiply(k, plain_view(k, p.m[2]), plain_view(k, p.m[3]), SQUARE_WHOLE, p.m[0]);
    for (int32_t i = 0; i < k; i++)
        for (int32_t j = 0; j <= i; j++) {
            const lane li = lane_at(p.lambda, i), lj = lane_at(p.lambda, j);
            const lane both = lane_add(lane_at(p.m[0], i * k + j), lane_at(p.m[0], j * k + i));
            const lane product = lane_mul(lane_set1(0.5), both);
            const lane first = i == j ? lane_sub(lane_mul(li, li), sigma_mu) : lane_zero();
            const lane sum = lane_add(first, lane_select(plain, lane_zero(), product));
            const lane mean = lane_mul(lane_set1(0.5), lane_add(li, lj));
            lane_put(p.m[2], i * k + j, lane_div(sum, mean));
        }
    square_mirror(k, p.m[2]);
    square_congruence(k, plain_view(k, p.T), p.m[2], p.m[1], p.m[0]);
    svec_pack(k, p.m[0], r);
}

/* The smallest eigenvalue of lambda^-1/2 A lambda^-1/2; destroys A. */
static inline lane psd_retreat(int32_t k, const psd_state *p, double *A)
{
    double *root = p->v[EIGEN_WORK], *d = p->v[0];
    for (int32_t i = 0; i < k; i++)
        lane_put(root, i, lane_sqrt(lane_at(p->lambda, i)));
    for (int32_t i = 0; i < k; i++)
        for (int32_t j = 0; j <= i; j++) {
            const lane by = lane_mul(lane_at(root, i), lane_at(root, j));
            lane_put(A, i * k + j, lane_div(lane_at(A, i * k + j), by));
        }
    tridiagonalize(k, A, d, p->v[1], p->v[2], p->v[3]);
    return eigen_smallest(k, d, p->v[1]);
}

/* The largest step in [0, most] along (ds, dy) that stays in K x K */
static inline lane psd_step(const qc__cone *c, double *state, const double *s, const double *y,
                            const double *ds, const double *dy, lane most)
{
    (void)s, (void)y;
    const int32_t k = c->order;
    const psd_state p = psd_open(k, state);
    psd_scale_step(k, &p, ds, dy);
    const lane of_s = psd_retreat(k, &p, p.m[2]), of_y = psd_retreat(k, &p, p.m[3]);
    const lane least = lane_min(of_s, of_y), step = lane_div(lane_set1(-1.0), least);
    return lane_select(lane_lt(least, lane_zero()), lane_min(step, most), most);
}

/* ---- Newton's method ---------------------------------------------------------------------------- */

/* From the clipped dy the exact (dy, ds), in the eigenbasis of D. */
static inline void psd_unclip(const qc__cone *c, double *state, lane unit, double *dy, double *ds)
{
    const int32_t k = c->order;
    const psd_state p = psd_open(k, state);
    const view Q = plain_view(k, p.T);
    svec_unpack(k, dy, p.m[0]);
    square_congruence(k, transposed_view(k, p.T), p.m[0], p.m[1], p.m[0]);
    for (int32_t i = 0; i < k; i++)
        for (int32_t j = 0; j < k; j++) {
            lane rest, y = lane_at(p.m[0], i * k + j), s;
            const lane d = psd_quotient(lane_at(p.l, i), lane_at(p.l, j), &rest);
            unclip_entry(d, rest, unit, &y, &s);
            lane_put(p.m[0], i * k + j, y);
            lane_put(p.m[2], i * k + j, s);
        }
    square_congruence(k, Q, p.m[0], p.m[1], p.m[0]);
    svec_pack(k, p.m[0], dy);
    square_congruence(k, Q, p.m[2], p.m[1], p.m[0]);
    svec_pack(k, p.m[0], ds);
}

/* out := D in, at the v of the last psd_set_H; in may be out. */
static inline void psd_derivative(const qc__cone *c, double *state, const double *in, double *out)
{
    const int32_t k = c->order;
    const psd_state p = psd_open(k, state);
    svec_unpack(k, in, p.m[0]);
    square_congruence(k, transposed_view(k, p.T), p.m[0], p.m[1], p.m[0]);
    for (int32_t i = 0; i < k; i++)
        for (int32_t j = 0; j < k; j++) {
            lane rest;
            const lane d = psd_quotient(lane_at(p.l, i), lane_at(p.l, j), &rest);
            lane_put(p.m[0], i * k + j, lane_mul(d, lane_at(p.m[0], i * k + j)));
        }
    square_congruence(k, plain_view(k, p.T), p.m[0], p.m[1], p.m[0]);
    svec_pack(k, p.m[0], out);
}

#endif
