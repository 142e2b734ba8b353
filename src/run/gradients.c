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

static void weigh(qc_solver *s, const qc_cotangent *in)
{
    const int64_t n = s->plan->n, m = s->plan->m;
    for (int64_t k = 0; k < s->batch; k++) {
        const int32_t status = s->record.status[k];
        const int solved = status == QC_SOLVED || status == QC_SOLVED_INACCURATE;
        const int zero = !solved && is_zero(in->x ? in->x + k * n : NULL, n) &&
                         is_zero(in->y ? in->y + k * m : NULL, m) &&
                         is_zero(in->s ? in->s + k * m : NULL, m);
        s->weight[k] = solved ? 1.0 : zero ? 0.0 : NAN;
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

int64_t qc__turned_rows(const qc_plan *plan, int want_P, int want_A)
{
    if (want_A && (plan->shared & QC_SHARED_A) && !plan->A_dense)
        return (int64_t)plan->n + plan->m;
    return want_P && (plan->shared & QC_SHARED_P) && !plan->P_dense ? plan->n : 0;
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

void qc__run_gradients(qc_solver *s, const qc_cotangent *in, const qc_gradient *out)
{
    const qc__gradient_job job = {.plan = s->plan,
                                  .batch = s->batch,
                                  .x = s->record.x,
                                  .y = s->record.y,
                                  .u_x = s->u_x,
                                  .u_v = s->u_v,
                                  .weight = s->weight,
                                  .z_turned = s->z_turned,
                                  .u_turned = s->u_turned,
                                  .stride = qc__turned_stride(s->batch),
                                  .out = *out};
    const int64_t turned = qc__turned_rows(s->plan, out->P != NULL, out->A != NULL);
    weigh(s, in);
    spread(s, &job, s->batch, s->lanes->lanes, s->lanes->own_gradients);
    if (turned)
        spread(s, &job, turned, 8, turn);
    if (s->plan->shared)
        spread(s, &job, (int64_t)s->plan->n + s->plan->m, 8, s->lanes->shared_gradients);
}
