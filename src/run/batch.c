// SPDX-License-Identifier: Apache-2.0
/*
 * batch.c -- spreads a batch over groups of lanes, and groups over threads.
 *
 * The first round has problem k in group k / lanes, and a later one the k-th problem of its list, which stays
 * for the derivative: so a tape is found again.  Which thread takes a group is chance; nothing that a group
 * computes depends on it.
 */
#include <string.h>

#include "base/clock.h"
#include "run/solver.h"

/* Groups of one list of problems, handed out one by one. */
typedef struct round {
    qc_solver *solver;
    qc__path path;
    const int64_t *problems;
    int64_t count;
    char *tape;
    size_t slot;
    qc__attempt attempt;
    atomic_llong next;
} round;

typedef struct solve_round {
    round work;
    const qc__solve_job *job;
    qc__queue queue; /* instead of groups, where lanes are refilled */
    atomic_llong done;
    atomic_int stop;
    double began, polled; /* seconds */
    double flops; /* since the clock was read */
} solve_round;

typedef struct derivative_round {
    round work;
    const qc__derivative_job *job;
    int adjoint;
} derivative_round;

/* Between iterations of small problems even the clock is expensive: it is read after so many flops. */
#define POLL_SECONDS 0.02
#define POLL_FLOPS   1e6

static void poll_callback(void *context)
{
    solve_round *r = context;
    const qc_solver *s = r->work.solver;
    const qc_settings *settings = &s->settings;
    r->flops += qc__first_factor(s->plan)->flops_trailing * s->lanes->lanes;
    if (r->flops < POLL_FLOPS)
        return;
    r->flops = 0.0;
    const double now = qc__clock_seconds();
    if (now - r->polled < POLL_SECONDS || atomic_load(&r->stop))
        return;
    r->polled = now;
    const qc_progress progress = {atomic_load(&r->done), r->job->batch, now - r->began};
    if (settings->callback(settings->callback_context, &progress))
        atomic_store(&r->stop, 1);
}

/* The next group: its first problem and size; 0 when there is none. */
static int next_group(round *work, int64_t *group)
{
    const int64_t lanes = work->solver->lanes->lanes;
    *group = atomic_fetch_add_explicit(&work->next, 1, memory_order_relaxed);
    const int64_t left = work->count - *group * lanes;
    return left <= 0 ? 0 : (int)(left < lanes ? left : lanes);
}

static void *tape_of(const round *work, int64_t group)
{
    return work->tape ? work->tape + (size_t)group * work->slot : NULL;
}

static void solve_groups(void *context, int worker)
{
    solve_round *r = context;
    qc_solver *s = r->work.solver;
    qc__solve_job job = *r->job;
    int64_t group;
    int count;
    job.stop = &r->stop;
    job.done = &r->done;
    if (worker == 0 && s->settings.callback) {
        job.poll = poll_callback;
        job.poll_context = r;
    }
    if (r->queue.count > 0) {
        s->lanes->solve_queue(s->group[worker], &job, &r->queue);
        return;
    }
    while ((count = next_group(&r->work, &group)) > 0)
        s->lanes->solve(s->group[worker], &job, r->work.path, r->work.attempt,
                        r->work.problems + group * s->lanes->lanes, count,
                        tape_of(&r->work, group));
}

/* Does the derivative of any of these problems belong to the job? */
static int any_wanted(const qc__derivative_job *job, const int64_t *problems, int count)
{
    for (int l = 0; l < count; l++)
        if (problems[l] >= job->first && problems[l] < job->first + job->count)
            return 1;
    return 0;
}

static void derivative_groups(void *context, int worker)
{
    derivative_round *r = context;
    qc_solver *s = r->work.solver;
    int64_t group;
    int count;
    while ((count = next_group(&r->work, &group)) > 0) {
        const int64_t *problems = r->work.problems + group * s->lanes->lanes;
        if (any_wanted(r->job, problems, count))
            (r->adjoint ? s->lanes->vjp : s->lanes->jvp)(s->group[worker], r->job, r->work.path,
                                                         problems, count, tape_of(&r->work, group));
    }
}

/* No more threads than groups. */
static int threads_for(const qc_solver *s, int64_t count)
{
    const int64_t groups = (count + s->lanes->lanes - 1) / s->lanes->lanes;
    return groups < s->settings.num_threads ? (int)groups : s->settings.num_threads;
}

static round first_round(qc_solver *s)
{
    const int condensed = s->plan->condensed;
    return (round){.solver = s,
                   .path = condensed ? QC__PATH_CONDENSED : QC__PATH_FULL,
                   .problems = s->ordinary,
                   .count = s->batch,
                   .tape = !s->taped   ? NULL
                           : condensed ? s->condensed_tape
                                       : s->full_tape,
                   .slot = condensed ? s->condensed_slot : s->full_slot};
}

/* With the embedding, in full.  Where the first round was in full too, its tape has the same data. */
static round second_round(qc_solver *s)
{
    return (round){.solver = s,
                   .path = QC__PATH_FULL,
                   .attempt = QC__ATTEMPT_EMBEDDED,
                   .problems = s->retried,
                   .count = s->embedded_count,
                   .tape = s->taped && s->plan->condensed ? s->full_tape : NULL,
                   .slot = s->full_slot};
}

/* The same for values that need a dense block.  It puts the problems into other groups than the first
 * round did, and has a tape of its own. */
static round dense_round(qc_solver *s)
{
    return (round){.solver = s,
                   .path = QC__PATH_DENSE,
                   .attempt = QC__ATTEMPT_EMBEDDED,
                   .problems = s->retried + s->embedded_count,
                   .count = s->dense_count,
                   .tape = s->taped ? s->dense_tape : NULL,
                   .slot = s->full_slot};
}

/* Once more what the second round did not solve, in other groups: the tape stays as that round left it. */
static round third_round(qc_solver *s)
{
    return (round){.solver = s,
                   .path = QC__PATH_FULL,
                   .attempt = QC__ATTEMPT_CAREFUL,
                   .problems = s->again,
                   .count = s->again_count};
}

static int64_t list_retries(const qc_solver *s, qc__retry what, int64_t *problems)
{
    int64_t count = 0;
    for (int64_t k = 0; k < s->batch; k++)
        if (s->retry[k] == what)
            problems[count++] = k;
    return count;
}

static void list_all_retries(qc_solver *s)
{
    s->embedded_count = list_retries(s, QC__RETRY_EMBEDDED, s->retried);
    s->dense_count = list_retries(s, QC__RETRY_DENSE, s->retried + s->embedded_count);
}

/* Those of the second round that have no clean end. */
static void list_unsolved(qc_solver *s)
{
    const unsigned unsolved =
        1u << QC_SOLVED_INACCURATE | 1u << QC_MAX_ITERATIONS | 1u << QC_NUMERICAL_ERROR;
    s->again_count = 0;
    for (int64_t k = 0; k < s->embedded_count; k++)
        if (unsolved >> s->record.status[s->retried[k]] & 1)
            s->again[s->again_count++] = s->retried[k];
}

static void solve_again(solve_round *r, round work)
{
    qc_solver *s = work.solver;
    r->work = work;
    r->queue.count = 0;
    if (work.count > 0)
        qc__pool_run(s->pool, threads_for(s, work.count), solve_groups, r);
}

void qc__run_solve(qc_solver *s, const qc_values *values, const qc_warm_start *warm)
{
    const qc__record *r = &s->record;
    const qc__solve_job job = {.batch = s->batch,
                               .values = *values,
                               .warm = warm,
                               .retry = s->retry,
                               .out = {r->x, r->y, r->s, r->status, r->iterations, r->objective,
                                       r->primal_residual, r->dual_residual, r->gap, r->margin}};
    solve_round round = {.job = &job, .began = qc__clock_seconds()};
    round.polled = round.began;
    for (int w = 0; w < s->max_threads; w++)
        s->lanes->group_bind(s->group[w], &s->settings, s->shared_vectors, s->shared);
    memset(s->retry, 0, (size_t)s->batch);
    memset(r->iterations, 0, (size_t)s->batch * sizeof *r->iterations);
    memset(r->status, 0, (size_t)s->batch * sizeof *r->status); /* QC_UNSOLVED */
    if (qc__values_shared(s->plan))
        s->lanes->share(s->group[0], &job);
    round.work = first_round(s);
    if (qc__values_shared(s->plan) && round.work.path == QC__PATH_FULL)
        round.queue = (qc__queue){.problems = s->ordinary, .count = s->batch};
    qc__pool_run(s->pool, threads_for(s, s->batch), solve_groups, &round);
    list_all_retries(s);
    solve_again(&round, second_round(s));
    list_unsolved(s);
    solve_again(&round, third_round(s));
    solve_again(&round, dense_round(s));
}

static void differentiate_again(derivative_round *r, round work)
{
    qc_solver *s = work.solver;
    r->work = work;
    if (work.count > 0)
        qc__pool_run(s->pool, threads_for(s, work.count), derivative_groups, r);
}

void qc__run_derivative(qc_solver *s, const qc__derivative_job *job, int adjoint)
{
    derivative_round round = {.job = job, .adjoint = adjoint};
    round.work = first_round(s);
    qc__pool_run(s->pool, threads_for(s, s->batch), derivative_groups, &round);
    if (s->plan->condensed) /* what the first round could not know */
        differentiate_again(&round, second_round(s));
    differentiate_again(&round, dense_round(s));
}
