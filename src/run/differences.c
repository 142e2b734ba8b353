// SPDX-License-Identifier: Apache-2.0
/*
 * differences.c -- derivatives as differences of solutions: Lagrangian proximal gradient descent (Paulus
 * et al., 2024).  The solution is the saddle point of
 *
 *     L(x, y) = 1/2 x'Px + q'x + y'(Ax - b),  y in K*
 *
 * and a loss with gradients g_x, g_y, g_s moves it to that of L + t (g_x'x + g_y'y + g_s'(b - Ax)), the
 * solution of the problem with  q + t (g_x - A'g_s)  and  b - t g_y.  By the envelope theorem the
 * gradient of the loss is the derivative by t of dL/d(P, q, A, b) at that point, here a difference:
 *
 *     with  dx = (x_a - x_b)/h,  h = t_a - t_b, and so on, and x, y half way between:
 *     q: dx     b: g_s - dy     A: y dx' + dy x' - g_s x' ...     P: 1/2 (dx x' + x dx')
 *
 * which is the formula of the exact gradient with u_x = -dx, u_v = g_s - dy.  (The product rule holds for
 * differences if each factor is taken half way; g_s x', at a or b, is not half way, which changes y
 * by a multiple of g_s.)  Tangents are differences along the tangents of the values.
 *
 * rho > 0 adds rho/2 |x - x*|^2 to the moved problem.
 */
#include <math.h>
#include <string.h>

#include "run/solver.h"

/* Numbers of an argument of `count` problems. */
static size_t length_of(const qc_plan *plan, unsigned bit, int64_t length, int64_t count)
{
    return (size_t)(plan->shared & bit ? length : count * length);
}

static void copy(double *to, const double *from, size_t count)
{
    if (count > 0)
        memcpy(to, from, count * sizeof *to);
}

void qc__keep_values(qc_solver *s, const qc_values *values)
{
    const qc_plan *plan = s->plan;
    const qc__values *to = &s->differences.kept;
    copy(to->P, values->P, length_of(plan, QC_SHARED_P, plan->P.length, s->batch));
    copy(to->q, values->q, length_of(plan, QC_SHARED_Q, plan->n, s->batch));
    copy(to->A, values->A, length_of(plan, QC_SHARED_A, plan->A.length, s->batch));
    copy(to->b, values->b, length_of(plan, QC_SHARED_B, plan->m, s->batch));
}

/* ---- moved problems ------------------------------------------------------------------------------- */

/* An argument of problem k of the job: of the values kept, and of tangents in direction d (or NULL). */
static const double *kept_of(const qc_plan *plan, const qc__derivative_job *job, unsigned bit,
                             const double *values, int64_t length, int64_t k)
{
    return values + (plan->shared & bit ? 0 : (job->first + k) * length);
}

static const double *given_of(const qc__derivative_job *job, unsigned bit, const double *values,
                              int64_t length, int64_t k, int64_t d)
{
    return values ? values + (job->shared & bit ? d : k * job->directions + d) * length : NULL;
}

/* out := a + t v; v may be NULL */
static void add_scaled(double *out, const double *a, double t, const double *v, int64_t count)
{
    for (int64_t j = 0; j < count; j++)
        out[j] = v ? a[j] + t * v[j] : a[j];
}

/* q -= t A'g, without the rows of zero cones, where s has no say. */
static void subtract_transposed(const qc_plan *plan, const double *A, double t, const double *g,
                                double *q)
{
    for (int32_t i = 0; i < plan->m; i++)
        for (int32_t e = plan->A.row_ptr[i]; !plan->row_is_zero[i] && e < plan->A.row_ptr[i + 1];
             e++)
            q[plan->A.col[e]] -= t * A[plan->A.source[e]] * g[i];
}

/* q and b of problem k, moved by t along the cotangents, or along the tangents, of direction d. */
static void move_vectors(const qc_solver *s, const qc__derivative_job *job, int adjoint, int64_t k,
                         int64_t d, double t)
{
    const qc_plan *plan = s->plan;
    const qc__values *kept = &s->differences.kept, *moved = &s->differences.moved;
    const int64_t n = plan->n, m = plan->m;
    const double *q = kept_of(plan, job, QC_SHARED_Q, kept->q, n, k);
    const double *b = kept_of(plan, job, QC_SHARED_B, kept->b, m, k);
    const double *x = job->x + (job->first + k) * n;
    double *to_q = moved->q + k * n, *to_b = moved->b + k * m;
    if (adjoint) {
        const double *A = kept_of(plan, job, QC_SHARED_A, kept->A, plan->A.length, k);
        const double *g_s = given_of(job, 0, job->in.s, m, k, d);
        add_scaled(to_q, q, t, given_of(job, 0, job->in.x, n, k, d), n);
        add_scaled(to_b, b, -t, given_of(job, 0, job->in.y, m, k, d), m);
        if (g_s)
            subtract_transposed(plan, A, t, g_s, to_q);
    } else {
        add_scaled(to_q, q, t, given_of(job, QC_SHARED_Q, job->values.q, n, k, d), n);
        add_scaled(to_b, b, t, given_of(job, QC_SHARED_B, job->values.b, m, k, d), m);
    }
    if (job->settings->lpgd_rho > 0.0)
        add_scaled(to_q, to_q, -job->settings->lpgd_rho, x, n);
}

/* P + rho I, of one problem; rho > 0 only where the diagonal is whole (qc_solver_set). */
static void add_rho(const qc_plan *plan, double rho, double *P)
{
    for (int32_t j = 0; rho > 0.0 && j < plan->n; j++)
        P[plan->P.source[plan->P.row_ptr[j + 1] - 1]] += rho;
}

/* A matrix of all problems of the job, moved by t along its tangents of direction d. */
static const double *move_matrix(const qc_solver *s, const qc__derivative_job *job, unsigned bit,
                                 int64_t d, double t)
{
    const qc_plan *plan = s->plan;
    const int is_P = bit == QC_SHARED_P, once = (plan->shared & bit) != 0;
    const double *kept = is_P ? s->differences.kept.P : s->differences.kept.A;
    const double *along = is_P ? job->values.P : job->values.A;
    const int64_t length = is_P ? plan->P.length : plan->A.length;
    const double rho = is_P ? job->settings->lpgd_rho : 0.0;
    double *moved = is_P ? s->differences.moved.P : s->differences.moved.A;
    if (!along && rho == 0.0)
        return kept_of(plan, job, bit, kept, length, 0);
    for (int64_t k = 0; k < (once ? 1 : job->count); k++) {
        add_scaled(moved + k * length, kept_of(plan, job, bit, kept, length, k), t,
                   given_of(job, bit, along, length, k, d), length);
        if (is_P)
            add_rho(plan, rho, moved + k * length);
    }
    return moved;
}

/* Solves the problems of the job, moved by t, from their solutions. */
static void solve_moved(const qc_solver *s, const qc__derivative_job *job, int adjoint, int64_t d,
                        double t, const qc__record *out)
{
    const int64_t n = s->plan->n, m = s->plan->m;
    qc_solver moved = *s; /* the same memory, but for what a solve leaves behind */
    moved.batch = job->count;
    moved.record = *out;
    moved.shared_vectors = 0;
    moved.taped = 0;
    moved.settings.callback = NULL;
    for (int64_t k = 0; k < job->count; k++)
        move_vectors(s, job, adjoint, k, d, t);
    const qc_values values = {.P = move_matrix(s, job, QC_SHARED_P, d, t),
                              .q = s->differences.moved.q,
                              .A = move_matrix(s, job, QC_SHARED_A, d, t),
                              .b = s->differences.moved.b};
    const qc_warm_start warm = {job->x + job->first * n, job->y + job->first * m,
                                job->s + job->first * m};
    qc__run_solve(&moved, &values, &warm);
}

/* ---- differences ---------------------------------------------------------------------------------- */

static int has_solution(int32_t status)
{
    return status == QC_SOLVED || status == QC_SOLVED_INACCURATE;
}

/* The two solutions, of [count] problems, and where they are along the direction. */
typedef struct two_points {
    qc__record a, b;
    double t_a, t_b;
} two_points;

static two_points solve_both(qc_solver *s, const qc__derivative_job *job, int adjoint, int64_t d)
{
    const int64_t n = s->plan->n, m = s->plan->m;
    const double tau = job->settings->lpgd_tau;
    const qc__record *r = &s->record;
    const qc__record here = {.x = r->x + job->first * n,
                             .y = r->y + job->first * m,
                             .s = r->s + job->first * m,
                             .status = r->status + job->first};
    two_points p = {.a = here, .b = here};
    if (job->settings->derivative_mode != QC_MODE_LPGD_LEFT) {
        p.a = s->differences.ahead;
        p.t_a = tau;
        solve_moved(s, job, adjoint, d, tau, &p.a);
    }
    if (job->settings->derivative_mode != QC_MODE_LPGD_RIGHT) {
        p.b = s->differences.behind;
        p.t_b = -tau;
        solve_moved(s, job, adjoint, d, -tau, &p.b);
    }
    return p;
}

/* out := (a - b) / h for problem k */
static void divide_difference(double *out, const double *a, const double *b, double h, int64_t k,
                              int64_t count)
{
    for (int64_t j = 0; j < count; j++)
        out[j] = (a[k * count + j] - b[k * count + j]) / h;
}

static void half_way(double *out, const double *a, const double *b, int64_t k, int64_t count)
{
    for (int64_t j = 0; j < count; j++)
        out[k * count + j] = 0.5 * (a[k * count + j] + b[k * count + j]);
}

/* u_x = -dx, u_v = g_s - dy; and x, y where the product rule wants them. */
static void adjoint_of(qc_solver *s, const qc__derivative_job *job, const two_points *p, int64_t k,
                       int64_t d, double *u_x, double *u_v)
{
    const int64_t n = s->plan->n, m = s->plan->m;
    const double *g_s = given_of(job, 0, job->in.s, m, k, d), middle = 0.5 * (p->t_a + p->t_b);
    double *y = s->differences.y + k * m;
    half_way(s->differences.x, p->a.x, p->b.x, k, n);
    half_way(s->differences.y, p->a.y, p->b.y, k, m);
    for (int64_t j = 0; j < n; j++)
        u_x[j] = -u_x[j];
    for (int64_t i = 0; i < m; i++) {
        const double g = g_s && !s->plan->row_is_zero[i] ? g_s[i] : 0.0;
        u_v[i] = g - u_v[i];
        y[i] -= middle * g;
    }
}

void qc__run_differences(qc_solver *s, const qc__derivative_job *job, int64_t d, int adjoint)
{
    const int64_t n = s->plan->n, m = s->plan->m;
    const two_points p = solve_both(s, job, adjoint, d);
    const double h = p.t_a - p.t_b;
    for (int64_t k = 0; k < job->count; k++) {
        const int64_t at = d * job->count + k;
        const int both = has_solution(p.a.status[k]) && has_solution(p.b.status[k]);
        const int solved = has_solution(s->record.status[job->first + k]);
        job->derivative_status[at] = !solved ? QC_DERIVATIVE_NONE
                                     : both  ? QC_DERIVATIVE_APPROXIMATE
                                             : QC_DERIVATIVE_INACCURATE;
        job->residual[at] = NAN;
        divide_difference(job->u_x + at * n, p.a.x, p.b.x, h, k, n);
        divide_difference(job->u_v + at * m, p.a.y, p.b.y, h, k, m);
        if (adjoint)
            adjoint_of(s, job, &p, k, d, job->u_x + at * n, job->u_v + at * m);
        else
            divide_difference(job->u_s + at * m, p.a.s, p.b.s, h, k, m);
    }
}
