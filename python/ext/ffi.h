// SPDX-License-Identifier: Apache-2.0
/*
 * ffi.h -- handlers of XLA's custom calls: how quadcone.jax reaches the C library.
 *
 * A handler is a pure function of its operands and attributes and runs in a thread of XLA's.  None
 * takes the GIL but that of second derivatives of projections.  The derivative of a solve is another
 * call, with the same P, q, A and b.  It looks for the solver that solved them, and solves again, to
 * the same bits, where that is gone.
 *
 * A plan is found by the numbers that describe its family, which are an attribute of every call: an
 * executable that another process compiled finds its plan, or compiles it.
 */
#ifndef QUADCONE_EXT_FFI_H
#define QUADCONE_EXT_FFI_H

#include "quadcone.h"
#include "xla.h"

/* How to differentiate: members of qc_settings. */
typedef struct ffi_derivative {
    int64_t mode, iterations;
    double tolerance, smoothing, lpgd_tau, lpgd_rho;
} ffi_derivative;

/* The attribute "call": this structure, as int64; see _layout.py. */
typedef struct ffi_call {
    int64_t batch;
    int64_t above;   /* rows of the first block of A and b                                      */
    int64_t repeats; /* of a derivative: so many right-hand sides for every problem             */
    int64_t derivatives; /* keep the solver for them                                            */
    int64_t on_failure;  /* FFI_NAN, ...                                                        */
    int64_t certificates; /* outputs of failed problems are these, where there are any, not NaN */
    int64_t num_threads, max_iterations;
    double tolerance, tolerance_infeasible;
    ffi_derivative derivative;
} ffi_call;

enum { FFI_NAN = 0, FFI_RAISE = 1, FFI_ZERO_GRADIENT = 2 };

/* ---------------------------------------------------------------------------------------------- */
/* Plans and their solvers                                                                        */

/* A solver, and what it solved last. */
typedef struct ffi_slot {
    qc_solver *solver;
    int64_t capacity;
    int threads, derivatives;
    int differences; /* it has the memory for differences of solutions   */
    int rows;       /* it solves one problem after another               */
    double *values; /* P, q, A, b of the last solve, one after the other */
    ffi_call call;  /* batch is 0 where derivatives cannot follow        */
    int fresh;      /* and none has followed yet                         */
    struct ffi_slot *next;
} ffi_slot;

typedef struct ffi_plan {
    int64_t *key; /* the attribute "family" */
    size_t words;
    qc_plan *plan;
    int64_t n, m, P_length, A_length;
    unsigned shared; /* QC_SHARED_P and QC_SHARED_A, and no other */
    int lanes, rows_per_thread;
    int users;      /* calls that run */
    ffi_slot *idle; /* the last one that was used first */
    struct ffi_plan *next;
} ffi_plan;

/* The plan with this key, compiled if it is not known.  Held until ffi_plan_put. */
qc_error ffi_plan_get(ffi_plan **out, const int64_t *key, size_t words, qc_message *why);
void ffi_plan_put(ffi_plan *plan);

/* Numbers in the values of a call. */
int64_t ffi_values_count(const ffi_plan *plan, int64_t batch);

/* A solver for a call, to solve these values: it takes them over, also where it fails. */
qc_error ffi_slot_take(ffi_slot **out, ffi_plan *plan, const ffi_call *call, double *values,
                       qc_message *why);
/* The idle solver that solved these values, or NULL. */
ffi_slot *ffi_slot_find(ffi_plan *plan, const ffi_call *call, const double *values);
void ffi_slot_give(ffi_plan *plan, ffi_slot *slot);

/* Frees what no call uses. */
void ffi_clear(void);

/* ---------------------------------------------------------------------------------------------- */
/* Operands and results: float32 or float64, or two uint32 for the bits of one float64            */

/* P, q, A, b from the first `count` operands, allocated.  One for the whole batch is repeated where
 * the plan does not share it.  NULL, and a sentence, where an operand does not fit or memory is out. */
double *ffi_values_load(const ffi_plan *plan, const ffi_call *call, const xla_buffers *operands,
                        int64_t count, qc_message *why);
qc_values ffi_values_at(const ffi_plan *plan, int64_t batch, const double *values);

/* `count` numbers of a buffer, from number `first` on, to or from doubles. */
void ffi_read(double *to, const xla_buffer *from, int64_t first, int64_t count);
void ffi_write(const xla_buffer *to, const double *from, int64_t first, int64_t count);
int64_t ffi_count(const xla_buffer *buffer);

/* ---------------------------------------------------------------------------------------------- */
/* Handlers                                                                                       */

/* x, y, s, status, iterations for the operands P, q, A, b[, G, h]: rows of A above those of G. */
xla_error *ffi_solve(xla_call *frame);
/* dx, dy, ds for tangents of q and b, which follow the operands of the solve. */
xla_error *ffi_tangent(xla_call *frame);
/* Gradients of q and b, for cotangents of x, y, s, which follow the operands of the solve. */
xla_error *ffi_adjoint(xla_call *frame);

/* D'[b] a for v, b and a, by the cones in "call"; see ffi_bend.c. */
xla_error *ffi_bend(xla_call *frame);

/* XLA asks before the first call for which version a handler was built: for its own, if that is one
 * of those that are the same here.  The first of them did not yet say what its own is.  Whether this
 * call is such a question, which is then answered. */
int ffi_answer_metadata(const xla_call *frame);
xla_error *ffi_answer(const xla_call *frame, qc_error error, const qc_message *why);
/* The attribute of this name, an array of int64; NULL where there is none. */
const xla_array *ffi_find_array(const xla_attributes *attributes, const char *name);

/* How often each of the first three was called, and how often a derivative had to solve again. */
enum { FFI_SOLVES, FFI_TANGENTS, FFI_ADJOINTS, FFI_SOLVED_AGAIN, FFI_COUNTS };
void ffi_counts(long long *out);

#endif
