// SPDX-License-Identifier: Apache-2.0
/*
 * plan.h -- all that depends on the sparsity pattern alone, computed once and never changed.
 *
 * The symmetric matrix behind everything is the quasi-definite KKT matrix (lower triangle kept)
 *
 *         x        rows of A
 *     [   P         A'     ]   n
 *     [   A        -H      ]   m      H = 0 on zero cones, the scaling W^2 or D(I - D)^-1 on others
 *
 * A block cone (second-order and beyond) has a dense block of H.  That of a large second-order cone is
 * a multiple of the identity plus two terms of rank one, and in `full` each of these is kept apart with
 * one auxiliary variable instead, so that the cone stays sparse:
 *
 *     [ -hI   u   w ]
 *     [  u'   1     ]       -hI - u u' + w w' = -H, once the last two are eliminated
 *     [  w'      -1 ]
 *
 * The block of a large PSD cone takes k^4/8 numbers.  Where it pays, the rows of the cone are kept apart
 * from the matrix, and where every one of them has one variable of its own, these as well; `full` has what
 * eliminating them leaves: lane/apart.h.
 *
 * A `qc__factor_plan` is an elimination order of it with the supernodes of its LDL' factor.  A plan
 * has one for the whole matrix, and where it pays one for condensing, in which x and the equalities
 * come first: their columns do not change between iterations, so they are factored once.
 */
#ifndef QC_PLAN_PLAN_H
#define QC_PLAN_PLAN_H

#include <stdint.h>

#include "quadcone.h"

/* A sparse matrix by compressed rows, with the place of every value in the caller's array.  P keeps
 * its lower triangle, diagonal included where the pattern has it; `mirror` is the place of (j, i). */
typedef struct qc__matrix {
    int32_t rows, cols, count;
    int32_t *row_ptr; /* [rows + 1] */
    int32_t *col;     /* [count]    */
    int64_t *source;  /* [count]    */
    int64_t *mirror;  /* [count], P only (NULL for A) */
    int64_t length;   /* values of one problem in the caller's array */
} qc__matrix;

/* Rows [first, first + size) of A lie in one cone. */
typedef struct qc__cone {
    qc_cone_kind kind;
    int32_t first, size;
    int32_t order;     /* of the matrices of a PSD cone: size = order (order + 1) / 2         */
    int32_t auxiliary; /* the first of its two auxiliary variables in `full`; -1: none        */
    double alpha;      /* of a power cone                                                     */
} qc__cone;

/* An entry of A where one of the others meets a PSD cone that is kept apart. */
typedef struct qc__apart_entry {
    int32_t value; /* its number in A                                                       */
    int32_t at; /* which row of the cone                                                 */
    int32_t left, right; /* the two lines of the k x k matrix that it is in, from lines[other] on */
} qc__apart_entry;

/*
 * A PSD cone that is kept apart.  With `matrix`, each of its rows has one entry, in a variable that no
 * other of its rows has and that P couples to none: the matrix is itself a variable.  These are kept apart
 * too, and the others are the rows of A that have them.  Without, only its rows are, and the others are the
 * variables that they have: a linear matrix inequality.  With `nonzeros` their matrices are so sparse that what
 * they leave is found from their entries, but for those that are `heavy`.
 *
 * `other` are their vertices in the KKT graph; seen as a k x k matrix each, entries [entry_ptr[t],
 * entry_ptr[t + 1]) are those of other[t], and lines [line_ptr[t], line_ptr[t + 1]) the rows of the matrix
 * that are not empty.
 */
typedef struct qc__apart {
    int32_t block;
    int32_t matrix, nonzeros;
    int32_t others;
    int32_t *other; /* [others]     */
    int32_t *entry_ptr; /* [others + 1] */
    int32_t *line_ptr; /* [others + 1] */
    int8_t *heavy; /* [others]     */
    qc__apart_entry *entry;
    int32_t *line;
} qc__apart;

/*
 * Supernode J receives from supernode K (K < J):   panel_J -= L_K[rows] D_K L_K[cols]'.
 * Of K's row list, positions [begin, middle) are columns of J; positions [begin, end of list) are rows
 * of J.  target[t] is the row of J's panel that K's row `begin + t` corresponds to, so for
 * t < middle - begin it is also a column of J.  J's updates are in the order of their sources, but those
 * from columns with the same rows follow the first of these.
 */
typedef struct qc__update {
    int32_t source; /* K */
    int32_t begin, middle; /* positions in K's list of rows below its diagonal block */
    int32_t run; /* updates from this one on that are from single columns with the same rows,
                    equally far apart */
    int64_t target; /* offset in factor_plan.target */
} qc__update;

/*
 * An order and the supernodes of L.  Supernode J has columns [first[J], first[J+1]), w of them, and
 * below its diagonal block the rows rows[row_ptr[J] .. row_ptr[J+1]), ascending.  Its panel is dense,
 * row after row: row r of the panel is column block row r for r < w, and rows[row_ptr[J] + r - w] after;
 * entry (r, c) sits at value panel[J] + r*w + c.  The strict upper triangle of the diagonal block
 * is not used.
 */
typedef struct qc__factor_plan {
    int32_t size; /* n + m and the auxiliary variables                                  */
    int32_t *order; /* [size] order[k]: which variable (x: 0..n-1, row i: n + i) is pivot k */
    int32_t *position; /* [size] its inverse                                                 */
    int8_t *sign; /* [size] expected sign of pivot k: +1 for x, -1 for rows             */
    int32_t supernodes; /* count                                                              */
    int32_t leading; /* supernodes [0, leading) are eliminated once: condensed (0: none)   */
    int32_t *first; /* [supernodes + 1]                                                   */
    int64_t *row_ptr; /* [supernodes + 1]                                                   */
    int32_t *rows; /* [row_ptr[supernodes]]                                              */
    int64_t *panel; /* [supernodes + 1], in values                                        */
    int64_t *update_ptr; /* [supernodes + 1]                                                  */
    qc__update *updates;
    int32_t *target;
    int64_t *scatter_P; /* [P.count] where a value of P goes                                  */
    int64_t *scatter_A; /* [A.count]                                                          */
    /* Where H of block k goes, from scatter_H[block_ptr[k]]: its lower triangle row after row; or, with
     * auxiliary variables, the diagonal, u, w and the diagonal entries of the two. */
    int64_t *block_ptr; /* [blocks + 1]                                                       */
    int64_t *scatter_H;
    /* Where the matrix of the t-th cone that is apart goes, from scatter_S[apart_ptr[t]]: its lower
     * triangle row after row.  Values of P and A that are apart have the place -1. */
    int64_t *apart_ptr; /* [apart_count + 1]                                                  */
    int64_t *scatter_S;
    int8_t *covered; /* [supernodes] all of the panel that is used is values of P and A        */
    int64_t *diagonal; /* [size] where the diagonal entry of pivot k sits                    */
    int32_t widest, tallest; /* max over supernodes of w, and of w + number of rows           */
    double flops_leading, flops_trailing; /* multiply and add are two                         */
} qc__factor_plan;

/* A symmetric matrix [P A'; A -H] by its parts, and those blocks of H that are not diagonal. */
typedef struct qc__kkt {
    const qc__matrix *P, *A; /* A may be NULL: P alone                                        */
    const qc__cone *blocks;
    int32_t block_count;
    int32_t auxiliary; /* variables for blocks that are kept sparse; 0: all blocks are dense  */
    const qc__apart *apart; /* what is kept apart                                             */
    int32_t apart_count;
    const int8_t *is_apart; /* [n + m] of x and rows; NULL: none                              */
} qc__kkt;

struct qc__lane_table;

struct qc_plan {
    int32_t n, m;
    unsigned shared;
    int P_dense, A_dense;
    qc__matrix P, A;
    int32_t zero_rows, cone_rows; /* rows in zero cones, and in all others: m together        */
    int8_t *row_is_zero; /* [m]                                                      */
    int8_t *row_is_block; /* [m] in a cone that is neither zero nor nonnegative      */
    int32_t block_count;
    qc__cone *blocks;
    int32_t block_rows, auxiliary; /* rows in them; auxiliary variables of `full`     */
    int32_t apart_count;
    qc__apart *apart;
    int8_t *is_apart; /* [n + m] its variable or row is apart; NULL: none is      */
    qc__factor_plan full; /* the whole KKT matrix, everything at every iteration      */
    int has_dense; /* 1: `dense` exists: `full` with nothing apart             */
    qc__factor_plan dense;
    int condensed; /* 1: `condense` exists and is what is used                 */
    qc__factor_plan condense;
    qc__factor_plan convexity; /* P alone, size n, to see whether it is positive semidefinite */
    const struct qc__lane_table *lanes;
    const struct qc__lane_table *rows; /* for one problem at a time; or NULL             */
    int rows_per_thread; /* a solver for at most so many problems a thread uses it  */
};

/* The columns of supernode J, and the rows below its diagonal block. */
static inline int32_t qc__width_of(const qc__factor_plan *f, int32_t J)
{
    return f->first[J + 1] - f->first[J];
}

static inline int32_t qc__below_of(const qc__factor_plan *f, int32_t J)
{
    return (int32_t)(f->row_ptr[J + 1] - f->row_ptr[J]);
}

/* What the first round factors at every iteration. */
static inline const qc__factor_plan *qc__first_factor(const qc_plan *plan)
{
    return plan->condensed ? &plan->condense : &plan->full;
}

/* Has P a place for P_jj?  In its lower triangle by rows that is the last of row j. */
static inline int qc__has_diagonal(const qc__matrix *P, int32_t j)
{
    const int32_t end = P->row_ptr[j + 1];
    return end > P->row_ptr[j] && P->col[end - 1] == j;
}

/* Is the block kept sparse, by auxiliary variables, in this matrix? */
static inline int qc__is_sparse(const qc__kkt *kkt, const qc__cone *block)
{
    return kkt->auxiliary > 0 && block->auxiliary >= 0;
}

/* Is the variable or the row kept apart from this matrix? */
static inline int qc__is_apart(const qc__kkt *kkt, int32_t vertex)
{
    return kkt->is_apart && kkt->is_apart[vertex];
}

/* P and A are the batch's: what depends on them alone is done once. */
static inline int qc__values_shared(const qc_plan *plan)
{
    const unsigned both = QC_SHARED_P | QC_SHARED_A;
    return (plan->shared & both) == both;
}

/* Has P a place for every entry of its diagonal? */
int qc__has_whole_diagonal(const qc__matrix *P);

/* The cone as it is worked on: one of one row is a half-line. */
qc__cone qc__cone_of(const qc_cone *cone, int32_t first);

/* Checks the family and compiles everything but `lanes` and `rows`.  On failure *out is NULL. */
qc_error qc__plan_new(qc_plan **out, const qc_family *family, int condense, qc_message *why);
void qc__plan_free(qc_plan *plan);

#endif
