// SPDX-License-Identifier: Apache-2.0
/*
 * table.h -- all that the rest of the library knows of the lanes: one table of coarse functions per
 * instruction set.  Each works on a group: up to `lanes` problems side by side, in the memory of one
 * thread.
 */
#ifndef LANE_TABLE_H
#define LANE_TABLE_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/arena.h"
#include "plan/plan.h"
#include "quadcone.h"

/* Which of the plan's factorizations a group runs on.  DENSE is FULL with nothing apart. */
typedef enum qc__path { QC__PATH_CONDENSED, QC__PATH_FULL, QC__PATH_DENSE } qc__path;

/*
 * How a round tries: without the homogeneous embedding; with it, which ends in a solution or a certificate; or with
 * it and little regularization, and what rounds early computed in another way, for what that did not solve.
 */
typedef enum qc__attempt {
    QC__ATTEMPT_PLAIN,
    QC__ATTEMPT_EMBEDDED,
    QC__ATTEMPT_CAREFUL
} qc__attempt;

/* What a problem needs that the first round did not solve: the embedding, or a dense block as well. */
typedef enum qc__retry { QC__RETRY_NONE, QC__RETRY_EMBEDDED, QC__RETRY_DENSE } qc__retry;

/* One call of qc_solve, as the groups see it.  Outputs are never NULL: x, y, s and the numbers of the
 * derivative's start live in the solver, and are copied to where the caller wants them. */
typedef struct qc__solve_job {
    int64_t batch;
    qc_values values;
    const qc_warm_start *warm; /* or NULL */
    qc_solution out;
    uint8_t *retry;         /* [batch] a qc__retry */
    atomic_int *stop;       /* set: finish quickly, unsolved problems are interrupted */
    atomic_llong *done;     /* problems finished */
    void (*poll)(void *poll_context); /* NULL, or called between iterations */
    void *poll_context;
} qc__solve_job;

/*
 * One call of qc_vjp, qc_jvp or their like in many directions, for the problems [first, first + count) of
 * the last batch.  The solution of the adjoint system, or the tangents, go to u, direction after
 * direction: [directions][count][...].
 */
typedef struct qc__derivative_job {
    int64_t first, count, directions;
    unsigned shared;             /* what serves all problems of `values` */
    const qc_settings *settings;
    const double *x, *y, *s;     /* of the solutions of the batch */
    const int32_t *status;
    const uint8_t *retried;      /* [batch] a qc__retry, 0: solved in the first round */
    qc_values values;            /* jvp: the tangents of the values; else all NULL */
    qc_cotangent in;             /* vjp: the cotangents of the outputs */
    double *u_x, *u_v;           /* vjp: the adjoint variables; jvp: dx, dy */
    double *u_s;                 /* jvp: ds */
    int32_t *derivative_status;  /* [directions][count] */
    double *residual;
} qc__derivative_job;

/* A sum over the batch is this many, problem k in number k mod 8, whatever the instruction set. */
enum { QC__PARTIAL_SUMS = 8 };

/* The last step of qc_vjp, for one direction of several.  weight[k] is 1; or 0, no gradient; or NaN, there
 * is no solution. */
typedef struct qc__gradient_job {
    const qc_plan *plan;
    unsigned shared; /* what is summed over the batch */
    int64_t batch, direction, directions;
    const double *x, *y, *u_x, *u_v, *weight;
    /* What a sparse matrix that the batch shares needs: x over y, and u_x over u_v, variable after
     * variable, [n + m][stride]; zero where the weight is not 1 and beyond the batch. */
    double *z_turned, *u_turned;
    int64_t stride; /* a multiple of QC__PARTIAL_SUMS */
    qc_gradient out;
} qc__gradient_job;

/* One call of qc_project; of qc_project_derivative where there is a dv. */
typedef struct qc__project_job {
    const qc__cone *cones;
    int64_t cone_count, rows, batch; /* rows of all cones together */
    const double *v, *dv;
    double *out;
} qc__project_job;

/* Problems to be taken one by one, by any thread. */
typedef struct qc__queue {
    const int64_t *problems;
    int64_t count;
    atomic_llong next;
} qc__queue;

/* The next problem; -1 when there is none. */
static inline int64_t qc__queue_take(qc__queue *queue)
{
    const long long k = atomic_fetch_add_explicit(&queue->next, 1, memory_order_relaxed);
    return k < queue->count ? queue->problems[k] : -1;
}

struct qc__group;

typedef struct qc__lane_table {
    const char *name;
    int lanes;
    /* Lays out the memory of one thread; with a measuring arena, only measures. */
    struct qc__group *(*group_new)(const qc_plan *plan, qc__arena *arena);
    /* Bytes that a group leaves behind for the derivative, and that sharing P and A leaves. */
    size_t (*tape_bytes)(const qc_plan *plan, qc__path path);
    size_t (*shared_bytes)(const qc_plan *plan);
    /* Points a group at the solver's settings and at what it shares with the other threads, and says which
     * of q and b are. */
    void (*group_bind)(struct qc__group *group, const qc_settings *settings,
                       unsigned shared_vectors, void *shared);
    /* P and A shared: scales, checks and condenses them once, into `shared`. */
    void (*share)(struct qc__group *group, const qc__solve_job *job);
    /* Solves problems[0 .. count), leaving the tape (or NULL: no derivative).  Without the embedding
     * what has no clean end is marked in job->retry; a point that it has is stored all the same, and a
     * later round replaces it by a better outcome alone. */
    void (*solve)(struct qc__group *group, const qc__solve_job *job, qc__path path,
                  qc__attempt attempt, const int64_t *problems, int count, void *tape);
    /* The same for a queue of problems with shared P and A, in full, without tape or embedding. */
    void (*solve_queue)(struct qc__group *group, const qc__solve_job *job, qc__queue *queue);
    void (*vjp)(struct qc__group *group, const qc__derivative_job *job, qc__path path,
                const int64_t *problems, int count, void *tape);
    void (*jvp)(struct qc__group *group, const qc__derivative_job *job, qc__path path,
                const int64_t *problems, int count, void *tape);
    /* Gradients of problems [first, last); and rows [first, last) of those that the batch shares:
     * row i of P and q, i < n, then of A and b. */
    void (*own_gradients)(const qc__gradient_job *job, int64_t first, int64_t last);
    void (*shared_gradients)(const qc__gradient_job *job, int64_t first, int64_t last);
    /* Projects, in memory of the arena; with a measuring one, only measures. */
    void (*project)(const qc__project_job *job, qc__arena *arena);
} qc__lane_table;

extern const qc__lane_table qc__lanes_scalar, qc__lanes_base;
#ifdef QC_HAVE_AVX2
extern const qc__lane_table qc__lanes_avx2, qc__lanes_avx512;
extern const qc__lane_table qc__lanes_row_avx2, qc__lanes_row_avx512;
#endif

#endif
