// SPDX-License-Identifier: Apache-2.0
/*
 * gradients.c -- from adjoint variables to gradients, over threads: first what belongs to each problem,
 * by problems, then what the batch shares, by rows.  An entry of a sparse shared matrix is a sum over
 * the batch of single numbers, so what it reads is first laid out problem beside problem.
 */
#include <math.h>

#include "run/solver.h"

typedef struct gradient_round {
    const qc__gradient_job *job;
    void (*work)(const qc__gradient_job *job, int64_t first, int64_t last);
    int64_t count, chunk;
    atomic_llong next;
} gradient_round;

static void gradient_chunks(void *context, int worker)
{
    gradient_round *r = context;
    int64_t first;
    (void)worker;
    while ((first = atomic_fetch_add_explicit(&r->next, r->chunk, memory_order_relaxed)) < r->count)
        r->work(r->job, first, first + r->chunk < r->count ? first + r->chunk : r->count);
}

static int is_zero(const double *v, int64_t count)
{
    for (int64_t k = 0; v && k < count; k++)
        if (v[k] != 0.0)
            return 0;
    return 1;
}

/* The weights of the problems in direction d. */
static void weigh(qc_solver *s, const qc__derivative_job *job, int64_t d)
{
    const int64_t n = s->plan->n, m = s->plan->m;
    const qc_cotangent *in = &job->in;
    for (int64_t k = 0; k < job->count; k++) {
        const int64_t at = k * job->directions + d;
        const int32_t how = job->derivative_status[d * job->count + k];
        const int none = how == QC_DERIVATIVE_NONE;
        const int lost = how == QC_DERIVATIVE_INACCURATE && qc__is_lpgd(job->settings);
        const int zero = none && is_zero(in->x ? in->x + at * n : NULL, n) &&
                         is_zero(in->y ? in->y + at * m : NULL, m) &&
                         is_zero(in->s ? in->s + at * m : NULL, m);
        s->weight[k] = zero ? 0.0 : none || lost ? NAN : 1.0;
    }
}

static void spread(qc_solver *s, const qc__gradient_job *job, int64_t count, int64_t chunk,
                   void (*work)(const qc__gradient_job *, int64_t, int64_t))
{
    gradient_round round = {.job = job, .work = work, .count = count, .chunk = chunk};
    const int64_t chunks = (count + chunk - 1) / chunk;
    const int threads = s->settings.num_threads;
    qc__pool_run(s->pool, chunks < threads ? (int)chunks : threads, gradient_chunks, &round);
}

int64_t qc__turned_rows(const qc_plan *plan, unsigned shared, int want_P, int want_A)
{
    if (want_A && (shared & QC_SHARED_A) && !plan->A_dense)
        return (int64_t)plan->n + plan->m;
    return want_P && (shared & QC_SHARED_P) && !plan->P_dense ? plan->n : 0;
}

int64_t qc__turned_stride(int64_t count)
{
    return (count + QC__PARTIAL_SUMS - 1) / QC__PARTIAL_SUMS * QC__PARTIAL_SUMS;
}

/* turned[j][k] := v[k][j] for the columns j in [first, last) of v, which has `width`. */
static void turn_columns(const qc__gradient_job *job, const double *v, int64_t width, int64_t first,
                         int64_t last, double *turned)
{
    for (int64_t k0 = 0; k0 < job->stride; k0 += QC__PARTIAL_SUMS)
        for (int64_t j = first; j < last; j++)
            for (int64_t k = k0; k < k0 + QC__PARTIAL_SUMS; k++)
                turned[j * job->stride + k] =
                    k < job->batch && job->weight[k] == 1.0 ? v[k * width + j] : 0.0;
}

/* Rows [first, last) of x over y and of u_x over u_v. */
static void turn(const qc__gradient_job *job, int64_t first, int64_t last)
{
    const int64_t n = job->plan->n, m = job->plan->m, below = n * job->stride;
    const int64_t end = last < n ? last : n, begin = first > n ? first - n : 0;
    turn_columns(job, job->x, n, first, end, job->z_turned);
    turn_columns(job, job->u_x, n, first, end, job->u_turned);
    turn_columns(job, job->y, m, begin, last - n, job->z_turned + below);
    turn_columns(job, job->u_v, m, begin, last - n, job->u_turned + below);
}

void qc__run_gradients(qc_solver *s, const qc__derivative_job *from, int64_t d, const double *x,
                       const double *y, const qc_gradient *out)
{
    const int64_t n = s->plan->n, m = s->plan->m, before = d * from->count;
    const qc__gradient_job job = {.plan = s->plan,
                                  .shared = from->shared,
                                  .batch = from->count,
                                  .direction = d,
                                  .directions = from->directions,
                                  .x = x,
                                  .y = y,
                                  .u_x = from->u_x + before * n,
                                  .u_v = from->u_v + before * m,
                                  .weight = s->weight,
                                  .z_turned = s->z_turned,
                                  .u_turned = s->u_turned,
                                  .stride = qc__turned_stride(from->count),
                                  .out = *out};
    const int64_t turned = qc__turned_rows(s->plan, job.shared, out->P != NULL, out->A != NULL);
    weigh(s, from, d);
    spread(s, &job, job.batch, s->lanes->lanes, s->lanes->own_gradients);
    if (turned)
        spread(s, &job, turned, 8, turn);
    if (job.shared)
        spread(s, &job, n + m, 8, s->lanes->shared_gradients);
}
