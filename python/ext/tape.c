// SPDX-License-Identifier: Apache-2.0
/*
 * tape.c -- derivatives of one solve, from the solver that it left behind.
 */
#include "core.h"

PyObject *tape_new(core_state *state, plan_object *plan, report_object *report, slot *taken)
{
    tape_object *tape = PyObject_New(tape_object, state->tape);
    if (!tape) {
        slot_give(plan, taken);
        return NULL;
    }
    Py_INCREF((PyObject *)plan);
    Py_INCREF((PyObject *)report);
    tape->plan = plan;
    tape->report = report;
    tape->slot = taken;
    return (PyObject *)tape;
}

static void tape_dealloc(PyObject *self)
{
    tape_object *tape = (tape_object *)self;
    PyTypeObject *type = Py_TYPE(self);
    slot_give(tape->plan, tape->slot);
    Py_DECREF((PyObject *)tape->plan);
    Py_DECREF((PyObject *)tape->report);
    PyObject_Free(self);
    Py_DECREF(type);
}

/* One thread at a time in a solver.  The GIL must not be held while waiting for another. */
static void tape_enter(tape_object *tape)
{
    if (PyThread_acquire_lock(tape->slot->lock, NOWAIT_LOCK))
        return;
    Py_BEGIN_ALLOW_THREADS PyThread_acquire_lock(tape->slot->lock, WAIT_LOCK);
    Py_END_ALLOW_THREADS
}

/* Arguments: so many arrays, and of vjp also G, h and the rows of A where rows are in two blocks. */
enum { ARRAYS = 7, BLOCKS = 3 };

/* Arguments 0..6, of which those before `written` are read. */
static int read_arrays(array *arrays, PyObject *const *args, const int64_t *length, int written,
                       const char *const *names)
{
    for (int k = 0; k < ARRAYS; k++) {
        const int flags = k >= written ? ARRAY_WRITE : ARRAY_READ;
        const Py_ssize_t bytes = (Py_ssize_t)(length[k] * (int64_t)sizeof(double));
        if (array_get(&arrays[k], args[k], bytes, flags, names[k]) < 0)
            return -1;
    }
    return 0;
}

/* Numbers in P, q, A and b of the whole batch. */
static void value_lengths(const tape_object *tape, int64_t *out)
{
    const plan_object *plan = tape->plan;
    const int64_t length[4] = {plan->P_length, plan->n, plan->A_length, plan->m};
    for (int k = 0; k < 4; k++)
        out[k] = length[k] * ((plan->shared & (1u << k)) ? 1 : tape->report->batch);
}

static void output_lengths(const tape_object *tape, int64_t *out)
{
    out[0] = tape->plan->n * tape->report->batch;
    out[1] = out[2] = tape->plan->m * tape->report->batch;
}

static qc_error run_vjp(tape_object *tape, array *arrays, qc_message *why)
{
    const qc_cotangent in = {arrays[0].data, arrays[1].data, arrays[2].data};
    const qc_gradient out = {
        .P = arrays[3].data,
        .q = arrays[4].data,
        .A = arrays[5].data,
        .b = arrays[6].data,
        .status = tape->report->derivative_status,
        .residual = tape->report->derivative_residual,
    };
    return qc_vjp(tape->slot->solver, &in, &out, why);
}

static qc_error run_jvp(tape_object *tape, array *arrays, qc_message *why)
{
    const qc_values in = {arrays[0].data, arrays[1].data, arrays[2].data, arrays[3].data};
    const qc_tangent out = {
        .x = arrays[4].data,
        .y = arrays[5].data,
        .s = arrays[6].data,
        .status = tape->report->derivative_status,
        .residual = tape->report->derivative_residual,
    };
    return qc_jvp(tape->slot->solver, &in, &out, why);
}

typedef qc_error (*derivative)(tape_object *tape, array *arrays, qc_message *why);

static PyObject *differentiate(tape_object *tape, derivative run, array *arrays)
{
    qc_message why = {{0}};
    qc_error error;
    tape_enter(tape);
    Py_BEGIN_ALLOW_THREADS error = run(tape, arrays, &why);
    Py_END_ALLOW_THREADS PyThread_release_lock(tape->slot->lock);
    if (error)
        return raise_error(error, &why);
    Py_RETURN_NONE;
}

/* As `run_vjp`, with gradients of A and b in two blocks of rows each. */
static PyObject *vjp_blocks(tape_object *tape, array *arrays, PyObject *const *args)
{
    blocks rows = {{0}};
    PyObject *result = NULL;
    if (blocks_get(&rows, tape->plan, tape->report->batch, args, ARRAY_WRITE) == 0) {
        double *above_A = arrays[5].data, *above_b = arrays[6].data;
        double *below_A = rows.array[0].data, *below_b = rows.array[1].data;
        arrays[5].data = above_A || below_A ? rows.A.joined : NULL;
        arrays[6].data = above_b || below_b ? rows.b.joined : NULL;
        result = differentiate(tape, run_vjp, arrays);
        if (result && arrays[5].data)
            joint_split(&rows.A, above_A, below_A);
        if (result && arrays[6].data)
            joint_split(&rows.b, above_b, below_b);
    }
    blocks_release(&rows);
    return result;
}

PyObject *tape_vjp(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    static const char *const names[ARRAYS] = {"dx", "dy", "ds", "P", "q", "A", "b"};
    tape_object *tape = (tape_object *)self;
    array arrays[ARRAYS] = {{0}};
    int64_t length[ARRAYS];
    const int in_blocks = count == ARRAYS + BLOCKS;
    if (count != ARRAYS && !in_blocks)
        return PyErr_Format(PyExc_TypeError, "vjp takes %d or %d arguments", ARRAYS,
                            ARRAYS + BLOCKS);
    output_lengths(tape, length);
    value_lengths(tape, length + 3);
    PyObject *result = NULL;
    if (read_arrays(arrays, args, length, 3, names) == 0)
        result = in_blocks ? vjp_blocks(tape, arrays, args + ARRAYS)
                           : differentiate(tape, run_vjp, arrays);
    array_release(arrays, ARRAYS);
    return result;
}

static PyObject *tape_jvp(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    static const char *const names[ARRAYS] = {"dP", "dq", "dA", "db", "x", "y", "s"};
    tape_object *tape = (tape_object *)self;
    array arrays[ARRAYS] = {{0}};
    int64_t length[ARRAYS];
    if (count != ARRAYS)
        return PyErr_Format(PyExc_TypeError, "jvp takes %d arguments", ARRAYS);
    value_lengths(tape, length);
    output_lengths(tape, length + 4);
    PyObject *result = NULL;
    if (read_arrays(arrays, args, length, 4, names) == 0)
        result = differentiate(tape, run_jvp, arrays);
    array_release(arrays, ARRAYS);
    return result;
}

/* ---- many directions ------------------------------------------------------------------------------ */

/* Arguments: (first, count, directions, apart), then the arrays. */
enum { NUMBERS = 4 };

typedef struct many_call {
    qc_many which;
    int32_t *status; /* [count][directions] */
    double *residual;
} many_call;

static int read_many(qc_many *out, const tape_object *tape, PyObject *const *args)
{
    long long numbers[NUMBERS];
    for (int k = 0; k < NUMBERS; k++) {
        numbers[k] = PyLong_AsLongLong(args[k]);
        if (numbers[k] == -1 && PyErr_Occurred())
            return -1;
    }
    *out = (qc_many){numbers[0], numbers[1], numbers[2], numbers[3] != 0};
    if (out->first >= 0 && out->count > 0 && out->directions > 0 &&
        out->count <= tape->report->batch - out->first && out->directions <= INT32_MAX)
        return 0;
    PyErr_Format(PyExc_ValueError, "%lld directions of problems %lld to %lld of %lld",
                 (long long)out->directions, (long long)out->first,
                 (long long)(out->first + out->count) - 1, (long long)tape->report->batch);
    return -1;
}

/* Numbers in all directions of P, q, A, b, and of x, y, s. */
static void many_lengths(const tape_object *tape, const qc_many *many, int64_t *values,
                         int64_t *outputs)
{
    const plan_object *plan = tape->plan;
    const int64_t own = many->count * many->directions;
    const int64_t length[4] = {plan->P_length, plan->n, plan->A_length, plan->m};
    for (int k = 0; k < 4; k++) {
        const int shared = !many->apart && (plan->shared & (1u << k));
        values[k] = length[k] * (shared ? many->directions : own);
    }
    outputs[0] = plan->n * own;
    outputs[1] = outputs[2] = plan->m * own;
}

static qc_error run_vjp_many(tape_object *tape, array *arrays, const many_call *call,
                             qc_message *why)
{
    const qc_cotangent in = {arrays[0].data, arrays[1].data, arrays[2].data};
    const qc_gradient out = {.P = arrays[3].data,
                             .q = arrays[4].data,
                             .A = arrays[5].data,
                             .b = arrays[6].data,
                             .status = call->status,
                             .residual = call->residual};
    return qc_vjp_many(tape->slot->solver, &call->which, &in, &out, why);
}

static qc_error run_jvp_many(tape_object *tape, array *arrays, const many_call *call,
                             qc_message *why)
{
    const qc_values in = {arrays[0].data, arrays[1].data, arrays[2].data, arrays[3].data};
    const qc_tangent out = {.x = arrays[4].data,
                            .y = arrays[5].data,
                            .s = arrays[6].data,
                            .status = call->status,
                            .residual = call->residual};
    return qc_jvp_many(tape->slot->solver, &call->which, &in, &out, why);
}

/* A problem's derivative is as good as in the worst of its directions. */
static void report_worst(report_object *report, const many_call *call)
{
    for (int64_t k = 0; k < call->which.count; k++) {
        int32_t *status = report->derivative_status + call->which.first + k;
        double *residual = report->derivative_residual + call->which.first + k;
        for (int64_t d = 0; d < call->which.directions; d++) {
            const int64_t at = k * call->which.directions + d;
            const int32_t s = call->status[at];
            if (d == 0 || s == QC_DERIVATIVE_INACCURATE ||
                (*status != QC_DERIVATIVE_INACCURATE && s > *status))
                *status = s;
            if (d == 0 || !(call->residual[at] <= *residual))
                *residual = call->residual[at];
        }
    }
}

typedef qc_error (*many_derivative)(tape_object *tape, array *arrays, const many_call *call,
                                    qc_message *why);

static PyObject *differentiate_many(tape_object *tape, many_derivative run, array *arrays,
                                    many_call *call)
{
    const size_t count = (size_t)(call->which.count * call->which.directions);
    qc_message why = {{0}};
    qc_error error;
    call->residual = PyMem_Malloc(count * (sizeof(double) + sizeof(int32_t)));
    if (!call->residual)
        return PyErr_NoMemory();
    call->status = (int32_t *)(call->residual + count);
    tape_enter(tape);
    Py_BEGIN_ALLOW_THREADS error = run(tape, arrays, call, &why);
    if (!error)
        report_worst(tape->report, call);
    Py_END_ALLOW_THREADS PyThread_release_lock(tape->slot->lock);
    PyMem_Free(call->residual);
    if (error)
        return raise_error(error, &why);
    Py_RETURN_NONE;
}

static PyObject *tape_vjp_many(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    static const char *const names[ARRAYS] = {"dx", "dy", "ds", "P", "q", "A", "b"};
    tape_object *tape = (tape_object *)self;
    array arrays[ARRAYS] = {{0}};
    int64_t length[ARRAYS];
    many_call call = {{0}};
    if (count != NUMBERS + ARRAYS)
        return PyErr_Format(PyExc_TypeError, "vjp_many takes %d arguments", NUMBERS + ARRAYS);
    if (read_many(&call.which, tape, args) < 0)
        return NULL;
    many_lengths(tape, &call.which, length + 3, length);
    PyObject *result = NULL;
    if (read_arrays(arrays, args + NUMBERS, length, 3, names) == 0)
        result = differentiate_many(tape, run_vjp_many, arrays, &call);
    array_release(arrays, ARRAYS);
    return result;
}

static PyObject *tape_jvp_many(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    static const char *const names[ARRAYS] = {"dP", "dq", "dA", "db", "x", "y", "s"};
    tape_object *tape = (tape_object *)self;
    array arrays[ARRAYS] = {{0}};
    int64_t length[ARRAYS];
    many_call call = {{0}};
    if (count != NUMBERS + ARRAYS)
        return PyErr_Format(PyExc_TypeError, "jvp_many takes %d arguments", NUMBERS + ARRAYS);
    if (read_many(&call.which, tape, args) < 0)
        return NULL;
    many_lengths(tape, &call.which, length, length + 4);
    PyObject *result = NULL;
    if (read_arrays(arrays, args + NUMBERS, length, 4, names) == 0)
        result = differentiate_many(tape, run_jvp_many, arrays, &call);
    array_release(arrays, ARRAYS);
    return result;
}

static PyMethodDef tape_methods[] = {
    {"vjp", (PyCFunction)(void (*)(void))tape_vjp, METH_FASTCALL,
     "vjp(dx, dy, ds, P, q, A, b[, G, h, rows]): cotangents in, gradients out; any may be None."},
    {"jvp", (PyCFunction)(void (*)(void))tape_jvp, METH_FASTCALL,
     "jvp(dP, dq, dA, db, x, y, s): tangents in, tangents out; any may be None."},
    {"vjp_many", (PyCFunction)(void (*)(void))tape_vjp_many, METH_FASTCALL,
     "vjp_many(first, count, directions, apart, dx, dy, ds, P, q, A, b): as qc_vjp_many."},
    {"jvp_many", (PyCFunction)(void (*)(void))tape_jvp_many, METH_FASTCALL,
     "jvp_many(first, count, directions, apart, dP, dq, dA, db, x, y, s): as qc_jvp_many."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef tape_members[] = {
    {"report", T_OBJECT, offsetof(tape_object, report), READONLY, "Report of the solve."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot tape_slots[] = {
    {Py_tp_doc, "A solver on loan, with what the derivatives of its last solve need."},
    {Py_tp_dealloc, (void *)tape_dealloc},
    {Py_tp_methods, tape_methods},
    {Py_tp_members, tape_members},
    {0, NULL},
};

PyType_Spec tape_spec = {
    .name = "quadcone._core.Tape",
    .basicsize = sizeof(tape_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = tape_slots,
};
