// SPDX-License-Identifier: Apache-2.0
/* pack.h -- the caller's arrays, problem after problem, into lanes and back; and what is wrong with
 * their values. */
#ifndef LANE_PACK_H
#define LANE_PACK_H

#include "lane/far.h"

static int64_t stride_of(const qc_plan *plan, unsigned shared_bit, int64_t length)
{
    return (plan->shared & shared_bit) ? 0 : length;
}

/* Where each problem of the group has its numbers in an array of `stride` for each. */
static void find_own(const qc__group *g, const double *values, int64_t stride,
                     const double *from[LANES])
{
    for (int l = 0; l < LANES; l++)
        from[l] = values + g->problem[l] * stride;
}

/* out[k] := from[.][at + k] */
static void pack_run(const double *const from[], int64_t at, int64_t count, double *out)
{
    int64_t k = 0;
    for (; k + LANES <= count; k += LANES)
        lane_transpose(from, at + k, out + k * LANES);
    for (; k < count; k++)
        for (int l = 0; l < LANES; l++)
            out[k * LANES + l] = from[l][at + k];
}

/* out[k] := values[problem * stride + k] */
static void pack(const qc__group *g, const double *values, int64_t stride, int64_t count,
                 double *out)
{
    const double *from[LANES];
    find_own(g, values, stride, from);
    pack_run(from, 0, count, out);
}

/* The entries of M, of which a dense one has its rows as runs in the caller's array, or all is one. */
static void pack_matrix(const qc__group *g, const qc__matrix *M, int dense, const double *values,
                        int64_t stride, double *out)
{
    const double *from[LANES];
    find_own(g, values, stride, from);
    if (dense && M->count == M->length) {
        pack_run(from, 0, M->count, out);
        return;
    }
    for (int32_t i = 0; i < M->rows; i++) {
        const int32_t begin = M->row_ptr[i], end = M->row_ptr[i + 1];
        if (dense)
            pack_run(from, M->source[begin], end - begin, out + (int64_t)begin * LANES);
        else
            for (int32_t k = begin; k < end; k++)
                pack_run(from, M->source[k], 1, out + (int64_t)k * LANES);
    }
}

/* values[problem * count + k] := in[k], for the problems of `which` */
static void unpack(const qc__group *g, unsigned which, const double *in, int64_t count,
                   double *values)
{
    if (!values)
        return;
    for (int l = 0; l < g->count; l++) {
        if (!(which >> l & 1))
            continue;
        double *to = values + g->problem[l] * count;
        for (int64_t k = 0; k < count; k++)
            to[k] = in[k * LANES + l];
    }
}

/* values[problem * count + k] := a, for the problems of `which` */
static void unpack_constant(const qc__group *g, unsigned which, double a, int64_t count,
                            double *values)
{
    if (!values)
        return;
    for (int l = 0; l < g->count; l++)
        if (which >> l & 1)
            for (int64_t k = 0; k < count; k++)
                values[g->problem[l] * count + k] = a;
}

/* Sums and maxima are taken in so many parts, which do not wait for each other. */
enum { PARTS = 4 };

static mask all_finite(const double *v, int64_t count)
{
    lane sum[PARTS]; /* 0 * v is NaN where v is not finite */
    int64_t k = 0;
    for (int p = 0; p < PARTS; p++)
        sum[p] = lane_zero();
    for (; k + PARTS <= count; k += PARTS)
        for (int p = 0; p < PARTS; p++)
            sum[p] = lane_fma(lane_at(v, k + p), lane_zero(), sum[p]);
    for (; k < count; k++)
        sum[0] = lane_fma(lane_at(v, k), lane_zero(), sum[0]);
    return lane_finite(lane_add(lane_add(sum[0], sum[1]), lane_add(sum[2], sum[3])));
}

static lane max_abs(const double *v, int64_t count)
{
    lane top[PARTS];
    int64_t k = 0;
    for (int p = 0; p < PARTS; p++)
        top[p] = lane_zero();
    for (; k + PARTS <= count; k += PARTS)
        for (int p = 0; p < PARTS; p++)
            top[p] = lane_max(lane_abs(lane_at(v, k + p)), top[p]);
    for (; k < count; k++)
        top[0] = lane_max(lane_abs(lane_at(v, k)), top[0]);
    return lane_max(lane_max(top[0], top[1]), lane_max(top[2], top[3]));
}

/* Gives all rows of a block the largest of their numbers, none of which is negative: with a scale or a
 * unit for each it would be another cone. */
static void share_in_blocks(const qc_plan *plan, double *rows)
{
    for (int32_t k = 0; k < plan->block_count; k++) {
        const qc__cone *c = &plan->blocks[k];
        double *of_block = ROWS_OF(c, rows);
        set_lanes(of_block, c->size, max_abs(of_block, c->size));
    }
}

/* Moves P_ij of rows [first, end) of column j to the middle between it and P_ji, and gives max |P_ij - P_ji|.
 * The mirror begins at from[.][mirror]: a dense P has it, row j right of the diagonal, in a run. */
static lane symmetrize_column(const double *const from[], int64_t mirror, double *P,
                              const int32_t *row_ptr, int32_t j, int32_t first, int32_t end)
{
    double upper[LANES * LANES] __attribute__((aligned(64)));
    lane worst = lane_zero();
    for (int32_t i = first; i < end; i += LANES) {
        const int32_t some = end - i < LANES ? end - i : LANES;
        pack_run(from, mirror + i - first, some, upper);
        for (int32_t k = 0; k < some; k++) {
            const int32_t at = row_ptr[i + k] + j;
            const lane lower = lane_at(P, at), gap = lane_sub(lower, lane_at(upper, k));
            lane_put(P, at, lane_fnma(lane_set1(0.5), gap, lower));
            worst = lane_max(lane_abs(gap), worst);
        }
    }
    return worst;
}

/* P becomes its symmetric part, which is all of it that x'Px knows.  Of the problems that are left,
 * |P_ij - P_ji| <= 1e-5 max |P|: the rounding of L L' in single precision. */
static mask symmetrize(const qc__group *g, const double *values, int64_t stride, double *P)
{
    const qc__matrix *p = &g->plan->P;
    const int32_t n = g->plan->P_dense ? p->rows : 0;
    const double *from[LANES];
    lane worst = lane_zero();
    find_own(g, values, stride, from);
    for (int32_t j = 0; j + 1 < n; j++) {
        const int64_t mirror = p->mirror[p->row_ptr[j + 1] + j];
        worst = lane_max(symmetrize_column(from, mirror, P, p->row_ptr, j, j + 1, n), worst);
    }
    for (int32_t k = 0; n == 0 && k < p->count; k++) {
        double upper[LANES] __attribute__((aligned(64)));
        if (p->source[k] == p->mirror[k])
            continue;
        pack_run(from, p->mirror[k], 1, upper);
        const lane lower = lane_at(P, k), gap = lane_sub(lower, lane_load(upper));
        lane_put(P, k, lane_fnma(lane_set1(0.5), gap, lower));
        worst = lane_max(lane_abs(gap), worst);
    }
    return lane_le(worst, lane_mul(lane_set1(1e-5), max_abs(P, p->count)));
}

/* Records `status` for the problems of `which` that have none yet. */
static void mark(const qc__group *g, mask which, int32_t status, int32_t *statuses)
{
    const unsigned bits = mask_bits(which);
    for (int l = 0; l < g->count; l++)
        if ((bits >> l & 1) && statuses[l] == QC_UNSOLVED)
            statuses[l] = status;
}

/* P and A into lanes, with what is wrong with them. */
static void pack_matrices(qc__group *g, const qc_values *values, int32_t *status)
{
    const qc_plan *plan = g->plan;
    const int64_t P_stride = stride_of(plan, QC_SHARED_P, plan->P.length);
    const int64_t A_stride = stride_of(plan, QC_SHARED_A, plan->A.length);
    scaled *data = &g->data;
    pack_matrix(g, &plan->P, plan->P_dense, values->P, P_stride, data->P);
    pack_matrix(g, &plan->A, plan->A_dense, values->A, A_stride, data->A);
    mark(g, mask_not(all_finite(data->P, plan->P.count)), QC_P_NOT_FINITE, status);
    mark(g, mask_not(symmetrize(g, values->P, P_stride, data->P)), QC_P_NOT_SYMMETRIC, status);
    mark(g, mask_not(all_finite(data->A, plan->A.count)), QC_A_NOT_FINITE, status);
}

static int64_t stride_of_b(const qc__group *g)
{
    return g->shared_vectors & QC_SHARED_B ? 0 : g->plan->m;
}

/* q and b into lanes, not yet scaled, without far rows. */
static void pack_vectors(qc__group *g, const qc_values *values, int32_t *status)
{
    const qc_plan *plan = g->plan;
    const int64_t q_stride = g->shared_vectors & QC_SHARED_Q ? 0 : plan->n;
    pack(g, values->q, q_stride, plan->n, g->q);
    pack(g, values->b, stride_of_b(g), plan->m, g->b);
    find_far(g);
    mark(g, mask_not(all_finite(g->q, plan->n)), QC_Q_NOT_FINITE, status);
    mark(g, mask_not(all_finite(g->b, plan->m)), QC_B_NOT_FINITE, status);
}

#endif
