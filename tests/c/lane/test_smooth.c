// SPDX-License-Identifier: Apache-2.0
/* The smoothed projection on exponential and power cones: pairs on the central path, whatever v. */
#include <math.h>
#include <string.h>

#include "lane/smooth_nonsymmetric.h"
#include "support/check.h"
#include "support/random.h"

static const qc__cone CONES[] = {
    {.kind = QC_CONE_EXPONENTIAL, .size = THREE},
    {.kind = QC_CONE_DUAL_EXPONENTIAL, .size = THREE},
    {.kind = QC_CONE_POWER, .size = THREE, .alpha = 0.3},
    {.kind = QC_CONE_POWER, .size = THREE, .alpha = -0.8},
};
enum { KINDS = sizeof CONES / sizeof *CONES, TRIALS = 50 };

#define ALIGNED __attribute__((aligned(64)))

typedef struct smoothed {
    ALIGNED double v[THREE * LANES];
    ALIGNED double s[THREE * LANES];
    ALIGNED double y[THREE * LANES];
    ALIGNED double state[NONSYM_STATE * LANES];
} smoothed;

static smoothed smooth_random(const qc__cone *c, rng *r, double size, double root)
{
    smoothed at = {.v = {0.0}};
    ALIGNED double v[THREE * LANES];
    rng_normals(r, v, THREE * LANES);
    for (int k = 0; k < THREE * LANES; k++)
        at.v[k] = size * v[k];
    nonsym_smooth(c, at.v, lane_set1(root * size), at.s, at.y, at.state);
    return at;
}

static void a_pair_is_apart_by_v_and_central(void **state)
{
    (void)state;
    const double roots[] = {10.0, 1.0, 0.1, 1e-2, 1e-3, 2e-4}, sizes[] = {1e-3, 1.0, 1e3};
    rng r = {1};
    for (int k = 0; k < KINDS * TRIALS * 18; k++) {
        const double root = roots[k % 6], size = sizes[k / 6 % 3], mu = pow(root * size, 2);
        const smoothed at = smooth_random(&CONES[k / 18 % KINDS], &r, size, root);
        for (int l = 0; l < LANES; l++) {
            double gap = 0.0, top = root * size;
            for (int i = 0; i < THREE; i++) {
                const int e = i * LANES + l;
                gap += at.s[e] * at.y[e];
                top = fmax(top, fabs(at.v[e]));
            }
            for (int i = 0; i < THREE; i++) {
                const int e = i * LANES + l;
                CHECK_CLOSE(at.s[e] - at.y[e], at.v[e], 1e-6 * top);
            }
            CHECK_CLOSE(gap, 3.0 * mu, 1e-6 * mu);
        }
    }
}

/* H is D (I - D)^-1 with D = ds/dv:  ds = -H dy along differences of v. */
static void its_H_is_the_derivative(void **state)
{
    (void)state;
    rng r = {2};
    for (int k = 0; k < KINDS * TRIALS; k++) {
        const qc__cone *c = &CONES[k % KINDS];
        const double root = 0.3, h = 1e-5;
        smoothed at = smooth_random(c, &r, 1.0, root), ends[2];
        ALIGNED double dv[THREE * LANES];
        ALIGNED double dy[THREE * LANES];
        ALIGNED double Hdy[THREE * LANES];
        rng_normals(&r, dv, THREE * LANES);
        for (int e = 0; e < 2; e++) {
            ends[e] = at;
            for (int i = 0; i < THREE * LANES; i++)
                ends[e].v[i] += (e ? -h : h) * dv[i];
            nonsym_smooth(c, ends[e].v, lane_set1(root), ends[e].s, ends[e].y, ends[e].state);
        }
        for (int i = 0; i < THREE * LANES; i++)
            dy[i] = (ends[0].y[i] - ends[1].y[i]) / (2.0 * h);
        nonsym_central_H(c, at.state, at.s, at.y);
        nonsym_multiply_H(c, at.state, dy, Hdy);
        for (int i = 0; i < THREE * LANES; i++)
            CHECK_CLOSE((ends[0].s[i] - ends[1].s[i]) / (2.0 * h), -Hdy[i],
                        1e-4 * (1.0 + fabs(Hdy[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_is_apart_by_v_and_central),
        cmocka_unit_test(its_H_is_the_derivative),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
