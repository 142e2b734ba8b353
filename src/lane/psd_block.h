// SPDX-License-Identifier: Apache-2.0
/*
 * psd_block.h -- the matrix of  H: X -> T (h o T'XT) T'  on vectors of k(k+1)/2 rows, in O(k^4).
 *
 * With rows (a, b) and (c, d) and symmetric matrices F, G, the matrix of  X -> (F X G + G X F) / 2  has
 * the entry  f (F_ac G_bd + F_ad G_bc + G_ac F_bd + G_ad F_bc) / 2,  where f takes a factor sqrt(1/2) from
 * a row on the diagonal.  H is a sum of these:  with h = 1 it is  X -> T T' X T T',  and in Newton's
 * method, with the columns of T = Q divided by the sign of their eigenvalues l,
 *
 *     h_ij = high       l_i, l_j > 0             X -> high P X P             P = Q+ Q+'
 *     h_ij = low        l_i, l_j <= 0            X -> low N X N              N = Q- Q-'
 *     h_ij = l_i/|l_j|  l_i > 0 >= l_j           X -> S X B + B X S          S = Q+ l Q+',  B = Q- 1/|l| Q-'
 *
 * An h_ij of the last kind that is clipped is no such quotient.  It is rare, and what it differs by is
 * a matrix of rank one.
 *
 * H^-1 is of the same form, with 1/h and the columns of T^-T, and |l_j|/l_i in place of l_i/|l_j|.
 */
#ifndef LANE_PSD_BLOCK_H
#define LANE_PSD_BLOCK_H

#include "lane/clip.h"
#include "lane/square.h"
#include "lane/svec.h"

/* What H is made of, or H^-1 if `inverse`: then T is T^-T, and h is still that of H.  `unit` is that of the
 * clipping; `newton`: in other problems h = 1. */
typedef struct psd_operator {
    int32_t k;
    int inverse;
    const double *T, *h, *l;
    mask newton;
    lane unit;
} psd_operator;

enum { PSD_TERMS = 4, PSD_BLOCK_MATRICES = PSD_TERMS + 1 };

/* Row (a, b), a >= b, of a vector */
static inline int64_t psd_row(int32_t k, int32_t a, int32_t b)
{
    return (int64_t)b * k - (int64_t)b * (b - 1) / 2 + a - b;
}

static inline int64_t psd_place(const int64_t *place, int64_t i, int64_t j)
{
    return place[i * (i + 1) / 2 + j];
}

/* entry -= f sum_r (F_ac G_bd + F_ad G_bc),  with f in G */
ALWAYS_INLINE void psd_block_entry(const int terms, const double *const *Fc,
                                   const double *const *Fd, int32_t a, const lane *Gbd,
                                   const lane *Gbc, double *entry)
{
    lane sum = lane_load(entry);
#pragma GCC unroll 4
    for (int r = 0; r < terms; r++) {
        sum = lane_fnma(lane_at(Fc[r], a), Gbd[r], sum);
        sum = lane_fnma(lane_at(Fd[r], a), Gbc[r], sum);
    }
    lane_store(entry, sum);
}

/* Column (c, d) of the block, in all rows (a, b) from the diagonal on. */
ALWAYS_INLINE void psd_block_column(const int terms, int32_t k, int32_t c, int32_t d,
                                    double *const *F, double *const *G, double *panels,
                                    const int64_t *place)
{
    const int64_t column = psd_row(k, c, d);
    const lane f = lane_set1(c == d ? SQRT_HALF : 1.0), half = lane_set1(SQRT_HALF);
    const double *Fc[PSD_TERMS], *Fd[PSD_TERMS];
    int64_t row = column;
    for (int r = 0; r < terms; r++) {
        Fc[r] = F[r] + (int64_t)c * k * LANES;
        Fd[r] = F[r] + (int64_t)d * k * LANES;
    }
    for (int32_t b = d; b < k; b++) {
        lane Gbd[PSD_TERMS], Gbc[PSD_TERMS], to_d[PSD_TERMS], to_c[PSD_TERMS];
        int32_t a = b == d ? c : b;
#pragma GCC unroll 4
        for (int r = 0; r < terms; r++) {
            Gbd[r] = lane_mul(f, lane_at(G[r], (int64_t)b * k + d));
            Gbc[r] = lane_mul(f, lane_at(G[r], (int64_t)b * k + c));
            to_d[r] = lane_mul(half, Gbd[r]);
            to_c[r] = lane_mul(half, Gbc[r]);
        }
        if (a == b) {
            double *entry = panels + psd_place(place, row++, column) * LANES;
            psd_block_entry(terms, Fc, Fd, a++, to_d, to_c, entry);
        }
        for (; a < k; a++) {
            double *entry = panels + psd_place(place, row++, column) * LANES;
            psd_block_entry(terms, Fc, Fd, a, Gbd, Gbc, entry);
        }
    }
}

/* out := T diag(weight) T', both triangles */
static inline void psd_weighted(int32_t k, const double *T, const double *weight, double *scaled,
                                double *out)
{
    for (int32_t i = 0; i < k; i++)
        for (int32_t j = 0; j < k; j++)
            lane_put(scaled, i * k + j, lane_mul(lane_at(T, i * k + j), lane_at(weight, j)));
    square_multiply(k, plain_view(k, scaled), transposed_view(k, T), SQUARE_LOWER, out);
    square_mirror(k, out);
}

/*
 * The weights of (T T' or high P)^1/2, (low N)^1/2, S and B.  Of the eigenvalues that the quotients are by, none
 * is taken for so small that a quotient were above all h.  Returns whether the last three are needed.
 */
static inline int psd_weights(const psd_operator *H, double *const *weight)
{
    const int32_t k = H->k;
    const lane one = lane_set1(1.0), zero = lane_zero();
    lane high = clipped(one, zero, H->unit), low = clipped(zero, one, H->unit), top = zero;
    for (int32_t i = 0; i < k; i++) {
        const lane l = lane_at(H->l, i);
        top = lane_max(top, H->inverse ? lane_neg(l) : l);
    }
    if (H->inverse) {
        high = lane_div(one, high);
        low = lane_div(one, low);
    }
    const lane root_high = lane_sqrt(high), root_low = lane_sqrt(low);
    const lane least = lane_max(lane_div(top, H->inverse ? low : high), lane_set1(1e-300));
    double *of_plus = weight[2], *of_minus = weight[3];
    for (int32_t i = 0; i < k; i++) {
        const lane l = lane_at(H->l, i), size = lane_abs(l);
        const lane inverse = lane_div(one, lane_max(size, least));
        const mask plus = mask_and(H->newton, lane_lt(zero, l));
        const mask minus = mask_andnot(H->newton, plus);
        lane_put(weight[0], i, lane_select(H->newton, lane_select(plus, root_high, zero), one));
        lane_put(weight[1], i, lane_select(minus, root_low, zero));
        lane_put(of_plus, i, lane_select(plus, H->inverse ? inverse : size, zero));
        lane_put(of_minus, i, lane_select(minus, H->inverse ? size : inverse, zero));
    }
    return mask_any(H->newton);
}

/* By how much h_ij, i > j, differs from the quotient of the weights for which it is taken; mostly 0. */
static inline lane psd_hidden(const psd_operator *H, double *const *weight, int32_t i, int32_t j)
{
    const double *S = weight[2], *B = weight[3];
    const lane quotient =
        lane_fma(lane_at(S, i), lane_at(B, j), lane_mul(lane_at(S, j), lane_at(B, i)));
    lane h = lane_at(H->h, (int64_t)i * H->k + j);
    if (H->inverse)
        h = lane_div(lane_set1(1.0), h);
    const lane off = lane_sub(h, quotient);
    const mask mixed = lane_lt(lane_zero(), quotient);
    const mask clipped = lane_lt(lane_mul(lane_set1(1e-12), h), lane_abs(off));
    return lane_select(mask_and(mixed, clipped), off, lane_zero());
}

/* panels -= by z z',  z the vector of the i-th and j-th columns' symmetric product, which is put into z */
static inline void psd_subtract_pair(const psd_operator *H, int32_t i, int32_t j, lane by,
                                     double *z, double *panels, const int64_t *place)
{
    const int32_t k = H->k;
    int64_t rows = 0;
    for (int32_t b = 0; b < k; b++)
        for (int32_t a = b; a < k; a++) {
            const double *Ta = H->T + (int64_t)a * k * LANES, *Tb = H->T + (int64_t)b * k * LANES;
            const lane both =
                lane_fma(lane_at(Ta, i), lane_at(Tb, j), lane_mul(lane_at(Ta, j), lane_at(Tb, i)));
            lane_put(z, rows++, a == b ? lane_mul(lane_set1(SQRT_HALF), both) : both);
        }
    for (int64_t row = 0; row < rows; row++) {
        const lane left = lane_mul(by, lane_at(z, row));
        for (int64_t column = 0; column <= row; column++) {
            double *at = panels + psd_place(place, row, column) * LANES;
            lane_store(at, lane_fnma(left, lane_at(z, column), lane_load(at)));
        }
    }
}

/* What the clipping of quotients l_i/|l_j| makes of them. */
static inline void psd_subtract_clipped(const psd_operator *H, double *const *weight, double *z,
                                        double *panels, const int64_t *place)
{
    for (int32_t i = 0; i < H->k; i++)
        for (int32_t j = 0; j < i; j++) {
            const lane off = psd_hidden(H, weight, i, j);
            if (mask_any(lane_lt(lane_zero(), lane_abs(off))))
                psd_subtract_pair(H, i, j, off, z, panels, place);
        }
}

/* panels[place[i(i+1)/2 + j]] -= H(i, j), j <= i;  m and weight: scratch */
static inline void psd_block_subtract(const psd_operator *H, double *const *m,
                                      double *const *weight, double *panels, const int64_t *place)
{
    const int32_t k = H->k;
    const int newton = psd_weights(H, weight);
    for (int r = 0; r < (newton ? PSD_TERMS : 1); r++)
        psd_weighted(k, H->T, weight[r], m[PSD_TERMS], m[r]);
    double *const other[PSD_TERMS] = {m[0], m[1], m[3], m[2]};
    for (int32_t d = 0; d < k; d++)
        for (int32_t c = d; c < k; c++)
            if (newton)
                psd_block_column(PSD_TERMS, k, c, d, m, other, panels, place);
            else
                psd_block_column(1, k, c, d, m, other, panels, place);
    if (newton)
        psd_subtract_clipped(H, weight, m[PSD_TERMS], panels, place);
}

#endif
