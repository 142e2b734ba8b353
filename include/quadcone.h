// SPDX-License-Identifier: Apache-2.0
/*
 * quadcone.h -- batches of convex optimization problems, solved and differentiated.
 *
 * THE PROBLEM
 *
 *     minimize    1/2 x'P x + q'x                  x in R^n
 *     subject to  A x + s = b,   s in K            s, y in R^m   (y: the dual variable, y in K*)
 *
 * P is symmetric positive semidefinite and K is a product of cones.  A QP layer as in OptNet (Amos &
 * Kolter, 2017), min 1/2 z'Qz + q'z, Az = b, Gz <= h, is P = Q, rows [A; G], K = zero x nonnegative.
 * A conic program as in Agrawal et al. (2019) is P = 0.
 *
 * NO BOUND.  A row of a nonnegative cone whose b is 1e20 or more, or infinite, bounds nothing: y = 0
 * and s = b - A x there, and the problem is what it is without that row.  It may be so in some problems
 * of a batch only.
 *
 * THE LIFE OF A SOLVE
 *
 *     qc_family      what a batch of problems has in common: sizes, sparsity, cones, what is shared
 *     qc_compile     family -> plan: orders, symbolic factorizations, memory layout.  Slow, done once
 *     qc_solver_new  plan -> solver: all the memory that a batch of a given size needs
 *     qc_solve       values -> solutions, one status for every problem
 *     qc_vjp         adjoint derivative of the last solve: gradients of P, q, A and b
 *     qc_jvp         derivative of the last solve: tangents of x, y and s
 *
 * OWNERSHIP AND THREADS.  The library copies what it keeps: every array given to a function belongs
 * to the caller and may be freed when the function returns.  A plan is immutable; any number of
 * solvers and threads may use one plan at the same time, and it must outlive them.  A solver is used
 * by one thread at a time, and spreads its batch over settings.num_threads threads itself.  Only
 * qc_compile and qc_solver_new allocate, and what says so below.  Nothing is printed, nothing aborts,
 * and there is no state outside of these objects.
 *
 * ARRAYS are contiguous, double, problem after problem: x is [batch][n].  An argument that the family
 * declares as shared is one array for the whole batch, and its gradient is the sum over the batch.
 *
 * REPRODUCIBILITY.  The answer to a problem does not depend, bit by bit, on the size of its batch, its
 * position in it, the other problems, or the number of threads.
 */
#ifndef QUADCONE_H
#define QUADCONE_H

#include <stddef.h>
#include <stdint.h>

#define QC_VERSION_MAJOR 0
#define QC_VERSION_MINOR 1
#define QC_VERSION_PATCH 0

#define QC_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------------------------------------- */
/* Errors: whether a call was legal.  What became of each problem is its qc_status.               */

typedef enum qc_error {
    QC_OK = 0,
    QC_ERROR_ARGUMENT = 1,    /* an argument is wrong; the message names it                    */
    QC_ERROR_MEMORY = 2,      /* out of memory; nothing was changed                            */
    QC_ERROR_ORDER = 3,       /* called out of order: e.g. qc_vjp before qc_solve              */
    QC_ERROR_UNSUPPORTED = 4, /* a legal request that this build does not serve                */
} qc_error;

/* Room for a sentence about an error.  Every function that can fail takes one, or NULL. */
typedef struct qc_message {
    char text[256];
} qc_message;

/* One sentence for an error code.  Static storage. */
QC_API const char *qc_error_text(qc_error error);

/* ---------------------------------------------------------------------------------------------- */
/* Statuses: what became of one problem.                                                          */

typedef enum qc_status {
    QC_UNSOLVED = 0,
    QC_SOLVED = 1,            /* optimal to the tolerances                                     */
    QC_SOLVED_INACCURATE = 2, /* stopped early; the residuals say how close                    */
    QC_PRIMAL_INFEASIBLE = 3, /* y is a certificate: A'y = 0, b'y = -1, y in K*; x, s are NaN  */
    QC_DUAL_INFEASIBLE = 4,   /* x, s are one: Px = 0, Ax + s = 0, q'x = -1, s in K; y is NaN  */
    QC_MAX_ITERATIONS = 5,    /* x, y, s are NaN                                               */
    QC_NUMERICAL_ERROR = 6,   /* x, y, s are NaN                                               */
    QC_INTERRUPTED = 7,       /* the callback asked to stop first; x, y, s are NaN             */
    /* Bad values: the problem was not attempted, the others of the batch are untouched. */
    QC_P_NOT_FINITE = 8,
    QC_Q_NOT_FINITE = 9,
    QC_A_NOT_FINITE = 10,
    QC_B_NOT_FINITE = 11,
    QC_P_NOT_SYMMETRIC = 12,
    QC_P_NOT_CONVEX = 13, /* P has a negative eigenvalue                                       */
} qc_status;

/* Name ("primal_infeasible") and one sentence for a status.  Static storage. */
QC_API const char *qc_status_name(qc_status status);
QC_API const char *qc_status_text(qc_status status);

/* How the derivative of one problem was computed. */
typedef enum qc_derivative_status {
    QC_DERIVATIVE_NONE = 0,          /* not solved, so no derivative: gradients are NaN or zero */
    QC_DERIVATIVE_EXACT = 1,         /* the linear system was solved                            */
    QC_DERIVATIVE_LEAST_SQUARES = 2, /* it has no solution: minimum-norm least-squares solution */
    QC_DERIVATIVE_INACCURATE = 3,    /* neither converged; see the residual                     */
    QC_DERIVATIVE_APPROXIMATE = 4,   /* of a smoothed or a moved problem, as the mode asks for  */
} qc_derivative_status;

QC_API const char *qc_derivative_status_name(qc_derivative_status status);

/* ---------------------------------------------------------------------------------------------- */
/* Families and plans                                                                             */

/* The letters are those of SCS and diffcp, and so is the order of a cone's rows. */
typedef enum qc_cone_kind {
    QC_CONE_ZERO = 0,         /* "z": {0}, dual: everything                                    */
    QC_CONE_NONNEGATIVE = 1,  /* "l": s >= 0                                                   */
    QC_CONE_SECOND_ORDER = 2, /* "q": s[0] >= |s[1..]|                                         */
    QC_CONE_PSD = 3, /* "s": the lower triangle of a k x k matrix, column after column, entries
                        off the diagonal times sqrt(2): k(k+1)/2 rows                          */
    QC_CONE_EXPONENTIAL = 4, /* "ep": closure of s[1] exp(s[0]/s[1]) <= s[2], s[1] > 0; 3 rows */
    QC_CONE_DUAL_EXPONENTIAL = 5, /* "ed": its dual, -s[0] exp(s[1]/s[0]) <= e s[2], s[0] < 0  */
    QC_CONE_POWER = 6, /* "p": s[0]^alpha s[1]^(1-alpha) >= |s[2]|, s[0], s[1] >= 0; 3 rows.
                          -1 < alpha < 0 is the dual of the power cone of -alpha               */
} qc_cone_kind;

typedef struct qc_cone {
    qc_cone_kind kind;
    int64_t size; /* rows of A, in order: the cones divide the m rows                          */
    double alpha; /* of a power cone; ignored elsewhere                                        */
} qc_cone;

/* Bits of qc_family.shared */
enum { QC_SHARED_P = 1, QC_SHARED_Q = 2, QC_SHARED_A = 4, QC_SHARED_B = 8 };

/*
 * What a batch has in common.  A dense matrix has NULL patterns, and its values are stored row after
 * row, n*n for P and m*n for A.  A sparse one has a pattern by compressed columns (CSC): rows
 * rowidx[colptr[j]] ... rowidx[colptr[j+1]-1] of column j, ascending, without duplicates, and its
 * values are stored in that order.  P holds both triangles.  P = 0 is a pattern with no entries.
 */
typedef struct qc_family {
    int64_t n, m;
    const int64_t *P_colptr, *P_rowidx; /* [n+1], [nnz]; NULL, NULL: dense                     */
    const int64_t *A_colptr, *A_rowidx; /* [n+1], [nnz]; NULL, NULL: dense                     */
    int64_t cone_count;
    const qc_cone *cones; /* [cone_count]                                                      */
    unsigned shared;      /* QC_SHARED_* bits: what is one for the whole batch                 */
} qc_family;

/* Choices that a plan fixes.  Start from qc_plan_options_default(). */
typedef struct qc_plan_options {
    const char *isa;    /* "auto": the best, or that of the environment's QC_ISA; or a name that
                           qc_isa_name lists: force an instruction set                         */
    int condense;       /* -1: by counted flops; 0: never, and all PSD cones have dense blocks
                           (docs/numerics.md); 1: always, an error where it is not possible    */
    const char *engine; /* "auto"; "lanes": problems side by side; "rows": one at a time       */
} qc_plan_options;

typedef struct qc_plan qc_plan;

/* What the plan decided, for people and for tests. */
typedef struct qc_plan_info {
    const char *isa;        /* instruction set                                                 */
    int lanes;              /* problems solved side by side                                    */
    int rows_per_thread;    /* a solver for at most so many problems a thread solves them one at
                               a time instead, with vectors along the rows of a matrix; 0: none */
    int condensed;          /* x and the equalities are eliminated once, before iterations     */
    int64_t P_length;       /* values of one P: n*n, or nnz                                    */
    int64_t A_length;       /* values of one A: m*n, or nnz                                    */
    int64_t factor_length;  /* numbers in the factor of the KKT matrix                         */
    double setup_flops;     /* flops a problem, once (counted, multiply and add are two)       */
    double iteration_flops; /* flops a problem, every interior-point iteration                 */
} qc_plan_info;

QC_API void qc_plan_options_default(qc_plan_options *options);

/*
 * A plan for all batches of the family.  options: NULL for the default ones.  *out is the caller's,
 * for qc_plan_free; NULL on failure: QC_ERROR_ARGUMENT for a family or an option that is wrong,
 * QC_ERROR_UNSUPPORTED for condense = 1 or engine "rows" where these are not possible,
 * QC_ERROR_MEMORY.
 */
QC_API qc_error qc_compile(qc_plan **out, const qc_family *family, const qc_plan_options *options,
                           qc_message *why);
QC_API void qc_plan_free(qc_plan *plan); /* NULL is fine */
QC_API void qc_plan_describe(const qc_plan *plan, qc_plan_info *info);

/* The k-th instruction set that this machine runs, best first; NULL after the last. */
QC_API const char *qc_isa_name(int k);

/* Of the library that runs, "0.1.0". */
QC_API const char *qc_version(void);

/* ---------------------------------------------------------------------------------------------- */
/* Settings                                                                                       */

typedef struct qc_progress {
    int64_t done, batch; /* problems finished, of how many                                     */
    double seconds;      /* since the call began                                               */
} qc_progress;

/* Called now and then from the thread that called qc_solve; not 0 stops the solve. */
typedef int (*qc_callback)(void *context, const qc_progress *progress);

/* What qc_vjp and qc_jvp compute; see "Derivatives of the last solve". */
typedef enum qc_derivative_mode {
    QC_MODE_EXACT = 0,      /* by a factor of J; where J is singular, as QC_MODE_LSMR           */
    QC_MODE_LSMR = 1,       /* least squares by products with J alone: Fong & Saunders, 2011    */
    QC_MODE_LSQR = 2,       /* the same by Paige & Saunders, 1982                               */
    QC_MODE_SMOOTHED = 3,   /* of the interior point's system at s o y = smoothing              */
    QC_MODE_LPGD = 4,       /* differences of solutions (Paulus et al., 2024): central ones,    */
    QC_MODE_LPGD_LEFT = 5,  /* backward                                                         */
    QC_MODE_LPGD_RIGHT = 6, /* and forward                                                      */
} qc_derivative_mode;

typedef struct qc_settings {
    double tolerance;              /* residuals and gap, relative and absolute       (1e-8)    */
    double tolerance_infeasible;   /* residual of a certificate                      (1e-8)    */
    int max_iterations;            /* factorizations in each round; in the first at most 30
                                                                                     (100)     */
    int num_threads;               /* threads of this solver, the caller included    (1)       */
    int derivatives;               /* keep what qc_vjp and qc_jvp need               (1)       */
    qc_derivative_mode derivative_mode; /*                                      (QC_MODE_EXACT) */
    double derivative_tolerance;   /* LSMR, LSQR: |J u - r| / |r|, or
                                      |J'(J u - r)| / |J| |J u - r|                  (1e-12)   */
    int64_t derivative_iterations; /* LSMR, LSQR: steps at most; 0: 20 (n + m) + 100, and at
                                      most 4,000 in QC_MODE_EXACT                    (0)       */
    double smoothing;              /* smoothed: s o y                                (1e-4)    */
    double lpgd_tau;               /* LPGD: step along the direction                 (1e-2)    */
    double lpgd_rho;               /* LPGD: weight of 1/2 |x - x*|^2                 (0)       */
    qc_callback callback;          /* or NULL                                                  */
    void *callback_context;
} qc_settings;

QC_API void qc_settings_default(qc_settings *settings);

/* ---------------------------------------------------------------------------------------------- */
/* Solve                                                                                          */

typedef struct qc_solver qc_solver;

/* The values of a batch.  A shared argument is one array, any other [batch][length]. */
typedef struct qc_values {
    const double *P, *q, *A, *b;
} qc_values;

/* Where a solution goes, [batch][n], [batch][m] or [batch]; any of them may be NULL. */
typedef struct qc_solution {
    double *x, *y, *s;
    int32_t *status;         /* qc_status                                                      */
    int32_t *iterations;     /* factorizations of the KKT matrix, of all rounds                */
    double *objective;       /* 1/2 x'Px + q'x                                                 */
    double *primal_residual; /* max |Ax + s - b|; of a certificate of unboundedness |Ax + s|   */
    double *dual_residual;   /* max |Px + q + A'y|; of one of infeasibility |A'y|              */
    double *gap;             /* |x'Px + q'x + b'y|                                             */
    double *margin;          /* strict complementarity: how far s - y is from a kink of the
                                projection on K, relative to max(1, |b|, |q|); a derivative at
                                margin 0 is one of several                                     */
} qc_solution;

/* A guess for all problems: x is [batch][n], y and s are [batch][m].  NULL: none. */
typedef struct qc_warm_start {
    const double *x, *y, *s;
} qc_warm_start;

/*
 * All memory for batches of up to `capacity` problems.  settings: NULL for the default ones.  *out is
 * the caller's, for qc_solver_free before qc_plan_free; NULL on failure: QC_ERROR_ARGUMENT or
 * QC_ERROR_MEMORY.
 */
QC_API qc_error qc_solver_new(qc_solver **out, const qc_plan *plan, int64_t capacity,
                              const qc_settings *settings, qc_message *why);
QC_API void qc_solver_free(qc_solver *solver); /* NULL is fine */
QC_API size_t qc_solver_bytes(const qc_solver *solver); /* of its one block of memory */

/* Settings of the next call.  num_threads and derivatives may not exceed those at creation, and a
 * mode of LPGD must have been one then.  QC_ERROR_ARGUMENT changes nothing. */
QC_API qc_error qc_solver_set(qc_solver *solver, const qc_settings *settings, qc_message *why);

/*
 * Solves a batch of 1 to `capacity` problems.  Its only error is QC_ERROR_ARGUMENT; what became of
 * each problem is in out->status.  warm: NULL, or a guess, which is left aside where it is not finite
 * or does not help.  out: NULL leaves the solutions in the solver, for derivatives.
 */
QC_API qc_error qc_solve(qc_solver *solver, int64_t batch, const qc_values *values,
                         const qc_warm_start *warm, const qc_solution *out, qc_message *why);

/* ---------------------------------------------------------------------------------------------- */
/* Projections                                                                                    */

/*
 * Euclidean projection on the product K of `cones`, and its derivative: out := Proj_K(v), or
 * out := DProj_K(v) dv, for `batch` vectors, [batch][rows of K].  Accurate to 1e-12 of the largest
 * entry in its cone.  DProj_K is symmetric, so it is its own adjoint; where Proj_K has a kink it is one
 * element of the generalized Jacobian.  The projection on the dual cone follows from Moreau:
 * Proj_K*(v) = v + Proj_K(-v).  `out` may be `v` or `dv`.  These two allocate what they need.
 * A vector with an entry that is not finite gives NaN in that cone.
 */
QC_API qc_error qc_project(const qc_cone *cones, int64_t cone_count, int64_t batch, const double *v,
                           double *out, qc_message *why);
QC_API qc_error qc_project_derivative(const qc_cone *cones, int64_t cone_count, int64_t batch,
                                      const double *v, const double *dv, double *out,
                                      qc_message *why);

/* ---------------------------------------------------------------------------------------------- */
/* Derivatives of the last solve                                                                  */

/*
 * With J the Jacobian of the optimality conditions F(x, v) = (Px + q + A'y, Ax + s - b), where
 * s = Proj_K(v), y = s - v, and with D = DProj_K(v):
 *
 *     J = [ P  A'(D - I) ;  A  D ]
 *
 * The last settings of the solver say how, in derivative_mode:
 *
 *     exact      J is factored once, at the solution, and solves with it are refined.
 *     lsmr, lsqr J is not formed.  A problem whose iteration reaches the limit before the tolerance
 *                is QC_DERIVATIVE_INACCURATE, and its residual says by how much.
 *     smoothed   D is that of a smoothed projection: with `smoothing` = mu, s and y are those of
 *                s - y = v, s o y = mu e, so that -H = -W^2 of the interior point is in J.  As if the
 *                central path ended at mu: informative at kinks, and exact in the limit.
 *     lpgd       a problem that is moved by lpgd_tau along the direction is solved, and the derivative
 *                is a difference of solutions.  qc_vjp moves q by tau (g_x - A'g_s) and b by -tau g_y.
 *                lpgd_rho > 0 adds rho/2 |x - x*|^2 to the moved problem, which makes its solution
 *                unique; it needs all diagonal entries in the pattern of P.  The solve must have been
 *                in one of these modes, and a solver that was made in another has no memory for them.
 */

/* Cotangents of the outputs, [batch][n] and [batch][m]; NULL is zero. */
typedef struct qc_cotangent {
    const double *x, *y, *s;
} qc_cotangent;

/* Where gradients go: shaped as the values (shared: summed over the batch); any may be NULL. */
typedef struct qc_gradient {
    double *P, *q, *A, *b;
    int32_t *status; /* qc_derivative_status, [batch]                                         */
    double *residual; /* [batch] of the linear system, relative to its right-hand side; NaN: LPGD */
} qc_gradient;

/* Where tangents of the outputs go, [batch][n] and [batch][m]; any may be NULL. */
typedef struct qc_tangent {
    double *x, *y, *s;
    int32_t *status; /* as in qc_gradient, and so is the residual */
    double *residual;
} qc_tangent;

/*
 * Gradients of a scalar loss whose gradients with respect to x, y and s are `in`.
 * With u the solution of J'u = (x-part, D s-part + (D - I) y-part):
 *     q: -u_x    b: u_v    A: -(y u_x' + u_v x')    P: -1/2 (u_x x' + x u_x')
 * On zero and nonnegative cones these are equations (7) and (8) of OptNet; with P = 0 it is the
 * adjoint of Agrawal et al., section 3.  A problem without a solution contributes NaN to gradients
 * of its own, and nothing to shared ones; where its cotangent is all zero, it contributes zeros.
 * QC_ERROR_ORDER: there was no solve, or it kept nothing for its derivative, as settings.derivatives
 * and derivative_mode were.
 */
QC_API qc_error qc_vjp(qc_solver *solver, const qc_cotangent *in, const qc_gradient *out,
                       qc_message *why);

/* Tangents of x, y, s for tangents of the values (P symmetric; NULL is zero).  Errors as of qc_vjp. */
QC_API qc_error qc_jvp(qc_solver *solver, const qc_values *in, const qc_tangent *out,
                       qc_message *why);

/*
 * The same in many directions at once, for `count` problems of the batch from `first` on, with one
 * factor a problem for all of them.  Cotangents, tangents of outputs, status and residual are
 * [count][directions][...]; so are gradients and tangents of the values, but [directions][...] where
 * these are shared: a gradient is then the sum over the problems, unless `apart`, with which shared
 * values count as each problem's own.  These two allocate what they need.
 */
typedef struct qc_many {
    int64_t first, count, directions;
    int apart; /* 1: gradients of shared values are not summed; 0: they are */
} qc_many;

QC_API qc_error qc_vjp_many(qc_solver *solver, const qc_many *many, const qc_cotangent *in,
                            const qc_gradient *out, qc_message *why);
QC_API qc_error qc_jvp_many(qc_solver *solver, const qc_many *many, const qc_values *in,
                            const qc_tangent *out, qc_message *why);

#ifdef __cplusplus
}
#endif

#endif
