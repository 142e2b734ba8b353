// SPDX-License-Identifier: Apache-2.0
/*
 * ffi.c -- the handlers of solves and of their derivatives; see ffi.h.
 */
#include "ffi.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One call that runs. */
typedef struct task {
    xla_call *frame;
    ffi_call call;
    ffi_plan *plan;
    double *values; /* until a solver takes them */
    qc_message why;
} task;

typedef qc_error (*work)(task *t);

static atomic_llong counts[FFI_COUNTS];

void ffi_counts(long long *out)
{
    for (int k = 0; k < FFI_COUNTS; k++)
        out[k] = atomic_load(&counts[k]);
}

/* ---------------------------------------------------------------------------------------------- */
/* The frame of a call                                                                            */

int ffi_answer_metadata(const xla_call *frame)
{
    for (xla_extension *e = frame->extensions; e; e = e->next) {
        if (e->kind != XLA_EXTENSION_METADATA)
            continue;
        xla_metadata *metadata = ((xla_metadata_extension *)e)->metadata;
        const int minor = frame->api ? frame->api->version.minor : XLA_MINOR_FIRST;
        metadata->version.major = XLA_MAJOR;
        metadata->version.minor = minor < XLA_MINOR_LAST ? minor : XLA_MINOR_LAST;
        metadata->traits = 0;
        return 1;
    }
    return 0;
}

xla_error *ffi_answer(const xla_call *frame, qc_error error, const qc_message *why)
{
    if (!error)
        return NULL;
    xla_error_request request = {
        .size = sizeof request,
        .message = why->text[0] ? why->text : qc_error_text(error),
        .code = error == QC_ERROR_MEMORY        ? XLA_RESOURCE_EXHAUSTED
                : error == QC_ERROR_UNSUPPORTED ? XLA_UNIMPLEMENTED
                : error == QC_ERROR_ARGUMENT    ? XLA_INVALID_ARGUMENT
                                                : XLA_INTERNAL,
    };
    return frame->api->create_error(&request);
}

const xla_array *ffi_find_array(const xla_attributes *attributes, const char *name)
{
    for (int64_t k = 0; k < attributes->count; k++) {
        const xla_text *text = attributes->names[k];
        if (text->length != strlen(name) || memcmp(text->start, name, text->length) != 0)
            continue;
        const xla_array *array = attributes->items[k];
        const int fits = attributes->kinds[k] == XLA_ATTRIBUTE_ARRAY && array->type == XLA_INT64;
        return fits ? array : NULL;
    }
    return NULL;
}

static qc_error read_frame(task *t, int64_t extra)
{
    const xla_array *call = ffi_find_array(&t->frame->attributes, "call");
    const xla_array *family = ffi_find_array(&t->frame->attributes, "family");
    const int64_t count = t->frame->operands.count - extra;
    if (!call || !family || call->length * sizeof(int64_t) != sizeof t->call ||
        (count != 4 && count != 6) || (!extra && t->frame->results.count != 5)) {
        snprintf(t->why.text, sizeof t->why.text,
                 "this program is of another version of quadcone: compile it again");
        return QC_ERROR_ARGUMENT;
    }
    memcpy(&t->call, call->data, sizeof t->call);
    const qc_error error = ffi_plan_get(&t->plan, family->data, family->length, &t->why);
    if (error)
        return error;
    t->values = ffi_values_load(t->plan, &t->call, &t->frame->operands, count, &t->why);
    return t->values ? QC_OK : QC_ERROR_ARGUMENT;
}

/* Runs `run` for a call that has `extra` operands behind those of the solve. */
static xla_error *handle(xla_call *frame, int64_t extra, int counted, work run)
{
    if (ffi_answer_metadata(frame) || frame->stage != XLA_STAGE_EXECUTE)
        return NULL;
    atomic_fetch_add(&counts[counted], 1);
    task t = {.frame = frame};
    qc_error error = read_frame(&t, extra);
    if (!error)
        error = run(&t);
    free(t.values);
    if (t.plan)
        ffi_plan_put(t.plan);
    return ffi_answer(frame, error, &t.why);
}

/* ---------------------------------------------------------------------------------------------- */
/* Solve                                                                                          */

static int is_solved(int32_t status)
{
    return status == QC_SOLVED || status == QC_SOLVED_INACCURATE;
}

/* Solves the values, with a solver that the caller gives back. */
static qc_error solve(task *t, const qc_solution *out, ffi_slot **slot)
{
    double *values = t->values;
    t->values = NULL;
    qc_error error = ffi_slot_take(slot, t->plan, &t->call, values, &t->why);
    if (error)
        return error;
    const qc_values at = ffi_values_at(t->plan, t->call.batch, values);
    error = qc_solve((*slot)->solver, t->call.batch, &at, NULL, out, &t->why);
    if (error)
        (*slot)->call.batch = 0;
    return error;
}

static void void_row(double *row, int64_t length, double value)
{
    for (int64_t k = 0; k < length; k++)
        row[k] = value;
}

/* NaN instead of certificates, where nobody sees the status; an error, where failure is one. */
static qc_error judge(task *t, const qc_solution *found)
{
    const int64_t B = t->call.batch, n = t->plan->n, m = t->plan->m;
    int64_t failed = 0, first = 0;
    for (int64_t k = B - 1; k >= 0; k--) {
        if (is_solved(found->status[k]))
            continue;
        failed++;
        first = k;
        if (t->call.certificates)
            continue;
        void_row(found->x + k * n, n, NAN);
        void_row(found->y + k * m, m, NAN);
        void_row(found->s + k * m, m, NAN);
    }
    if (!failed || t->call.on_failure != FFI_RAISE)
        return QC_OK;
    snprintf(t->why.text, sizeof t->why.text,
             "%lld of %lld problems have no solution; problem %lld: %s", (long long)failed,
             (long long)B, (long long)first, qc_status_text((qc_status)found->status[first]));
    return QC_ERROR_ARGUMENT;
}

static qc_error run_solve(task *t)
{
    const int64_t B = t->call.batch, n = t->plan->n, m = t->plan->m;
    xla_buffer **results = t->frame->results.items;
    double *x = malloc(((size_t)(B * (n + 2 * m)) + 1) * sizeof *x);
    if (!x)
        return QC_ERROR_MEMORY;
    const qc_solution found = {.x = x,
                               .y = x + B * n,
                               .s = x + B * (n + m),
                               .status = results[3]->data,
                               .iterations = results[4]->data};
    ffi_slot *slot = NULL;
    qc_error error = solve(t, &found, &slot);
    if (!error)
        error = judge(t, &found);
    if (!error) {
        ffi_write(results[0], found.x, 0, B * n);
        ffi_write(results[1], found.y, 0, B * m);
        ffi_write(results[2], found.s, 0, B * m);
    }
    if (slot)
        ffi_slot_give(t->plan, slot);
    free(x);
    return error;
}

xla_error *ffi_solve(xla_call *frame)
{
    return handle(frame, 0, FFI_SOLVES, run_solve);
}

/* ---------------------------------------------------------------------------------------------- */
/* Derivatives                                                                                    */

/* The solver of the solve that this is the derivative of. */
static qc_error solver_of(task *t, ffi_slot **slot)
{
    t->call.derivatives = 1;
    if ((*slot = ffi_slot_find(t->plan, &t->call, t->values)))
        return QC_OK;
    atomic_fetch_add(&counts[FFI_SOLVED_AGAIN], 1);
    const qc_error error = solve(t, NULL, slot);
    if (*slot)
        (*slot)->fresh = 0;
    return error;
}

/* Operands behind those of the solve, the mask of what it solved and its s - y, and results; as
 * doubles. */
typedef struct vectors {
    xla_buffer **in, **out;
    double *x, *y, *s; /* room for one right-hand side and its solution */
    double *to_x, *to_y, *to_s;
    int32_t *status;
} vectors;

typedef qc_error (*derivative)(task *t, ffi_slot *slot, vectors *v, int64_t repeat);

static qc_error tangent(task *t, ffi_slot *slot, vectors *v, int64_t repeat)
{
    const int64_t n = t->call.batch * t->plan->n, m = t->call.batch * t->plan->m;
    ffi_read(v->x, v->in[0], repeat * n, n);
    ffi_read(v->y, v->in[1], repeat * m, m);
    const qc_values in = {.q = v->x, .b = v->y};
    const qc_tangent out = {.x = v->to_x, .y = v->to_y, .s = v->to_s};
    const qc_error error = qc_jvp(slot->solver, &in, &out, &t->why);
    ffi_write(v->out[0], v->to_x, repeat * n, n);
    ffi_write(v->out[1], v->to_y, repeat * m, m);
    ffi_write(v->out[2], v->to_s, repeat * m, m);
    return error;
}

static qc_error adjoint(task *t, ffi_slot *slot, vectors *v, int64_t repeat)
{
    const int64_t B = t->call.batch, n = t->plan->n, m = t->plan->m;
    ffi_read(v->x, v->in[0], repeat * B * n, B * n);
    ffi_read(v->y, v->in[1], repeat * B * m, B * m);
    ffi_read(v->s, v->in[2], repeat * B * m, B * m);
    const qc_cotangent in = {v->x, v->y, v->s};
    const qc_gradient out = {.q = v->to_x, .b = v->to_y, .status = v->status};
    const qc_error error = qc_vjp(slot->solver, &in, &out, &t->why);
    for (int64_t k = 0; k < B && !error && t->call.on_failure == FFI_ZERO_GRADIENT; k++)
        if (v->status[k] == QC_DERIVATIVE_NONE) {
            void_row(v->to_x + k * n, n, 0.0);
            void_row(v->to_y + k * m, m, 0.0);
        }
    ffi_write(v->out[0], v->to_x, repeat * B * n, B * n);
    ffi_write(v->out[1], v->to_y, repeat * B * m, B * m);
    return error;
}

static qc_error differentiate(task *t, int64_t extra, derivative run)
{
    const int64_t B = t->call.batch, n = t->plan->n, m = t->plan->m;
    const size_t half = (size_t)(B * (n + 2 * m));
    double *room = malloc((2 * half + (size_t)B) * sizeof *room);
    if (!room)
        return QC_ERROR_MEMORY;
    double *to = room + half;
    vectors v = {.in = t->frame->operands.items + t->frame->operands.count - extra,
                 .out = t->frame->results.items,
                 .x = room,
                 .y = room + B * n,
                 .s = room + B * (n + m),
                 .to_x = to,
                 .to_y = to + B * n,
                 .to_s = to + B * (n + m),
                 .status = (int32_t *)(to + half)};
    ffi_slot *slot = NULL;
    qc_error error = solver_of(t, &slot);
    for (int64_t k = 0; k < t->call.repeats && !error; k++)
        error = run(t, slot, &v, k);
    if (slot)
        ffi_slot_give(t->plan, slot);
    free(room);
    return error;
}

static qc_error run_tangent(task *t)
{
    return differentiate(t, 2, tangent);
}

static qc_error run_adjoint(task *t)
{
    return differentiate(t, 3, adjoint);
}

xla_error *ffi_tangent(xla_call *frame)
{
    return handle(frame, 2 + 2, FFI_TANGENTS, run_tangent);
}

xla_error *ffi_adjoint(xla_call *frame)
{
    return handle(frame, 2 + 3, FFI_ADJOINTS, run_adjoint);
}
