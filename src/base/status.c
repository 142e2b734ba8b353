// SPDX-License-Identifier: Apache-2.0
/*
 * status.c -- names and sentences: one list for each enum of quadcone.h, one line for each value.
 */
#include "quadcone.h"

typedef struct entry {
    const char *name, *text;
} entry;

#define ENTRY(value, name, text) [value] = {name, text},
#define COUNT(table)             ((int)(sizeof(table) / sizeof((table)[0])))

#define ERROR_LIST(X)                                                                              \
    X(QC_OK, "ok", "No error.")                                                                    \
    X(QC_ERROR_ARGUMENT, "argument", "An argument is wrong.")                                      \
    X(QC_ERROR_MEMORY, "memory", "Out of memory.")                                                 \
    X(QC_ERROR_ORDER, "order", "The function was called before the one it builds on.")             \
    X(QC_ERROR_UNSUPPORTED, "unsupported", "This build does not serve the request.")

#define STATUS_LIST(X)                                                                             \
    X(QC_UNSOLVED, "unsolved", "The problem has not been solved.")                                 \
    X(QC_SOLVED, "solved", "Optimal to the tolerances.")                                           \
    X(QC_SOLVED_INACCURATE, "solved_inaccurate",                                                   \
      "Close to optimal, but not to the tolerances; the residuals say how close.")                 \
    X(QC_PRIMAL_INFEASIBLE, "primal_infeasible",                                                   \
      "No x satisfies the constraints; y is a certificate of it.")                                 \
    X(QC_DUAL_INFEASIBLE, "dual_infeasible",                                                       \
      "The objective is unbounded below; x and s are a certificate of it.")                        \
    X(QC_MAX_ITERATIONS, "max_iterations", "Stopped at the iteration limit.")                      \
    X(QC_NUMERICAL_ERROR, "numerical_error", "Stopped where rounding allowed no more progress.")   \
    X(QC_INTERRUPTED, "interrupted", "The callback stopped the solve before this problem ended.")  \
    X(QC_P_NOT_FINITE, "P_not_finite", "P contains a NaN or an infinity.")                         \
    X(QC_Q_NOT_FINITE, "q_not_finite", "q contains a NaN or an infinity.")                         \
    X(QC_A_NOT_FINITE, "A_not_finite", "A contains a NaN or an infinity.")                         \
    X(QC_B_NOT_FINITE, "b_not_finite", "b contains a NaN or an infinity.")                         \
    X(QC_P_NOT_SYMMETRIC, "P_not_symmetric", "P is not symmetric.")                                \
    X(QC_P_NOT_CONVEX, "P_not_convex", "P has a negative eigenvalue: the problem is not convex.")

#define DERIVATIVE_STATUS_LIST(X)                                                                  \
    X(QC_DERIVATIVE_NONE, "none", "The problem has no solution to differentiate.")                 \
    X(QC_DERIVATIVE_EXACT, "exact", "The linear system was solved.")                               \
    X(QC_DERIVATIVE_LEAST_SQUARES, "least_squares",                                                \
      "The linear system is singular; its minimum-norm least-squares solution was taken.")         \
    X(QC_DERIVATIVE_INACCURATE, "inaccurate",                                                      \
      "The linear system was not solved to the tolerance.")                                        \
    X(QC_DERIVATIVE_APPROXIMATE, "approximate",                                                    \
      "The derivative is one of a smoothed or a moved problem, as the mode asks for.")

static const entry errors[] = {ERROR_LIST(ENTRY)};
static const entry statuses[] = {STATUS_LIST(ENTRY)};
static const entry derivative_statuses[] = {DERIVATIVE_STATUS_LIST(ENTRY)};

/* Values from outside may be anything, so the tables are never indexed unchecked. */
static const entry *find(const entry *table, int count, int value)
{
    static const entry unknown = {"unknown", "Not a value of this enumeration."};
    return value >= 0 && value < count ? &table[value] : &unknown;
}

const char *qc_error_text(qc_error error)
{
    return find(errors, COUNT(errors), (int)error)->text;
}

const char *qc_status_name(qc_status status)
{
    return find(statuses, COUNT(statuses), (int)status)->name;
}

const char *qc_status_text(qc_status status)
{
    return find(statuses, COUNT(statuses), (int)status)->text;
}

const char *qc_derivative_status_name(qc_derivative_status status)
{
    return find(derivative_statuses, COUNT(derivative_statuses), (int)status)->name;
}
