// SPDX-License-Identifier: Apache-2.0
#include "support/reference.h"

#include <stdlib.h>

#include "support/random.h"

values values_random(const qc_plan *plan, uint64_t seed)
{
    const int size = plan->n + plan->m;
    rng r = {seed};
    values v = {
        .P = malloc(((size_t)plan->P.count + 1) * sizeof(double)),
        .A = malloc(((size_t)plan->A.count + 1) * sizeof(double)),
        .pivot = malloc((size_t)size * sizeof(double)),
    };
    rng_normals(&r, v.P, plan->P.count);
    rng_normals(&r, v.A, plan->A.count);
    for (int k = 0; k < size; k++) /* P + diagonal is diagonally dominant for any P here */
        v.pivot[k] = k < plan->n ? 6.0 * plan->n + rng_uniform(&r) : -0.5 - rng_uniform(&r);
    return v;
}

void values_free(values *v)
{
    free(v->P);
    free(v->A);
    free(v->pivot);
    *v = (values){0};
}

/* Adds M, whose row i is vertex shift + i, into both triangles. */
static void add(double *K, const qc__factor_plan *f, const qc__matrix *M, const double *v,
                int shift)
{
    const int64_t n = f->size;
    for (int i = 0; i < M->rows; i++)
        for (int k = M->row_ptr[i]; k < M->row_ptr[i + 1]; k++) {
            const int32_t a = f->position[shift + i], b = f->position[M->col[k]];
            K[a * n + b] = K[b * n + a] = v[k];
        }
}

double *dense_factor(const qc_plan *plan, const qc__factor_plan *f, const values *v)
{
    const int64_t n = f->size;
    double *K = calloc((size_t)(n * n), sizeof *K);
    add(K, f, &plan->P, v->P, 0);
    if (n > plan->n)
        add(K, f, &plan->A, v->A, plan->n);
    for (int64_t k = 0; k < n; k++)
        K[k * n + k] += v->pivot[f->order[k]];
    for (int64_t j = 0; j < n; j++) {
        const double d = K[j * n + j];
        for (int64_t i = j + 1; i < n; i++)
            for (int64_t c = j + 1; c <= i; c++)
                K[i * n + c] -= K[i * n + j] * K[c * n + j] / d;
        for (int64_t i = j + 1; i < n; i++)
            K[i * n + j] /= d;
    }
    return K;
}

static void update(const qc__factor_plan *f, const double *panels, const qc__update *u,
                   double *panel, int width)
{
    const int K = u->source, depth = f->first[K + 1] - f->first[K];
    const int rows = (int)(f->row_ptr[K + 1] - f->row_ptr[K]);
    const double *block = panels + f->panel[K];
    const int32_t *target = f->target + u->target - u->begin;
    for (int j = u->begin; j < u->middle; j++)
        for (int i = j; i < rows; i++)
            for (int k = 0; k < depth; k++)
                panel[target[i] * width + target[j]] -= block[(depth + i) * depth + k] *
                                                        block[(depth + j) * depth + k] *
                                                        block[k * depth + k];
}

static void factor_panel(double *panel, int width, int rows)
{
    for (int j = 0; j < width; j++) {
        const double d = panel[j * width + j];
        for (int c = j + 1; c < width; c++)
            for (int i = c; i < rows; i++)
                panel[i * width + c] -= panel[i * width + j] * panel[c * width + j] / d;
        for (int i = j + 1; i < rows; i++)
            panel[i * width + j] /= d;
    }
}

double *plan_factor(const qc_plan *plan, const qc__factor_plan *f, const values *v)
{
    double *panels = calloc((size_t)f->panel[f->supernodes] + 1, sizeof *panels);
    for (int k = 0; k < plan->P.count; k++)
        panels[f->scatter_P[k]] += v->P[k];
    for (int k = 0; f->scatter_A && k < plan->A.count; k++)
        panels[f->scatter_A[k]] += v->A[k];
    for (int k = 0; k < f->size; k++)
        panels[f->diagonal[k]] += v->pivot[f->order[k]];
    for (int J = 0; J < f->supernodes; J++) {
        const int width = f->first[J + 1] - f->first[J];
        double *panel = panels + f->panel[J];
        for (int64_t t = f->update_ptr[J]; t < f->update_ptr[J + 1]; t++)
            update(f, panels, &f->updates[t], panel, width);
        factor_panel(panel, width, width + (int)(f->row_ptr[J + 1] - f->row_ptr[J]));
    }
    return panels;
}
