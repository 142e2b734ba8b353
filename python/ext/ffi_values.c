// SPDX-License-Identifier: Apache-2.0
/*
 * ffi_values.c -- operands of XLA's calls to doubles, and doubles to results.
 */
#include "ffi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t ffi_count(const xla_buffer *buffer)
{
    int64_t count = 1;
    for (int64_t k = 0; k < buffer->rank; k++)
        count *= buffer->dims[k];
    return buffer->type == XLA_UINT32 ? count / 2 : count;
}

void ffi_read(double *to, const xla_buffer *from, int64_t first, int64_t count)
{
    if (from->type == XLA_F32) {
        const float *numbers = (const float *)from->data + first;
        for (int64_t k = 0; k < count; k++)
            to[k] = numbers[k];
    } else if (count > 0) {
        memcpy(to, (const char *)from->data + (size_t)first * sizeof *to,
               (size_t)count * sizeof *to);
    }
}

void ffi_write(const xla_buffer *to, const double *from, int64_t first, int64_t count)
{
    if (to->type == XLA_F32) {
        float *numbers = (float *)to->data + first;
        for (int64_t k = 0; k < count; k++)
            numbers[k] = (float)from[k];
    } else if (count > 0) {
        memcpy((double *)to->data + first, from, (size_t)count * sizeof *from);
    }
}

/* Where one argument goes: `count` times `length` numbers, at a distance of `stride`. */
typedef struct place {
    double *to;
    int64_t count, length, stride;
} place;

static int fill(const place *p, const xla_buffer *from)
{
    const int64_t given = ffi_count(from);
    const int typed = from->type == XLA_F32 || from->type == XLA_F64 || from->type == XLA_UINT32;
    if (!typed || (given != p->length && given != p->length * p->count))
        return -1;
    const int64_t step = given == p->length ? 0 : p->length; // one for all problems
    for (int64_t k = 0; k < p->count; k++)
        ffi_read(p->to + k * p->stride, from, k * step, p->length);
    return 0;
}

qc_values ffi_values_at(const ffi_plan *plan, int64_t batch, const double *values)
{
    const double *q = values + plan->P_length * (plan->shared & QC_SHARED_P ? 1 : batch);
    const double *A = q + batch * plan->n;
    const double *b = A + plan->A_length * (plan->shared & QC_SHARED_A ? 1 : batch);
    return (qc_values){values, q, A, b};
}

double *ffi_values_load(const ffi_plan *plan, const ffi_call *call, const xla_buffers *operands,
                        int64_t count, qc_message *why)
{
    static const char *const names[6] = {"P", "q", "A", "b", "G", "h"};
    const int64_t B = call->batch, above = call->above, below = plan->m - above;
    const int64_t P = plan->shared & QC_SHARED_P ? 1 : B, A = plan->shared & QC_SHARED_A ? 1 : B;
    const int64_t row =
        plan->m ? plan->A_length / plan->m : 0; // of a dense A, the only one in blocks
    const int64_t first = count == 4 ? plan->A_length : above * row;
    double *values = malloc(((size_t)ffi_values_count(plan, B) + 1) * sizeof *values);
    if (!values) {
        snprintf(why->text, sizeof why->text, "out of memory: the values of %lld problems",
                 (long long)B);
        return NULL;
    }
    double *q = values + P * plan->P_length, *to = q + B * plan->n, *b = to + A * plan->A_length;
    const place places[6] = {
        {values, P, plan->P_length, plan->P_length},
        {q, B, plan->n, plan->n},
        {to, A, first, plan->A_length},
        {b, B, above, plan->m},
        {to + first, A, below * row, plan->A_length},
        {b + above, B, below, plan->m},
    };
    for (int64_t k = 0; k < count; k++)
        if (fill(&places[k], operands->items[k]) < 0) {
            snprintf(why->text, sizeof why->text,
                     "%s has %lld numbers, expected %lld or one of each", names[k],
                     (long long)ffi_count(operands->items[k]),
                     (long long)(places[k].count * places[k].length));
            free(values);
            return NULL;
        }
    return values;
}
