// SPDX-License-Identifier: Apache-2.0
/*
 * lsmr.h -- minimum-norm least-squares solution of J u = r or J'u = r by LSMR (Fong & Saunders, 2011),
 * which needs only products. J is the Jacobian of F in the caller's units, at w = (x, v):
 *
 *     J = [ P  A'(D - I) ]         J' = [ P          A' ]
 *         [ A       D    ]              [ (D - I) A  D  ]
 *
 * It serves the problems whose J is singular; every problem of the group runs, masked when finished.
 */
#ifndef LANE_LSMR_H
#define LANE_LSMR_H

#include "lane/kkt.h"
#include "lane/progress.h"

/* D of the blocks at v = s - y in the caller's units, whose proportion is not that of the scaled ones. */
static void set_unscaled_D(qc__group *g)
{
    const lane inv = lane_div(lane_set1(1.0), value_at(g->data.cost, 0, g->data.shared));
    for (int32_t t = 0; t < g->block_count; t++) {
        const int32_t i = g->block_row[t];
        const lane unit = lane_at(g->y_unit, i);
        lane_put(g->Hdy, i, lane_mul(lane_at(g->s, i), unit));
        lane_put(g->dy, i, lane_div(lane_mul(lane_at(g->w.y, i), inv), unit));
    }
    blocks_set_H(g, g->Hdy, g->dy, mask_none(), mask_none());
}

/* out := D in, over the rows; in may be out.  D is 1 in nonnegative rows with s > y, else 0. */
static void multiply_D(const qc__group *g, const double *in, double *out)
{
    for (int32_t t = 0; t < g->nonneg_count; t++) {
        const int32_t i = g->nonneg_row[t];
        const mask positive = lane_lt(lane_at(g->w.y, i), lane_at(g->s, i));
        lane_put(out, i, lane_select(positive, lane_at(in, i), lane_zero()));
    }
    for (int32_t t = 0; t < g->plan->zero_rows; t++)
        lane_put(out, g->zero_row[t], lane_zero());
    blocks_derivative(g, in, out);
}

/* (P x + A'y, A x) in the caller's units; in and out are (x, y) one after the other.  Uses d1, d2. */
static void multiply_unscaled(qc__group *g, const double *in_x, const double *in_y, double *out)
{
    const int32_t n = g->plan->n, m = g->plan->m;
    const lane cost = value_at(g->data.cost, 0, g->data.shared);
    for (int32_t j = 0; j < n; j++)
        lane_put(g->d1.x, j, lane_mul(lane_at(in_x, j), lane_mul(cost, lane_at(g->x_unit, j))));
    for (int32_t i = 0; i < m; i++)
        lane_put(g->d1.y, i, lane_mul(lane_at(in_y, i), lane_mul(cost, lane_at(g->y_unit, i))));
    kkt_multiply(g, g->d1, g->d2, NULL);
    for (int32_t j = 0; j < n; j++)
        lane_put(out, j, lane_mul(lane_at(g->d2.x, j), lane_at(g->x_unit, j)));
    for (int32_t i = 0; i < m; i++)
        lane_put(out, n + i, lane_mul(lane_at(g->d2.y, i), lane_at(g->y_unit, i)));
}

/* out := J in, or J'in, of which the lower half is A x + D v, or D (A x + v) - A x. */
static void jacobian_multiply(qc__group *g, int transposed, const double *in, double *out)
{
    const int32_t n = g->plan->n, m = g->plan->m;
    double *y = g->backup.y, *Dv = g->backup_s;
    const double *v = in + (int64_t)n * LANES;
    multiply_D(g, v, Dv);
    for (int32_t i = 0; i < m; i++)
        lane_put(y, i, transposed ? lane_at(v, i) : lane_sub(lane_at(Dv, i), lane_at(v, i)));
    multiply_unscaled(g, in, y, out);
    double *Ax = out + (int64_t)n * LANES;
    if (transposed) {
        multiply_D(g, Ax, y);
        for (int32_t i = 0; i < m; i++)
            lane_put(Dv, i, lane_add(lane_at(Dv, i), lane_sub(lane_at(y, i), lane_at(Ax, i))));
    } else {
        for (int32_t i = 0; i < m; i++)
            lane_put(Dv, i, lane_add(lane_at(Dv, i), lane_at(Ax, i)));
    }
    memcpy(Ax, Dv, (size_t)m * LANES * sizeof(double));
}

static lane norm2(const double *v, int64_t count)
{
    lane sum = lane_zero();
    for (int64_t k = 0; k < count; k++)
        sum = lane_fma(lane_at(v, k), lane_at(v, k), sum);
    return lane_sqrt(sum);
}

/* v := v / |v|, and |v|; a zero vector stays */
static lane normalize_vector(double *v, int64_t count)
{
    const lane norm = norm2(v, count);
    const lane inv =
        lane_select(lane_lt(lane_zero(), norm), lane_div(lane_set1(1.0), norm), lane_zero());
    for (int64_t k = 0; k < count; k++)
        lane_put(v, k, lane_mul(lane_at(v, k), inv));
    return norm;
}

/* v := M in - a v */
static void bidiagonal_step(qc__group *g, int transposed, const double *in, lane a, double *v,
                            double *product, int64_t count)
{
    jacobian_multiply(g, transposed, in, product);
    for (int64_t k = 0; k < count; k++)
        lane_put(v, k, lane_fnma(a, lane_at(v, k), lane_at(product, k)));
}

/* r := (a^2 + b^2)^1/2, c := a / r, s := b / r */
static void rotation(lane a, lane b, lane *c, lane *s, lane *r)
{
    *r = lane_sqrt(lane_fma(a, a, lane_mul(b, b)));
    const mask zero = lane_le(*r, lane_zero());
    *c = lane_select(zero, lane_set1(1.0), lane_div(a, *r));
    *s = lane_select(zero, lane_zero(), lane_div(b, *r));
}

/*
 * Overwrites `u` = r with scratch, and leaves the solution in `x`, for problems of `which`. `transposed`:
 * J'x = r.  Stops when |J'(Jx - r)| is 1e-14 of where it began, or after 4 (n + m) + 20 steps.
 * Returns the problems that arrived.
 */
static mask lsmr(qc__group *g, int transposed, double *u, double *x, mask which)
{
    const int64_t count = (int64_t)g->plan->n + g->plan->m;
    double *v = g->lsmr[1], *h = g->lsmr[2], *hbar = g->lsmr[3], *product = g->lsmr[4];
    lane beta = normalize_vector(u, count);
    jacobian_multiply(g, !transposed, u, v);
    lane alpha = normalize_vector(v, count);
    lane alphabar = alpha, zetabar = lane_mul(alpha, beta), rho = lane_set1(1.0);
    lane rhobar = rho, cbar = rho, sbar = lane_zero();
    const lane target = lane_mul(lane_set1(1e-14), lane_abs(zetabar));
    mask going = mask_and(which, lane_lt(target, lane_abs(zetabar)));
    memcpy(h, v, (size_t)count * LANES * sizeof(double));
    set_all(hbar, count, 0.0);
    for (int64_t k = 0; k < count; k++)
        masked_put(x, k, which, lane_zero());
    for (int64_t step = 0; step < 4 * count + 20 && mask_any(going); step++) {
        lane c, s, rho_next, theta, rhobar_next, thetabar;
        bidiagonal_step(g, transposed, v, alpha, u, product, count);
        beta = normalize_vector(u, count);
        bidiagonal_step(g, !transposed, u, beta, v, product, count);
        alpha = normalize_vector(v, count);
        rotation(alphabar, beta, &c, &s, &rho_next);
        theta = lane_mul(s, alpha);
        alphabar = lane_mul(c, alpha);
        thetabar = lane_mul(sbar, rho_next);
        rotation(lane_mul(cbar, rho_next), theta, &cbar, &sbar, &rhobar_next);
        const lane zeta = lane_mul(cbar, zetabar);
        zetabar = lane_neg(lane_mul(sbar, zetabar));
        const lane a = lane_div(lane_mul(thetabar, rho_next), lane_mul(rho, rhobar));
        const lane b = lane_div(zeta, lane_mul(rho_next, rhobar_next));
        const lane e = lane_div(theta, rho_next);
        for (int64_t k = 0; k < count; k++) {
            lane_put(hbar, k, lane_fnma(a, lane_at(hbar, k), lane_at(h, k)));
            masked_add(x, k, going, lane_mul(b, lane_at(hbar, k)));
            lane_put(h, k, lane_fnma(e, lane_at(h, k), lane_at(v, k)));
        }
        rho = rho_next;
        rhobar = rhobar_next;
        going = mask_and(going, lane_lt(target, lane_abs(zetabar)));
    }
    return mask_andnot(which, going);
}

#endif
