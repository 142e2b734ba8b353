// SPDX-License-Identifier: Apache-2.0
/*
 * apart_lmi.h -- a PSD cone of a linear matrix inequality (qc__apart): its rows eliminated in the basis of H.
 *
 *         others  y
 *     [    *     E' ]            E': the cone's rows of A, a matrix for every variable
 *     [    E'   -H  ]            H^-1: X -> U (1/h o U'XU) U'
 *
 * With b = -1/h, this is in the same form as a matrix that is a variable:
 *
 *     others:  (* - E B E') w = r - E B r_y            y = B (r_y - E'w)
 *
 * Between the others stand the numbers <A_i, H^-1 A_j>, the Schur complement of semidefinite programming.  H is
 * not regularized: an active row leaves large numbers there, as it does in any interior point of this kind, and U
 * need not be orthonormal: at an interior point it is R^-T.
 */
#ifndef LANE_APART_LMI_H
#define LANE_APART_LMI_H

#include "lane/apart_rows.h"

static void lmi_factor(const qc__group *g, const apart *a)
{
    const int32_t k = a->k;
    int32_t row = 0;
    psd_inverse_basis(k, &a->psd, a->U);
    for (int32_t j = 0; j < k; j++)
        for (int32_t i = j; i < k; i++, row++) {
            const lane h = lane_at(a->psd.h, (int64_t)i * k + j);
            lane_put(a->b, row, lane_div(lane_set1(-1.0), h));
            lane_put(a->a_inv, row, lane_set1(1.0));
        }
    apart_set_row_pivots(g, a->c);
    apart_eliminate(g, a);
}

/* z := B r_y in the eigenbasis, and takes E z from the others. */
static void lmi_forward(const apart *a, int which, pair r)
{
    double *z = a->z[which];
    apart_rotate(a, 1, ROWS_OF(a->c, r.y), z);
    for (int32_t i = 0; i < a->size; i++)
        lane_put(z, i, lane_mul(lane_at(a->b, i), lane_at(z, i)));
    apart_subtract_Ez(a, z, r.x);
}

/* y of the cone, given the others and what lmi_forward left. */
static void lmi_backward(const apart *a, int which, pair r)
{
    apart_subtract_BEw(a, r.x, a->z[which]);
    apart_rotate(a, 0, a->z[which], ROWS_OF(a->c, r.y));
}

#endif
