// SPDX-License-Identifier: Apache-2.0
/* qc_vjp and qc_jvp: against each other, against differences of solutions, and their corner cases. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "support/families.h"
#include "support/problem.h"
#include "support/random.h"

enum { BATCH = 5 };

/* Everything about one batch and its derivative, in arrays of the shapes that the API wants. */
typedef struct fixture {
    problems p;
    engine e;
    answers a;
    problems direction; /* of the values: P symmetric */
    answers cotangent; /* x, y, s */
    problems gradient_space; /* arrays for the gradient */
    qc_gradient gradient;
    answers tangent_space;
    qc_tangent tangent;
} fixture;

static int64_t length(const problems *p, unsigned bit, int64_t one)
{
    return (p->f.shared & bit ? 1 : p->batch) * one;
}

/* P's direction must be symmetric: random_P of another seed is; the rest are normal numbers. */
static problems random_direction(const qc_family *f, uint64_t seed)
{
    problems d = problems_random(f, BATCH, seed);
    rng r = {seed};
    rng_normals(&r, d.q, length(&d, QC_SHARED_Q, d.n));
    rng_normals(&r, d.b, length(&d, QC_SHARED_B, d.m));
    return d;
}

static fixture fixture_new(const qc_family *f, const char *isa, int condense, uint64_t seed)
{
    fixture x = {
        .p = problems_random(f, BATCH, seed),
        .e = engine_new(f, isa, condense, BATCH, NULL),
        .a = answers_new(BATCH, f->n, f->m),
        .direction = random_direction(f, seed + 1000),
        .cotangent = answers_new(BATCH, f->n, f->m),
        .gradient_space = problems_random(f, BATCH, seed),
        .tangent_space = answers_new(BATCH, f->n, f->m),
    };
    rng r = {seed + 7};
    rng_normals(&r, x.cotangent.out.x, BATCH * f->n);
    rng_normals(&r, x.cotangent.out.y, BATCH * f->m);
    rng_normals(&r, x.cotangent.out.s, BATCH * f->m);
    const problems *g = &x.gradient_space;
    const qc_solution *t = &x.tangent_space.out;
    x.gradient = (qc_gradient){g->P, g->q, g->A, g->b, x.a.out.iterations, x.a.out.gap};
    x.tangent = (qc_tangent){t->x, t->y, t->s, t->status, t->gap};
    return x;
}

static void fixture_free(fixture *x)
{
    problems_free(&x->p);
    problems_free(&x->direction);
    problems_free(&x->gradient_space);
    answers_free(&x->a);
    answers_free(&x->cotangent);
    answers_free(&x->tangent_space);
    engine_free(&x->e);
}

static void solve(fixture *x)
{
    const qc_values values = problems_values(&x->p);
    assert_int_equal(qc_solve(x->e.solver, BATCH, &values, NULL, &x->a.out, NULL), QC_OK);
    for (int k = 0; k < BATCH; k++)
        assert_int_equal(x->a.out.status[k], QC_SOLVED);
}

static void vjp(fixture *x)
{
    const qc_solution *c = &x->cotangent.out;
    const qc_cotangent in = {c->x, c->y, c->s};
    assert_int_equal(qc_vjp(x->e.solver, &in, &x->gradient, NULL), QC_OK);
}

static void jvp(fixture *x)
{
    const qc_values in = problems_values(&x->direction);
    assert_int_equal(qc_jvp(x->e.solver, &in, &x->tangent, NULL), QC_OK);
}

static double dot(const double *a, const double *b, int64_t count)
{
    double sum = 0.0;
    for (int64_t k = 0; k < count; k++)
        sum += a[k] * b[k];
    return sum;
}

/* <gradient, direction of the values>, over the whole batch. */
static double along_direction(const fixture *x)
{
    const problems *d = &x->direction, *g = &x->gradient_space;
    return dot(d->P, g->P, length(d, QC_SHARED_P, d->P_length)) +
           dot(d->q, g->q, length(d, QC_SHARED_Q, d->n)) +
           dot(d->A, g->A, length(d, QC_SHARED_A, d->A_length)) +
           dot(d->b, g->b, length(d, QC_SHARED_B, d->m));
}

/* <cotangent, out>, over the whole batch. */
static double along_cotangent(const fixture *x, const double *dx, const double *dy,
                              const double *ds)
{
    const qc_solution *c = &x->cotangent.out;
    return dot(c->x, dx, BATCH * x->p.n) + dot(c->y, dy, BATCH * x->p.m) +
           dot(c->s, ds, BATCH * x->p.m);
}

static int all_exact(const fixture *x)
{
    int exact = 1;
    for (int k = 0; k < BATCH; k++) {
        exact &= x->gradient.status[k] == QC_DERIVATIVE_EXACT;
        exact &= x->tangent.status[k] == QC_DERIVATIVE_EXACT;
    }
    return exact;
}

static void vjp_is_the_adjoint_of_jvp(void **state)
{
    (void)state;
    const unsigned matrices = QC_SHARED_P | QC_SHARED_A, all = matrices | QC_SHARED_Q | QC_SHARED_B;
    const unsigned shared[] = {0, QC_SHARED_P, QC_SHARED_A, matrices, all};
    family fam;
    int exact = 0;
    for (int k = 0; family_make(&fam, k); k++) {
        for (int j = 0; j < 5; j++) {
            fam.f.shared = shared[j];
            fixture x = fixture_new(&fam.f, NULL, j % 2 - 1, (uint64_t)(17 * k + j));
            solve(&x);
            vjp(&x);
            jvp(&x);
            const qc_solution *t = &x.tangent_space.out;
            const double one = along_direction(&x), other = along_cotangent(&x, t->x, t->y, t->s);
            if (all_exact(&x)) {
                CHECK_CLOSE(one, other, 1e-6 * (1.0 + fabs(one)));
                exact++;
            }
            fixture_free(&x);
        }
        family_free(&fam);
    }
    assert_true(exact >= 40);
}

/* values + step * direction */
static problems moved(const fixture *x, double step)
{
    problems p = problems_random(&x->p.f, BATCH, 0);
    const problems *from = &x->p, *d = &x->direction;
    for (int64_t k = 0; k < length(&p, QC_SHARED_P, p.P_length); k++)
        p.P[k] = from->P[k] + step * d->P[k];
    for (int64_t k = 0; k < length(&p, QC_SHARED_Q, p.n); k++)
        p.q[k] = from->q[k] + step * d->q[k];
    for (int64_t k = 0; k < length(&p, QC_SHARED_A, p.A_length); k++)
        p.A[k] = from->A[k] + step * d->A[k];
    for (int64_t k = 0; k < length(&p, QC_SHARED_B, p.m); k++)
        p.b[k] = from->b[k] + step * d->b[k];
    return p;
}

/* <cotangent, solution of the moved problem> */
static double loss_at(const fixture *x, double step)
{
    problems p = moved(x, step);
    answers a = answers_new(BATCH, p.n, p.m);
    const qc_values values = problems_values(&p);
    engine e = engine_new(&x->p.f, NULL, -1, BATCH, NULL);
    assert_int_equal(qc_solve(e.solver, BATCH, &values, NULL, &a.out, NULL), QC_OK);
    const double loss = along_cotangent(x, a.out.x, a.out.y, a.out.s);
    problems_free(&p);
    answers_free(&a);
    engine_free(&e);
    return loss;
}

/* Dense, strongly convex, as many active rows as not: the solution is differentiable. */
static void gradients_are_differences(void **state)
{
    (void)state;
    const int sizes[][3] = {{6, 2, 5}, {15, 0, 12}, {12, 5, 0}, {30, 10, 20}};
    for (int k = 0; k < 8; k++) {
        family fam;
        family_dense(&fam, sizes[k / 2][0], sizes[k / 2][1], sizes[k / 2][2]);
        fixture x = fixture_new(&fam.f, NULL, k % 2 - 1, (uint64_t)k);
        solve(&x);
        vjp(&x);
        const double step = 1e-6, gradient = along_direction(&x);
        const double difference = (loss_at(&x, step) - loss_at(&x, -step)) / (2.0 * step);
        CHECK_CLOSE(gradient, difference, 1e-5 * (1.0 + fabs(difference)));
        fixture_free(&x);
    }
}

static void a_shared_gradient_is_the_sum(void **state)
{
    (void)state;
    family fam;
    for (int k = 1; k < 6 && family_make(&fam, k); k++) {
        fam.f.shared = QC_SHARED_P | QC_SHARED_A;
        fixture together = fixture_new(&fam.f, NULL, 0, (uint64_t)k);
        solve(&together);
        vjp(&together);
        fam.f.shared = 0;
        fixture apart = fixture_new(&fam.f, NULL, 0, (uint64_t)k);
        for (int64_t j = 0; j < BATCH; j++) {
            const qc_values v = problems_at(&together.p, j);
            const problems *p = &apart.p;
            memcpy(p->P + j * p->P_length, v.P, (size_t)p->P_length * sizeof(double));
            memcpy(p->q + j * p->n, v.q, (size_t)p->n * sizeof(double));
            memcpy(p->A + j * p->A_length, v.A, (size_t)p->A_length * sizeof(double));
            memcpy(p->b + j * p->m, v.b, (size_t)p->m * sizeof(double));
        }
        solve(&apart);
        vjp(&apart);
        const problems *sum = &together.gradient_space, *own = &apart.gradient_space;
        double scale = 1.0;
        for (int64_t i = 0; i < sum->A_length; i++)
            scale = fmax(scale, fabs(sum->A[i]));
        for (int64_t i = 0; i < sum->P_length; i++) {
            double expected = 0.0;
            for (int64_t j = 0; j < BATCH; j++)
                expected += own->P[j * sum->P_length + i];
            CHECK_CLOSE(sum->P[i], expected, 1e-6 * scale);
        }
        for (int64_t i = 0; i < sum->A_length; i++) {
            double expected = 0.0;
            for (int64_t j = 0; j < BATCH; j++)
                expected += own->A[j * sum->A_length + i];
            CHECK_CLOSE(sum->A[i], expected, 1e-6 * scale);
        }
        fixture_free(&together);
        fixture_free(&apart);
        family_free(&fam);
    }
}

/* Everything that a gradient and a tangent consist of, after a solve with so many threads. */
static fixture differentiated(const qc_family *f, const char *isa, int threads, uint64_t seed)
{
    fixture x = fixture_new(f, isa, -1, seed);
    qc_settings settings;
    qc_settings_default(&settings);
    settings.num_threads = threads;
    qc_solver_free(x.e.solver);
    assert_int_equal(qc_solver_new(&x.e.solver, x.e.plan, BATCH, &settings, NULL), QC_OK);
    solve(&x);
    vjp(&x);
    jvp(&x);
    return x;
}

static void check_same(const double *a, const double *b, int64_t count)
{
    if (count > 0)
        assert_memory_equal(a, b, (size_t)count * sizeof *a);
}

static void bits_do_not_depend_on_threads(void **state)
{
    (void)state;
    family fam;
    for (int k = 0; family_make(&fam, k); k++) {
        for (int i = 0; qc_isa_name(i); i++) {
            fam.f.shared = i % 2 ? QC_SHARED_P | QC_SHARED_A : 0;
            fixture x = differentiated(&fam.f, qc_isa_name(i), 1, (uint64_t)k);
            fixture y = differentiated(&fam.f, qc_isa_name(i), 3, (uint64_t)k);
            const problems *g = &x.gradient_space;
            check_same(x.gradient.P, y.gradient.P, length(g, QC_SHARED_P, g->P_length));
            check_same(x.gradient.q, y.gradient.q, BATCH * g->n);
            check_same(x.gradient.A, y.gradient.A, length(g, QC_SHARED_A, g->A_length));
            check_same(x.gradient.b, y.gradient.b, BATCH * g->m);
            check_same(x.tangent.x, y.tangent.x, BATCH * g->n);
            check_same(x.tangent.y, y.tangent.y, BATCH * g->m);
            check_same(x.tangent.s, y.tangent.s, BATCH * g->m);
            fixture_free(&x);
            fixture_free(&y);
        }
        family_free(&fam);
    }
}

/* Gradients of P are symmetric, as P is. */
static void the_gradient_of_P_is_symmetric(void **state)
{
    (void)state;
    enum { N = 7 };
    family fam;
    family_dense(&fam, N, 2, 5);
    fixture x = fixture_new(&fam.f, NULL, -1, 4);
    solve(&x);
    vjp(&x);
    for (int k = 0; k < BATCH; k++)
        for (int i = 0; i < N; i++)
            for (int j = 0; j < i; j++) {
                const double *P = x.gradient.P + k * N * N;
                assert_true(P[i * N + j] == P[j * N + i]);
            }
    fixture_free(&x);
}

static void every_part_may_be_left_out(void **state)
{
    (void)state;
    family fam;
    family_dense(&fam, 6, 2, 5);
    fixture x = fixture_new(&fam.f, NULL, -1, 4);
    solve(&x);
    const qc_cotangent only_x = {.x = x.cotangent.out.x};
    memset(x.cotangent.out.y, 0, BATCH * 7 * sizeof(double));
    memset(x.cotangent.out.s, 0, BATCH * 7 * sizeof(double));
    vjp(&x);
    double *q = malloc(BATCH * 6 * sizeof *q);
    const qc_gradient only_q = {.q = q}, nothing = {0};
    assert_int_equal(qc_vjp(x.e.solver, &only_x, &only_q, NULL), QC_OK);
    assert_memory_equal(q, x.gradient.q, BATCH * 6 * sizeof *q);
    assert_int_equal(qc_vjp(x.e.solver, &only_x, &nothing, NULL), QC_OK);
    const qc_values along_b = {.b = x.direction.b};
    const qc_tangent no_tangent = {0};
    assert_int_equal(qc_jvp(x.e.solver, &along_b, &no_tangent, NULL), QC_OK);
    free(q);
    fixture_free(&x);
}

/* The third problem has no solution. */
static void a_problem_without_solution_has_no_gradient(void **state)
{
    (void)state;
    enum { N = 4, M = 5, SICK = 2 };
    family fam;
    family_dense(&fam, N, 1, 4);
    fam.f.shared = QC_SHARED_P;
    fixture x = fixture_new(&fam.f, NULL, -1, 4);
    x.p.b[SICK * M] = NAN;
    const qc_values values = problems_values(&x.p);
    assert_int_equal(qc_solve(x.e.solver, BATCH, &values, NULL, &x.a.out, NULL), QC_OK);
    vjp(&x);
    jvp(&x);
    for (int k = 0; k < BATCH; k++) {
        assert_int_equal(x.gradient.status[k] == QC_DERIVATIVE_NONE, k == SICK);
        for (int j = 0; j < N; j++) {
            assert_int_equal(isnan(x.gradient.q[k * N + j]) != 0, k == SICK);
            assert_int_equal(isnan(x.tangent.x[k * N + j]) != 0, k == SICK);
        }
    }
    for (int j = 0; j < N * N; j++)
        assert_true(isfinite(x.gradient.P[j]));
    /* With a cotangent of zero its gradient is zero. */
    memset(x.cotangent.out.x + SICK * N, 0, N * sizeof(double));
    memset(x.cotangent.out.y + SICK * M, 0, M * sizeof(double));
    memset(x.cotangent.out.s + SICK * M, 0, M * sizeof(double));
    vjp(&x);
    for (int j = 0; j < N; j++)
        assert_true(x.gradient.q[SICK * N + j] == 0.0);
    fixture_free(&x);
}

/* min x_0 : x_0 >= 0, -1 <= x_1 <= 1.  All of an edge is optimal, so the Jacobian is singular. */
static void a_singular_derivative_says_so(void **state)
{
    (void)state;
    const int64_t none[] = {0, 0, 0};
    const double q[] = {1.0, 0.0}, across[] = {1.0, 0.0}, along[] = {0.0, 1.0};
    const double A[] = {-1.0, 0.0, 0.0, 1.0, 0.0, -1.0}, b[] = {0.0, 1.0, 1.0};
    const qc_cone cone = {QC_CONE_NONNEGATIVE, 3, 0.0};
    const qc_family f = {.n = 2, .m = 3, .P_colptr = none, .cone_count = 1, .cones = &cone};
    engine e = engine_new(&f, NULL, -1, 1, NULL);
    const qc_values values = {NULL, q, A, b};
    double x[2], grad_b[3], residual;
    int32_t status, derivative;
    const qc_solution out = {.x = x, .status = &status};
    assert_int_equal(qc_solve(e.solver, 1, &values, NULL, &out, NULL), QC_OK);
    assert_int_equal(status, QC_SOLVED);
    CHECK_CLOSE(x[0], 0.0, 1e-7);
    const qc_gradient gradient = {.b = grad_b, .status = &derivative, .residual = &residual};
    qc_cotangent in = {.x = across};
    assert_int_equal(qc_vjp(e.solver, &in, &gradient, NULL), QC_OK);
    CHECK_CLOSE(residual, 0.0, 1e-6);
    CHECK_CLOSE(grad_b[0], -1.0, 1e-6); /* x_0 = -b_0 */
    CHECK_CLOSE(grad_b[1], 0.0, 1e-6);
    CHECK_CLOSE(grad_b[2], 0.0, 1e-6);
    in.x = along;
    assert_int_equal(qc_vjp(e.solver, &in, &gradient, NULL), QC_OK);
    /* u_v must be 0, 0 and have a difference of 1: the least squares are a third each. */
    assert_int_equal(derivative, QC_DERIVATIVE_LEAST_SQUARES);
    assert_true(residual > 0.1);
    CHECK_CLOSE(grad_b[0], 0.0, 1e-6);
    CHECK_CLOSE(grad_b[1], 1.0 / 3.0, 1e-6);
    CHECK_CLOSE(grad_b[2], -1.0 / 3.0, 1e-6);
    engine_free(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vjp_is_the_adjoint_of_jvp),
        cmocka_unit_test(gradients_are_differences),
        cmocka_unit_test(a_shared_gradient_is_the_sum),
        cmocka_unit_test(bits_do_not_depend_on_threads),
        cmocka_unit_test(the_gradient_of_P_is_symmetric),
        cmocka_unit_test(every_part_may_be_left_out),
        cmocka_unit_test(a_problem_without_solution_has_no_gradient),
        cmocka_unit_test(a_singular_derivative_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
