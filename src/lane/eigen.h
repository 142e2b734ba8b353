// SPDX-License-Identifier: Apache-2.0
/*
 * eigen.h -- eigenvalues and eigenvectors of symmetric k x k matrices, LANES of them side by side.
 *
 * Householder's reflections make the matrix tridiagonal; the QL algorithm with explicit shifts
 * (Bowdler, Martin, Reinsch & Wilkinson, 1968) takes one eigenvalue after the other.  Problems need
 * different numbers of sweeps: one that has its eigenvalue waits, with rotations that do nothing.
 * Everything is relative to the norm: an eigenvalue is good to about 1e-15 of the largest.
 */
#ifndef LANE_EIGEN_H
#define LANE_EIGEN_H

#include "lane/elementary.h"
#include "lane/vec.h"

/* What is allowed for one eigenvalue.  The first takes three or four sweeps, the others two or less. */
enum { QL_SWEEPS = 40 };

/* Scratch, in vectors of size k. */
enum { EIGEN_WORK = 3 };

/* ---- tridiagonal form ----------------------------------------------------------------------------- */

/* A power of two near the largest entry of the lower triangle; 1 for a matrix of zeros, and NaN if an entry
 * is not finite. */
static inline lane eigen_scale(int32_t k, const double *A)
{
    lane top = lane_zero(), poison = lane_zero();
    for (int32_t i = 0; i < k; i++)
        for (int32_t j = 0; j <= i; j++) {
            const lane a = lane_at(A, (int64_t)i * k + j);
            top = lane_max(top, lane_abs(a));
            poison = lane_fma(a, lane_zero(), poison);
        }
    top = binary_floor(lane_min(top, lane_set1(0x1p1000)));
    top = lane_select(lane_lt(lane_set1(0x1p-1000), top), top, lane_set1(1.0));
    return lane_add(top, poison);
}

/* A[i][j] *= a, j <= i */
static inline void scale_lower(int32_t k, double *A, lane a)
{
    for (int32_t i = 0; i < k; i++)
        for (int32_t j = 0; j <= i; j++)
            lane_put(A, (int64_t)i * k + j, lane_mul(lane_at(A, (int64_t)i * k + j), a));
}

/*
 * The reflection I - tau v v' that takes column j below the diagonal to a multiple e of the first unit
 * vector.  v goes into row j, right of the diagonal.
 */
static inline lane reflector(int32_t k, double *A, int32_t j, lane *e)
{
    double *v = A + (int64_t)j * k * LANES;
    const lane first = lane_at(A, (int64_t)(j + 1) * k + j);
    lane rest = lane_zero();
    for (int32_t i = j + 2; i < k; i++) {
        const lane a = lane_at(A, (int64_t)i * k + j);
        rest = lane_fma(a, a, rest);
        lane_put(v, i, a);
    }
    const lane norm = lane_sqrt(lane_fma(first, first, rest)), size = lane_abs(first);
    const mask needed = lane_lt(lane_zero(), rest), negative = lane_lt(first, lane_zero());
    const lane tau = lane_div(lane_set1(1.0), lane_mul(norm, lane_add(norm, size)));
    const lane moved = lane_add(norm, size);
    lane_put(v, j + 1, lane_select(negative, lane_neg(moved), moved));
    *e = lane_select(needed, lane_select(negative, norm, lane_neg(norm)), first);
    return lane_select(needed, tau, lane_zero());
}

/* Rows that are taken side by side, so that their sums hide each other's latency. */
enum { EIGEN_ROWS = 4 };

/* p := A v of rows [i, i + R) of the lower triangle, and of what mirrors them.  Entry after entry is summed in
 * the same order whatever R. */
ALWAYS_INLINE void symmetric_rows(const int R, int32_t k, const double *A, int32_t j, int32_t i,
                                  const double *v, double *p)
{
    const double *Ai = A + (int64_t)i * k * LANES;
    lane sum[EIGEN_ROWS], vi[EIGEN_ROWS];
    for (int r = 0; r < R; r++) {
        vi[r] = lane_at(v, i + r);
        sum[r] = lane_mul(lane_at(Ai, (int64_t)r * k + i + r), vi[r]);
    }
    for (int32_t t = j + 1; t < i; t++) {
        const lane vt = lane_at(v, t);
        lane pt = lane_at(p, t);
#pragma GCC unroll 4
        for (int r = 0; r < R; r++) {
            const lane a = lane_at(Ai, (int64_t)r * k + t);
            sum[r] = lane_fma(a, vt, sum[r]);
            pt = lane_fma(a, vi[r], pt);
        }
        lane_put(p, t, pt);
    }
    for (int r = 0; r < R; r++) {
        for (int32_t t = i; t < i + r; t++) {
            const lane a = lane_at(Ai, (int64_t)r * k + t);
            sum[r] = lane_fma(a, lane_at(v, t), sum[r]);
            lane_put(p, t, lane_fma(a, vi[r], lane_at(p, t)));
        }
        lane_put(p, i + r, sum[r]);
    }
}

/* p := tau A v over rows and columns beyond j, then  p -= tau/2 (v'p) v */
static inline void reflected_product(int32_t k, const double *A, int32_t j, lane tau, double *p)
{
    const double *v = A + (int64_t)j * k * LANES;
    lane vp = lane_zero();
    int32_t i = j + 1;
    for (; i + EIGEN_ROWS <= k; i += EIGEN_ROWS)
        symmetric_rows(EIGEN_ROWS, k, A, j, i, v, p);
    for (; i < k; i++)
        symmetric_rows(1, k, A, j, i, v, p);
    for (i = j + 1; i < k; i++) {
        const lane pi = lane_mul(lane_at(p, i), tau);
        vp = lane_fma(pi, lane_at(v, i), vp);
        lane_put(p, i, pi);
    }
    const lane half = lane_mul(lane_mul(lane_set1(0.5), tau), vp);
    for (i = j + 1; i < k; i++)
        lane_put(p, i, lane_fnma(half, lane_at(v, i), lane_at(p, i)));
}

/*
 * Q'AQ = tridiagonal, with diagonal d and e[i] between i and i + 1; reads the lower triangle of A and
 * leaves the reflections above the diagonal and in tau, of which Q is the product.  p is scratch.
 */
static inline void tridiagonalize(int32_t k, double *A, double *d, double *e, double *tau,
                                  double *p)
{
    for (int32_t j = 0; j + 2 < k; j++) {
        lane ej;
        const lane tj = reflector(k, A, j, &ej);
        const double *v = A + (int64_t)j * k * LANES;
        lane_put(d, j, lane_at(v, j));
        lane_put(e, j, ej);
        lane_put(tau, j, tj);
        reflected_product(k, A, j, tj, p);
        for (int32_t i = j + 1; i < k; i++) {
            double *Ai = A + (int64_t)i * k * LANES;
            const lane vi = lane_at(v, i), pi = lane_at(p, i);
            for (int32_t t = j + 1; t <= i; t++) {
                const lane a = lane_fnma(vi, lane_at(p, t), lane_at(Ai, t));
                lane_put(Ai, t, lane_fnma(pi, lane_at(v, t), a));
            }
        }
    }
    for (int32_t j = k > 2 ? k - 2 : 0; j < k; j++)
        lane_put(d, j, lane_at(A, (int64_t)j * k + j));
    if (k > 1)
        lane_put(e, k - 2, lane_at(A, (int64_t)(k - 1) * k + k - 2));
    lane_put(e, k - 1, lane_zero());
}

/* sum += v'Z of rows [i, i + R) of Z, from column `from` on */
ALWAYS_INLINE void add_rows(const int R, int32_t k, int32_t from, const double *v, const double *Z,
                            int32_t i, double *sum)
{
    const double *Zi = Z + (int64_t)i * k * LANES;
    for (int32_t t = from; t < k; t++) {
        lane st = lane_at(sum, t);
#pragma GCC unroll 4
        for (int r = 0; r < R; r++)
            st = lane_fma(lane_at(Zi, (int64_t)r * k + t), lane_at(v, i + r), st);
        lane_put(sum, t, st);
    }
}

/* Z := H Z with the reflection H = I - tau v v' of rows and columns [from, k);  p is scratch */
static inline void reflect(int32_t k, int32_t from, const double *v, lane tau, double *Z, double *p)
{
    int32_t i = from;
    set_all(p + (int64_t)from * LANES, k - from, 0.0);
    for (; i + EIGEN_ROWS <= k; i += EIGEN_ROWS)
        add_rows(EIGEN_ROWS, k, from, v, Z, i, p);
    for (; i < k; i++)
        add_rows(1, k, from, v, Z, i, p);
    for (int32_t t = from; t < k; t++)
        lane_put(p, t, lane_mul(lane_at(p, t), tau));
    for (i = from; i < k; i++) {
        double *Zi = Z + (int64_t)i * k * LANES;
        const lane vi = lane_at(v, i);
        for (int32_t t = from; t < k; t++)
            lane_put(Zi, t, lane_fnma(lane_at(p, t), vi, lane_at(Zi, t)));
    }
}

/* Z := Q', from what tridiagonalize left;  p is scratch */
static inline void collect_reflections(int32_t k, const double *A, const double *tau, double *Z,
                                       double *p)
{
    for (int32_t i = 0; i < k; i++)
        for (int32_t j = 0; j < k; j++)
            lane_put(Z, (int64_t)i * k + j, i == j ? lane_set1(1.0) : lane_zero());
    for (int32_t j = k - 3; j >= 0; j--)
        reflect(k, j + 1, A + (int64_t)j * k * LANES, lane_at(tau, j), Z, p);
    for (int32_t i = 0; i < k; i++)
        for (int32_t j = 0; j < i; j++) {
            const int64_t lower = (int64_t)i * k + j, upper = (int64_t)j * k + i;
            const lane z = lane_at(Z, lower);
            lane_put(Z, lower, lane_at(Z, upper));
            lane_put(Z, upper, z);
        }
}

/* ---- QL --------------------------------------------------------------------------------------------- */

/* Rows a and b of Z := c a - s b and s a + c b */
static inline void rotate_rows(int32_t k, double *a, double *b, lane c, lane s)
{
    for (int32_t t = 0; t < k; t++) {
        const lane at = lane_at(a, t), bt = lane_at(b, t);
        lane_put(a, t, lane_fnma(s, bt, lane_mul(c, at)));
        lane_put(b, t, lane_fma(s, at, lane_mul(c, bt)));
    }
}

/*
 * Subtracts from the diagonal the eigenvalue of the leading 2 x 2 block at l that is nearer to d[l],
 * in problems of `which`, and returns it.  What the last rotation needs of it is in `other`.
 */
static inline lane ql_shift(int32_t k, int32_t l, double *d, const double *e, mask which,
                            lane *other)
{
    const lane dl = lane_at(d, l), el = lane_at(e, l), next = lane_at(d, l + 1);
    const lane p = lane_mul(lane_set1(0.5), lane_sub(next, dl));
    lane r = lane_sqrt(lane_fma(p, p, lane_mul(el, el)));
    r = lane_add(p, lane_select(lane_lt(p, lane_zero()), lane_neg(r), r));
    const lane near = lane_div(lane_mul(el, el), r);
    const lane shift = lane_select(which, lane_sub(dl, near), lane_zero());
    *other = r;
    lane_put(d, l, lane_select(which, near, dl));
    lane_put(d, l + 1, lane_select(which, r, next));
    for (int32_t i = l + 2; i < k; i++)
        lane_put(d, i, lane_sub(lane_at(d, i), shift));
    return shift;
}

/* One sweep of rotations from the end to row l, in problems of `which`.  Z may be NULL. */
static inline void ql_sweep(int32_t k, int32_t l, double *d, double *e, mask which, lane other,
                            double *Z)
{
    const lane one = lane_set1(1.0), zero = lane_zero();
    const lane first = lane_at(e, l), second = lane_at(e, l + 1);
    lane p = lane_at(d, k - 1), c = one, s = zero, c2 = one, s2 = zero, c3 = one;
    for (int32_t i = k - 2; i >= l; i--) {
        const lane ei = lane_at(e, i), di = lane_at(d, i);
        c3 = c2;
        c2 = c;
        s2 = s;
        const lane g = lane_mul(c, ei), h = lane_mul(c, p);
        const lane r = lane_sqrt(lane_fma(p, p, lane_mul(ei, ei)));
        const mask turns = mask_and(which, lane_lt(zero, r));
        const lane inverse = lane_div(one, r);
        lane_put(e, i + 1, lane_select(which, lane_mul(s2, r), lane_at(e, i + 1)));
        s = lane_select(turns, lane_mul(ei, inverse), zero);
        c = lane_select(turns, lane_mul(p, inverse), one);
        p = lane_fnma(s, g, lane_mul(c, di));
        const lane moved = lane_fma(s, lane_fma(c, g, lane_mul(s, di)), h);
        lane_put(d, i + 1, lane_select(which, moved, lane_at(d, i + 1)));
        if (Z)
            rotate_rows(k, Z + (int64_t)i * k * LANES, Z + (int64_t)(i + 1) * k * LANES, c, s);
    }
    /* As accurate as the eigenvalue itself, where c p and s p would not be (tql2). */
    p = lane_div(lane_mul(lane_neg(lane_mul(s, s2)), lane_mul(c3, lane_mul(second, first))), other);
    lane_put(e, l, lane_select(which, lane_mul(s, p), lane_at(e, l)));
    lane_put(d, l, lane_select(which, lane_mul(c, p), lane_at(d, l)));
}

/* d := the eigenvalues of the tridiagonal (d, e), in no order; Z := the rotations times Z, unless NULL */
static inline void ql_iterate(int32_t k, double *d, double *e, double *Z)
{
    lane shift = lane_zero(), norm = lane_zero();
    for (int32_t i = 0; i < k; i++)
        norm = lane_max(norm, lane_add(lane_abs(lane_at(d, i)), lane_abs(lane_at(e, i))));
    const lane negligible = lane_mul(norm, lane_set1(0x1p-53));
    for (int32_t l = 0; l < k; l++) {
        for (int sweep = 0; sweep < QL_SWEEPS && l + 1 < k; sweep++) {
            const mask which = lane_lt(negligible, lane_abs(lane_at(e, l)));
            lane other;
            if (!mask_any(which))
                break;
            shift = lane_add(shift, ql_shift(k, l, d, e, which, &other));
            ql_sweep(k, l, d, e, which, other, Z);
        }
        lane_put(d, l, lane_add(lane_at(d, l), shift));
    }
}

/* ---- all together ------------------------------------------------------------------------------- */

/*
 * Row i of Z := an eigenvector of A, d[i] := its eigenvalue, in no order.  Reads the lower triangle of A,
 * and destroys A.  Z may be NULL.  `work` is EIGEN_WORK vectors.
 */
static inline void eigen_decompose(int32_t k, double *A, double *d, double *Z, double *work)
{
    double *e = work, *tau = work + (int64_t)k * LANES, *p = work + (int64_t)2 * k * LANES;
    const lane scale = eigen_scale(k, A);
    scale_lower(k, A, lane_div(lane_set1(1.0), scale));
    tridiagonalize(k, A, d, e, tau, p);
    if (Z)
        collect_reflections(k, A, tau, Z, p);
    ql_iterate(k, d, e, Z);
    for (int32_t i = 0; i < k; i++)
        lane_put(d, i, lane_mul(lane_at(d, i), scale));
    for (int32_t t = 0; Z && t < k * k;
         t++) /* -0 to 0, as a rotation by 0 may or may not make it */
        lane_put(Z, t, lane_add(lane_at(Z, t), lane_zero()));
}

/* ---- the smallest eigenvalue ------------------------------------------------------------------ */

/*
 * One step of Laguerre's method from x below all eigenvalues of the tridiagonal (d, e): with q the
 * pivots of T - x I,  sum 1/(l_i - x) = -sum q'/q =: first  and  sum 1/(l_i - x)^2 =: second.
 * Returns the step, which does not pass the smallest eigenvalue; at it, to rounding, not above 0.
 */
static inline lane laguerre_step(int32_t k, const double *d, const double *e, lane x)
{
    const lane one = lane_set1(1.0), size = lane_set1((double)k);
    lane first = lane_zero(), second = lane_zero();
    lane t = lane_zero(), g = lane_zero(), w = lane_zero();
    mask below = mask_all();
    for (int32_t i = 0; i < k; i++) {
        const lane q = lane_sub(lane_sub(lane_at(d, i), x), t), ei = lane_at(e, i);
        const lane inverse = lane_div(one, q);
        below = mask_and(below, lane_lt(lane_zero(), q));
        w = lane_mul(lane_mul(t, lane_fma(g, g, w)), inverse);
        g = lane_mul(lane_fma(t, g, one), inverse);
        w = lane_fma(g, g, w);
        t = lane_mul(lane_mul(ei, ei), inverse);
        first = lane_add(first, g);
        second = lane_add(second, w);
    }
    const lane spread = lane_fnma(first, first, lane_mul(size, second));
    const lane root = lane_sqrt(lane_max(lane_zero(), lane_mul(lane_sub(size, one), spread)));
    return lane_select(below, lane_div(size, lane_add(first, root)), lane_zero());
}

/* Allowed steps.  Each cubes the error, or halves it if the eigenvalue is multiple. */
enum { LAGUERRE_STEPS = 30 };

/* The smallest eigenvalue of the tridiagonal (d, e), from below, to about 1e-7 of itself. */
static inline lane eigen_smallest(int32_t k, const double *d, const double *e)
{
    lane x = lane_at(d, 0), before = lane_zero();
    for (int32_t i = 0; i < k; i++) { /* Gershgorin */
        const lane after = lane_abs(lane_at(e, i));
        x = lane_min(x, lane_sub(lane_sub(lane_at(d, i), before), after));
        before = after;
    }
    mask going = mask_all();
    for (int step = 0; step < LAGUERRE_STEPS && mask_any(going); step++) {
        const lane by = laguerre_step(k, d, e, x);
        going = mask_and(going, lane_lt(lane_mul(lane_set1(1e-7), lane_abs(x)), by));
        x = lane_select(going, lane_add(x, by), x);
    }
    return x;
}

#endif
