// SPDX-License-Identifier: Apache-2.0
/* check.h -- cmocka, and what it needs included before it. */
#ifndef TEST_CHECK_H
#define TEST_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* a and b differ by at most `tolerance`; says the numbers where they do not. */
#define CHECK_CLOSE(a, b, tolerance)                                                               \
    do {                                                                                           \
        const double a_ = (a), b_ = (b), tolerance_ = (tolerance);                                 \
        if (!(a_ - b_ <= tolerance_ && b_ - a_ <= tolerance_))                                     \
            fail_msg("%s = %.17g, %s = %.17g, further apart than %g", #a, a_, #b, b_, tolerance_); \
    } while (0)

#endif
