// SPDX-License-Identifier: Apache-2.0
/* solver_api.c -- checks arguments and hands over; no numerics. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "lane/select.h"
#include "run/solver.h"

enum { MAX_THREADS = 1024 };

void qc_settings_default(qc_settings *settings)
{
    *settings = (qc_settings){.tolerance = 1e-8,
                              .tolerance_infeasible = 1e-8,
                              .max_iterations = 100,
                              .num_threads = 1,
                              .derivatives = 1,
                              .derivative_mode = QC_MODE_EXACT,
                              .derivative_tolerance = 1e-12,
                              .smoothing = 1e-4,
                              .lpgd_tau = 1e-2};
}

static qc_error check_derivative_settings(const qc_settings *s, qc_message *why)
{
    const int mode = (int)s->derivative_mode;
    if (mode < QC_MODE_EXACT || mode > QC_MODE_LPGD_RIGHT)
        return qc__fail(why, QC_ERROR_ARGUMENT, "derivative_mode: expected %d to %d, got %d",
                        QC_MODE_EXACT, QC_MODE_LPGD_RIGHT, mode);
    if (!(s->derivative_tolerance > 0.0 && s->derivative_tolerance < 1.0))
        return qc__fail(why, QC_ERROR_ARGUMENT,
                        "derivative_tolerance: expected a number in (0, 1), got %g",
                        s->derivative_tolerance);
    if (s->derivative_iterations < 0)
        return qc__fail(why, QC_ERROR_ARGUMENT,
                        "derivative_iterations: expected at least 0, got %lld",
                        (long long)s->derivative_iterations);
    if (!(s->smoothing > 0.0 && isfinite(s->smoothing)))
        return qc__fail(why, QC_ERROR_ARGUMENT, "smoothing: expected a positive number, got %g",
                        s->smoothing);
    if (!(s->lpgd_tau > 0.0 && isfinite(s->lpgd_tau)))
        return qc__fail(why, QC_ERROR_ARGUMENT, "lpgd_tau: expected a positive number, got %g",
                        s->lpgd_tau);
    if (!(s->lpgd_rho >= 0.0 && isfinite(s->lpgd_rho)))
        return qc__fail(why, QC_ERROR_ARGUMENT, "lpgd_rho: expected at least 0, got %g",
                        s->lpgd_rho);
    return QC_OK;
}

/* The settings of differences of solutions, beside the plan. */
static qc_error check_lpgd(const qc_plan *plan, const qc_settings *s, qc_message *why)
{
    if (qc__is_lpgd(s) && s->lpgd_rho > 0.0 && !qc__has_whole_diagonal(&plan->P))
        return qc__fail(
            why, QC_ERROR_ARGUMENT,
            "lpgd_rho: expected 0 where the pattern of P lacks a diagonal entry, got %g",
            s->lpgd_rho);
    return QC_OK;
}

static qc_error check_settings(const qc_settings *s, qc_message *why)
{
    if (!(s->tolerance > 0.0 && s->tolerance < 1.0))
        return qc__fail(why, QC_ERROR_ARGUMENT, "tolerance: expected a number in (0, 1), got %g",
                        s->tolerance);
    if (!(s->tolerance_infeasible > 0.0 && s->tolerance_infeasible < 1.0))
        return qc__fail(why, QC_ERROR_ARGUMENT,
                        "tolerance_infeasible: expected a number in (0, 1), got %g",
                        s->tolerance_infeasible);
    if (s->max_iterations < 1)
        return qc__fail(why, QC_ERROR_ARGUMENT, "max_iterations: expected at least 1, got %d",
                        s->max_iterations);
    if (s->num_threads < 1 || s->num_threads > MAX_THREADS)
        return qc__fail(why, QC_ERROR_ARGUMENT, "num_threads: expected 1 to %d, got %d",
                        MAX_THREADS, s->num_threads);
    return check_derivative_settings(s, why);
}

/* Few problems of a large family leave most lanes idle. */
static const qc__lane_table *choose_lanes(const qc_plan *plan, int64_t capacity, int threads)
{
    const int64_t per_thread = (capacity + threads - 1) / threads;
    return per_thread <= plan->rows_per_thread ? plan->rows : plan->lanes;
}

/* Takes the solver's block from the heap and places everything in it. */
static qc_error allocate(qc_solver **out, const qc_solver *wanted, qc_message *why)
{
    qc_solver measured = *wanted;
    qc__arena arena = {0};
    TAKE(&arena, 1, qc_solver);
    qc__solver_layout(&measured, &arena);
    char *block = arena.used == SIZE_MAX ? NULL : qc__aligned_alloc(arena.used);
    if (!block)
        return qc__fail(why, QC_ERROR_MEMORY,
                        "out of memory: a solver for %lld problems takes %zu bytes",
                        (long long)wanted->capacity, arena.used);
    qc__arena place = {.base = block, .size = arena.used};
    qc_solver *s = TAKE(&place, 1, qc_solver);
    *s = *wanted;
    qc__solver_layout(s, &place);
    s->bytes = arena.used;
    for (int64_t k = 0; k < s->capacity; k++)
        s->ordinary[k] = k;
    *out = s;
    return QC_OK;
}

qc_error qc_solver_new(qc_solver **out, const qc_plan *plan, int64_t capacity,
                       const qc_settings *settings, qc_message *why)
{
    qc_settings defaults;
    if (!out)
        return qc__fail(why, QC_ERROR_ARGUMENT, "out: expected a place for the solver, got NULL");
    *out = NULL;
    if (!plan)
        return qc__fail(why, QC_ERROR_ARGUMENT, "plan: expected a plan, got NULL");
    if (capacity < 1 || capacity > INT32_MAX)
        return qc__fail(why, QC_ERROR_ARGUMENT, "capacity: expected 1 to %d problems, got %lld",
                        INT32_MAX, (long long)capacity);
    qc_settings_default(&defaults);
    if (!settings)
        settings = &defaults;
    qc_error error = check_settings(settings, why);
    if (!error)
        error = check_lpgd(plan, settings, why);
    if (error)
        return error;
    const qc_solver wanted = {.plan = plan,
                              .lanes = choose_lanes(plan, capacity, settings->num_threads),
                              .capacity = capacity,
                              .settings = *settings,
                              .max_threads = settings->num_threads,
                              .shared_vectors = plan->shared & (QC_SHARED_Q | QC_SHARED_B),
                              .tapes_kept = settings->derivatives != 0,
                              .values_kept = settings->derivatives && qc__is_lpgd(settings)};
    error = allocate(out, &wanted, why);
    if (!error && settings->num_threads > 1)
        error = qc__pool_new(&(*out)->pool, settings->num_threads);
    if (error && *out) {
        qc_solver_free(*out);
        *out = NULL;
        return qc__fail(why, error, "out of memory: %d threads", settings->num_threads);
    }
    return error;
}

void qc_solver_free(qc_solver *solver)
{
    if (!solver)
        return;
    qc__pool_free(solver->pool);
    qc__aligned_free(solver);
}

size_t qc_solver_bytes(const qc_solver *solver)
{
    return solver->bytes;
}

qc_error qc_solver_set(qc_solver *solver, const qc_settings *settings, qc_message *why)
{
    if (!solver || !settings)
        return qc__fail(why, QC_ERROR_ARGUMENT, "%s: expected a pointer, got NULL",
                        solver ? "settings" : "solver");
    qc_error error = check_settings(settings, why);
    if (!error)
        error = check_lpgd(solver->plan, settings, why);
    if (error)
        return error;
    if (settings->num_threads > solver->max_threads)
        return qc__fail(why, QC_ERROR_ARGUMENT,
                        "num_threads: expected at most %d, as the solver was made with, got %d",
                        solver->max_threads, settings->num_threads);
    if (settings->derivatives && !solver->tapes_kept)
        return qc__fail(why, QC_ERROR_ARGUMENT,
                        "derivatives: the solver was made without; expected 0, got %d",
                        settings->derivatives);
    if (settings->derivatives && qc__is_lpgd(settings) && !solver->values_kept)
        return qc__fail(why, QC_ERROR_ARGUMENT,
                        "derivative_mode: the solver was not made with a mode of LPGD; got %d",
                        settings->derivative_mode);
    solver->settings = *settings;
    return QC_OK;
}

static qc_error check_values(const qc_solver *s, const qc_values *v, qc_message *why)
{
    const qc_plan *plan = s->plan;
    const struct {
        const char *name;
        const double *given;
        int64_t length;
    } needed[] = {
        {"P", v->P, plan->P.length},
        {"q", v->q, plan->n},
        {"A", v->A, plan->A.length},
        {"b", v->b, plan->m},
    };
    for (size_t k = 0; k < sizeof needed / sizeof *needed; k++)
        if (!needed[k].given && needed[k].length > 0)
            return qc__fail(why, QC_ERROR_ARGUMENT,
                            "values.%s: expected %lld numbers a problem, got NULL", needed[k].name,
                            (long long)needed[k].length);
    return QC_OK;
}

static void copy_out(void *to, const void *from, int64_t count, size_t size)
{
    if (to && count > 0)
        memcpy(to, from, (size_t)count * size);
}

static void copy_solution(const qc_solver *s, const qc_solution *out)
{
    const qc__record *r = &s->record;
    const int64_t B = s->batch, n = s->plan->n, m = s->plan->m;
    copy_out(out->x, r->x, B * n, sizeof(double));
    copy_out(out->y, r->y, B * m, sizeof(double));
    copy_out(out->s, r->s, B * m, sizeof(double));
    copy_out(out->status, r->status, B, sizeof(int32_t));
    copy_out(out->iterations, r->iterations, B, sizeof(int32_t));
    copy_out(out->objective, r->objective, B, sizeof(double));
    copy_out(out->primal_residual, r->primal_residual, B, sizeof(double));
    copy_out(out->dual_residual, r->dual_residual, B, sizeof(double));
    copy_out(out->gap, r->gap, B, sizeof(double));
    copy_out(out->margin, r->margin, B, sizeof(double));
}

qc_error qc_solve(qc_solver *solver, int64_t batch, const qc_values *values,
                  const qc_warm_start *warm, const qc_solution *out, qc_message *why)
{
    if (!solver || !values)
        return qc__fail(why, QC_ERROR_ARGUMENT, "%s: expected a pointer, got NULL",
                        solver ? "values" : "solver");
    if (batch < 1 || batch > solver->capacity)
        return qc__fail(why, QC_ERROR_ARGUMENT,
                        "batch: expected 1 to %lld, the solver's capacity, got %lld",
                        (long long)solver->capacity, (long long)batch);
    const qc_error error = check_values(solver, values, why);
    if (error)
        return error;
    if (warm &&
        ((!warm->x && solver->plan->n > 0) || ((!warm->y || !warm->s) && solver->plan->m > 0)))
        return qc__fail(why, QC_ERROR_ARGUMENT, "warm: expected x, y and s, got NULL for one");
    solver->batch = batch;
    solver->recorded = solver->settings.derivatives && qc__is_lpgd(&solver->settings);
    solver->taped = solver->settings.derivatives && !solver->recorded;
    qc__run_solve(solver, values, warm);
    if (solver->recorded)
        qc__keep_values(solver, values);
    if (out)
        copy_solution(solver, out);
    return QC_OK;
}
