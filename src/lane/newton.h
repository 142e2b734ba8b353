// SPDX-License-Identifier: Apache-2.0
/*
 * newton.h -- Newton's method on the optimality conditions (Busseti, Moursi & Boyd, 2018). With
 * v = s - y, Moreau's decomposition gives s = Proj_K(v) and y = s - v, and
 *
 *     F(w) = M w + E s - g = 0
 *
 * is all of optimality. A step solves  M dw + E ds = -F,  (I - D) ds + D dy = 0  with D = DProj_K(v):
 * first with the clipped H = D (I - D)^-1 in the quasi-definite factor, then once more for the
 * residual of the exact equations.  On polyhedral cones one step from the right D is the solution.
 */
#ifndef LANE_NEWTON_H
#define LANE_NEWTON_H

#include "lane/cone.h"
#include "lane/cone_nonneg.h"
#include "lane/progress.h"

static void copy_block_rows(const qc__group *g, double *to, const double *from)
{
    for (int32_t t = 0; t < g->block_count; t++)
        lane_put(to, g->block_row[t], lane_at(from, g->block_row[t]));
}

/* Turns the clipped step d into an exact one, (d, ds), for problems of `which`. */
static void unclip(const qc__group *g, mask which, pair d, double *ds)
{
    for (int32_t t = 0; t < g->nonneg_count; t++) {
        const int32_t i = g->nonneg_row[t];
        lane dy = lane_at(d.y, i), step;
        nonneg_unclip(lane_sub(lane_at(g->s, i), lane_at(g->w.y, i)), lane_at(g->H_unit, i), &dy,
                      &step);
        masked_put(d.y, i, which, dy);
        masked_put(ds, i, which, step);
    }
    copy_block_rows(g, g->dy, d.y);
    blocks_unclip(g, g->dy, g->Hdy);
    for (int32_t t = 0; t < g->block_count; t++) {
        const int32_t i = g->block_row[t];
        masked_put(d.y, i, which, lane_at(g->dy, i));
        masked_put(ds, i, which, lane_at(g->Hdy, i));
    }
}

/* s := Proj_K(v), y := s - v in the blocks, for v in g->dy and problems of `which`. */
static void take_projection(qc__group *g, mask which)
{
    blocks_project(g, g->dy, g->Hdy);
    for (int32_t t = 0; t < g->block_count; t++) {
        const int32_t i = g->block_row[t];
        const lane s = lane_at(g->Hdy, i);
        masked_put(g->s, i, which, s);
        masked_put(g->w.y, i, which, lane_sub(s, lane_at(g->dy, i)));
    }
}

/* out := -rho - M d - E ds, what the step (d, ds) leaves of the equations; for `which`. Uses d2. */
static void step_residual(qc__group *g, mask which, pair d, const double *ds, pair out)
{
    kkt_multiply(g, d, g->d2, NULL);
    for (int32_t j = 0; j < g->nx; j++)
        masked_put(out.x, j, which, lane_neg(lane_add(lane_at(g->rho.x, j), lane_at(g->d2.x, j))));
    for (int32_t t = 0; t < g->zero_count; t++) {
        const int32_t i = g->zero_row[t];
        masked_put(out.y, i, which, lane_neg(lane_add(lane_at(g->rho.y, i), lane_at(g->d2.y, i))));
    }
    for (int32_t t = 0; t < g->cone_count; t++) {
        const int32_t i = g->cone_row[t];
        const lane r = lane_add(lane_at(g->rho.y, i), lane_at(g->d2.y, i));
        masked_put(out.y, i, which, lane_neg(lane_add(r, lane_at(ds, i))));
    }
}

/* d1 is a clipped step: makes it exact, and puts what it leaves into d3. */
static void newton_refinement_rhs(qc__group *g, mask which)
{
    unclip(g, which, g->d1, g->ds);
    step_residual(g, which, g->d1, g->ds, g->d3);
}

/* A step of v this long, relative to v, leaves D of a block as it was: the next would be its square. */
#define NEWTON_SETTLED 1e-8

/* Moves the blocks' v = s - y by the step d1 + d3, d3 still clipped, and s, y to its projections.
 * Returns the problems of which it changed D. */
static mask newton_update_blocks(qc__group *g, mask which)
{
    double *v = g->dy, *s = g->Hdy;
    lane longest = lane_zero(), top = longest;
    copy_block_rows(g, v, g->d3.y);
    blocks_unclip(g, v, s);
    for (int32_t t = 0; t < g->block_count; t++) {
        const int32_t i = g->block_row[t];
        const lane dy = lane_add(lane_at(v, i), lane_at(g->d1.y, i));
        const lane ds = lane_add(lane_at(s, i), lane_at(g->ds, i));
        const lane now = lane_sub(lane_at(g->s, i), lane_at(g->w.y, i)), dv = lane_sub(ds, dy);
        longest = larger_abs(dv, longest);
        top = larger_abs(now, top);
        lane_put(v, i, lane_add(now, dv));
    }
    take_projection(g, which);
    return mask_and(which, lane_lt(lane_mul(lane_set1(NEWTON_SETTLED), top), longest));
}

/* Takes the step d1 + d3, d3 still clipped, and notes whether it changed D. */
static void newton_update(qc__group *g, progress *at)
{
    const mask which = at->newton;
    at->changed = mask_andnot(at->changed, which);
    for (int32_t j = 0; j < g->nx; j++)
        masked_add(g->w.x, j, which, lane_add(lane_at(g->d1.x, j), lane_at(g->d3.x, j)));
    for (int32_t t = 0; t < g->zero_count; t++) {
        const int32_t i = g->zero_row[t];
        masked_add(g->w.y, i, which, lane_add(lane_at(g->d1.y, i), lane_at(g->d3.y, i)));
    }
    for (int32_t t = 0; t < g->nonneg_count; t++) {
        const int32_t i = g->nonneg_row[t];
        const lane v = lane_sub(lane_at(g->s, i), lane_at(g->w.y, i));
        lane dy = lane_at(g->d3.y, i), ds;
        nonneg_unclip(v, lane_at(g->H_unit, i), &dy, &ds);
        dy = lane_add(dy, lane_at(g->d1.y, i));
        ds = lane_add(ds, lane_at(g->ds, i));
        const lane next = lane_add(v, lane_sub(ds, dy));
        const mask was = lane_lt(lane_zero(), v), is = lane_lt(lane_zero(), next);
        const mask flip = mask_or(mask_andnot(was, is), mask_andnot(is, was));
        at->changed = mask_or(at->changed, mask_and(flip, which));
        masked_put(g->s, i, which, nonneg_project(next));
        masked_put(g->w.y, i, which, lane_sub(nonneg_project(next), next));
    }
    at->changed = mask_or(at->changed, newton_update_blocks(g, which));
    at->newton_steps = lane_add(at->newton_steps, lane_select(which, lane_set1(1.0), lane_zero()));
}

static void copy_masked(double *to, const double *from, int64_t count, mask which)
{
    for (int64_t k = 0; k < count; k++)
        masked_put(to, k, which, lane_at(from, k));
}

/* A point (w, s) of the problems of `which`. */
static void copy_point(const qc__group *g, pair to, double *to_s, pair from, const double *from_s,
                       mask which)
{
    copy_masked(to.x, from.x, g->nx, which);
    copy_masked(to.y, from.y, g->plan->m, which);
    copy_masked(to_s, from_s, g->plan->m, which);
}

/*
 * How large y is beside s: their units differ, and which of the two is the larger in a row tells whether
 * it is active only after this is divided out.  So does which of the two the last step made smaller
 * (s_drift, y_drift), the better the closer the solution is, and without regard to units. At a converged point
 * one of the two is all but zero, and they are compared as they are.
 */
static lane row_ratio(const qc__group *g)
{
    lane s = lane_zero(), y = lane_zero();
    for (int32_t t = 0; t < g->nonneg_count; t++) {
        s = lane_add(s, lane_at(g->s, g->nonneg_row[t]));
        y = lane_add(y, lane_at(g->w.y, g->nonneg_row[t]));
    }
    return lane_div(y, s);
}

/* The residual that the first step is measured by. */
static void newton_note_start(progress *at)
{
    const mask first = mask_and(at->newton, lane_le(at->newton_steps, lane_zero()));
    at->F_before = lane_select(first, at->F, at->F_before);
}

/* Leaves the interior point, keeping it, for the projection of (w, s) / tau. */
static void newton_begin(qc__group *g, progress *at, mask which)
{
    const lane inv = lane_select(which, lane_div(lane_set1(1.0), at->tau), lane_set1(1.0));
    copy_point(g, g->backup, g->backup_s, g->w, g->s, which);
    at->backup_tau = lane_select(which, at->tau, at->backup_tau);
    at->backup_kappa = lane_select(which, at->kappa, at->backup_kappa);
    for (int32_t j = 0; j < g->nx; j++)
        masked_put(g->w.x, j, which, lane_mul(lane_at(g->w.x, j), inv));
    for (int32_t t = 0; t < g->zero_count; t++)
        masked_put(g->w.y, g->zero_row[t], which, lane_mul(lane_at(g->w.y, g->zero_row[t]), inv));
    const lane ratio = row_ratio(g);
    for (int32_t t = 0; t < g->nonneg_count; t++) {
        const int32_t i = g->nonneg_row[t];
        const lane s = lane_mul(lane_at(g->s, i), inv), y = lane_mul(lane_at(g->w.y, i), inv);
        const lane s_size = lane_mul(lane_mul(ratio, lane_at(g->s_drift, i)), s);
        const lane y_size = lane_mul(lane_at(g->y_drift, i), y);
        const mask active =
            lane_lt(lane_select(at->converged, s, s_size), lane_select(at->converged, y, y_size));
        const lane v = lane_select(active, lane_neg(y), s);
        masked_put(g->s, i, which, nonneg_project(v));
        masked_put(g->w.y, i, which, lane_sub(nonneg_project(v), v));
    }
    for (int32_t t = 0; t < g->block_count; t++) {
        const int32_t i = g->block_row[t];
        lane_put(g->dy, i, lane_mul(lane_sub(lane_at(g->s, i), lane_at(g->w.y, i)), inv));
    }
    place_far(g);
    take_projection(g, which);
    at->tau = lane_select(which, lane_set1(1.0), at->tau);
    at->newton_steps = lane_select(which, lane_zero(), at->newton_steps);
    at->changed = mask_or(at->changed, which);
    at->newton = mask_or(at->newton, which);
    at->interior = mask_andnot(at->interior, which);
}

/* To the interior point that Newton's method last left. */
static void restore_backup(qc__group *g, progress *at, mask which)
{
    copy_point(g, g->w, g->s, g->backup, g->backup_s, which);
    at->tau = lane_select(which, at->backup_tau, at->tau);
    at->kappa = lane_select(which, at->backup_kappa, at->kappa);
}

/* Back to the interior point; one that has none starts cold. */
static void newton_give_up(qc__group *g, progress *at, mask which)
{
    const mask cold = mask_and(which, at->cold), back = mask_andnot(which, at->cold);
    restore_backup(g, at, back);
    at->newton = mask_andnot(at->newton, which);
    at->start = mask_or(at->start, cold);
    at->interior = mask_or(at->interior, back);
    at->cold = mask_andnot(at->cold, which);
}

#endif
