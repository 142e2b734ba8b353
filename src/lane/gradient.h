// SPDX-License-Identifier: Apache-2.0
/*
 * gradient.h -- gradients of P, q, A, b from the adjoint variables u:
 *
 *     q: -u_x     b: u_v     A: -(y u_x' + u_v x')     P: -1/2 (u_x x' + x u_x')
 *
 * Not in lanes: each is a sum of outer products in the caller's layout, row after row, which the
 * compiler vectorizes along the row.  Rows that fill few registers are done column of registers by
 * column.  The gradient of a shared argument is summed over the batch in an
 * order that is the same however rows are spread over threads, and for every instruction set.
 */
#ifndef LANE_GRADIENT_H
#define LANE_GRADIENT_H

#include "lane/table.h"
#include "lane/vec.h"

/* Registers that a row may fill for its matrix to be done in strips. */
enum { FEW = 2 };

/* row[j] = -(a u[j] + b x[j]), which `add` adds to what is there */
static inline void subtract_two(int add, int32_t count, double a, const double *restrict u,
                                double b, const double *restrict x, double *restrict row)
{
    for (int32_t j = 0; j < count; j++)
        row[j] = (add ? row[j] : 0.0) - (a * u[j] + b * x[j]);
}

/* The factors a and b of row i of a matrix's gradient: for A (y_i, u_v,i), for P (x_i, u_x,i) / 2. */
static inline void row_factors(const qc__gradient_job *job, int is_P, int64_t k, int32_t i,
                               double *a, double *b)
{
    const qc_plan *plan = job->plan;
    *a = is_P ? 0.5 * job->x[k * plan->n + i] : job->y[k * plan->m + i];
    *b = is_P ? 0.5 * job->u_x[k * plan->n + i] : job->u_v[k * plan->m + i];
}

/* Row i of a dense matrix's gradient: that of problem k, or it is added. */
static inline void dense_row(const qc__gradient_job *job, int is_P, int add, int64_t k, int32_t i,
                             double *out)
{
    const int32_t n = job->plan->n;
    double a, b;
    row_factors(job, is_P, k, i, &a, &b);
    subtract_two(add, n, a, job->u_x + k * n, b, job->x + k * n, out + (int64_t)i * n);
}

/* Adds problem k to the stored entries of row i of a sparse matrix's gradient. */
static inline void sparse_row(const qc__gradient_job *job, int is_P, int64_t k, int32_t i,
                              double *out)
{
    const qc__matrix *M = is_P ? &job->plan->P : &job->plan->A;
    const double *u = job->u_x + k * job->plan->n, *x = job->x + k * job->plan->n;
    double a, b;
    row_factors(job, is_P, k, i, &a, &b);
    for (int32_t t = M->row_ptr[i]; t < M->row_ptr[i + 1]; t++) {
        const double d = a * u[M->col[t]] + b * x[M->col[t]];
        out[M->source[t]] -= d;
        if (is_P && M->mirror[t] != M->source[t])
            out[M->mirror[t]] -= d;
    }
}

/* out[i][j] = f (a[i] u[j] + b[i] x[j]),  i < rows, for the columns j of one register */
ALWAYS_INLINE void strip(double f, wide_mask columns, int32_t rows, const double *restrict a,
                         const double *restrict u, const double *restrict b,
                         const double *restrict x, double *restrict out, int64_t ldo)
{
    const wide fu = wide_mul(wide_set1(f), wide_load_some(columns, u));
    const wide fx = wide_mul(wide_set1(f), wide_load_some(columns, x));
    for (int32_t i = 0; i < rows; i++) {
        const wide au = wide_mul(wide_set1(a[i]), fu), bx = wide_mul(wide_set1(b[i]), fx);
        wide_store_some(columns, out + i * ldo, wide_add(au, bx));
    }
}

/* All rows of a dense matrix's gradient, that of problem k. */
static void dense_rows(const qc__gradient_job *job, int is_P, int64_t k, int32_t rows, double *out)
{
    const int64_t n = job->plan->n, m = job->plan->m;
    const double *x = job->x + k * n, *u = job->u_x + k * n;
    const double *a = is_P ? x : job->y + k * m, *b = is_P ? u : job->u_v + k * m;
    const double f = is_P ? -0.5 : -1.0;
    if (n > FEW * WIDE) {
        for (int32_t i = 0; i < rows; i++)
            dense_row(job, is_P, 0, k, i, out);
        return;
    }
    int64_t j = 0;
    for (; j + WIDE <= n; j += WIDE)
        strip(f, wide_mask_from_bits(~0u), rows, a, u + j, b, x + j, out + j, n);
    if (j < n)
        strip(f, wide_mask_from_bits((1u << (n - j)) - 1), rows, a, u + j, b, x + j, out + j, n);
}

static void fill(double *out, int64_t count, double a)
{
    for (int64_t k = 0; k < count; k++)
        out[k] = a;
}

/* Gradients of P or A of problem k alone. */
static void own_matrix(const qc__gradient_job *job, int is_P, int64_t k, double *out)
{
    const qc_plan *plan = job->plan;
    const qc__matrix *M = is_P ? &plan->P : &plan->A;
    const int dense = is_P ? plan->P_dense : plan->A_dense;
    if (!dense || job->weight[k] != 1.0)
        fill(out, M->length, job->weight[k] == 1.0 ? 0.0 : job->weight[k]);
    if (job->weight[k] != 1.0)
        return;
    if (dense)
        dense_rows(job, is_P, k, M->rows, out);
    for (int32_t i = 0; !dense && i < M->rows; i++)
        sparse_row(job, is_P, k, i, out);
}

/* out := sign u of problem k alone */
static void own_vector(const qc__gradient_job *job, int64_t k, double sign, const double *u,
                       int32_t count, double *out)
{
    for (int32_t j = 0; j < count; j++)
        out[j] = job->weight[k] == 1.0 ? sign * u[j] : job->weight[k];
}

/* Gradients of the problems [first, last) with respect to what is their own. */
static void own_gradients(const qc__gradient_job *job, int64_t first, int64_t last)
{
    const qc_plan *plan = job->plan;
    const qc_gradient *out = &job->out;
    for (int64_t k = first; k < last; k++) {
        const int64_t at = k * job->directions + job->direction;
        if (out->P && !(job->shared & QC_SHARED_P))
            own_matrix(job, 1, k, out->P + at * plan->P.length);
        if (out->A && !(job->shared & QC_SHARED_A))
            own_matrix(job, 0, k, out->A + at * plan->A.length);
        if (out->q && !(job->shared & QC_SHARED_Q))
            own_vector(job, k, -1.0, job->u_x + k * plan->n, plan->n, out->q + at * plan->n);
        if (out->b && !(job->shared & QC_SHARED_B))
            own_vector(job, k, 1.0, job->u_v + k * plan->m, plan->m, out->b + at * plan->m);
    }
}

/* Row i of a dense shared matrix's gradient: zero, then every problem in turn. */
static void shared_dense_row(const qc__gradient_job *job, int is_P, int32_t i, double *out)
{
    fill(out + (int64_t)i * job->plan->n, job->plan->n, 0.0);
    for (int64_t k = 0; k < job->batch; k++)
        if (job->weight[k] == 1.0)
            dense_row(job, is_P, 1, k, i, out);
}

/* -sum_k a[k] u[k] + b[k] x[k], in partial sums that fill a vector register, or several. */
static double batch_sum(int64_t stride, const double *restrict a, const double *restrict u,
                        const double *restrict b, const double *restrict x)
{
    double part[QC__PARTIAL_SUMS] = {0.0};
    for (int64_t k = 0; k < stride; k += QC__PARTIAL_SUMS)
        for (int p = 0; p < QC__PARTIAL_SUMS; p++)
            part[p] -= a[k + p] * u[k + p] + b[k + p] * x[k + p];
    return ((part[0] + part[4]) + (part[2] + part[6])) +
           ((part[1] + part[5]) + (part[3] + part[7]));
}

/* Row i of a sparse shared matrix's gradient: few entries, so the batch is what is long. */
static void shared_sparse_row(const qc__gradient_job *job, int is_P, int32_t i, double *out)
{
    const qc__matrix *M = is_P ? &job->plan->P : &job->plan->A;
    const int64_t stride = job->stride, at = (is_P ? i : (int64_t)job->plan->n + i) * stride;
    const double *z = job->z_turned, *u = job->u_turned;
    for (int32_t t = M->row_ptr[i]; t < M->row_ptr[i + 1]; t++) {
        const int64_t j = M->col[t] * stride;
        const double d = batch_sum(stride, z + at, u + j, u + at, z + j);
        out[M->source[t]] = is_P ? 0.5 * d : d;
        if (is_P)
            out[M->mirror[t]] = 0.5 * d;
    }
}

static void shared_row(const qc__gradient_job *job, int is_P, int32_t i, double *out)
{
    const int dense = is_P ? job->plan->P_dense : job->plan->A_dense;
    (dense ? shared_dense_row : shared_sparse_row)(job, is_P, i, out);
}

static double shared_entry(const qc__gradient_job *job, double sign, const double *u,
                           int64_t stride)
{
    double sum = 0.0;
    for (int64_t k = 0; k < job->batch; k++)
        if (job->weight[k] == 1.0)
            sum += sign * u[k * stride];
    return sum;
}

/* Rows [first, last) of what is shared: row i of P and q for i < n, row i - n of A and b after. */
static void shared_gradients(const qc__gradient_job *job, int64_t first, int64_t last)
{
    const qc_plan *plan = job->plan;
    const qc_gradient *out = &job->out;
    const int64_t d = job->direction;
    for (int64_t r = first; r < last; r++) {
        const int32_t i = (int32_t)(r < plan->n ? r : r - plan->n);
        if (r < plan->n) {
            if (out->P && (job->shared & QC_SHARED_P))
                shared_row(job, 1, i, out->P + d * plan->P.length);
            if (out->q && (job->shared & QC_SHARED_Q))
                out->q[d * plan->n + i] = shared_entry(job, -1.0, job->u_x + i, plan->n);
        } else {
            if (out->A && (job->shared & QC_SHARED_A))
                shared_row(job, 0, i, out->A + d * plan->A.length);
            if (out->b && (job->shared & QC_SHARED_B))
                out->b[d * plan->m + i] = shared_entry(job, 1.0, job->u_v + i, plan->m);
        }
    }
}

#endif
