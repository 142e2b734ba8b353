// SPDX-License-Identifier: Apache-2.0
/* derivative_api.c -- checks arguments of derivatives and hands over; no numerics. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/message.h"
#include "run/solver.h"

static qc_error check_derivative(const qc_solver *s, const void *in, const void *out,
                                 qc_message *why)
{
    if (!s || !in || !out)
        return qc__fail(why, QC_ERROR_ARGUMENT, "%s: expected a pointer, got NULL",
                        !s    ? "solver"
                        : !in ? "in"
                              : "out");
    if (s->batch == 0)
        return qc__fail(why, QC_ERROR_ORDER, "a derivative is of a solve: call qc_solve first");
    if (!s->taped && !s->recorded)
        return qc__fail(why, QC_ERROR_ORDER,
                        "settings.derivatives: expected 1 at the solve, for its derivative; got 0");
    if (s->recorded != qc__is_lpgd(&s->settings))
        return qc__fail(why, QC_ERROR_ORDER,
                        "settings.derivative_mode: expected a mode of LPGD both at the solve and "
                        "now, or at neither; got it %s",
                        s->recorded ? "at the solve" : "now");
    return QC_OK;
}

static qc_error check_many(const qc_solver *s, const qc_many *many, qc_message *why)
{
    if (!many)
        return qc__fail(why, QC_ERROR_ARGUMENT, "many: expected a pointer, got NULL");
    if (many->first < 0 || many->first >= s->batch)
        return qc__fail(why, QC_ERROR_ARGUMENT, "many.first: expected 0 to %lld, got %lld",
                        (long long)s->batch - 1, (long long)many->first);
    if (many->count < 1 || many->count > s->batch - many->first)
        return qc__fail(why, QC_ERROR_ARGUMENT, "many.count: expected 1 to %lld, got %lld",
                        (long long)(s->batch - many->first), (long long)many->count);
    if (many->directions < 1 || many->directions > INT32_MAX)
        return qc__fail(why, QC_ERROR_ARGUMENT, "many.directions: expected 1 to %d, got %lld",
                        INT32_MAX, (long long)many->directions);
    return QC_OK;
}

/* The job of one direction for all problems, in the memory of the solver. */
static qc__derivative_job job_of(const qc_solver *s)
{
    return (qc__derivative_job){.count = s->batch,
                                .directions = 1,
                                .shared = s->plan->shared,
                                .settings = &s->settings,
                                .x = s->record.x,
                                .y = s->record.y,
                                .s = s->record.s,
                                .status = s->record.status,
                                .retried = s->retry,
                                .u_x = s->u_x,
                                .u_v = s->u_v,
                                .u_s = s->u_s,
                                .derivative_status = s->derivative_status,
                                .residual = s->residual};
}

static void place_many(qc__derivative_job *job, const qc_plan *plan, qc__arena *arena)
{
    const size_t count = (size_t)(job->count * job->directions);
    job->u_x = TAKE(arena, count * (size_t)plan->n, double);
    job->u_v = TAKE(arena, count * (size_t)plan->m, double);
    job->u_s = TAKE(arena, count * (size_t)plan->m, double);
    job->residual = TAKE(arena, count, double);
    job->derivative_status = TAKE(arena, count, int32_t);
}

/* The job of many directions, in a block of its own. */
static qc_error many_job(qc__derivative_job *job, void **block, const qc_solver *s,
                         const qc_many *many, qc_message *why)
{
    *job = job_of(s);
    job->first = many->first;
    job->count = many->count;
    job->directions = many->directions;
    job->shared = many->apart ? 0 : s->plan->shared;
    qc__arena arena = {0};
    place_many(job, s->plan, &arena);
    *block = arena.used == SIZE_MAX ? NULL : qc__aligned_alloc(arena.used);
    if (!*block)
        return qc__fail(why, QC_ERROR_MEMORY,
                        "out of memory: %lld directions of %lld problems take %zu bytes",
                        (long long)many->directions, (long long)many->count, arena.used);
    arena = (qc__arena){.base = *block, .size = arena.used};
    place_many(job, s->plan, &arena);
    return QC_OK;
}

/* to[k][d] := from[d][k], each `width` bytes wide; `to` may be NULL. */
static void give(void *to, const void *from, const qc__derivative_job *job, size_t width)
{
    const int64_t count = job->count, directions = job->directions;
    if (!to || width == 0)
        return;
    if (directions == 1) {
        memcpy(to, from, (size_t)count * width);
        return;
    }
    for (int64_t k = 0; k < count; k++)
        for (int64_t d = 0; d < directions; d++)
            memcpy((char *)to + (size_t)(k * directions + d) * width,
                   (const char *)from + (size_t)(d * count + k) * width, width);
}

static void run_vjp(qc_solver *s, qc__derivative_job *job, const qc_gradient *out)
{
    const int lpgd = qc__is_lpgd(&s->settings);
    const double *x = lpgd ? s->differences.x : job->x + job->first * s->plan->n;
    const double *y = lpgd ? s->differences.y : job->y + job->first * s->plan->m;
    job->u_s = NULL;
    if (!lpgd)
        qc__run_derivative(s, job, 1);
    for (int64_t d = 0; d < job->directions; d++) {
        if (lpgd)
            qc__run_differences(s, job, d, 1);
        qc__run_gradients(s, job, d, x, y, out);
    }
    give(out->status, job->derivative_status, job, sizeof(int32_t));
    give(out->residual, job->residual, job, sizeof(double));
}

qc_error qc_vjp(qc_solver *solver, const qc_cotangent *in, const qc_gradient *out, qc_message *why)
{
    const qc_error error = check_derivative(solver, in, out, why);
    if (error)
        return error;
    qc__derivative_job job = job_of(solver);
    job.in = *in;
    run_vjp(solver, &job, out);
    return QC_OK;
}

/* What both calls with many directions begin with; `block` is to be freed in any case. */
static qc_error prepare_many(qc__derivative_job *job, void **block, qc_solver *solver,
                             const qc_many *many, const void *in, const void *out, qc_message *why)
{
    qc_error error = check_derivative(solver, in, out, why);
    if (!error)
        error = check_many(solver, many, why);
    return error ? error : many_job(job, block, solver, many, why);
}

qc_error qc_vjp_many(qc_solver *solver, const qc_many *many, const qc_cotangent *in,
                     const qc_gradient *out, qc_message *why)
{
    qc__derivative_job job;
    void *block = NULL;
    const qc_error error = prepare_many(&job, &block, solver, many, in, out, why);
    if (!error) {
        job.in = *in;
        run_vjp(solver, &job, out);
    }
    qc__aligned_free(block);
    return error;
}

/* Tangents of problems without a solution are NaN. */
static void void_unsolved(const qc_plan *plan, const qc__derivative_job *job)
{
    const int64_t n = plan->n, m = plan->m;
    for (int64_t k = 0; k < job->count * job->directions; k++) {
        if (job->derivative_status[k] != QC_DERIVATIVE_NONE)
            continue;
        for (int64_t j = 0; j < n; j++)
            job->u_x[k * n + j] = NAN;
        for (int64_t i = 0; i < m; i++)
            job->u_v[k * m + i] = job->u_s[k * m + i] = NAN;
    }
}

static void run_jvp(qc_solver *s, const qc__derivative_job *job, const qc_tangent *out)
{
    const size_t n = (size_t)s->plan->n, m = (size_t)s->plan->m;
    if (qc__is_lpgd(&s->settings))
        for (int64_t d = 0; d < job->directions; d++)
            qc__run_differences(s, job, d, 0);
    else
        qc__run_derivative(s, job, 0);
    void_unsolved(s->plan, job);
    give(out->x, job->u_x, job, n * sizeof(double));
    give(out->y, job->u_v, job, m * sizeof(double));
    give(out->s, job->u_s, job, m * sizeof(double));
    give(out->status, job->derivative_status, job, sizeof(int32_t));
    give(out->residual, job->residual, job, sizeof(double));
}

qc_error qc_jvp(qc_solver *solver, const qc_values *in, const qc_tangent *out, qc_message *why)
{
    const qc_error error = check_derivative(solver, in, out, why);
    if (error)
        return error;
    qc__derivative_job job = job_of(solver);
    job.values = *in;
    run_jvp(solver, &job, out);
    return QC_OK;
}

qc_error qc_jvp_many(qc_solver *solver, const qc_many *many, const qc_values *in,
                     const qc_tangent *out, qc_message *why)
{
    qc__derivative_job job;
    void *block = NULL;
    const qc_error error = prepare_many(&job, &block, solver, many, in, out, why);
    if (!error) {
        job.values = *in;
        run_jvp(solver, &job, out);
    }
    qc__aligned_free(block);
    return error;
}
