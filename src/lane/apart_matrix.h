// SPDX-License-Identifier: Apache-2.0
/*
 * apart_matrix.h -- a PSD cone whose matrix is itself a variable (qc__apart), eliminated by its eigenvectors.
 *
 * With x scaled by those entries a, and P = p I there, the cone's part of the KKT matrix is
 *
 *         x   y    others
 *     [  pI   I    E'  ]            E: the other rows that have these variables
 *     [   I  -H        ]            H: X -> U (h o U'XU) U',  U orthonormal
 *     [   E        *   ]
 *
 * so all that is between x and y is diagonal in the eigenbasis.  With n = 1/(1 + p h) and b = h n,
 * and N and B their operators,
 *
 *     others:  (* - E B E') w = r - E (N r_y + B r_x)
 *     x = N r_y + B (r_x - E'w)            y = r_x - E'w - p x
 *
 * and nothing is of the size of the cone squared.  H^-1 never appears: h may be tiny or huge.
 */
#ifndef LANE_APART_MATRIX_H
#define LANE_APART_MATRIX_H

#include "lane/apart_rows.h"

/* Differences of P_ii/a_i^2 that count as rounding, and entries a that are too small to divide by. */
#define APART_EVEN  1e-12
#define APART_SMALL 1e-6

/* ---- values ------------------------------------------------------------------------------------- */

/* Where row i of the cone has its entry in A. */
static int32_t own_entry(const qc__group *g, const qc__cone *c, int32_t i)
{
    return g->plan->A.row_ptr[c->first + i];
}

/* The variable of row i of the cone. */
static int32_t own_variable(const qc__group *g, const qc__cone *c, int32_t i)
{
    return g->plan->A.col[own_entry(g, c, i)];
}

static lane own_value(const qc__group *g, const qc__cone *c, int32_t i)
{
    return value_at(g->data.A, own_entry(g, c, i), g->data.shared);
}

/* P_ii / a_i^2, of the variable of row i: it has no entry in P but this one. */
static lane own_curvature(const qc__group *g, const qc__cone *c, int32_t i)
{
    const qc__matrix *P = &g->plan->P;
    const int32_t j = own_variable(g, c, i), at = P->row_ptr[j];
    const lane a = own_value(g, c, i);
    if (P->row_ptr[j + 1] == at)
        return lane_zero();
    return lane_div(value_at(g->data.P, at, g->data.shared), lane_mul(a, a));
}

/* The problems whose values do not have the form that this needs. */
static mask matrix_irregular(const qc__group *g, const qc__cone *c)
{
    const lane p = own_curvature(g, c, 0);
    const lane room = lane_mul(lane_set1(APART_EVEN), lane_abs(p));
    lane top = lane_zero(), least = lane_abs(own_value(g, c, 0));
    mask out = mask_none();
    for (int32_t i = 0; i < c->size; i++) {
        const lane a = lane_abs(own_value(g, c, i));
        const lane off = lane_abs(lane_sub(own_curvature(g, c, i), p));
        top = lane_max(a, top);
        least = lane_min(a, least);
        out = mask_or(out, mask_not(lane_le(off, room)));
    }
    return mask_or(out, lane_le(least, lane_mul(lane_set1(APART_SMALL), top)));
}

/* ---- factor ------------------------------------------------------------------------------------- */

/*
 * U, and h in psd.m[0], with H = U (h o U'.U) U', U orthonormal.  In Newton's method they are what psd_set_H computed; at
 * an interior point H = R R' . R R', and  R R' = U diag(gamma) U'  gives  h_ij = gamma_i gamma_j.
 */
static void matrix_decompose(const apart *a)
{
    const int32_t k = a->k;
    const psd_state *p = &a->psd;
    const mask newton = psd_newton(p);
    double *gamma = p->v[EIGEN_WORK], *Z = p->m[1];
    if (!mask_any(mask_not(newton))) {
        memcpy(a->U, p->T, (size_t)k * (size_t)k * LANES * sizeof(double));
        memcpy(p->m[0], p->h, (size_t)k * (size_t)k * LANES * sizeof(double));
        return;
    }
    square_multiply(k, plain_view(k, p->T), transposed_view(k, p->T), SQUARE_LOWER, p->m[2]);
    eigen_decompose(k, p->m[2], gamma, Z, p->v[0]);
    for (int32_t i = 0; i < k; i++)
        for (int32_t j = 0; j < k; j++) {
            const int64_t at = (int64_t)i * k + j;
            const lane product = lane_mul(lane_at(gamma, i), lane_at(gamma, j));
            lane_put(a->U, at,
                     lane_select(newton, lane_at(p->T, at), lane_at(Z, (int64_t)j * k + i)));
            lane_put(p->m[0], at, lane_select(newton, lane_at(p->h, at), product));
        }
}

/* n and b, from h + delta in psd.m[0] and p + delta; and 1/a. */
static void matrix_weights(const qc__group *g, const apart *a, lane delta)
{
    const int32_t k = a->k;
    const lane one = lane_set1(1.0);
    const lane p = lane_add(own_curvature(g, a->c, 0), delta);
    int32_t row = 0;
    lane_store(a->p, p);
    for (int32_t j = 0; j < k; j++)
        for (int32_t i = j; i < k; i++, row++) {
            const lane h = lane_add(lane_at(a->psd.m[0], (int64_t)i * k + j), delta);
            const lane n = lane_div(one, lane_fma(p, h, one));
            lane_put(a->n, row, n);
            lane_put(a->b, row, lane_mul(h, n));
            lane_put(a->a_inv, row, lane_div(one, own_value(g, a->c, row)));
        }
}

static void matrix_set_pivots(const qc__group *g, const qc__cone *c)
{
    apart_set_row_pivots(g, c);
    for (int32_t i = 0; i < c->size; i++)
        apart_set_pivot(g, own_variable(g, c, i), 1.0);
}

/* delta is added to H, and to p. */
static void matrix_factor(const qc__group *g, const apart *a, double delta)
{
    matrix_decompose(a);
    matrix_set_pivots(g, a->c);
    matrix_weights(g, a, lane_set1(delta));
    apart_eliminate(g, a);
}

/* ---- solve -------------------------------------------------------------------------------------- */

/* z := N r_y + B r_x in the eigenbasis, and takes E z from the others. */
static void matrix_forward(const qc__group *g, const apart *a, int which, pair r)
{
    double *z = a->z[which], *of_y = a->psd.m[3];
    for (int32_t i = 0; i < a->size; i++)
        lane_put(z, i, lane_mul(lane_at(r.x, own_variable(g, a->c, i)), lane_at(a->a_inv, i)));
    apart_rotate(a, 1, z, z);
    apart_rotate(a, 1, ROWS_OF(a->c, r.y), of_y);
    for (int32_t i = 0; i < a->size; i++) {
        const lane Nr = lane_mul(lane_at(a->n, i), lane_at(of_y, i));
        lane_put(z, i, lane_fma(lane_at(a->b, i), lane_at(z, i), Nr));
    }
    apart_subtract_Ez(a, z, r.x);
}

/* y -= E'w, by the entries of E */
static void matrix_subtract_others(const qc__group *g, const apart *a, const double *w, double *y)
{
    for (int32_t i = 0; i < a->plan->others; i++) {
        const lane wi = lane_at(w, a->plan->other[i]);
        for (int32_t e = a->plan->entry_ptr[i]; e < a->plan->entry_ptr[i + 1]; e++) {
            const qc__apart_entry *entry = &a->plan->entry[e];
            const lane value = lane_mul(value_at(g->data.A, entry->value, g->data.shared),
                                        lane_at(a->a_inv, entry->at));
            lane_put(y, entry->at, lane_fnma(value, wi, lane_at(y, entry->at)));
        }
    }
}

/* x and y of the cone, given the others and what matrix_forward left. */
static void matrix_backward(const qc__group *g, const apart *a, int which, pair r)
{
    const lane p = lane_load(a->p);
    double *z = a->z[which], *y = ROWS_OF(a->c, r.y);
    for (int32_t i = 0; i < a->size; i++)
        lane_put(y, i, lane_mul(lane_at(r.x, own_variable(g, a->c, i)), lane_at(a->a_inv, i)));
    apart_subtract_BEw(a, r.x, z);
    matrix_subtract_others(g, a, r.x, y);
    apart_rotate(a, 0, z, z);
    for (int32_t i = 0; i < a->size; i++) {
        const lane x = lane_at(z, i);
        lane_put(y, i, lane_fnma(p, x, lane_at(y, i)));
        lane_put(r.x, own_variable(g, a->c, i), lane_mul(x, lane_at(a->a_inv, i)));
    }
}

#endif
