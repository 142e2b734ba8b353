// SPDX-License-Identifier: Apache-2.0
/*
 * apart.h -- a PSD cone whose rows have one variable each (qc__apart), eliminated by its eigenvectors.
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
 *
 * Here E and right-hand sides are kept in the eigenbasis, as vectors of the triangle, so that E B E' is a
 * product of rows with weights, and N and B are weights.
 */
#ifndef LANE_APART_H
#define LANE_APART_H

#include <string.h>

#include "lane/cone.h"
#include "lane/group.h"

/* Differences of P_ii/a_i^2 that count as rounding, and entries a that are too small to divide by. */
#define APART_EVEN  1e-12
#define APART_SMALL 1e-6

#define EACH_APART(g, t)                                                                           \
    for (int32_t t = 0; (g)->path == QC__PATH_FULL && t < (g)->plan->apart_count; t++)

typedef struct apart {
    const qc__apart *plan;
    const qc__cone *c;
    int32_t k, size;
    psd_state psd; /* of which the matrices and vectors m, v are scratch */
    double *U;      /* [k x k] */
    double *n, *b, *a_inv;
    double
        *z[MAX_RHS]; /* what a right-hand side makes of x without the others, in the eigenbasis */
    double *E;          /* [rows x size] in the eigenbasis */
    double *S;          /* [rows x rows] -E B E' */
    double *p;
} apart;

static apart apart_open(const qc__group *g, int32_t t)
{
    const qc__apart *plan = &g->plan->apart[t];
    const qc__cone *c = block_of(g, plan->block);
    const int64_t size = (int64_t)c->size * LANES;
    double *at = g->apart + g->apart_at[t] * LANES;
    apart a = {.plan = plan,
               .c = c,
               .k = c->order,
               .size = c->size,
               .psd = psd_open(c->order, state_of(g, plan->block)),
               .U = at};
    a.n = at + (int64_t)c->order * c->order * LANES;
    a.b = a.n + size;
    a.a_inv = a.b + size;
    for (int k = 0; k < MAX_RHS; k++)
        a.z[k] = a.a_inv + (1 + k) * size;
    a.E = a.a_inv + (1 + MAX_RHS) * size;
    a.S = a.E + plan->rows * size;
    a.p = a.S + (int64_t)plan->rows * plan->rows * LANES;
    return a;
}

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

/* The problems whose values do not have the form that being apart needs: their block must be dense. */
static mask irregular(const qc__group *g)
{
    mask out = mask_none();
    EACH_APART(g, t)
    {
        const qc__cone *c = block_of(g, g->plan->apart[t].block);
        const lane p = own_curvature(g, c, 0);
        const lane room = lane_mul(lane_set1(APART_EVEN), lane_abs(p));
        lane top = lane_zero(), least = lane_abs(own_value(g, c, 0));
        for (int32_t i = 0; i < c->size; i++) {
            const lane a = lane_abs(own_value(g, c, i));
            const lane off = lane_abs(lane_sub(own_curvature(g, c, i), p));
            top = lane_max(a, top);
            least = lane_min(a, least);
            out = mask_or(out, mask_andnot(mask_from_bits(~0u), lane_le(off, room)));
        }
        const mask small = lane_le(least, lane_mul(lane_set1(APART_SMALL), top));
        out = mask_or(out, small);
    }
    return out;
}

/* ---- factor ------------------------------------------------------------------------------------- */

/*
 * U, and h in psd.m[0], with H = U (h o U'.U) U'.  In Newton's method they are what psd_set_H computed; at
 * an interior point H = R R' . R R', and  R R' = U diag(gamma) U'  gives  h_ij = gamma_i gamma_j.
 */
static void apart_decompose(const apart *a)
{
    const int32_t k = a->k;
    const psd_state *p = &a->psd;
    const mask newton = lane_lt(lane_zero(), lane_load(p->newton));
    double *gamma = p->v[EIGEN_WORK], *Z = p->m[1];
    if (!mask_any(mask_andnot(mask_from_bits(~0u), newton))) {
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
static void apart_weights(const qc__group *g, const apart *a, lane delta)
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

/*
 * Row t of E in the eigenbasis, U'E_t U.  E_t has few lines that are not empty, so first of  L U  only those
 * are computed, into psd.m[0], and then of U' only what meets them, psd.m[1].
 */
static void apart_rotate_row(const qc__group *g, const apart *a, int32_t t)
{
    const int32_t k = a->k, first = a->plan->line_ptr[t];
    const int32_t lines = a->plan->line_ptr[t + 1] - first;
    double *L = a->psd.m[0], *G = a->psd.m[1], *V = a->psd.m[2];
    set_all(L, (int64_t)lines * k, 0.0);
    for (int32_t l = 0; l < lines; l++)
        memcpy(G + (int64_t)l * k * LANES, a->U + (int64_t)a->plan->line[first + l] * k * LANES,
               (size_t)k * LANES * sizeof(double));
    for (int32_t e = a->plan->entry_ptr[t]; e < a->plan->entry_ptr[t + 1]; e++) {
        const qc__apart_entry *entry = &a->plan->entry[e];
        const int diagonal = entry->left == entry->right;
        const lane value = lane_mul(value_at(g->data.A, entry->value, g->data.shared),
                                    lane_at(a->a_inv, entry->at));
        const lane by = diagonal ? value : lane_mul(value, lane_set1(SQRT_HALF));
        const int64_t left = (int64_t)entry->left * k, right = (int64_t)entry->right * k;
        for (int32_t j = 0; j < k; j++)
            lane_put(L, left + j, lane_fma(by, lane_at(G, right + j), lane_at(L, left + j)));
        for (int32_t j = 0; !diagonal && j < k; j++)
            lane_put(L, right + j, lane_fma(by, lane_at(G, left + j), lane_at(L, right + j)));
    }
    square_product(k, lines, transposed_view(k, G), plain_view(k, L), SQUARE_LOWER, V);
    svec_pack(k, V, a->E + (int64_t)t * a->size * LANES);
}

/* S := -E B E', lower triangle.  The rows are long, and taken piece by piece so that these stay in cache. */
static void apart_multiply_rows(const apart *a, double *scratch)
{
    const int32_t rows = a->plan->rows, size = a->size;
    set_all(a->S, (int64_t)rows * rows, 0.0);
    for (int32_t from = 0; from < size; from += APART_PIECE) {
        const int32_t depth = size - from < APART_PIECE ? size - from : APART_PIECE;
        for (int32_t j = 0; j < rows; j += APART_STRIP) {
            const int32_t cols = rows - j < APART_STRIP ? rows - j : APART_STRIP;
            subtract_outer(rows - j, cols, depth, a->E + ((int64_t)j * size + from) * LANES, size,
                           a->b + (int64_t)from * LANES, a->S + (int64_t)j * (rows + 1) * LANES,
                           rows, NULL, scratch);
        }
    }
}

/* The pivots of what is apart: it goes through the factor as it is. */
static void apart_set_pivots(const qc__group *g, const qc__cone *c)
{
    const qc__factor_plan *factor = g->factor;
    for (int32_t i = 0; i < c->size; i++) {
        const int32_t x = own_variable(g, c, i), y = g->plan->n + c->first + i;
        lane_put(g->panels, factor->diagonal[factor->position[x]], lane_set1(1.0));
        lane_put(g->panels, factor->diagonal[factor->position[y]], lane_set1(-1.0));
    }
}

/* Takes E B E' from the matrix in the panels; delta is added to p, and to H. */
static void apart_factor(const qc__group *g, int32_t t, double delta)
{
    const apart a = apart_open(g, t);
    const int64_t *place = g->factor->scatter_S + g->factor->apart_ptr[t];
    apart_set_pivots(g, a.c);
    apart_decompose(&a);
    apart_weights(g, &a, lane_set1(delta));
    for (int32_t i = 0; i < a.plan->rows; i++)
        apart_rotate_row(g, &a, i);
    apart_multiply_rows(&a, g->apart_scratch);
    for (int32_t i = 0; i < a.plan->rows; i++)
        for (int32_t j = 0; j <= i; j++, place++) {
            const lane S = lane_at(a.S, (int64_t)i * a.plan->rows + j);
            lane_put(g->panels, *place, lane_add(lane_at(g->panels, *place), S));
        }
}

/* ---- solve -------------------------------------------------------------------------------------- */

/* v := the vector of U'VU, or of UVU' */
static void apart_rotate(const apart *a, int into, const double *v, double *out)
{
    double *const *m = a->psd.m;
    svec_unpack(a->k, v, m[0]);
    square_congruence(a->k, into ? transposed_view(a->k, a->U) : plain_view(a->k, a->U), m[0], m[1],
                      m[0]);
    svec_pack(a->k, m[0], out);
}

/* Sums that hide each other's latency. */
enum { APART_ROWS = 4 };

/* Takes E z from the other rows [t, t + R). */
ALWAYS_INLINE void apart_subtract_Ez(const int R, const apart *a, int32_t t, const double *z,
                                     double *y)
{
    const double *E = a->E + (int64_t)t * a->size * LANES;
    const int32_t *row = a->plan->row + t;
    lane sum[APART_ROWS];
    for (int i = 0; i < R; i++)
        sum[i] = lane_at(y, row[i]);
    for (int32_t j = 0; j < a->size; j++) {
        const lane zj = lane_at(z, j);
#pragma GCC unroll 4
        for (int i = 0; i < R; i++)
            sum[i] = lane_fnma(lane_at(E, (int64_t)i * a->size + j), zj, sum[i]);
    }
    for (int i = 0; i < R; i++)
        lane_put(y, row[i], sum[i]);
}

/* z := N r_y + B r_x in the eigenbasis, and takes E z from the other rows. */
static void apart_forward(const qc__group *g, int32_t t, int which, pair r)
{
    const apart a = apart_open(g, t);
    double *z = a.z[which], *of_y = a.psd.m[3];
    for (int32_t i = 0; i < a.size; i++)
        lane_put(z, i, lane_mul(lane_at(r.x, own_variable(g, a.c, i)), lane_at(a.a_inv, i)));
    apart_rotate(&a, 1, z, z);
    apart_rotate(&a, 1, ROWS_OF(a.c, r.y), of_y);
    for (int32_t i = 0; i < a.size; i++)
        lane_put(
            z, i,
            lane_fma(lane_at(a.b, i), lane_at(z, i), lane_mul(lane_at(a.n, i), lane_at(of_y, i))));
    for (int32_t i = 0, step = APART_ROWS; i < a.plan->rows; i += step) {
        step = i + APART_ROWS <= a.plan->rows ? APART_ROWS : 1;
        if (step == 1)
            apart_subtract_Ez(1, &a, i, z, r.y);
        else
            apart_subtract_Ez(APART_ROWS, &a, i, z, r.y);
    }
}

/* z - B E'w in the eigenbasis, and E'w taken from y, which is r_x. */
static void apart_subtract_others(const qc__group *g, const apart *a, pair r, double *z, double *y)
{
    double *Ew = a->psd.m[3];
    set_all(Ew, a->size, 0.0);
    for (int32_t i = 0; i < a->plan->rows; i++) {
        const double *E = a->E + (int64_t)i * a->size * LANES;
        const lane w = lane_at(r.y, a->plan->row[i]);
        for (int32_t j = 0; j < a->size; j++)
            lane_put(Ew, j, lane_fma(lane_at(E, j), w, lane_at(Ew, j)));
        for (int32_t e = a->plan->entry_ptr[i]; e < a->plan->entry_ptr[i + 1]; e++) {
            const qc__apart_entry *entry = &a->plan->entry[e];
            const lane value = lane_mul(value_at(g->data.A, entry->value, g->data.shared),
                                        lane_at(a->a_inv, entry->at));
            lane_put(y, entry->at, lane_fnma(value, w, lane_at(y, entry->at)));
        }
    }
    for (int32_t j = 0; j < a->size; j++)
        lane_put(z, j, lane_fnma(lane_at(a->b, j), lane_at(Ew, j), lane_at(z, j)));
}

/* x and y of the cone, given the others and what apart_forward left. */
static void apart_backward(const qc__group *g, int32_t t, int which, pair r)
{
    const apart a = apart_open(g, t);
    const lane p = lane_load(a.p);
    double *z = a.z[which], *y = ROWS_OF(a.c, r.y);
    for (int32_t i = 0; i < a.size; i++)
        lane_put(y, i, lane_mul(lane_at(r.x, own_variable(g, a.c, i)), lane_at(a.a_inv, i)));
    apart_subtract_others(g, &a, r, z, y);
    apart_rotate(&a, 0, z, z);
    for (int32_t i = 0; i < a.size; i++) {
        const lane x = lane_at(z, i);
        lane_put(y, i, lane_fnma(p, x, lane_at(y, i)));
        lane_put(r.x, own_variable(g, a.c, i), lane_mul(x, lane_at(a.a_inv, i)));
    }
}

#endif
