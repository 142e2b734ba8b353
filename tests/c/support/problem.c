// SPDX-License-Identifier: Apache-2.0
#include "support/problem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "support/random.h"

static double *numbers(int64_t count)
{
    double *v = calloc((size_t)count + 1, sizeof *v);
    assert_non_null(v);
    return v;
}

/* An entry (i, j) of a dense or sparse matrix, and the place k of its value. */
typedef struct entry {
    int64_t rows, cols;
    const int64_t *colptr, *rowidx;
    int64_t i, j, k, t;
} entry;

/* Moves on to the next entry, column after column; false after the last. */
static int next(entry *e)
{
    if (!e->colptr) {
        if (e->t == e->rows * e->cols)
            return 0;
        e->i = e->t % e->rows;
        e->j = e->t / e->rows;
        e->k = e->i * e->cols + e->j;
    } else {
        if (e->t == e->colptr[e->cols])
            return 0;
        while (e->colptr[e->j + 1] <= e->t)
            e->j++;
        e->i = e->rowidx[e->t];
        e->k = e->t;
    }
    e->t++;
    return 1;
}

static entry entries_of_P(const qc_family *f)
{
    return (entry){.rows = f->n, .cols = f->n, .colptr = f->P_colptr, .rowidx = f->P_rowidx};
}

static entry entries_of_A(const qc_family *f)
{
    return (entry){.rows = f->m, .cols = f->n, .colptr = f->A_colptr, .rowidx = f->A_rowidx};
}

static int is_nonnegative(const qc_family *f, int64_t row)
{
    for (int64_t c = 0; c < f->cone_count; c++) {
        if (row < f->cones[c].size)
            return f->cones[c].kind == QC_CONE_NONNEGATIVE;
        row -= f->cones[c].size;
    }
    return 0;
}

/* Positive definite where P has a diagonal, and zero where it has not. */
static void random_P(const qc_family *f, double *P, rng *r)
{
    double *has = numbers(f->n), *sum = numbers(f->n), *full = numbers(f->n * f->n);
    for (entry e = entries_of_P(f); next(&e);)
        if (e.i == e.j)
            has[e.i] = 1.0;
    for (entry e = entries_of_P(f); next(&e);)
        if (e.i < e.j && has[e.i] > 0.0 && has[e.j] > 0.0)
            full[e.i * f->n + e.j] = full[e.j * f->n + e.i] = rng_normal(r);
    for (int64_t i = 0; i < f->n; i++)
        for (int64_t j = 0; j < f->n; j++)
            sum[i] += fabs(full[i * f->n + j]);
    for (entry e = entries_of_P(f); next(&e);)
        P[e.k] = e.i == e.j ? sum[e.i] + 0.5 + rng_uniform(r) : full[e.i * f->n + e.j];
    free(has);
    free(sum);
    free(full);
}

/* out += M v or, transposed, M'v. */
static void add_product_A(const qc_family *f, const double *A, const double *v, int transposed,
                          double *out)
{
    for (entry e = entries_of_A(f); next(&e);)
        out[transposed ? e.j : e.i] += A[e.k] * v[transposed ? e.i : e.j];
}

static void add_product_P(const qc_family *f, const double *P, const double *v, double *out)
{
    for (entry e = entries_of_P(f); next(&e);)
        out[e.i] += P[e.k] * v[e.j];
}

/* q and b for which a random x, y, s is a solution. Where q or b is shared it is of the last one. */
static void random_vectors(const problems *p, int64_t k, rng *r)
{
    const qc_values v = problems_at(p, k);
    double *q = p->q + (v.q - p->q), *b = p->b + (v.b - p->b);
    double *x = numbers(p->n), *y = numbers(p->m), *negative = numbers(p->n);
    rng_normals(r, x, p->n);
    memset(b, 0, (size_t)p->m * sizeof *b);
    int64_t room = p->n; /* more active rows than variables have no unique multipliers */
    for (int64_t i = 0; i < p->m; i++)
        room -= !is_nonnegative(&p->f, i);
    for (int64_t i = 0; i < p->m; i++) {
        const int active = rng_below(r, 2) && room > 0;
        const double size = 0.2 + rng_uniform(r);
        if (!is_nonnegative(&p->f, i))
            y[i] = rng_normal(r);
        else if (active)
            y[i] = size;
        else
            b[i] = size; /* s */
        room -= is_nonnegative(&p->f, i) && active;
    }
    add_product_A(&p->f, v.A, x, 0, b);
    add_product_P(&p->f, v.P, x, negative);
    add_product_A(&p->f, v.A, y, 1, negative);
    for (int64_t j = 0; j < p->n; j++)
        q[j] = -negative[j];
    free(x);
    free(y);
    free(negative);
}

static int64_t copies(const problems *p, unsigned bit)
{
    return p->f.shared & bit ? 1 : p->batch;
}

problems problems_random(const qc_family *f, int64_t batch, uint64_t seed)
{
    problems p = {.f = *f, .batch = batch, .n = f->n, .m = f->m};
    rng r = {seed};
    p.P_length = f->P_colptr ? f->P_colptr[f->n] : f->n * f->n;
    p.A_length = f->A_colptr ? f->A_colptr[f->n] : f->m * f->n;
    p.P = numbers(copies(&p, QC_SHARED_P) * p.P_length);
    p.q = numbers(copies(&p, QC_SHARED_Q) * p.n);
    p.A = numbers(copies(&p, QC_SHARED_A) * p.A_length);
    p.b = numbers(copies(&p, QC_SHARED_B) * p.m);
    for (int64_t k = 0; k < copies(&p, QC_SHARED_P); k++)
        random_P(f, p.P + k * p.P_length, &r);
    rng_normals(&r, p.A, copies(&p, QC_SHARED_A) * p.A_length);
    for (int64_t k = 0; k < batch; k++)
        random_vectors(&p, k, &r);
    return p;
}

void problems_free(problems *p)
{
    free(p->P);
    free(p->q);
    free(p->A);
    free(p->b);
    *p = (problems){0};
}

qc_values problems_values(const problems *p)
{
    return (qc_values){p->P, p->q, p->A, p->b};
}

qc_values problems_at(const problems *p, int64_t k)
{
    const unsigned shared = p->f.shared;
    return (qc_values){
        .P = p->P + (shared & QC_SHARED_P ? 0 : k * p->P_length),
        .q = p->q + (shared & QC_SHARED_Q ? 0 : k * p->n),
        .A = p->A + (shared & QC_SHARED_A ? 0 : k * p->A_length),
        .b = p->b + (shared & QC_SHARED_B ? 0 : k * p->m),
    };
}

answers answers_new(int64_t batch, int64_t n, int64_t m)
{
    const size_t integers = (size_t)batch * sizeof(int32_t);
    return (answers){
        batch,
        n,
        m,
        {
            .x = numbers(batch * n),
            .y = numbers(batch * m),
            .s = numbers(batch * m),
            .status = malloc(integers),
            .iterations = malloc(integers),
            .objective = numbers(batch),
            .primal_residual = numbers(batch),
            .dual_residual = numbers(batch),
            .gap = numbers(batch),
            .margin = numbers(batch),
        },
    };
}

void answers_free(answers *a)
{
    free(a->out.x);
    free(a->out.y);
    free(a->out.s);
    free(a->out.status);
    free(a->out.iterations);
    free(a->out.objective);
    free(a->out.primal_residual);
    free(a->out.dual_residual);
    free(a->out.gap);
    free(a->out.margin);
    *a = (answers){0};
}

static double largest(const double *v, int64_t count)
{
    double most = 0.0;
    for (int64_t k = 0; k < count; k++)
        most = isnan(v[k]) ? INFINITY : fmax(most, fabs(v[k]));
    return most;
}

static double dot(const double *a, const double *b, int64_t count)
{
    double sum = 0.0;
    for (int64_t k = 0; k < count; k++)
        sum += a[k] * b[k];
    return sum;
}

conditions conditions_of(const problems *p, int64_t k, const double *x, const double *y,
                         const double *s)
{
    const qc_values v = problems_at(p, k);
    double *rows = numbers(p->m), *Px = numbers(p->n), *cols = numbers(p->n);
    conditions c = {0};
    add_product_A(&p->f, v.A, x, 0, rows);
    add_product_A(&p->f, v.A, y, 1, cols);
    add_product_P(&p->f, v.P, x, Px);
    for (int64_t i = 0; i < p->m; i++) {
        rows[i] += s[i] - v.b[i];
        if (is_nonnegative(&p->f, i))
            c.cone = fmax(c.cone, fmax(-s[i], -y[i]));
        else
            c.cone = fmax(c.cone, fabs(s[i]));
    }
    c.gap = fabs(dot(x, Px, p->n) + dot(v.q, x, p->n) + dot(v.b, y, p->m));
    for (int64_t j = 0; j < p->n; j++)
        cols[j] += Px[j] + v.q[j];
    c.primal = largest(rows, p->m);
    c.dual = largest(cols, p->n);
    free(rows);
    free(Px);
    free(cols);
    return c;
}

engine engine_new(const qc_family *f, const char *isa, int condense, int64_t capacity,
                  const qc_settings *settings)
{
    qc_plan_options options;
    qc_plan_options_default(&options);
    options.condense = condense;
    if (isa)
        options.isa = isa;
    return engine_with(f, &options, capacity, settings);
}

engine engine_with(const qc_family *f, const qc_plan_options *options, int64_t capacity,
                   const qc_settings *settings)
{
    engine e;
    qc_message why = {""};
    if (qc_compile(&e.plan, f, options, &why) ||
        qc_solver_new(&e.solver, e.plan, capacity, settings, &why))
        fail_msg("%s", why.text);
    return e;
}

void engine_free(engine *e)
{
    qc_solver_free(e->solver);
    qc_plan_free(e->plan);
    *e = (engine){0};
}
