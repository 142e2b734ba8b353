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

/* What LPGD needs: the values of the last solve, those of a moved problem, and solutions of these. */
typedef struct qc__values {
    double *P, *q, *A, *b;
} qc__values;

typedef struct qc__differences {
    qc__values kept, moved;
    qc__record ahead, behind;
    double *x, *y; /* [capacity] between the two, where gradients of P and A are taken */
} qc__differences;

static inline int qc__is_lpgd(const qc_settings *settings)
{
    return settings->derivative_mode >= QC_MODE_LPGD;
}

struct qc_solver {
    const qc_plan *plan;
    const qc__lane_table *lanes; /* the plan's, or its rows */
    int64_t capacity, batch; /* batch: of the last solve; 0: none yet */
    qc_settings settings;
    int max_threads;
    unsigned shared_vectors; /* bits of q and b, where these are one for the batch */
    int tapes_kept;  /* there is room for tapes */
    int values_kept; /* and for values, as differences of solutions need them */
    int taped;       /* the last solve left tapes */
    int recorded;    /* the last solve left its values */
    size_t bytes;
    qc__pool *pool;

    struct qc__group **group; /* [max_threads] */
    void *shared;             /* what P and A shared leave */
    qc__record record;
    uint8_t *retry;    /* [capacity] a qc__retry: who is solved again, and how */
    int64_t *ordinary; /* [capacity] 0, 1, 2, ... */
    int64_t *retried;  /* [capacity] the problems with retry set, by its value and in order */
    int64_t embedded_count, dense_count; /* the latter are the last of them */
    int64_t *again;    /* [capacity] what the second round did not solve */
    int64_t again_count;

    char *condensed_tape, *full_tape, *dense_tape; /* one slot a group */
    size_t condensed_slot, full_slot;

    /* The derivative's: adjoint variables or tangents, and how they came about. */
    double *u_x, *u_v, *u_s, *residual;
    int32_t *derivative_status;
    double *weight; /* [capacity] of a problem's gradient: 1; 0: zero; NaN: it has no solution */
    double *z_turned, *u_turned; /* [qc__turned_rows][qc__turned_stride] */
    qc__differences differences;
};

/* Lays out a solver in the arena; measuring, `s` is scratch. */
void qc__solver_layout(qc_solver *s, qc__arena *arena);

/* How many rows of x over y are needed problem beside problem, for the gradients of P and A where they
 * are wanted, sparse and shared; and how many problems a row holds, with padding. */
int64_t qc__turned_rows(const qc_plan *plan, unsigned shared, int want_P, int want_A);
int64_t qc__turned_stride(int64_t count);

void qc__run_solve(qc_solver *s, const qc_values *values, const qc_warm_start *warm);
void qc__run_derivative(qc_solver *s, const qc__derivative_job *job, int adjoint);

/* Gradients in direction d of the job, from its u and from x and y, [count][...]. */
void qc__run_gradients(qc_solver *s, const qc__derivative_job *job, int64_t d, const double *x,
                       const double *y, const qc_gradient *out);

/* LPGD: keeps the values of a solve; u of direction d, and x and y in s->differences for its gradients. */
void qc__keep_values(qc_solver *s, const qc_values *values);
void qc__run_differences(qc_solver *s, const qc__derivative_job *job, int64_t d, int adjoint);

#endif
