// SPDX-License-Identifier: Apache-2.0
/*
 * block.h -- which file answers for which kind of block, and how much memory and complementarity each has.
 */
#ifndef LANE_BLOCK_H
#define LANE_BLOCK_H

#include "lane/cone_nonsymmetric.h"
#include "lane/cone_psd.h"
#include "lane/cone_soc.h"

/* Calls the function `name` of the block's kind.  A new kind is a file and a row here. */
#define BY_KIND(c, name, ...)                                                                      \
    ((c)->kind == QC_CONE_SECOND_ORDER ? soc_##name(__VA_ARGS__)                                   \
     : (c)->kind == QC_CONE_PSD        ? psd_##name(__VA_ARGS__)                                   \
                                       : nonsym_##name(__VA_ARGS__))

/* Its rows of a vector over all rows. */
#define ROWS_OF(c, v) ((v) + (int64_t)(c)->first * LANES)

/* Those without a spectrum: the exponential and the power cone, and their duals. */
static inline int block_is_nonsymmetric(const qc__cone *c)
{
    return c->kind != QC_CONE_SECOND_ORDER && c->kind != QC_CONE_PSD;
}

/* Lanes of its state. */
static int64_t block_state_size(const qc__cone *c)
{
    return BY_KIND(c, state_size, c);
}

/* s'y = degree * mu on the central path. */
static double block_degree(const qc__cone *c)
{
    return BY_KIND(c, degree, c);
}

#endif
