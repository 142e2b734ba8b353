// SPDX-License-Identifier: Apache-2.0
/*
 * allocator.h -- counts the library's allocations, and makes one fail.
 *
 * The tests are linked with --wrap, so this concerns calls from the library and from the test, and not
 * those that other libraries make.
 */
#ifndef TEST_ALLOCATOR_H
#define TEST_ALLOCATOR_H

/* From now on: count from zero, and fail the allocation with this number (-1: none). */
void allocator_watch(int fail);
int allocator_calls(void);

#endif
