// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

#include "support/check.h"

typedef struct layout {
    double *a;
    char *b;
    int32_t *c;
} layout;

static layout lay_out(qc__arena *arena)
{
    layout l;
    l.a = TAKE(arena, 5, double);
    l.b = TAKE(arena, 1, char);
    l.c = TAKE(arena, 100, int32_t);
    return l;
}

static void measures_then_places(void **state)
{
    (void)state;
    qc__arena measure = {0};
    const layout nothing = lay_out(&measure);
    assert_null(nothing.a);
    assert_null(nothing.b);
    assert_null(nothing.c);
    assert_int_equal(measure.used, 64 + 64 + 448);

    char *block = qc__aligned_alloc(measure.used);
    qc__arena arena = {.base = block, .size = measure.used};
    const layout l = lay_out(&arena);
    assert_int_equal(arena.used, measure.used);
    assert_ptr_equal(l.a, block);
    assert_ptr_equal(l.b, block + 64);
    assert_ptr_equal(l.c, block + 128);
    memset(l.c, 0, 100 * sizeof *l.c);
    qc__aligned_free(block);
}

static void everything_is_aligned(void **state)
{
    (void)state;
    char *block = qc__aligned_alloc(1000);
    qc__arena arena = {.base = block, .size = 1000};
    for (size_t size = 1; size < 10; size++)
        assert_int_equal((uintptr_t)qc__arena_take(&arena, size, 1) % 64, 0);
    qc__aligned_free(block);
}

static void overflow_sticks(void **state)
{
    (void)state;
    qc__arena arena = {0};
    assert_null(qc__arena_take(&arena, SIZE_MAX / 8 + 1, 8));
    assert_true(arena.used == SIZE_MAX);
    assert_null(qc__arena_take(&arena, 1, 8));
    assert_true(arena.used == SIZE_MAX);

    arena = (qc__arena){0};
    qc__arena_take(&arena, SIZE_MAX - 200, 1);
    assert_true(arena.used < SIZE_MAX);
    qc__arena_take(&arena, 200, 1);
    assert_true(arena.used == SIZE_MAX);

    arena = (qc__arena){0};
    assert_null(qc__arena_take(&arena, SIZE_MAX, 1));
    assert_true(arena.used == SIZE_MAX);
}

static void a_full_block_gives_nothing(void **state)
{
    (void)state;
    char *block = qc__aligned_alloc(128);
    qc__arena arena = {.base = block, .size = 128};
    assert_non_null(qc__arena_take(&arena, 128, 1));
    assert_non_null(qc__arena_take(&arena, 0, 8));
    assert_null(qc__arena_take(&arena, 1, 1));
    assert_true(arena.used == SIZE_MAX);
    qc__aligned_free(block);
}

static void arrays_check_their_size(void **state)
{
    (void)state;
    assert_null(qc__array_new(SIZE_MAX / 4, 8));
    assert_null(qc__array_zero(SIZE_MAX / 4, 8));
    assert_null(qc__aligned_alloc(SIZE_MAX));
    int32_t *none = NEW(0, int32_t), *zeros = NEW_ZERO(3, int32_t);
    assert_non_null(none);
    assert_int_equal(zeros[0] | zeros[1] | zeros[2], 0);
    free(none);
    free(zeros);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_then_places),    cmocka_unit_test(everything_is_aligned),
        cmocka_unit_test(overflow_sticks),         cmocka_unit_test(a_full_block_gives_nothing),
        cmocka_unit_test(arrays_check_their_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
