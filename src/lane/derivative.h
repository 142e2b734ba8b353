// SPDX-License-Identifier: Apache-2.0
/*
 * derivative.h -- the derivative of the solution, and its adjoint, by the factor that polished it.
 *
 * Both are one solve with the Jacobian J of F (DESIGN: one Jacobian). In the scaled problem, with
 *
 *     P a + A'b = r1,   A a + c = r2,   (I - D) c + D b = 0                                     (*)
 *
 *     derivative:   r = -(dP x + dq + dA'y, dA x - db)      dx = a, dy = b, ds = c
 *     adjoint:      r = (g_x - A'g_s, g_y)                  u_x = a, u_v = g_s + b
 *
 * (*) is solved with the clipped H, made exact in the cones, and refined. Where that does not
 * converge J is singular, and LSMR gives the minimum-norm least-squares solution.
 */
#ifndef LANE_DERIVATIVE_H
#define LANE_DERIVATIVE_H

#include "lane/load.h"
#include "lane/lsmr.h"
#include "lane/newton.h"
#include "lane/solve.h"

enum { DERIVATIVE_REFINEMENTS = 4 };
#define DERIVATIVE_EXACT     1e-9  /* residual of (*), relative to r, that counts as solved */
#define DERIVATIVE_CONVERGED 1e-14 /* and that needs no more refinement */

static lane residual_size(const qc__group *g, pair r)
{
    lane top = lane_zero();
    for (int32_t j = 0; j < g->nx; j++)
        top = larger_abs(lane_at(r.x, j), top);
    for (int32_t t = 0; t < g->zero_count; t++)
        top = larger_abs(lane_at(r.y, g->zero_row[t]), top);
    for (int32_t t = 0; t < g->cone_count; t++)
        top = larger_abs(lane_at(r.y, g->cone_row[t]), top);
    return top;
}

/* d1 += d3 and ds += its c, for problems of `which`; d3 is clipped. */
static void add_refinement(qc__group *g, mask which)
{
    unclip(g, which, g->d3, g->backup_s);
    for (int32_t j = 0; j < g->nx; j++)
        masked_add(g->d1.x, j, which, lane_at(g->d3.x, j));
    for (int32_t t = 0; t < g->zero_count; t++)
        masked_add(g->d1.y, g->zero_row[t], which, lane_at(g->d3.y, g->zero_row[t]));
    for (int32_t t = 0; t < g->cone_count; t++) {
        masked_add(g->d1.y, g->cone_row[t], which, lane_at(g->d3.y, g->cone_row[t]));
        masked_add(g->ds, g->cone_row[t], which, lane_at(g->backup_s, g->cone_row[t]));
    }
}

/*
 * Solves (*) for the right-hand side -rho: (a, b) into d1, c into ds.  The factor is that of H at the
 * present v.  Returns the residual relative to rho.
 */
static lane solve_jacobian(qc__group *g)
{
    const mask all = mask_from_bits(~0u);
    const lane size = lane_max(residual_size(g, g->rho), lane_set1(1e-300));
    for (int32_t j = 0; j < g->nx; j++)
        lane_put(g->d1.x, j, lane_neg(lane_at(g->rho.x, j)));
    for (int32_t i = 0; i < g->plan->m; i++)
        lane_put(g->d1.y, i, lane_neg(lane_at(g->rho.y, i)));
    kkt_solve(g, 1, &g->d1);
    unclip(g, all, g->d1, g->ds);
    step_residual(g, all, g->d1, g->ds, g->d3);
    lane left = lane_div(residual_size(g, g->d3), size);
    mask going = lane_lt(lane_set1(DERIVATIVE_CONVERGED), left);
    for (int k = 0; k < DERIVATIVE_REFINEMENTS && mask_any(going); k++) {
        kkt_solve(g, 1, &g->d3);
        add_refinement(g, going);
        step_residual(g, all, g->d1, g->ds, g->d3);
        const lane next = lane_div(residual_size(g, g->d3), size);
        const mask better = lane_lt(next, lane_mul(lane_set1(0.5), left));
        left = lane_select(going, next, left);
        going = mask_and(going, mask_and(better, lane_lt(lane_set1(DERIVATIVE_CONVERGED), next)));
    }
    return left;
}

/* The solution back into w and s, scaled, and H of its D, factored. */
static void load_solution(qc__group *g, const qc__derivative_job *job, qc__path path)
{
    const qc_plan *plan = g->plan;
    const qc_warm_start at = {job->x, job->y, job->s};
    g->embedded = 0;
    find_units(g);
    start_from_zero(g);
    load_warm_start(g, &at,
                    mask_from_bits(~0u)); /* where there is no solution: zeros, and masked later */
    choose_factor(g, path);
    find_H_units(g);
    for (int32_t t = 0; t < g->nonneg_count; t++) {
        const int32_t i = g->nonneg_row[t];
        const lane v = lane_sub(lane_at(g->s, i), lane_at(g->w.y, i));
        lane_put(g->H, i, nonneg_clipped(v, lane_at(g->H_unit, i)));
    }
    blocks_set_H(g, g->s, g->w.y, mask_none(), mask_none());
    kkt_factor(g);
    set_all(g->rho.x, plan->n, 0.0);
    set_all(g->rho.y, plan->m, 0.0);
}

static void pack_or_zero(const qc__group *g, const double *values, int64_t count, double *out)
{
    if (values)
        pack(g, values, count, NULL, count, out);
    else
        set_all(out, count, 0.0);
}

/* Between the condensed equations and the whole: forward through x and the equalities ... */
static void condensed_forward(qc__group *g, pair r)
{
    const qc__factor_plan *factor = g->factor;
    const int32_t n = g->plan->n, first = factor->first[factor->leading];
    gather_rhs(factor, 0, r, g->lead);
    ldl_forward(&g->cond.lead, 1, &g->lead);
    for (int32_t k = first; k < factor->size; k++)
        lane_put(g->rho.y, factor->order[k] - n, lane_neg(lane_at(g->lead, k)));
}

/* ... and back, given the cone's part in d1.y, into all of d1. */
static void condensed_backward(qc__group *g)
{
    const qc__factor_plan *factor = g->factor;
    gather_rhs(factor, factor->first[factor->leading], g->d1, g->lead);
    ldl_backward(&g->cond.lead, 1, &g->lead);
    scatter_solution(factor, 0, g->lead, g->d1);
}

/* The problems of the group that have a solution. */
static mask solved_problems(const qc__group *g, const qc__derivative_job *job)
{
    int32_t status[LANES];
    for (int l = 0; l < g->count; l++)
        status[l] = job->status[g->problem[l]];
    return mask_from_bits(having(g, status, HAS_POINT));
}

/* How each problem's derivative came about, and its residual. */
static void report(const qc__group *g, const qc__derivative_job *job, mask solved, mask exact,
                   mask squares, lane residual)
{
    const unsigned s = mask_bits(solved), e = mask_bits(exact), q = mask_bits(squares);
    double left[LANES] __attribute__((aligned(64)));
    lane_store(left, residual);
    for (int l = 0; l < g->count; l++) {
        const int64_t k = g->problem[l];
        const int32_t way = e >> l & 1   ? QC_DERIVATIVE_EXACT
                            : q >> l & 1 ? QC_DERIVATIVE_LEAST_SQUARES
                                         : QC_DERIVATIVE_INACCURATE;
        job->derivative_status[k] = (s >> l & 1) ? way : QC_DERIVATIVE_NONE;
        job->residual[k] = (s >> l & 1) ? left[l] : NAN;
    }
}

/*
 * LSMR for problems of `which`, right-hand side (rx, ry) in the caller's units.  Returns those that arrived,
 * and writes what is left of the right-hand side, relative to it, into *left.
 */
static mask least_squares(qc__group *g, int transposed, mask which, pair rhs, double *x, lane *left)
{
    const int64_t count = (int64_t)g->plan->n + g->plan->m;
    double *r = g->lsmr[0], *product = g->lsmr[4];
    memcpy(r, rhs.x, (size_t)count * LANES * sizeof(double));
    const lane size = lane_max(norm2(r, count), lane_set1(1e-300));
    const mask arrived = lsmr(g, transposed, r, x, which);
    jacobian_multiply(g, transposed, x, product);
    for (int64_t k = 0; k < count; k++)
        lane_put(product, k, lane_sub(lane_at(rhs.x, k), lane_at(product, k)));
    *left = lane_select(which, lane_div(norm2(product, count), size), *left);
    return arrived;
}

/* ---- adjoint ------------------------------------------------------------------------------------ */

/* Scaled cotangents: x in d3.x, y in d3.y, s in backup.y (zero on zero cones). */
static void load_cotangents(qc__group *g, const qc_cotangent *in)
{
    const qc_plan *plan = g->plan;
    const lane cost = value_at(g->data.cost, 0, g->data.shared);
    const lane inv = lane_div(lane_set1(1.0), cost);
    pack_or_zero(g, in->x, plan->n, g->d3.x);
    pack_or_zero(g, in->y, plan->m, g->d3.y);
    pack_or_zero(g, in->s, plan->m, g->backup.y);
    for (int32_t j = 0; j < plan->n; j++)
        lane_put(g->d3.x, j,
                 lane_mul(lane_at(g->d3.x, j), value_at(g->data.col, j, g->data.shared)));
    for (int32_t i = 0; i < plan->m; i++) {
        const lane E = value_at(g->data.row, i, g->data.shared);
        const lane gs = lane_mul(lane_at(g->backup.y, i), lane_at(g->y_unit, i));
        lane_put(g->d3.y, i, lane_mul(lane_at(g->d3.y, i), lane_mul(E, inv)));
        lane_put(g->backup.y, i, plan->row_is_zero[i] ? lane_zero() : gs);
    }
}

/* rho := -(g_x - A'g_s, g_y) in the view of the path */
static void adjoint_rhs(qc__group *g)
{
    const qc_plan *plan = g->plan;
    if (g->path == QC__PATH_CONDENSED) { /* A'g_s reaches the cone's rows as -S0 g_s */
        condensed_forward(g, g->d3);
        multiply_base(g, g->backup.y, g->d2.y);
        for (int32_t t = 0; t < g->cone_count; t++) {
            const int32_t i = g->cone_row[t];
            lane_put(g->rho.y, i, lane_add(lane_at(g->rho.y, i), lane_at(g->d2.y, i)));
        }
        return;
    }
    set_all(g->d1.x, plan->n, 0.0);
    set_all(g->d2.x, plan->n, 0.0);
    multiply_A(g, g->d1.x, g->backup.y, g->d2.y, g->d2.x);
    for (int32_t j = 0; j < plan->n; j++)
        lane_put(g->rho.x, j, lane_sub(lane_at(g->d2.x, j), lane_at(g->d3.x, j)));
    for (int32_t i = 0; i < plan->m; i++)
        lane_put(g->rho.y, i, lane_neg(lane_at(g->d3.y, i)));
}

/* (u_x, u_v) from (a, b) in d1, in the caller's units, into Qw. */
static void adjoint_solution(qc__group *g)
{
    const qc_plan *plan = g->plan;
    const lane cost = value_at(g->data.cost, 0, g->data.shared);
    for (int32_t t = 0; t < plan->cone_rows; t++) {
        const int32_t i = g->cone_row[t];
        lane_put(g->d1.y, i, lane_add(lane_at(g->d1.y, i), lane_at(g->backup.y, i)));
    }
    if (g->path == QC__PATH_CONDENSED)
        condensed_backward(g);
    for (int32_t j = 0; j < plan->n; j++) {
        const lane D = value_at(g->data.col, j, g->data.shared);
        lane_put(g->Qw.x, j, lane_mul(lane_at(g->d1.x, j), lane_mul(cost, D)));
    }
    for (int32_t i = 0; i < plan->m; i++) {
        const lane E = value_at(g->data.row, i, g->data.shared);
        lane_put(g->Qw.y, i, lane_mul(lane_at(g->d1.y, i), E));
    }
}

/* J'u = (g_x, D g_s + (D - I) g_y) by LSMR, in the caller's units, into Qw for problems of `which`. */
static mask adjoint_least_squares(qc__group *g, const qc_cotangent *in, mask which, lane *left)
{
    const int32_t n = g->plan->n, m = g->plan->m;
    double *u = g->lead;
    pack_or_zero(g, in->x, n, g->rho.x);
    pack_or_zero(g, in->y, m, g->rho.y);
    pack_or_zero(g, in->s, m, g->ds);
    set_unscaled_D(g);
    for (int32_t i = 0; i < m; i++)
        lane_put(g->ds, i, lane_add(lane_at(g->ds, i), lane_at(g->rho.y, i)));
    multiply_D(g, g->ds, g->ds);
    for (int32_t i = 0; i < m; i++)
        lane_put(g->rho.y, i, lane_sub(lane_at(g->ds, i), lane_at(g->rho.y, i)));
    const mask arrived = least_squares(g, 1, which, g->rho, u, left);
    for (int32_t j = 0; j < n; j++)
        masked_put(g->Qw.x, j, which, lane_at(u, j));
    for (int32_t i = 0; i < m; i++)
        masked_put(g->Qw.y, i, which, lane_at(u, n + i));
    return arrived;
}

static void vjp(qc__group *g, const qc__derivative_job *job, qc__path path, const int64_t *problems,
                int count, void *memory)
{
    assign(g, path, problems, count, memory);
    load_solution(g, job, path);
    load_cotangents(g, &job->in);
    adjoint_rhs(g);
    lane residual = solve_jacobian(g);
    const mask solved = solved_problems(g, job);
    const mask exact = lane_le(residual, lane_set1(DERIVATIVE_EXACT));
    const mask singular = mask_andnot(mask_andnot(solved, exact), irregular(g));
    mask squares = mask_none();
    adjoint_solution(g);
    if (path != QC__PATH_CONDENSED && mask_any(singular))
        squares = adjoint_least_squares(g, &job->in, singular, &residual);
    report(g, job, solved, exact, squares, residual);
    unpack(g, all_of(count), g->Qw.x, g->plan->n, job->u_x);
    unpack(g, all_of(count), g->Qw.y, g->plan->m, job->u_v);
}

/* ---- derivative --------------------------------------------------------------------------------- */

/* f = (dP x + dq + dA'y, dA x - db) of one problem, into element l of d3. */
static void tangent_residual(qc__group *g, const qc__derivative_job *job, int l)
{
    const qc_plan *plan = g->plan;
    const qc_values *d = &job->values;
    const int64_t k = g->problem[l];
    const double *x = job->x + k * plan->n, *y = job->y + k * plan->m;
    double *fx = g->d3.x + l, *fy = g->d3.y + l;
    const double *dq = d->q ? d->q + k * stride_of(plan, QC_SHARED_Q, plan->n) : NULL;
    const double *db = d->b ? d->b + k * stride_of(plan, QC_SHARED_B, plan->m) : NULL;
    const double *dP = d->P ? d->P + k * stride_of(plan, QC_SHARED_P, plan->P.length) : NULL;
    const double *dA = d->A ? d->A + k * stride_of(plan, QC_SHARED_A, plan->A.length) : NULL;
    for (int32_t j = 0; j < plan->n; j++)
        fx[j * LANES] = dq ? dq[j] : 0.0;
    for (int32_t i = 0; i < plan->m; i++)
        fy[i * LANES] = db ? -db[i] : 0.0;
    for (int32_t i = 0; dP && i < plan->n; i++)
        for (int32_t t = plan->P.row_ptr[i]; t < plan->P.row_ptr[i + 1]; t++) {
            const int32_t j = plan->P.col[t];
            fx[i * LANES] += dP[plan->P.source[t]] * x[j];
            if (j != i)
                fx[j * LANES] += dP[plan->P.mirror[t]] * x[i];
        }
    for (int32_t i = 0; dA && i < plan->m; i++)
        for (int32_t t = plan->A.row_ptr[i]; t < plan->A.row_ptr[i + 1]; t++) {
            const int32_t j = plan->A.col[t];
            fx[j * LANES] += dA[plan->A.source[t]] * y[i];
            fy[i * LANES] += dA[plan->A.source[t]] * x[j];
        }
}

/* rho := the scaled f, in the view of the path; d3 keeps f in the caller's units. */
static void tangent_rhs(qc__group *g, const qc__derivative_job *job)
{
    const qc_plan *plan = g->plan;
    const lane cost = value_at(g->data.cost, 0, g->data.shared);
    for (int l = 0; l < LANES; l++)
        tangent_residual(g, job, l);
    for (int32_t j = 0; j < plan->n; j++) {
        const lane D = value_at(g->data.col, j, g->data.shared);
        lane_put(g->rho.x, j, lane_mul(lane_at(g->d3.x, j), lane_mul(cost, D)));
    }
    for (int32_t i = 0; i < plan->m; i++)
        lane_put(g->rho.y, i,
                 lane_mul(lane_at(g->d3.y, i), value_at(g->data.row, i, g->data.shared)));
    if (g->path != QC__PATH_CONDENSED)
        return;
    for (int32_t j = 0; j < plan->n; j++)
        lane_put(g->d1.x, j, lane_neg(lane_at(g->rho.x, j)));
    for (int32_t i = 0; i < plan->m; i++)
        lane_put(g->d1.y, i, lane_neg(lane_at(g->rho.y, i)));
    condensed_forward(g, g->d1);
}

/* (dx, dy) into Qw and ds in place, in the caller's units. */
static void tangent_solution(qc__group *g)
{
    const qc_plan *plan = g->plan;
    const lane inv = lane_div(lane_set1(1.0), value_at(g->data.cost, 0, g->data.shared));
    if (g->path == QC__PATH_CONDENSED)
        condensed_backward(g);
    for (int32_t j = 0; j < plan->n; j++)
        lane_put(g->Qw.x, j,
                 lane_mul(lane_at(g->d1.x, j), value_at(g->data.col, j, g->data.shared)));
    for (int32_t i = 0; i < plan->m; i++) {
        const lane E = value_at(g->data.row, i, g->data.shared);
        const lane ds = lane_mul(lane_at(g->ds, i), lane_at(g->y_unit, i));
        lane_put(g->Qw.y, i, lane_mul(lane_at(g->d1.y, i), lane_mul(E, inv)));
        lane_put(g->ds, i, plan->row_is_zero[i] ? lane_zero() : ds);
    }
}

/* J dw = -f by LSMR, f in d3 as the caller's units have it. */
static mask tangent_least_squares(qc__group *g, mask which, lane *left)
{
    const int32_t n = g->plan->n, m = g->plan->m;
    double *w = g->lead;
    for (int32_t j = 0; j < n; j++)
        lane_put(g->rho.x, j, lane_neg(lane_at(g->d3.x, j)));
    for (int32_t i = 0; i < m; i++)
        lane_put(g->rho.y, i, lane_neg(lane_at(g->d3.y, i)));
    set_unscaled_D(g);
    const mask arrived = least_squares(g, 0, which, g->rho, w, left);
    double *dv = w + (int64_t)n * LANES, *ds = g->d3.y;
    multiply_D(g, dv, ds);
    for (int32_t j = 0; j < n; j++)
        masked_put(g->Qw.x, j, which, lane_at(w, j));
    for (int32_t i = 0; i < m; i++) {
        masked_put(g->ds, i, which, lane_at(ds, i));
        masked_put(g->Qw.y, i, which, lane_sub(lane_at(ds, i), lane_at(dv, i)));
    }
    return arrived;
}

static void jvp(qc__group *g, const qc__derivative_job *job, qc__path path, const int64_t *problems,
                int count, void *memory)
{
    assign(g, path, problems, count, memory);
    load_solution(g, job, path);
    tangent_rhs(g, job);
    lane residual = solve_jacobian(g);
    const mask solved = solved_problems(g, job);
    const mask exact = lane_le(residual, lane_set1(DERIVATIVE_EXACT));
    const mask singular = mask_andnot(mask_andnot(solved, exact), irregular(g));
    mask squares = mask_none();
    tangent_solution(g);
    if (path != QC__PATH_CONDENSED && mask_any(singular)) {
        for (int l = 0; l < LANES; l++)
            tangent_residual(g, job, l); /* solving overwrote d3 */
        squares = tangent_least_squares(g, singular, &residual);
    }
    report(g, job, solved, exact, squares, residual);
    unpack(g, all_of(count), g->Qw.x, g->plan->n, job->u_x);
    unpack(g, all_of(count), g->Qw.y, g->plan->m, job->u_v);
    unpack(g, all_of(count), g->ds, g->plan->m, job->u_s);
}

#endif
