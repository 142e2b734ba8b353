// SPDX-License-Identifier: Apache-2.0
/*
 * project.h -- projections on products of cones, and their derivatives, by themselves.
 *
 * One cone of LANES problems at a time.  Cones have no scale: every v is brought to 1 <= max |v| < 2 first, so
 * that nothing overflows or vanishes on the way.
 */
#ifndef LANE_PROJECT_H
#define LANE_PROJECT_H

#include "base/arena.h"
#include "lane/block.h"
#include "lane/cone_nonneg.h"
#include "lane/table.h"

/* Memory for the largest of the cones. */
typedef struct projector {
    double *v, *dv, *out, *zero, *state;
} projector;

static int is_block(const qc__cone *c)
{
    return c->kind > QC_CONE_NONNEGATIVE;
}

static projector projector_layout(const qc__project_job *job, qc__arena *arena)
{
    int64_t rows = 0, state = 0;
    for (int64_t k = 0; k < job->cone_count; k++) {
        const qc__cone *c = &job->cones[k];
        const int64_t size = is_block(c) ? block_state_size(c) : 0;
        rows = c->size > rows ? c->size : rows;
        state = size > state ? size : state;
    }
    projector p = {
        .v = TAKE(arena, rows * LANES, double),
        .dv = TAKE(arena, rows * LANES, double),
        .out = TAKE(arena, rows * LANES, double),
        .zero = TAKE(arena, rows * LANES, double),
        .state = TAKE(arena, state * LANES, double),
    };
    for (int64_t k = 0; arena->base && k < rows * LANES; k++)
        p.zero[k] = 0.0;
    return p;
}

/* Rows of a cone of problems `first` and after into lanes.  Lanes beyond the batch repeat its last one. */
static void pack_rows(const qc__project_job *job, const qc__cone *c, int64_t first,
                      const double *from, double *to)
{
    for (int l = 0; l < LANES; l++) {
        const int64_t problem = first + l < job->batch ? first + l : job->batch - 1;
        for (int32_t i = 0; i < c->size; i++)
            to[(int64_t)i * LANES + l] = from[problem * job->rows + c->first + i];
    }
}

static void unpack_rows(const qc__project_job *job, const qc__cone *c, int64_t first,
                        const double *from, double *to)
{
    for (int l = 0; l < LANES && first + l < job->batch; l++)
        for (int32_t i = 0; i < c->size; i++)
            to[(first + l) * job->rows + c->first + i] = from[(int64_t)i * LANES + l];
}

/* v := v by the power of two that brings max |v| to [1, 2), which is returned. */
static lane to_unit(int32_t size, double *v)
{
    lane top = lane_zero();
    for (int32_t i = 0; i < size; i++)
        top = lane_max(lane_abs(lane_at(v, i)), top);
    const lane scale = lane_binary_scale(top);
    for (int32_t i = 0; i < size; i++)
        lane_put(v, i, lane_div(lane_at(v, i), scale));
    return scale;
}

/* 0, or NaN where an entry is not finite */
static lane poison_of(int32_t size, const double *v)
{
    lane sum = lane_zero();
    for (int32_t i = 0; i < size; i++)
        sum = lane_fma(lane_at(v, i), lane_zero(), sum);
    return sum;
}

/* out := Proj(v) */
static void project_rows(const qc__cone *c, projector *p)
{
    if (is_block(c)) {
        BY_KIND(c, project, c, p->v, p->out, p->state);
        return;
    }
    for (int32_t i = 0; i < c->size; i++)
        lane_put(p->out, i,
                 c->kind == QC_CONE_ZERO ? lane_zero() : nonneg_project(lane_at(p->v, i)));
}

/* out := DProj(v) dv */
static void derive_rows(const qc__cone *c, projector *p)
{
    const lane one = lane_set1(1.0), zero = lane_zero();
    if (is_block(c)) {
        BY_KIND(c, set_H, c, p->state, p->v, p->zero, one, mask_none(), mask_none());
        BY_KIND(c, derivative, c, p->state, p->dv, p->out);
        return;
    }
    for (int32_t i = 0; i < c->size; i++) {
        const mask kept = c->kind == QC_CONE_ZERO ? mask_none() : lane_lt(zero, lane_at(p->v, i));
        lane_put(p->out, i, lane_select(kept, lane_at(p->dv, i), zero));
    }
}

/* One cone of up to LANES problems. */
static void project_cone(const qc__project_job *job, const qc__cone *c, int64_t first, projector *p)
{
    pack_rows(job, c, first, job->v, p->v);
    lane poison = poison_of(c->size, p->v);
    lane scale = to_unit(c->size, p->v);
    if (job->dv) {
        pack_rows(job, c, first, job->dv, p->dv);
        poison = lane_add(poison, poison_of(c->size, p->dv));
        scale = lane_set1(1.0);
        derive_rows(c, p);
    } else {
        project_rows(c, p);
    }
    for (int32_t i = 0; i < c->size; i++)
        lane_put(p->out, i, lane_fma(lane_at(p->out, i), scale, poison));
    unpack_rows(job, c, first, p->out, job->out);
}

/* With a measuring arena, only measures. */
static void project(const qc__project_job *job, qc__arena *arena)
{
    projector p = projector_layout(job, arena);
    for (int64_t first = 0; arena->base && first < job->batch; first += LANES)
        for (int64_t k = 0; k < job->cone_count; k++)
            project_cone(job, &job->cones[k], first, &p);
}

#endif
