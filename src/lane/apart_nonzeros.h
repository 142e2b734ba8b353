// SPDX-License-Identifier: Apache-2.0
/*
 * apart_nonzeros.h -- a PSD cone of a linear matrix inequality, as apart_lmi.h has it, with sparse matrices: what
 * stands between the others is a sum over pairs of their entries, and no matrix but H^-1 is dense.
 *
 * At an interior point  H^-1: X -> G X G  with  G = W^-1 = R^-T R^-1,  and
 *
 *     <A_s, H^-1 A_t> = sum of  A_s,ab A_t,cd G_ac G_bd  over the entries of both
 *
 * In Newton's method H^-1 is four such products and terms of rank one (psd_block.h).  A matrix with so many
 * entries that these sums cost more than the dense  H^-1 A_t  is `heavy`, and has that instead.
 */
#ifndef LANE_APART_NONZEROS_H
#define LANE_APART_NONZEROS_H

#include "lane/apart_rows.h"

/* ---- entries -------------------------------------------------------------------------------------- */

/* Of a symmetric matrix the entries (i, j) and (j, i), as they are in its vector. */
typedef struct nonzero {
    int32_t i, j, at;
    lane value;
} nonzero;

static nonzero nonzero_of(const qc__group *g, const apart *a, int32_t t, int32_t e)
{
    const qc__apart_entry *entry = &a->plan->entry[e];
    const int32_t *line = a->plan->line + a->plan->line_ptr[t];
    return (nonzero){.i = line[entry->left],
                     .j = line[entry->right],
                     .at = entry->at,
                     .value = value_at(g->data.A, entry->value, g->data.shared)};
}

/* The same by a factor with which  value (x_i y_j + x_j y_i)  is the inner product with  (x y' + y x') / sqrt(2). */
static nonzero paired_nonzero(const qc__group *g, const apart *a, int32_t t, int32_t e)
{
    nonzero x = nonzero_of(g, a, t, e);
    if (x.i == x.j)
        x.value = lane_mul(x.value, lane_set1(SQRT_HALF));
    return x;
}

/* <A_t, V>, of a vector V */
static lane nonzeros_dot(const qc__group *g, const apart *a, int32_t t, const double *V)
{
    lane sum = lane_zero();
    for (int32_t e = a->plan->entry_ptr[t]; e < a->plan->entry_ptr[t + 1]; e++) {
        const nonzero x = nonzero_of(g, a, t, e);
        sum = lane_fma(x.value, lane_at(V, x.at), sum);
    }
    return sum;
}

/* V += w A_t */
static void nonzeros_add(const qc__group *g, const apart *a, int32_t t, lane w, double *V)
{
    for (int32_t e = a->plan->entry_ptr[t]; e < a->plan->entry_ptr[t + 1]; e++) {
        const nonzero x = nonzero_of(g, a, t, e);
        lane_put(V, x.at, lane_fma(x.value, w, lane_at(V, x.at)));
    }
}

/* ---- H^-1 ----------------------------------------------------------------------------------------- */

/* A symmetric matrix: that of a vector, or the sum of w_t A_t over the others, which the vector w begins with. */
typedef struct summed {
    const double *vector, *w;
} summed;

/* out := X B, X the sum of w_t A_t, by its entries */
static void nonzeros_multiply(const qc__group *g, const apart *a, const double *w, const double *B,
                              double *out)
{
    const int32_t k = a->k;
    set_all(out, (int64_t)k * k, 0.0);
    for (int32_t t = 0; t < a->plan->others; t++)
        for (int32_t e = a->plan->entry_ptr[t]; e < a->plan->entry_ptr[t + 1]; e++) {
            const nonzero x = nonzero_of(g, a, t, e);
            const int64_t i = (int64_t)x.i * k, j = (int64_t)x.j * k;
            const lane value = lane_mul(x.value, lane_at(w, a->plan->other[t]));
            const lane by = i == j ? value : lane_mul(value, lane_set1(SQRT_HALF));
            for (int32_t c = 0; c < k; c++)
                lane_put(out, i + c, lane_fma(by, lane_at(B, j + c), lane_at(out, i + c)));
            for (int32_t c = 0; i != j && c < k; c++)
                lane_put(out, j + c, lane_fma(by, lane_at(B, i + c), lane_at(out, j + c)));
        }
}

/* out := B'X B;  m[0]: X, if it is a vector's; m[1]: scratch */
static void nonzeros_congruence(const qc__group *g, const apart *a, summed X, const double *B,
                                double *out)
{
    const int32_t k = a->k;
    double *XB = a->psd.m[1];
    if (X.w)
        nonzeros_multiply(g, a, X.w, B, XB);
    else
        square_multiply(k, plain_view(k, a->psd.m[0]), plain_view(k, B), SQUARE_WHOLE, XB);
    square_multiply(k, transposed_view(k, B), plain_view(k, XB), SQUARE_LOWER, out);
    square_mirror(k, out);
}

/* out := H^-1 X.  By U and not by G, which mixes columns of U of very different size. */
static void nonzeros_apply(const qc__group *g, const apart *a, summed X, double *out)
{
    const int32_t k = a->k;
    const psd_state *p = &a->psd;
    double *inner = p->m[2];
    if (X.vector)
        svec_unpack(k, X.vector, p->m[0]);
    nonzeros_congruence(g, a, X, a->U, inner);
    for (int32_t t = 0; t < k * k; t++)
        lane_put(inner, t, lane_div(lane_at(inner, t), lane_at(p->h, t)));
    square_congruence(k, plain_view(k, a->U), inner, p->m[1], p->m[0]);
    svec_pack(k, p->m[0], out);
}

/* ---- factor ------------------------------------------------------------------------------------- */

/* The sum over terms of  F_ac G_bd + F_ad G_bc  for the entries x: (a, b) and y: (c, d) */
ALWAYS_INLINE lane nonzeros_product(const int terms, int32_t k, double *const *F, double *const *G,
                                    nonzero x, nonzero y)
{
    const int64_t ac = (int64_t)x.i * k + y.i, bd = (int64_t)x.j * k + y.j;
    const int64_t ad = (int64_t)x.i * k + y.j, bc = (int64_t)x.j * k + y.i;
    lane sum = lane_zero();
#pragma GCC unroll 4
    for (int r = 0; r < terms; r++) {
        sum = lane_fma(lane_at(F[r], ac), lane_at(G[r], bd), sum);
        sum = lane_fma(lane_at(F[r], ad), lane_at(G[r], bc), sum);
    }
    return sum;
}

/* S += <A_s, H^-1 A_t>  for all s <= t that are not heavy */
ALWAYS_INLINE void nonzeros_add_row(const int terms, const qc__group *g, const apart *a,
                                    double *const *F, double *const *G, int32_t t)
{
    const qc__apart *plan = a->plan;
    double *S = a->S + (int64_t)t * plan->others * LANES;
    for (int32_t e = plan->entry_ptr[t]; e < plan->entry_ptr[t + 1]; e++) {
        const nonzero x = paired_nonzero(g, a, t, e);
        for (int32_t s = 0; s <= t; s++) {
            lane sum = lane_zero();
            for (int32_t f = plan->entry_ptr[s]; !plan->heavy[s] && f < plan->entry_ptr[s + 1];
                 f++) {
                const nonzero y = paired_nonzero(g, a, s, f);
                sum = lane_fma(y.value, nonzeros_product(terms, a->k, F, G, x, y), sum);
            }
            lane_put(S, s, lane_fma(x.value, sum, lane_at(S, s)));
        }
    }
}

/* S += by e e'  where e_t is entry (i, j) of T'A_t T times sqrt(2) */
static void nonzeros_add_pair(const qc__group *g, const apart *a, const psd_operator *H, int32_t i,
                              int32_t j, lane by)
{
    const qc__apart *plan = a->plan;
    for (int32_t t = 0; t < plan->others; t++) {
        lane sum = lane_zero();
        for (int32_t e = plan->entry_ptr[t]; !plan->heavy[t] && e < plan->entry_ptr[t + 1]; e++) {
            const nonzero x = paired_nonzero(g, a, t, e);
            const double *Ta = H->T + (int64_t)x.i * a->k * LANES;
            const double *Tb = H->T + (int64_t)x.j * a->k * LANES;
            const lane both =
                lane_fma(lane_at(Ta, i), lane_at(Tb, j), lane_mul(lane_at(Ta, j), lane_at(Tb, i)));
            sum = lane_fma(x.value, both, sum);
        }
        lane_put(a->pair, t, sum);
        for (int32_t s = 0; s <= t; s++) {
            const int64_t at = (int64_t)t * plan->others + s;
            const lane left = lane_mul(by, sum);
            lane_put(a->S, at, lane_fma(left, lane_at(a->pair, s), lane_at(a->S, at)));
        }
    }
}

/* G, and what matrices that are not heavy leave between each other. */
static void nonzeros_add_light(const qc__group *g, const apart *a)
{
    const int32_t k = a->k;
    const psd_state *p = &a->psd;
    double *const F[PSD_TERMS] = {p->m[0], p->m[1], p->m[2], p->m[3]};
    double *const G[PSD_TERMS] = {F[0], F[1], F[3], F[2]};
    const psd_operator H = psd_operator_of(k, p, 1, a->U);
    const int newton = psd_weights(&H, p->v);
    psd_inverse_basis(k, p, a->U);
    for (int r = 0; r < (newton ? PSD_TERMS : 1); r++)
        psd_weighted(k, a->U, p->v[r], p->m[PSD_TERMS], F[r]);
    for (int32_t t = 0; t < a->plan->others; t++) {
        if (a->plan->heavy[t])
            continue;
        if (newton)
            nonzeros_add_row(PSD_TERMS, g, a, F, G, t);
        else
            nonzeros_add_row(1, g, a, F, G, t);
    }
    for (int32_t i = 0; newton && i < k; i++)
        for (int32_t j = 0; j < i; j++) {
            const lane off = psd_hidden(&H, p->v, i, j);
            if (mask_any(lane_lt(lane_zero(), lane_abs(off))))
                nonzeros_add_pair(g, a, &H, i, j, off);
        }
}

/* What a heavy matrix leaves between itself and the others; of two heavy ones the later does. */
static void nonzeros_add_heavy(const qc__group *g, const apart *a, int32_t t)
{
    const int32_t others = a->plan->others;
    double *V = a->b;
    set_all(V, a->size, 0.0);
    nonzeros_add(g, a, t, lane_set1(1.0), V);
    nonzeros_apply(g, a, (summed){.vector = V}, V);
    for (int32_t s = 0; s < others; s++) {
        const int64_t at = s <= t ? (int64_t)t * others + s : (int64_t)s * others + t;
        if (s <= t || !a->plan->heavy[s])
            lane_put(a->S, at, nonzeros_dot(g, a, s, V));
    }
}

static void nonzeros_factor(const qc__group *g, const apart *a)
{
    const int32_t others = a->plan->others;
    set_all(a->S, (int64_t)others * others, 0.0);
    nonzeros_add_light(g, a);
    for (int32_t t = 0; t < others; t++)
        if (a->plan->heavy[t])
            nonzeros_add_heavy(g, a, t);
    apart_set_row_pivots(g, a->c);
}

/* ---- solve -------------------------------------------------------------------------------------- */

/* z := H^-1 r_y, and adds E z to the others. */
static void nonzeros_forward(const qc__group *g, const apart *a, int which, pair r)
{
    double *z = a->z[which];
    nonzeros_apply(g, a, (summed){.vector = ROWS_OF(a->c, r.y)}, z);
    for (int32_t t = 0; t < a->plan->others; t++) {
        double *x = r.x + (int64_t)a->plan->other[t] * LANES;
        lane_store(x, lane_add(lane_load(x), nonzeros_dot(g, a, t, z)));
    }
}

/* With more entries than this part of k^2 a dense product is faster than one by entries. */
enum { SUM_ENTRIES = 16 };

/* y := -H^-1 (r_y - E'w)  of the others w */
static void nonzeros_backward(const qc__group *g, const apart *a, int which, pair r)
{
    const int32_t others = a->plan->others, entries = a->plan->entry_ptr[others];
    double *z = a->z[which], *y = ROWS_OF(a->c, r.y);
    summed Ew = {.w = r.x};
    if (entries > a->k * a->k / SUM_ENTRIES) {
        Ew = (summed){.vector = y};
        set_all(y, a->size, 0.0);
        for (int32_t t = 0; t < others; t++)
            nonzeros_add(g, a, t, lane_at(r.x, a->plan->other[t]), y);
    }
    nonzeros_apply(g, a, Ew, y);
    for (int32_t i = 0; i < a->size; i++)
        lane_put(y, i, lane_sub(lane_at(y, i), lane_at(z, i)));
}

#endif
