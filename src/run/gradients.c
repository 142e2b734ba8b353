// SPDX-License-Identifier: Apache-2.0
/*
 * gradients.c -- from adjoint variables to gradients, over threads: first what belongs to each problem,
 * by problems, then what the batch shares, by rows.
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

void qc__run_gradients(qc_solver *s, const qc_cotangent *in, const qc_gradient *out)
{
    const qc__gradient_job job = {.plan = s->plan, .batch = s->batch, .x = s->record.x,
                                  .y = s->record.y, .u_x = s->u_x, .u_v = s->u_v,
                                  .weight = s->weight, .out = *out};
    weigh(s, in);
    spread(s, &job, s->batch, s->lanes->lanes, s->lanes->own_gradients);
    if (s->plan->shared)
        spread(s, &job, (int64_t)s->plan->n + s->plan->m, 8, s->lanes->shared_gradients);
}
