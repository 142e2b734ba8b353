// SPDX-License-Identifier: Apache-2.0
/*
 * cone.h -- what the interior point and Newton's method ask of the blocks, the cones that are neither zero
 * nor nonnegative. Each kind answers in a file of its own; a new one is a file and a row in each switch.
 *
 * All vectors are over the m rows.  A block keeps what is computed once a pass in memory of its own, its
 * state: eigenvectors, scaling, H.
 */
#ifndef LANE_CONE_H
#define LANE_CONE_H

#include "lane/block.h"
#include "lane/group.h"

#define EACH_BLOCK(g, k) for (int32_t k = 0; k < (g)->plan->block_count; k++)

/* The block, its state, and the lanes of its first row. */
static const qc__cone *block_of(const qc__group *g, int32_t k)
{
    return &g->plan->blocks[k];
}

static double *state_of(const qc__group *g, int32_t k)
{
    return g->state + g->state_at[k] * LANES;
}

static lane unit_of(const qc__group *g, const qc__cone *c)
{
    return lane_at(g->H_unit, c->first);
}

/* H of every block at s and y, for every problem by its phase; see set_H. */
static void blocks_set_H(qc__group *g, const double *s, const double *y, mask interior, mask start)
{
    EACH_BLOCK(g, k)
    {
        const qc__cone *c = block_of(g, k);
        BY_KIND(c, set_H, c, state_of(g, k), ROWS_OF(c, s), ROWS_OF(c, y), unit_of(g, c), interior,
                start);
    }
}

/* Is the block kept apart from the matrix in the panels? */
static int block_is_apart(const qc__group *g, const qc__cone *c)
{
    return g->path == QC__PATH_FULL && g->plan->apart_count > 0 &&
           g->plan->is_apart[g->plan->n + c->first];
}

/* Takes H from the matrix in the panels. */
static void blocks_subtract_H(qc__group *g)
{
    const qc__factor_plan *factor = g->factor;
    double *panels = g->panels - factor->panel[factor->leading] * LANES;
    EACH_BLOCK(g, k)
    {
        const qc__cone *c = block_of(g, k);
        const int64_t *place = factor->scatter_H + factor->block_ptr[k];
        if (block_is_apart(g, c))
            continue;
        if (g->path != QC__PATH_CONDENSED && c->auxiliary >= 0)
            soc_subtract_sparse(c, state_of(g, k), panels, place);
        else
            BY_KIND(c, subtract_H, c, state_of(g, k), panels, place);
    }
}

/* out := H in, in the blocks' rows */
static void blocks_multiply_H(const qc__group *g, const double *in, double *out)
{
    EACH_BLOCK(g, k)
    {
        const qc__cone *c = block_of(g, k);
        BY_KIND(c, multiply_H, c, state_of(g, k), ROWS_OF(c, in), ROWS_OF(c, out));
    }
}

/* out := D in, in the blocks' rows; in may be out */
static void blocks_derivative(const qc__group *g, const double *in, double *out)
{
    EACH_BLOCK(g, k)
    {
        const qc__cone *c = block_of(g, k);
        BY_KIND(c, derivative, c, state_of(g, k), ROWS_OF(c, in), ROWS_OF(c, out));
    }
}

static void blocks_unclip(const qc__group *g, double *dy, double *ds)
{
    EACH_BLOCK(g, k)
    {
        const qc__cone *c = block_of(g, k);
        BY_KIND(c, unclip, c, state_of(g, k), unit_of(g, c), ROWS_OF(c, dy), ROWS_OF(c, ds));
    }
}

/* s := Proj_K(v) */
static void blocks_project(const qc__group *g, const double *v, double *s)
{
    EACH_BLOCK(g, k)
    {
        const qc__cone *c = block_of(g, k);
        BY_KIND(c, project, c, ROWS_OF(c, v), ROWS_OF(c, s), state_of(g, k));
    }
}

/* The first interior point with s - y = v, or one that the cone prefers. */
static void blocks_start(const qc__group *g, const double *v, lane root, double *s, double *y)
{
    EACH_BLOCK(g, k)
    {
        const qc__cone *c = block_of(g, k);
        BY_KIND(c, start, c, ROWS_OF(c, v), root, ROWS_OF(c, s), ROWS_OF(c, y), state_of(g, k));
    }
}

/* The longest step along (ds, dy), `most` or less, that stays in K x K*. */
static lane blocks_step(const qc__group *g, const double *ds, const double *dy, lane most)
{
    EACH_BLOCK(g, k)
    {
        const qc__cone *c = block_of(g, k);
        most = BY_KIND(c, step, c, state_of(g, k), ROWS_OF(c, g->s), ROWS_OF(c, g->w.y),
                       ROWS_OF(c, ds), ROWS_OF(c, dy), most);
    }
    return most;
}

/* Shortens a step until it ends where cones that are not symmetric can go on from. */
static lane blocks_guard(const qc__group *g, const double *ds, const double *dy, lane step)
{
    EACH_BLOCK(g, k)
    {
        const qc__cone *c = block_of(g, k);
        if (block_is_nonsymmetric(c))
            step = nonsym_guard(c, state_of(g, k), ROWS_OF(c, g->s), ROWS_OF(c, g->w.y),
                                ROWS_OF(c, ds), ROWS_OF(c, dy), step);
    }
    return step;
}

/* The shift r of the corrector's step ds = -H dy - r, from the affine step (ds, dy); r may be ds. */
static void blocks_corrector(const qc__group *g, const double *ds, const double *dy, lane sigma_mu,
                             mask plain, double *r)
{
    EACH_BLOCK(g, k)
    {
        const qc__cone *c = block_of(g, k);
        BY_KIND(c, corrector, c, state_of(g, k), ROWS_OF(c, g->s), ROWS_OF(c, g->w.y),
                ROWS_OF(c, ds), ROWS_OF(c, dy), sigma_mu, plain, ROWS_OF(c, r));
    }
}

/* The smallest distance of s - y to where D jumps, and `least`. */
static lane blocks_margin(const qc__group *g, const double *s, const double *y, lane least)
{
    EACH_BLOCK(g, k)
    {
        const qc__cone *c = block_of(g, k);
        least =
            lane_min(BY_KIND(c, margin, c, state_of(g, k), ROWS_OF(c, s), ROWS_OF(c, y)), least);
    }
    return least;
}

#endif
