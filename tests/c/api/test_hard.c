// SPDX-License-Identifier: Apache-2.0
/*
 * Problems that are hard for rounding: singular P, faces of solutions, degenerate vertices, redundant
 * equalities, bad scaling, and infeasible ones; all of every batch must end with the right status.
 */
#include <math.h>
#include <string.h>

#include "support/check.h"
#include "support/families.h"
#include "support/problem.h"
#include "support/random.h"

enum { BATCH = 20, MOST = 200 /* of n and m */ };

typedef struct hard {
    int n, zero, nonneg;
    int rank;          /* of P */
    double decades;    /* rows and columns are scaled by up to 10^+-decades */
    double degenerate; /* chance of a row with s = y = 0 */
    int redundant;     /* the last equality is the sum of the others */
    int infeasible;    /* the last inequality contradicts the two before it */
} hard;

static double power(rng *r, double decades)
{
    return pow(10.0, decades * (2.0 * rng_uniform(r) - 1.0));
}

static void fill_P(const hard *h, rng *r, const double *unit, double *P)
{
    const int n = h->n;
    double v[MOST];
    memset(P, 0, (size_t)n * (size_t)n * sizeof *P);
    for (int k = 0; k < h->rank; k++) {
        rng_normals(r, v, n);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                P[i * n + j] += (v[i] * unit[i]) * (v[j] * unit[j]) / h->rank;
    }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++)
            P[i * n + j] = P[j * n + i];
}

static void fill_A(const hard *h, rng *r, const double *unit, double *A)
{
    const int n = h->n, m = h->zero + h->nonneg;
    for (int i = 0; i < m; i++) {
        const double scale = power(r, h->decades);
        for (int j = 0; j < n; j++)
            A[i * n + j] = rng_normal(r) * unit[j] * scale;
    }
    for (int j = 0; h->redundant && j < n; j++) {
        double *last = &A[(h->zero - 1) * n + j];
        *last = 0.0;
        for (int i = 0; i + 1 < h->zero; i++)
            *last += A[i * n + j];
    }
}

/* Random x, y and s, and the q and b of which they are a solution. */
static void fill_vectors(const hard *h, rng *r, const double *unit, const qc_values *v, double *q,
                         double *b)
{
    const int n = h->n, m = h->zero + h->nonneg;
    double x[MOST], y[MOST] = {0.0};
    for (int j = 0; j < n; j++)
        x[j] = rng_normal(r) / unit[j];
    for (int i = 0, room = n - h->zero; i < m; i++) {
        b[i] = 0.0;
        const double size = 0.2 + rng_uniform(r);
        if (i < h->zero)
            y[i] = rng_normal(r);
        else if (rng_uniform(r) < h->degenerate)
            continue;
        else if (rng_below(r, 2) && room-- > 0)
            y[i] = size;
        else
            b[i] = size;
    }
    for (int j = 0; j < n; j++) {
        q[j] = 0.0;
        for (int i = 0; i < n; i++)
            q[j] -= v->P[j * n + i] * x[i];
        for (int i = 0; i < m; i++) {
            q[j] -= v->A[i * n + j] * y[i];
            b[i] += v->A[i * n + j] * x[j];
        }
    }
}

/* row(m-1) := -(row(m-2) + row(m-3) / 2), and its bound a little too small for them. */
static void contradict(const hard *h, double *A, double *b)
{
    const int n = h->n, m = h->zero + h->nonneg;
    for (int j = 0; j < n; j++)
        A[(m - 1) * n + j] = -(A[(m - 2) * n + j] + 0.5 * A[(m - 3) * n + j]);
    b[m - 1] = -(b[m - 2] + 0.5 * b[m - 3]) - 0.1;
}

static problems hard_problems(const hard *h, const qc_family *f, uint64_t seed)
{
    problems p = problems_random(f, BATCH, seed);
    rng r = {seed};
    double unit[MOST];
    for (int64_t k = 0; k < BATCH; k++) {
        double *P = p.P + k * p.P_length, *A = p.A + k * p.A_length;
        double *q = p.q + k * p.n, *b = p.b + k * p.m;
        const qc_values v = {P, q, A, b};
        for (int j = 0; j < h->n; j++)
            unit[j] = power(&r, h->decades);
        fill_P(h, &r, unit, P);
        fill_A(h, &r, unit, A);
        fill_vectors(h, &r, unit, &v, q, b);
        if (h->infeasible)
            contradict(h, A, b);
    }
    return p;
}

static double largest(const double *v, int64_t count)
{
    double most = 1.0;
    for (int64_t k = 0; k < count; k++)
        most = fmax(most, fabs(v[k]));
    return most;
}

/* All solved to tolerance, or all infeasible, by every way of condensing.  The budget of iterations is that
 * of both rounds: where the first, without the embedding, fails, its passes count as well. */
static void check(const hard *h, double mean_iterations)
{
    family fam;
    family_dense(&fam, h->n, h->zero, h->nonneg);
    problems p = hard_problems(h, &fam.f, 77);
    const qc_values values = problems_values(&p);
    answers a = answers_new(BATCH, p.n, p.m);
    for (int condense = -1; condense <= 0; condense++) {
        double iterations = 0.0;
        engine e = engine_new(&fam.f, NULL, condense, BATCH, NULL);
        assert_int_equal(qc_solve(e.solver, BATCH, &values, NULL, &a.out, NULL), QC_OK);
        for (int64_t k = 0; k < BATCH; k++) {
            const qc_values v = problems_at(&p, k);
            assert_int_equal(a.out.status[k], h->infeasible ? QC_PRIMAL_INFEASIBLE : QC_SOLVED);
            iterations += a.out.iterations[k];
            if (h->infeasible)
                continue;
            CHECK_CLOSE(a.out.primal_residual[k], 0.0, 2e-8 * largest(v.b, p.m));
            CHECK_CLOSE(a.out.dual_residual[k], 0.0, 2e-8 * largest(v.q, p.n));
            CHECK_CLOSE(a.out.gap[k], 0.0, 2e-8 * (1.0 + fabs(a.out.objective[k])));
        }
        if (iterations > mean_iterations * BATCH)
            fail_msg("%.1f iterations a problem, expected %.1f", iterations / BATCH,
                     mean_iterations);
        engine_free(&e);
    }
    answers_free(&a);
    problems_free(&p);
}

#define HARD(name, mean_iterations, ...)                                                           \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        check(&(hard){__VA_ARGS__}, mean_iterations);                                              \
    }

HARD(linear_programs, 12, .n = 20, .nonneg = 40)
HARD(linear_programs_with_faces, 35, .n = 80, .zero = 20, .nonneg = 150)
HARD(degenerate_linear_programs, 15, .n = 20, .zero = 5, .nonneg = 40, .degenerate = 0.3)
HARD(scaled_linear_programs, 60, .n = 20, .zero = 5, .nonneg = 40, .decades = 2)
HARD(half_curved, 12, .n = 30, .zero = 5, .nonneg = 30, .rank = 15)
HARD(barely_curved, 40, .n = 30, .zero = 5, .nonneg = 50, .rank = 1)
HARD(degenerate_programs, 15, .n = 20, .zero = 5, .nonneg = 30, .rank = 20, .degenerate = 0.3)
HARD(scaled_programs, 30, .n = 20, .zero = 5, .nonneg = 30, .rank = 20, .decades = 2)
HARD(redundant_equalities, 12, .n = 20, .zero = 6, .nonneg = 20, .rank = 20, .redundant = 1)
HARD(redundant_and_flat, 40, .n = 20, .zero = 6, .nonneg = 40, .redundant = 1)
HARD(infeasible_programs, 50, .n = 20, .zero = 3, .nonneg = 30, .rank = 20, .infeasible = 1)
HARD(infeasible_linear_programs, 25, .n = 20, .zero = 3, .nonneg = 40, .infeasible = 1)
HARD(infeasible_and_scaled, 45, .n = 20, .zero = 3, .nonneg = 40, .rank = 20, .decades = 2,
     .infeasible = 1)
HARD(flat_equalities, 4, .n = 20, .zero = 12, .rank = 10)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_programs),
        cmocka_unit_test(linear_programs_with_faces),
        cmocka_unit_test(degenerate_linear_programs),
        cmocka_unit_test(scaled_linear_programs),
        cmocka_unit_test(half_curved),
        cmocka_unit_test(barely_curved),
        cmocka_unit_test(degenerate_programs),
        cmocka_unit_test(scaled_programs),
        cmocka_unit_test(redundant_equalities),
        cmocka_unit_test(redundant_and_flat),
        cmocka_unit_test(infeasible_programs),
        cmocka_unit_test(infeasible_linear_programs),
        cmocka_unit_test(infeasible_and_scaled),
        cmocka_unit_test(flat_equalities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
