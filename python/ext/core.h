// SPDX-License-Identifier: Apache-2.0
/*
 * core.h -- the four types of quadcone._core, on CPython's limited API.
 *
 *     Plan     a compiled family, and the solvers that are free to serve it
 *     Report   what became of every problem of one solve: plain numbers, seen through a buffer
 *     Tape     a solver on loan: what the derivatives of one solve need, given back when it dies
 *     Frame    a plan for calls with tensors of PyTorch
 *
 * The module is small and trusts its caller: shapes, names and messages are the business of the
 * Python files around it.  An array is None, an object with a C-contiguous buffer, whose size is
 * checked, or an int, the address of its first number, which is not (0 where there are no numbers).
 */
#ifndef QUADCONE_EXT_CORE_H
#define QUADCONE_EXT_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include "quadcone.h"

typedef struct core_state {
    PyTypeObject *plan, *report, *tape, *frame;
} core_state;

/* ---------------------------------------------------------------------------------------------- */
/* Arrays                                                                                         */

typedef struct array {
    void *data;
    Py_buffer view;
    int held; /* view must be released */
} array;

enum { ARRAY_READ = PyBUF_C_CONTIGUOUS, ARRAY_WRITE = PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE };

/* Fills `out`; `bytes` is the size that a buffer must have.  -1 and an exception when it has not. */
int array_get(array *out, PyObject *source, Py_ssize_t bytes, int flags, const char *name);
void array_release(array *arrays, int count);

/* ---------------------------------------------------------------------------------------------- */
/* Cones                                                                                          */

/* Cones come as a tuple (kind, size, alpha, kind, size, alpha, ...).  Free them with PyMem_Free; NULL and
 * an exception when there are none.  `rows` is their sum. */
qc_cone *cones_get(PyObject *tuple, int64_t *count, int64_t *rows);

/* project(cones, batch, v, dv or None, out) */
PyObject *cones_project(PyObject *module, PyObject *args);

/* ---------------------------------------------------------------------------------------------- */
/* Solvers on loan                                                                                */

/* One solver, with what it was made for.  `lock` serializes threads that share a Tape. */
typedef struct slot {
    qc_solver *solver;
    int64_t capacity;
    int threads, derivatives;
    int differences; // has memory for LPGD
    int rows;        // solves problems one by one
    PyThread_type_lock lock;
    struct slot *next;
} slot;

typedef struct plan_object {
    PyObject_HEAD qc_plan *plan;
    int64_t n, m, P_length, A_length;
    unsigned shared;
    int lanes, rows_per_thread;
    slot *free; /* by capacity, largest first */
} plan_object;

/* A solver for `batch` problems, with `settings` set.  NULL and an exception when there is none. */
slot *slot_take(plan_object *plan, int64_t batch, const qc_settings *settings);
/* How many threads have something to do. */
int slot_threads(const plan_object *plan, int64_t batch, int num_threads);
void slot_give(plan_object *plan, slot *taken);
void slot_clear(plan_object *plan);

/* ---------------------------------------------------------------------------------------------- */
/* Reports and tapes                                                                              */

/* Columns of a report, in this order: REPORT_DOUBLES arrays of double, then REPORT_INTS of int32. */
enum { REPORT_DOUBLES = 6, REPORT_INTS = 3 };

typedef struct report_object {
    PyObject_HEAD int64_t batch;
    int64_t failed;  /* problems without a solution                                            */
    int64_t invalid; /* the first problem whose values are at fault, or -1                     */
    double *objective, *primal_residual, *dual_residual, *gap, *margin, *derivative_residual;
    int32_t *status, *iterations, *derivative_status;
} report_object;

report_object *report_new(core_state *state, int64_t batch);
void report_count(report_object *report);

typedef struct tape_object {
    PyObject_HEAD plan_object *plan;
    report_object *report;
    slot *slot;
} tape_object;

PyObject *tape_new(core_state *state, plan_object *plan, report_object *report, slot *taken);

/* ---------------------------------------------------------------------------------------------- */
/* Blocks of rows                                                                                 */

/* `count` arrays, each of two blocks, of `above` and `below` numbers. */
typedef struct joint {
    int64_t count, above, below;
    double *joined;
} joint;

typedef struct blocks {
    joint A, b;
    array array[2]; /* G and h */
} blocks;

/* Reads (G, h, rows of A) and makes room for [A; G] and [b; h]; -1 and an exception on failure. */
int blocks_get(blocks *out, const plan_object *plan, int64_t batch, PyObject *const *args,
               int flags);
void blocks_release(blocks *b);

/* The joined array; NULL where a block is absent. */
double *joint_join(const joint *j, const double *above, const double *below);
/* The joined array to its blocks, of which either may be absent. */
void joint_split(const joint *j, double *above, double *below);

/* ---------------------------------------------------------------------------------------------- */

/* Plan.solve; see solve.c. */
PyObject *plan_solve(PyObject *self, PyTypeObject *defining, PyObject *const *args,
                     Py_ssize_t count, PyObject *names);

/* Tape.vjp; see tape.c. */
PyObject *tape_vjp(PyObject *self, PyObject *const *args, Py_ssize_t count);

/* ---------------------------------------------------------------------------------------------- */

/* multiply(rows, columns, batch, add, start, column, value, x, y); see sparse.c. */
PyObject *sparse_multiply(PyObject *module, PyObject *const *args, Py_ssize_t count);

/* Functions of the module about the handlers of XLA's calls; see ffi_module.c. */
PyObject *core_ffi_handlers(PyObject *module, PyObject *unused);
PyObject *core_ffi_compile(PyObject *module, PyObject *family);
PyObject *core_ffi_clear(PyObject *module, PyObject *unused);
PyObject *core_ffi_counts(PyObject *module, PyObject *unused);

/* ---------------------------------------------------------------------------------------------- */

extern PyType_Spec plan_spec, report_spec, tape_spec, frame_spec;

/* Raises what fits `error`; always returns NULL. */
void *raise_error(qc_error error, const qc_message *why);

#endif
