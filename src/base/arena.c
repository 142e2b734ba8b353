// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>

/* Rounds up to the alignment; SIZE_MAX where that overflows. */
static size_t round_up(size_t bytes)
{
    if (bytes > SIZE_MAX - (QC__ALIGNMENT - 1))
        return SIZE_MAX;
    return (bytes + QC__ALIGNMENT - 1) / QC__ALIGNMENT * QC__ALIGNMENT;
}

void *qc__arena_take(qc__arena *a, size_t count, size_t size)
{
    const size_t limit = a->base ? a->size : SIZE_MAX - 1;
    const size_t bytes = size != 0 && count > SIZE_MAX / size ? SIZE_MAX : round_up(count * size);
    if (a->used > limit || bytes > limit - a->used) {
        a->used = SIZE_MAX;
        return NULL;
    }
    char *at = a->base ? a->base + a->used : NULL;
    a->used += bytes;
    return at;
}

void *qc__aligned_alloc(size_t bytes)
{
    const size_t rounded = round_up(bytes > 0 ? bytes : 1);
    return rounded == SIZE_MAX ? NULL : aligned_alloc(QC__ALIGNMENT, rounded);
}

void qc__aligned_free(void *block)
{
    free(block);
}

void *qc__array_new(size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size)
        return NULL;
    const size_t bytes = count * size;
    return malloc(bytes > 0 ? bytes : 1);
}

void *qc__array_zero(size_t count, size_t size)
{
    return calloc(count > 0 ? count : 1, size);
}
