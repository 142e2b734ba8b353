// SPDX-License-Identifier: Apache-2.0
/*
 * derivative.h -- what the derivative of the solution and its adjoint have in common: both are one solve
 * with the Jacobian J of F, in the scaled problem with
 *
 *     P a + A'b = r1,   A a + c = r2,   (I - D) c + D b = 0                                     (*)
 *
 *     derivative:   r = -(dP x + dq + dA'y, dA x - db)      dx = a, dy = b, ds = c
 *     adjoint:      r = (g_x - A'g_s, g_y)                  u_x = a, u_v = g_s + b
 *
 * (*) is solved with the clipped H of D, made exact in the cones, and refined.  Where that does not
 * converge, as where J is singular, LSMR gives the minimum-norm least-squares solution.  Smoothed, D is another,
 * H = D (I - D)^-1 is finite, and c = -H b.  One factor serves any number of right-hand sides.
 */
#ifndef LANE_DERIVATIVE_H
#define LANE_DERIVATIVE_H

#include "lane/krylov.h"
#include "lane/load.h"
#include "lane/newton.h"
#include "lane/smooth.h"
#include "lane/solve.h"

enum { DERIVATIVE_REFINEMENTS = 4 };
#define DERIVATIVE_EXACT     1e-9  /* residual of (*), relative to r, that counts as solved */
#define DERIVATIVE_CONVERGED 1e-14 /* and that needs no more refinement */
/* The most steps of LSMR after a factor: what takes more mostly does not converge. */
enum { DERIVATIVE_STEPS = 4000 };

/* ---- J by its factor ---------------------------------------------------------------------------- */

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

/* ds := -H dy */
static void multiply_minus_H(const qc__group *g, pair d, double *ds)
{
    blocks_multiply_H(g, d.y, ds);
    for (int32_t t = 0; t < g->block_count; t++)
        lane_put(ds, g->block_row[t], lane_neg(lane_at(ds, g->block_row[t])));
    for (int32_t t = 0; t < g->nonneg_count; t++) {
        const int32_t i = g->nonneg_row[t];
        lane_put(ds, i, lane_neg(lane_mul(lane_at(g->H, i), lane_at(d.y, i))));
    }
}

/* From the factor's d, what it stands for: (d, ds) that satisfies the third equation of (*). */
static void complete_step(const qc__group *g, int smoothed, pair d, double *ds)
{
    if (smoothed)
        multiply_minus_H(g, d, ds);
    else
        unclip(g, mask_all(), d, ds);
}

/* d1 += d3 and ds += its c, for problems of `which`; d3 comes from the factor. */
static void add_refinement(qc__group *g, int smoothed, mask which)
{
    complete_step(g, smoothed, g->d3, g->backup_s);
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
static lane solve_jacobian(qc__group *g, int smoothed)
{
    const mask all = mask_all();
    const lane size = lane_max(residual_size(g, g->rho), lane_set1(1e-300));
    for (int32_t j = 0; j < g->nx; j++)
        lane_put(g->d1.x, j, lane_neg(lane_at(g->rho.x, j)));
    for (int32_t i = 0; i < g->plan->m; i++)
        lane_put(g->d1.y, i, lane_neg(lane_at(g->rho.y, i)));
    kkt_solve(g, 1, &g->d1);
    complete_step(g, smoothed, g->d1, g->ds);
    step_residual(g, all, g->d1, g->ds, g->d3);
    lane left = lane_div(residual_size(g, g->d3), size);
    mask going = lane_lt(lane_set1(DERIVATIVE_CONVERGED), left);
    for (int k = 0; k < DERIVATIVE_REFINEMENTS && mask_any(going); k++) {
        kkt_solve(g, 1, &g->d3);
        add_refinement(g, smoothed, going);
        step_residual(g, all, g->d1, g->ds, g->d3);
        const lane next = lane_div(residual_size(g, g->d3), size);
        const mask better = lane_lt(next, lane_mul(lane_set1(0.5), left));
        left = lane_select(going, next, left);
        going = mask_and(going, mask_and(better, lane_lt(lane_set1(DERIVATIVE_CONVERGED), next)));
    }
    return left;
}

/* ---- H at the solution ---------------------------------------------------------------------------- */

/* The clipped H of D = DProj_K(v). */
static void set_clipped_H(qc__group *g)
{
    for (int32_t t = 0; t < g->nonneg_count; t++) {
        const int32_t i = g->nonneg_row[t];
        const lane v = lane_sub(lane_at(g->s, i), lane_at(g->w.y, i));
        lane_put(g->H, i, nonneg_clipped(v, lane_at(g->H_unit, i)));
    }
    blocks_set_H(g, g->s, g->w.y, mask_none(), mask_none());
}

static int uses_factor(const qc__derivative_job *job)
{
    const qc_derivative_mode mode = job->settings->derivative_mode;
    return mode == QC_MODE_EXACT || mode == QC_MODE_SMOOTHED;
}

static int is_smoothed(const qc__derivative_job *job)
{
    return job->settings->derivative_mode == QC_MODE_SMOOTHED;
}

/* The solution back into w and s, scaled; and H of its D, factored, or D alone. */
static void load_solution(qc__group *g, const qc__derivative_job *job, qc__path path)
{
    const qc_plan *plan = g->plan;
    const qc_warm_start at = {job->x, job->y, job->s};
    g->attempt = QC__ATTEMPT_PLAIN;
    g->far_count = 0; /* inactive rows like others */
    find_units(g);
    start_from_zero(g);
    load_warm_start(g, &at, mask_all()); /* where there is no solution: zeros, and masked later */
    choose_factor(g, path);
    set_all(g->rho.x, plan->n, 0.0);
    set_all(g->rho.y, plan->m, 0.0);
    if (!uses_factor(job)) {
        choose_jacobian(g);
        return;
    }
    find_H_units(g);
    if (is_smoothed(job))
        set_smoothed_H(g, job->settings->smoothing);
    else
        set_clipped_H(g);
    kkt_factor(g);
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

/* ---- directions ----------------------------------------------------------------------------------- */

/* The place of problem k among those of the job.  Others may be in the group too, and get the numbers of
 * one that is wanted. */
static int64_t place_of(const qc__derivative_job *job, int64_t k)
{
    const int64_t place = k - job->first;
    return place < 0 ? 0 : place < job->count ? place : job->count - 1;
}

static int is_wanted(const qc__derivative_job *job, int64_t k)
{
    return k >= job->first && k < job->first + job->count;
}

/* Direction d of problem k among arrays of `count` numbers, [count][directions]; NULL: NULL */
static const double *direction_of(const qc__derivative_job *job, const double *values,
                                  unsigned shared, int64_t count, int64_t k, int64_t d)
{
    const int64_t own = place_of(job, k) * job->directions + d;
    return values ? values + (job->shared & shared ? d : own) * count : NULL;
}

/* Direction d of the cotangents of an output into lanes; NULL is zero. */
static void pack_direction(const qc__group *g, const qc__derivative_job *job, const double *values,
                           int64_t count, int64_t d, double *out)
{
    const double *from[LANES];
    if (!values) {
        set_all(out, count, 0.0);
        return;
    }
    for (int l = 0; l < LANES; l++)
        from[l] = direction_of(job, values, 0, count, g->problem[l], d);
    pack_run(from, 0, count, out);
}

/* Lanes back to direction d of u, [directions][count]. */
static void unpack_direction(const qc__group *g, const qc__derivative_job *job, const double *in,
                             int64_t count, int64_t d, double *u)
{
    for (int l = 0; l < g->count; l++) {
        if (!is_wanted(job, g->problem[l]))
            continue;
        double *to = u + (d * job->count + place_of(job, g->problem[l])) * count;
        for (int64_t k = 0; k < count; k++)
            to[k] = in[k * LANES + l];
    }
}

/* ---- outcomes ------------------------------------------------------------------------------------- */

/* The problems of the group that are wanted and have a solution, and by what this path knows of them. */
static mask solved_problems(const qc__group *g, const qc__derivative_job *job)
{
    unsigned bits = 0;
    for (int l = 0; l < g->count; l++) {
        const int64_t k = g->problem[l];
        const int elsewhere = (g->path == QC__PATH_CONDENSED && job->retried[k]) ||
                              (g->path == QC__PATH_FULL && job->retried[k] == QC__RETRY_DENSE);
        const int here = is_wanted(job, k) && !elsewhere;
        bits |= (HAS_POINT >> job->status[k] & (unsigned)here) << l;
    }
    return mask_from_bits(bits);
}

/* How each problem's derivative in direction d came about, and its residual. */
static void report(const qc__group *g, const qc__derivative_job *job, int64_t d, mask solved,
                   krylov_outcome out)
{
    const unsigned s = mask_bits(solved), e = mask_bits(out.solved), q = mask_bits(out.least);
    double left[LANES] __attribute__((aligned(64)));
    lane_store(left, out.residual);
    for (int l = 0; l < g->count; l++) {
        if (!is_wanted(job, g->problem[l]))
            continue;
        const int64_t at = d * job->count + place_of(job, g->problem[l]);
        const int32_t way = q >> l & 1         ? QC_DERIVATIVE_LEAST_SQUARES
                            : !(e >> l & 1)    ? QC_DERIVATIVE_INACCURATE
                            : is_smoothed(job) ? QC_DERIVATIVE_APPROXIMATE
                                               : QC_DERIVATIVE_EXACT;
        job->derivative_status[at] = (s >> l & 1) ? way : QC_DERIVATIVE_NONE;
        job->residual[at] = (s >> l & 1) ? left[l] : NAN;
    }
}

/* LSMR has served problems of `which`: J is singular, or too badly conditioned for its factor. */
static void merge_outcome(krylov_outcome *out, mask which, krylov_outcome squares)
{
    out->solved = mask_or(mask_andnot(out->solved, which), mask_and(which, squares.solved));
    out->least = mask_and(which, squares.least);
    out->residual = lane_select(which, squares.residual, out->residual);
}

/* What differs between the derivative and its adjoint, for direction d of the job. */
typedef struct derivation {
    int transposed;
    /* By the factor, scaled: from what the caller gave rho; in the end d1 and ds to Qw and ds. */
    void (*rhs)(qc__group *g, const qc__derivative_job *job, int64_t d);
    void (*solution)(qc__group *g);
    /* By products, in the caller's units: rho; and the solution to Qw and ds. */
    void (*plain_rhs)(qc__group *g, const qc__derivative_job *job, int64_t d);
    void (*plain_solution)(qc__group *g, mask which, const double *solution);
} derivation;

/* The most steps of LSQR or LSMR. */
static int64_t steps_of(const qc__group *g, const qc__derivative_job *job)
{
    const int64_t given = job->settings->derivative_iterations;
    const int64_t most = 20 * ((int64_t)g->plan->n + g->plan->m) + 100;
    if (given)
        return given;
    return uses_factor(job) && most > DERIVATIVE_STEPS ? DERIVATIVE_STEPS : most;
}

/* By products alone, for problems of `which`: those that end, or come closer than a residual of `before`. */
static krylov_outcome solve_by_products(qc__group *g, const qc__derivative_job *job,
                                        const derivation *way, int64_t d, lane before, mask *which)
{
    const int with_lsqr = job->settings->derivative_mode == QC_MODE_LSQR;
    const double tolerance = job->settings->derivative_tolerance;
    way->plain_rhs(g, job, d);
    const krylov_outcome out = least_squares(g, tolerance, steps_of(g, job), with_lsqr,
                                             way->transposed, *which, g->rho, g->lead);
    const mask ended = mask_or(out.solved, out.least);
    *which = mask_andnot(*which, mask_andnot(lane_le(before, out.residual), ended));
    way->plain_solution(g, *which, g->lead);
    return out;
}

/* NaN where the smoothed pair of a block was not found: the largest residual passes over NaN. */
static lane smoothed_residual(const qc__group *g, lane residual)
{
    for (int32_t t = 0; t < g->block_count; t++) {
        const lane ds = lane_at(g->ds, g->block_row[t]);
        residual = lane_select(lane_le(ds, ds), residual, lane_set1(NAN));
    }
    return residual;
}

static krylov_outcome solve_by_factor(qc__group *g, const qc__derivative_job *job,
                                      const derivation *way, int64_t d, mask solved)
{
    const int smoothed = is_smoothed(job);
    way->rhs(g, job, d);
    krylov_outcome out = {.residual = solve_jacobian(g, smoothed), .least = mask_none()};
    if (smoothed)
        out.residual = smoothed_residual(g, out.residual);
    out.solved = lane_le(out.residual, lane_set1(DERIVATIVE_EXACT));
    mask singular = mask_andnot(solved, out.solved);
    way->solution(g);
    if (smoothed || !mask_any(singular))
        return out;
    choose_jacobian(g);
    const krylov_outcome squares = solve_by_products(g, job, way, d, out.residual, &singular);
    merge_outcome(&out, singular, squares);
    set_clipped_H(g); /* for the next direction */
    return out;
}

static void differentiate(qc__group *g, const qc__derivative_job *job, const derivation *way,
                          qc__path path, const int64_t *problems, int count, void *memory)
{
    assign(g, path, problems, count, memory);
    load_solution(g, job, path);
    const mask solved = solved_problems(g, job);
    for (int64_t d = 0; d < job->directions; d++) {
        mask which = solved;
        const krylov_outcome out =
            uses_factor(job) ? solve_by_factor(g, job, way, d, solved)
                             : solve_by_products(g, job, way, d, lane_set1(INFINITY), &which);
        report(g, job, d, solved, out);
        unpack_direction(g, job, g->Qw.x, g->plan->n, d, job->u_x);
        unpack_direction(g, job, g->Qw.y, g->plan->m, d, job->u_v);
        if (job->u_s)
            unpack_direction(g, job, g->ds, g->plan->m, d, job->u_s);
    }
}

#endif
