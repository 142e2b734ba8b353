// SPDX-License-Identifier: Apache-2.0
/*
 * block.h -- the kinds of blocks by their sizes: how much memory and how much complementarity each has.
 */
#ifndef LANE_BLOCK_H
#define LANE_BLOCK_H

#include "lane/cone_soc.h"

/* Lanes of its state. */
static int64_t block_state_size(const qc__cone *c)
{
    return soc_state_size(c);
}

/* s'y = degree * mu on the central path. */
static double block_degree(const qc__cone *c)
{
    (void)c;
    return soc_degree();
}

#endif
