// SPDX-License-Identifier: Apache-2.0
/*
 * solve.c -- Plan.solve: read the arguments, drop the GIL, solve, and look after signals meanwhile.
 */
#include "core.h"

/* What the callback needs while qc_solve runs. */
typedef struct watch {
    PyThreadState *thread;
    PyObject *callback; /* of the user, or None */
    double next;        /* when to look again, in seconds since the call */
    int raised;
} watch;

/* Taking the GIL from another thread may cost milliseconds; Ctrl-C can wait this long. */
#define SIGNAL_INTERVAL 0.02

static int callback_says_stop(watch *w, const qc_progress *progress)
{
    if (PyErr_CheckSignals() < 0)
        return -1;
    if (w->callback == Py_None)
        return 0;
    PyObject *answer = PyObject_CallFunction(w->callback, "LLd", (long long)progress->done,
                                             (long long)progress->batch, progress->seconds);
    if (!answer)
        return -1;
    const int stop = PyObject_IsTrue(answer);
    Py_DECREF(answer);
    return stop;
}

static int watch_progress(void *context, const qc_progress *progress)
{
    watch *w = context;
    if (w->callback == Py_None && progress->seconds < w->next)
        return 0;
    PyEval_RestoreThread(w->thread);
    const int stop = callback_says_stop(w, progress);
    w->raised = stop < 0;
    w->thread = PyEval_SaveThread();
    w->next = progress->seconds + SIGNAL_INTERVAL;
    return stop != 0;
}

/* (tolerance, tolerance_infeasible, max_iterations, num_threads, derivatives, callback, and of derivatives
 * the mode, tolerance, iterations, smoothing, tau and rho) */
static int read_settings(qc_settings *out, PyObject **callback, PyObject *tuple)
{
    int mode;
    long long iterations;
    qc_settings_default(out);
    if (!PyArg_ParseTuple(tuple, "ddiipOidLddd:settings", &out->tolerance,
                          &out->tolerance_infeasible, &out->max_iterations, &out->num_threads,
                          &out->derivatives, callback, &mode, &out->derivative_tolerance,
                          &iterations, &out->smoothing, &out->lpgd_tau, &out->lpgd_rho))
        return -1;
    out->derivative_mode = (qc_derivative_mode)mode;
    out->derivative_iterations = iterations;
    return 0;
}

/* Arguments: these, and G, h and the rows of A where rows are in two blocks. */
enum { P, Q, A, B, WARM_X, WARM_Y, WARM_S, X, Y, S, ARRAYS, BLOCKS = 3 };

static int read_arrays(array *arrays, const plan_object *plan, int64_t batch, PyObject *const *args)
{
    static const char *const names[ARRAYS] = {"P",      "q",      "A", "b", "warm x",
                                              "warm y", "warm s", "x", "y", "s"};
    const int64_t n = plan->n, m = plan->m;
    const int64_t length[ARRAYS] = {plan->P_length, n, plan->A_length, m, n, m, m, n, m, m};
    for (int k = 0; k < ARRAYS; k++) {
        const int once = k <= B && (plan->shared & (1u << k));
        const int64_t bytes = length[k] * (once ? 1 : batch) * (int64_t)sizeof(double);
        const int flags = k >= X ? ARRAY_WRITE : ARRAY_READ;
        if (array_get(&arrays[k], args[k], (Py_ssize_t)bytes, flags, names[k]) < 0)
            return -1;
    }
    return 0;
}

/* From here on, A and b are whole. */
static int join_blocks(blocks *rows, array *arrays, const plan_object *plan, int64_t batch,
                       PyObject *const *args)
{
    if (blocks_get(rows, plan, batch, args, ARRAY_READ) < 0)
        return -1;
    arrays[A].data = joint_join(&rows->A, arrays[A].data, rows->array[0].data);
    arrays[B].data = joint_join(&rows->b, arrays[B].data, rows->array[1].data);
    return 0;
}

static qc_error solve_arrays(slot *taken, array *arrays, report_object *report, qc_message *why)
{
    const qc_values values = {arrays[P].data, arrays[Q].data, arrays[A].data, arrays[B].data};
    const qc_warm_start warm = {arrays[WARM_X].data, arrays[WARM_Y].data, arrays[WARM_S].data};
    const qc_solution out = {
        .x = arrays[X].data,
        .y = arrays[Y].data,
        .s = arrays[S].data,
        .status = report->status,
        .iterations = report->iterations,
        .objective = report->objective,
        .primal_residual = report->primal_residual,
        .dual_residual = report->dual_residual,
        .gap = report->gap,
        .margin = report->margin,
    };
    return qc_solve(taken->solver, report->batch, &values, warm.x ? &warm : NULL, &out, why);
}

/* Runs the solve in `taken` without the GIL.  -1 and an exception when it did not complete. */
static int solve_watched(slot *taken, watch *w, array *arrays, report_object *report)
{
    qc_message why = {{0}};
    w->thread = PyEval_SaveThread();
    const qc_error error = solve_arrays(taken, arrays, report, &why);
    PyEval_RestoreThread(w->thread);
    if (w->raised)
        return -1;
    if (error) {
        raise_error(error, &why);
        return -1;
    }
    report_count(report);
    return 0;
}

/* The report and, with derivatives, the tape that keeps the solver; else the solver goes back. */
static PyObject *solve_result(core_state *state, plan_object *plan, report_object *report,
                              slot *taken, int derivatives)
{
    PyObject *tape = Py_None;
    Py_INCREF(tape);
    if (derivatives && report->invalid < 0) {
        Py_DECREF(tape);
        tape = tape_new(state, plan, report, taken);
    } else {
        slot_give(plan, taken);
    }
    PyObject *result = tape ? PyTuple_Pack(2, (PyObject *)report, tape) : NULL;
    Py_XDECREF(tape);
    return result;
}

static PyObject *solve(core_state *state, plan_object *plan, int64_t batch, PyObject *tuple,
                       PyObject *const *args, int in_blocks)
{
    array arrays[ARRAYS] = {{0}};
    blocks rows = {{0}};
    watch w = {.next = SIGNAL_INTERVAL};
    qc_settings settings;
    PyObject *result = NULL;
    report_object *report = NULL;
    slot *taken = NULL;
    if (read_settings(&settings, &w.callback, tuple) < 0)
        return NULL;
    settings.callback = watch_progress;
    settings.callback_context = &w;
    settings.num_threads = slot_threads(plan, batch, settings.num_threads);
    if (read_arrays(arrays, plan, batch, args) < 0)
        goto done;
    if (in_blocks && join_blocks(&rows, arrays, plan, batch, args + ARRAYS) < 0)
        goto done;
    if (!(report = report_new(state, batch)) || !(taken = slot_take(plan, batch, &settings)))
        goto done;
    if (solve_watched(taken, &w, arrays, report) < 0)
        slot_give(plan, taken);
    else
        result = solve_result(state, plan, report, taken, settings.derivatives);
done:
    Py_XDECREF((PyObject *)report);
    array_release(arrays, ARRAYS);
    blocks_release(&rows);
    return result;
}

PyObject *plan_solve(PyObject *self, PyTypeObject *defining, PyObject *const *args,
                     Py_ssize_t count, PyObject *names)
{
    const int in_blocks = count == 2 + ARRAYS + BLOCKS;
    if ((count != 2 + ARRAYS && !in_blocks) || names)
        return PyErr_Format(PyExc_TypeError, "solve takes %d or %d positional arguments",
                            2 + ARRAYS, 2 + ARRAYS + BLOCKS);
    const long long batch = PyLong_AsLongLong(args[0]);
    if (batch == -1 && PyErr_Occurred())
        return NULL;
    if (batch < 1)
        return PyErr_Format(PyExc_ValueError, "batch is %lld, expected at least 1", batch);
    core_state *state = PyType_GetModuleState(defining);
    return solve(state, (plan_object *)self, batch, args[1], args + 2, in_blocks);
}
