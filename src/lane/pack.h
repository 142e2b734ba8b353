// SPDX-License-Identifier: Apache-2.0
/* pack.h -- the caller's arrays, problem after problem, into lanes and back; and what is wrong with
 * their values. */
#ifndef LANE_PACK_H
#define LANE_PACK_H

#include "lane/group.h"

static int64_t stride_of(const qc_plan *plan, unsigned shared_bit, int64_t length)
{
    return (plan->shared & shared_bit) ? 0 : length;
}

/* out[k] := values[problem * stride + source[k]]; NULL source: k */
static void pack(const qc__group *g, const double *values, int64_t stride, const int64_t *source,
                 int64_t count, double *out)
{
    const double *from[LANES];
    for (int l = 0; l < LANES; l++)
        from[l] = values + g->problem[l] * stride;
    for (int64_t k = 0, step; k < count; k += step) {
        const int64_t at = source ? source[k] : k;
        step = k + LANES <= count && (!source || source[k + LANES - 1] == at + LANES - 1) ? LANES : 1;
        if (step == LANES)
            lane_transpose(from, at, out + k * LANES);
        else
            for (int l = 0; l < LANES; l++)
                out[k * LANES + l] = from[l][at];
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

static mask all_finite(const double *v, int64_t count)
{
    lane sum = lane_zero(); /* 0 * v is NaN where v is not finite */
    for (int64_t k = 0; k < count; k++)
        sum = lane_fma(lane_at(v, k), lane_zero(), sum);
    return lane_finite(sum);
}

static lane max_abs(const double *v, int64_t count)
{
    lane top = lane_zero();
    for (int64_t k = 0; k < count; k++)
        top = lane_max(lane_abs(lane_at(v, k)), top);
    return top;
}

/* |P_ij - P_ji| <= 1e-9 max |P|: room for the rounding of L L' in single precision is not given. */
static mask is_symmetric(const qc__group *g, const double *values, int64_t stride, const double *P)
{
    const qc__matrix *p = &g->plan->P;
    lane worst = lane_zero();
    for (int32_t k = 0; k < p->count; k++) {
        if (p->source[k] == p->mirror[k])
            continue;
        double upper[LANES] __attribute__((aligned(64)));
        for (int l = 0; l < LANES; l++)
            upper[l] = values[g->problem[l] * stride + p->mirror[k]];
        worst = lane_max(lane_abs(lane_sub(lane_at(P, k), lane_load(upper))), worst);
    }
    return lane_le(worst, lane_mul(lane_set1(1e-9), max_abs(P, p->count)));
}

/* Records `status` for the problems of `which` that have none yet. */
static void mark(const qc__group *g, mask which, int32_t status, int32_t *statuses)
{
    const unsigned bits = mask_bits(which);
    for (int l = 0; l < g->count; l++)
        if ((bits >> l & 1) && statuses[l] == QC_UNSOLVED)
            statuses[l] = status;
}

static mask not(mask a)
{
    return mask_andnot(mask_from_bits(~0u), a);
}

/* P and A into lanes, with what is wrong with them. */
static void pack_matrices(qc__group *g, const qc_values *values, int32_t *status)
{
    const qc_plan *plan = g->plan;
    const int64_t P_stride = stride_of(plan, QC_SHARED_P, plan->P.length);
    const int64_t A_stride = stride_of(plan, QC_SHARED_A, plan->A.length);
    scaled *data = &g->data;
    pack(g, values->P, P_stride, plan->P.source, plan->P.count, data->P);
    pack(g, values->A, A_stride, plan->A.source, plan->A.count, data->A);
    mark(g, not(all_finite(data->P, plan->P.count)), QC_P_NOT_FINITE, status);
    mark(g, not(is_symmetric(g, values->P, P_stride, data->P)), QC_P_NOT_SYMMETRIC, status);
    mark(g, not(all_finite(data->A, plan->A.count)), QC_A_NOT_FINITE, status);
}

/* q and b into lanes, not yet scaled. */
static void pack_vectors(qc__group *g, const qc_values *values, int32_t *status)
{
    const qc_plan *plan = g->plan;
    const int64_t q_stride = g->shared_vectors & QC_SHARED_Q ? 0 : plan->n;
    const int64_t b_stride = g->shared_vectors & QC_SHARED_B ? 0 : plan->m;
    pack(g, values->q, q_stride, NULL, plan->n, g->q);
    pack(g, values->b, b_stride, NULL, plan->m, g->b);
    mark(g, not(all_finite(g->q, plan->n)), QC_Q_NOT_FINITE, status);
    mark(g, not(all_finite(g->b, plan->m)), QC_B_NOT_FINITE, status);
}

#endif
