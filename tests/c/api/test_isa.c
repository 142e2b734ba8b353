// SPDX-License-Identifier: Apache-2.0
/* Every instruction set that this machine runs, against the scalar one. */
#include <math.h>
#include <string.h>

#include "support/check.h"
#include "support/families.h"
#include "support/problem.h"

enum { BATCH = 9 };

static void solve(const problems *p, const char *isa, int condense, answers *a, problems *gradient)
{
    const qc_values values = problems_values(p);
    const qc_cotangent in = {.x = p->q}; /* any numbers */
    const qc_gradient out = {gradient->P, gradient->q, gradient->A, gradient->b, NULL, NULL};
    engine e = engine_new(&p->f, isa, condense, BATCH, NULL);
    qc_plan_info info;
    qc_plan_describe(e.plan, &info);
    assert_string_equal(info.isa, isa);
    assert_int_equal(qc_solve(e.solver, BATCH, &values, NULL, &a->out, NULL), QC_OK);
    assert_int_equal(qc_vjp(e.solver, &in, &out, NULL), QC_OK);
    engine_free(&e);
}

static void check_close(const double *a, const double *b, int64_t count, double tolerance)
{
    double scale = 1.0;
    for (int64_t k = 0; k < count; k++)
        scale = fmax(scale, fabs(b[k]));
    for (int64_t k = 0; k < count; k++)
        CHECK_CLOSE(a[k], b[k], tolerance * scale);
}

static void every_one_agrees_with_scalar(void **state)
{
    (void)state;
    family fam;
    for (int k = 2; k < 6 && family_make(&fam, k); k++) {
        problems p = problems_random(&fam.f, BATCH, (uint64_t)k);
        answers expected = answers_new(BATCH, p.n, p.m), got = answers_new(BATCH, p.n, p.m);
        problems g = problems_random(&fam.f, BATCH, 0), h = problems_random(&fam.f, BATCH, 0);
        for (int condense = -1; condense <= 0; condense++) {
            solve(&p, "scalar", condense, &expected, &g);
            for (int i = 0; qc_isa_name(i); i++) {
                solve(&p, qc_isa_name(i), condense, &got, &h);
                for (int j = 0; j < BATCH; j++)
                    assert_int_equal(got.out.status[j], QC_SOLVED);
                check_close(got.out.x, expected.out.x, BATCH * p.n, 1e-7);
                check_close(got.out.y, expected.out.y, BATCH * p.m, 1e-7);
                check_close(got.out.s, expected.out.s, BATCH * p.m, 1e-7);
                check_close(h.q, g.q, BATCH * p.n, 1e-6);
                check_close(h.A, g.A, BATCH * p.A_length, 1e-6);
            }
        }
        answers_free(&expected);
        answers_free(&got);
        problems_free(&p);
        problems_free(&g);
        problems_free(&h);
        family_free(&fam);
    }
}

static int has(const char *isa)
{
    for (int k = 0; qc_isa_name(k); k++)
        if (strcmp(qc_isa_name(k), isa) == 0)
            return 1;
    return 0;
}

static void fused_machines_agree_to_the_bit(void **state)
{
    (void)state;
    if (!has("avx2") || !has("avx512"))
        skip();
    family fam;
    for (int k = 0; family_make(&fam, k); k++) {
        problems p = problems_random(&fam.f, BATCH, (uint64_t)k);
        answers a = answers_new(BATCH, p.n, p.m), b = answers_new(BATCH, p.n, p.m);
        problems g = problems_random(&fam.f, BATCH, 0), h = problems_random(&fam.f, BATCH, 0);
        solve(&p, "avx2", -1, &a, &g);
        solve(&p, "avx512", -1, &b, &h);
        assert_memory_equal(a.out.x, b.out.x, (size_t)(BATCH * p.n) * sizeof(double));
        assert_memory_equal(g.q, h.q, (size_t)(BATCH * p.n) * sizeof(double));
        if (p.m > 0) {
            assert_memory_equal(a.out.y, b.out.y, (size_t)(BATCH * p.m) * sizeof(double));
            assert_memory_equal(g.b, h.b, (size_t)(BATCH * p.m) * sizeof(double));
        }
        answers_free(&a);
        answers_free(&b);
        problems_free(&p);
        problems_free(&g);
        problems_free(&h);
        family_free(&fam);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_one_agrees_with_scalar),
        cmocka_unit_test(fused_machines_agree_to_the_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
