// SPDX-License-Identifier: Apache-2.0
/* psd_fixture.h -- a PSD cone with its state and vectors. */
#ifndef TEST_PSD_FIXTURE_H
#define TEST_PSD_FIXTURE_H

#include "lane/cone_psd.h"
#include "symmetric.h"

typedef struct fixture {
    qc__cone c;
    int32_t k, rows;
    double *state, *v, *s, *y, *ds, *dy, *out;
    rng r;
} fixture;

static inline fixture setup(int32_t k)
{
    fixture f = {.k = k, .rows = k * (k + 1) / 2, .r = {(uint64_t)k}};
    double **vectors[] = {&f.v, &f.s, &f.y, &f.ds, &f.dy, &f.out};
    f.c = (qc__cone){.kind = QC_CONE_PSD, .size = f.rows, .order = k};
    f.state = new_lanes(psd_state_size(&f.c));
    assert_true(psd_degree(&f.c) == (double)k);
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        *vectors[i] = new_lanes(f.rows);
    for (int lane = 0; lane < LANES; lane++) {
        positive(&f.r, k, 0.1, lane, f.s);
        positive(&f.r, k, 0.01, lane, f.y);
        hard_matrix(&f.r, k, RANDOM, lane, f.v);
        hard_matrix(&f.r, k, RANDOM, lane, f.ds);
        hard_matrix(&f.r, k, RANDOM, lane, f.dy);
    }
    return f;
}

static inline void teardown(fixture *f)
{
    double *all[] = {f->state, f->v, f->s, f->y, f->ds, f->dy, f->out};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        qc__aligned_free(all[i]);
}

/* s and y with s - y = v, so that H at (s, y) without a phase is Newton's at v. */
static inline void split(fixture *f)
{
    for (int64_t i = 0; i < (int64_t)f->rows * LANES; i++) {
        f->s[i] = 0.5 * f->v[i];
        f->y[i] = -0.5 * f->v[i];
    }
}

static inline void newton_at_v(fixture *f, double unit)
{
    split(f);
    psd_set_H(&f->c, f->state, f->s, f->y, lane_set1(unit), mask_none(), mask_none());
}

static inline void interior(fixture *f)
{
    psd_set_H(&f->c, f->state, f->s, f->y, lane_set1(1.0), mask_all(), mask_none());
}

static inline double dot(const fixture *f, const double *a, const double *b, int lane)
{
    double sum = 0.0;
    for (int32_t i = 0; i < f->rows; i++)
        sum += at(a, i, lane) * at(b, i, lane);
    return sum;
}

#define EACH_ORDER(f)                                                                              \
    for (int order_ = 0, live_ = 1; order_ < ORDER_COUNT; order_++, live_ = 1)                     \
        for (fixture f = setup(orders[order_]); live_; teardown(&f), live_ = 0)

#endif
