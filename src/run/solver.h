// SPDX-License-Identifier: Apache-2.0
/*
 * solver.h -- a batch: the memory of all its groups, and who works on which.
 */
#ifndef QC_RUN_SOLVER_H
#define QC_RUN_SOLVER_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/pool.h"
#include "lane/table.h"
#include "quadcone.h"

/* What a solver keeps of the last solve: [capacity] rows of everything. */
typedef struct qc__record {
    double *x, *y, *s;
    int32_t *status, *iterations;
    double *objective, *primal_residual, *dual_residual, *gap, *margin;
} qc__record;

struct qc_solver {
    const qc_plan *plan;
    const qc__lane_table *lanes; /* the plan's, or its rows */
    int64_t capacity, batch; /* batch: of the last solve; 0: none yet */
    qc_settings settings;
    int max_threads;
    int tapes_kept; /* there is room for tapes */
    int taped;      /* the last solve left them */
    size_t bytes;
    qc__pool *pool;

    struct qc__group **group; /* [max_threads] */
    void *shared;             /* what P and A shared leave */
    qc__record record;
    uint8_t *retry;    /* [capacity] a qc__retry: who is solved in the second and third round */
    int64_t *ordinary; /* [capacity] 0, 1, 2, ... */
    int64_t *retried;  /* [capacity] the problems with retry set, by its value and in order */
    int64_t embedded_count, dense_count; /* the latter are the last of them */

    char *condensed_tape, *full_tape, *dense_tape; /* one slot a group */
    size_t condensed_slot, full_slot;

    /* The derivative's: adjoint variables or tangents, and how they came about. */
    double *u_x, *u_v, *u_s, *residual;
    int32_t *derivative_status;
    double *weight; /* [capacity] of a problem's gradient: 1; 0: zero; NaN: it has no solution */
    double *z_turned, *u_turned; /* [qc__turned_rows][qc__turned_stride] */
};

/* Lays out a solver in the arena; measuring, `s` is scratch. */
void qc__solver_layout(qc_solver *s, qc__arena *arena);

/* How many rows of x over y are needed problem beside problem, for the gradients of P and A where they
 * are wanted, sparse and shared; and how many problems a row holds, with padding. */
int64_t qc__turned_rows(const qc_plan *plan, int want_P, int want_A);
int64_t qc__turned_stride(int64_t count);

void qc__run_solve(qc_solver *s, const qc_values *values, const qc_warm_start *warm);
void qc__run_derivative(qc_solver *s, const qc__derivative_job *job, int adjoint);
void qc__run_gradients(qc_solver *s, const qc_cotangent *in, const qc_gradient *out);

#endif
