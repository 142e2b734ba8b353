// SPDX-License-Identifier: Apache-2.0
/*
 * apart.h -- the PSD cones that are kept apart from the matrix in the panels, of either kind: how they
 * enter its factor and its solves.
 */
#ifndef LANE_APART_H
#define LANE_APART_H

#include "lane/apart_lmi.h"
#include "lane/apart_matrix.h"
#include "lane/apart_nonzeros.h"

#define EACH_APART(g, t)                                                                           \
    for (int32_t t = 0; (g)->path == QC__PATH_FULL && t < (g)->plan->apart_count; t++)

/* The problems whose values do not have the form that being apart needs: their block must be dense. */
static mask irregular(const qc__group *g)
{
    mask out = mask_none();
    EACH_APART(g, t)
    {
        const qc__apart *plan = &g->plan->apart[t];
        if (plan->matrix)
            out = mask_or(out, matrix_irregular(g, block_of(g, plan->block)));
    }
    return out;
}

/* Is a linear matrix inequality among them? */
static int has_inequality_apart(const qc__group *g)
{
    EACH_APART(g, t)
    if (!g->plan->apart[t].matrix)
        return 1;
    return 0;
}

/* Takes E B E' from the matrix in the panels; delta regularizes what it needs to. */
static void apart_factor(const qc__group *g, int32_t t, double delta)
{
    const apart a = apart_open(g, t);
    const int64_t *place = g->factor->scatter_S + g->factor->apart_ptr[t];
    const int32_t others = a.plan->others;
    if (a.plan->matrix)
        matrix_factor(g, &a, delta);
    else if (a.plan->nonzeros)
        nonzeros_factor(g, &a);
    else
        lmi_factor(g, &a);
    for (int32_t i = 0; i < others; i++)
        for (int32_t j = 0; j <= i; j++, place++) {
            const lane S = lane_at(a.S, (int64_t)i * others + j);
            lane_put(g->panels, *place, lane_add(lane_at(g->panels, *place), S));
        }
}

/* Of a right-hand side, before and after the solve with the factor; `which` < MAX_RHS is its number. */
static void apart_forward(const qc__group *g, int32_t t, int which, pair r)
{
    const apart a = apart_open(g, t);
    if (a.plan->matrix)
        matrix_forward(g, &a, which, r);
    else if (a.plan->nonzeros)
        nonzeros_forward(g, &a, which, r);
    else
        lmi_forward(&a, which, r);
}

static void apart_backward(const qc__group *g, int32_t t, int which, pair r)
{
    const apart a = apart_open(g, t);
    if (a.plan->matrix)
        matrix_backward(g, &a, which, r);
    else if (a.plan->nonzeros)
        nonzeros_backward(g, &a, which, r);
    else
        lmi_backward(&a, which, r);
}

#endif
