// SPDX-License-Identifier: Apache-2.0
/*
 * apart_rows.h -- what the cones that are apart have in common: a basis U in which H or H^-1 is diagonal,
 *
 *     X -> U (h o U'XU) U'
 *
 * and the others, each a k x k matrix E_t, as rows U'E_t U of a matrix E, of which only the triangle is kept.
 * Then what eliminating the cone adds between the others is -E B E' with weights B, a product of rows.
 */
#ifndef LANE_APART_ROWS_H
#define LANE_APART_ROWS_H

#include <string.h>

#include "lane/cone.h"
#include "lane/group.h"

typedef struct apart {
    const qc__apart *plan;
    const qc__cone *c;
    int32_t k, size;
    psd_state psd; /* of which the matrices and vectors m, v are scratch */
    double *U;     /* [k x k] of H or H^-1 */
    double *n, *b, *a_inv;
    double *z[MAX_RHS]; /* of a right-hand side, between forward and backward, in the eigenbasis */
    double *E; /* [others x size] in the eigenbasis */
    double *S; /* [others x others] -E B E' */
    double *pair; /* [others] a column of E */
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
    a.S = a.E + (plan->nonzeros ? 0 : plan->others * size);
    a.pair = a.S + (int64_t)plan->others * plan->others * LANES;
    a.p = a.pair + (int64_t)plan->others * LANES;
    return a;
}

/*
 * Row t of E, in the eigenbasis: U'E_t U.  E_t may have few lines that are not empty, so first of  E_t U
 * only those are computed, into psd.m[0], and then of U' only what meets them, psd.m[1].
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

/* S := -E B E', lower triangle.  Rows are long, and taken piece by piece so that these stay in cache. */
static void apart_multiply_rows(const apart *a, double *scratch)
{
    const int32_t others = a->plan->others, size = a->size;
    set_all(a->S, (int64_t)others * others, 0.0);
    for (int32_t from = 0; from < size; from += APART_PIECE) {
        const int32_t depth = size - from < APART_PIECE ? size - from : APART_PIECE;
        for (int32_t j = 0; j < others; j += APART_STRIP) {
            const int32_t cols = others - j < APART_STRIP ? others - j : APART_STRIP;
            const outer E = outer_of(depth, a->E + ((int64_t)j * size + from) * LANES, size,
                                     a->b + (int64_t)from * LANES);
            subtract_outer(others - j, cols, &E, a->S + (int64_t)j * (others + 1) * LANES, others,
                           NULL, scratch);
        }
    }
}

/* S, from U, b and a_inv */
static void apart_eliminate(const qc__group *g, const apart *a)
{
    for (int32_t i = 0; i < a->plan->others; i++)
        apart_rotate_row(g, a, i);
    apart_multiply_rows(a, g->apart_scratch);
}

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

/* r -= E z, of the others [t, t + R) */
ALWAYS_INLINE void apart_subtract_some(const int R, const apart *a, int32_t t, const double *z,
                                       double *r)
{
    const double *E = a->E + (int64_t)t * a->size * LANES;
    const int32_t *other = a->plan->other + t;
    lane sum[APART_ROWS];
    for (int i = 0; i < R; i++)
        sum[i] = lane_at(r, other[i]);
    for (int32_t j = 0; j < a->size; j++) {
        const lane zj = lane_at(z, j);
#pragma GCC unroll 4
        for (int i = 0; i < R; i++)
            sum[i] = lane_fnma(lane_at(E, (int64_t)i * a->size + j), zj, sum[i]);
    }
    for (int i = 0; i < R; i++)
        lane_put(r, other[i], sum[i]);
}

/* r -= E z, of all others; r begins with x. */
static void apart_subtract_Ez(const apart *a, const double *z, double *r)
{
    for (int32_t i = 0, step = APART_ROWS; i < a->plan->others; i += step) {
        step = i + APART_ROWS <= a->plan->others ? APART_ROWS : 1;
        if (step == 1)
            apart_subtract_some(1, a, i, z, r);
        else
            apart_subtract_some(APART_ROWS, a, i, z, r);
    }
}

/* z -= B E'w, where w begins with x */
static void apart_subtract_BEw(const apart *a, const double *w, double *z)
{
    double *Ew = a->psd.m[3];
    set_all(Ew, a->size, 0.0);
    for (int32_t i = 0; i < a->plan->others; i++) {
        const double *E = a->E + (int64_t)i * a->size * LANES;
        const lane wi = lane_at(w, a->plan->other[i]);
        for (int32_t j = 0; j < a->size; j++)
            lane_put(Ew, j, lane_fma(lane_at(E, j), wi, lane_at(Ew, j)));
    }
    for (int32_t j = 0; j < a->size; j++)
        lane_put(z, j, lane_fnma(lane_at(a->b, j), lane_at(Ew, j), lane_at(z, j)));
}

/* The pivot of what goes through the factor as it is. */
static void apart_set_pivot(const qc__group *g, int32_t vertex, double pivot)
{
    const qc__factor_plan *factor = g->factor;
    lane_put(g->panels, factor->diagonal[factor->position[vertex]], lane_set1(pivot));
}

/* Those of the cone's rows. */
static void apart_set_row_pivots(const qc__group *g, const qc__cone *c)
{
    for (int32_t i = 0; i < c->size; i++)
        apart_set_pivot(g, g->plan->n + c->first + i, -1.0);
}

#endif
