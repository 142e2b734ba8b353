// SPDX-License-Identifier: Apache-2.0
/*
 * arena.h -- memory.
 *
 * A layout function takes its arrays from an arena, one after the other.  Run once with base NULL it
 * only measures; run again on a block of that size it places.  The same lines do both, so the two
 * cannot disagree.
 */
#ifndef QC_BASE_ARENA_H
#define QC_BASE_ARENA_H

#include <stddef.h>

enum { QC__ALIGNMENT = 64 }; /* a cache line, and the widest vector register */

typedef struct qc__arena {
    char *base; /* NULL: measuring */
    size_t used, size;
} qc__arena;

/*
 * The next count * size bytes, aligned; NULL when measuring.  `used` becomes SIZE_MAX, and stays it,
 * when the sum overflows or does not fit into the block.
 */
void *qc__arena_take(qc__arena *a, size_t count, size_t size);

#define TAKE(arena, count, type) ((type *)qc__arena_take((arena), (size_t)(count), sizeof(type)))

/* An aligned block that nobody has touched: pages of it that are never used cost nothing. */
void *qc__aligned_alloc(size_t bytes);
void qc__aligned_free(void *block);

/* An array on the heap, for free(); NULL where memory is short or count * size overflows.  Never NULL
 * for a count of zero. */
void *qc__array_new(size_t count, size_t size);
void *qc__array_zero(size_t count, size_t size); /* filled with zeros */

#define NEW(count, type)      ((type *)qc__array_new((size_t)(count), sizeof(type)))
#define NEW_ZERO(count, type) ((type *)qc__array_zero((size_t)(count), sizeof(type)))

#endif
