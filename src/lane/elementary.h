// SPDX-License-Identifier: Apache-2.0
/*
 * elementary.h -- the exponential and the logarithm of every problem at once, to two units in the last
 * place.  Made of the lanes' own operations, they have the same bits for every instruction set with a
 * fused multiply-add, which a library's vector functions do not promise.
 *
 *     exp:  x = k log 2 + r, |r| <= log(2)/2        2^k (1 + r + r^2/2! + ... + r^13/13!)
 *     log:  x = 2^k m, m in [2^-1/2, 2^1/2)         k log 2 + 2 (t + t^3/3 + ... + t^21/21),  t = (m - 1)/(m + 1)
 */
#ifndef LANE_ELEMENTARY_H
#define LANE_ELEMENTARY_H

#include <math.h>
#include <string.h>

#include "lane/vec.h"

/* log 2, of which the first part times an exponent is exact. */
#define LOG2_HIGH 0x1.62e42fefa3800p-1
#define LOG2_LOW  0x1.ef35793c76730p-45
/* 1.5 * 2^52: adding it rounds to an integer, which then is in the lowest bits. */
#define ROUNDER 0x1.8p52

/* The bits of every element, for what is no arithmetic; the compiler makes vectors of these loops. */
#define EACH_ELEMENT(l) for (int l = 0; l < LANES; l++)

typedef struct lane_bits {
    uint64_t u[LANES];
} lane_bits;

ALWAYS_INLINE lane_bits bits_of(lane a)
{
    lane_bits b;
    double v[LANES] __attribute__((aligned(64)));
    lane_store(v, a);
    memcpy(b.u, v, sizeof b.u);
    return b;
}

ALWAYS_INLINE lane from_bits(lane_bits b)
{
    double v[LANES] __attribute__((aligned(64)));
    memcpy(v, b.u, sizeof v);
    return lane_load(v);
}

ALWAYS_INLINE lane rounded(lane a)
{
    return lane_sub(lane_add(a, lane_set1(ROUNDER)), lane_set1(ROUNDER));
}

/* The power of two at or under a, which is normal and positive. */
ALWAYS_INLINE lane binary_floor(lane a)
{
    lane_bits b = bits_of(a);
    EACH_ELEMENT(l) b.u[l] &= UINT64_C(0xfff0000000000000);
    return from_bits(b);
}

/* 1/a of a power of two */
ALWAYS_INLINE lane inverse_power(lane a)
{
    lane_bits b = bits_of(a);
    EACH_ELEMENT(l) b.u[l] = (UINT64_C(2046) << 52) - b.u[l];
    return from_bits(b);
}

/* a^-1/2 of a normal, positive a, to 1e-5, and no less than it is, for a power of two not to be rounded to the
 * one below: halves the exponent, and two steps of Newton's method, which end up to 5e-6 below. */
ALWAYS_INLINE lane rough_rsqrt(lane a)
{
    const lane half = lane_mul(lane_set1(0.5), a);
    lane_bits b = bits_of(a);
    EACH_ELEMENT(l) b.u[l] = UINT64_C(0x5fe6eb50c7b537a9) - (b.u[l] >> 1);
    lane r = from_bits(b);
    for (int step = 0; step < 2; step++)
        r = lane_mul(r, lane_fnma(lane_mul(half, r), r, lane_set1(1.5)));
    return lane_mul(r, lane_set1(1.0 + 5e-6));
}

/* 2^k for an integer k between -1022 and 1023 */
ALWAYS_INLINE lane power_of_two(lane k)
{
    lane_bits b = bits_of(lane_add(k, lane_set1(ROUNDER + 1023.0)));
    EACH_ELEMENT(l) b.u[l] <<= 52;
    return from_bits(b);
}

static const double inverse_factorial[] = {
    1.0,
    1.0,
    1.0 / 2,
    1.0 / 6,
    1.0 / 24,
    1.0 / 120,
    1.0 / 720,
    1.0 / 5040,
    1.0 / 40320,
    1.0 / 362880,
    1.0 / 3628800,
    1.0 / 39916800,
    1.0 / 479001600,
    1.0 / 6227020800,
};

/* 0 and infinity where the result is out of range; NaN of a NaN. */
static inline lane lane_exp(lane x)
{
    const int degree = sizeof inverse_factorial / sizeof *inverse_factorial - 1;
    x = lane_max(lane_set1(-800.0), lane_min(lane_set1(800.0), x)); /* a NaN stays */
    const lane k = rounded(lane_mul(x, lane_set1(1.4426950408889634)));
    const lane r = lane_fnma(k, lane_set1(LOG2_LOW), lane_fnma(k, lane_set1(LOG2_HIGH), x));
    lane sum = lane_set1(inverse_factorial[degree]);
#pragma GCC unroll 16
    for (int i = degree - 1; i >= 0; i--)
        sum = lane_fma(sum, r, lane_set1(inverse_factorial[i]));
    const lane half = rounded(lane_mul(lane_set1(0.5), k)); /* 2^k itself may be out of range */
    return lane_mul(lane_mul(sum, power_of_two(half)), power_of_two(lane_sub(k, half)));
}

/* x = 2^k m of a normal, positive x */
static inline lane split_binary(lane x, lane *k)
{
    const uint64_t root_half = 0x3fe6a09e667f3bcd, one = (uint64_t)1023 << 52;
    const uint64_t rounder = 0x4338000000000000;
    lane_bits mantissa = bits_of(x), exponent;
    EACH_ELEMENT(l)
    {
        const uint64_t e = (mantissa.u[l] - root_half + one) >> 52; /* k + 1023 */
        exponent.u[l] = rounder + e;
        mantissa.u[l] -= (e - 1023) << 52;
    }
    *k = lane_sub(from_bits(exponent), lane_set1(ROUNDER + 1023.0));
    return from_bits(mantissa);
}

/* -infinity of 0, NaN of what is negative. */
static inline lane lane_log(lane x)
{
    const lane one = lane_set1(1.0), zero = lane_zero(), infinity = lane_set1(INFINITY);
    const mask tiny = lane_lt(x, lane_set1(0x1p-1022));
    lane k;
    const lane m = split_binary(lane_select(tiny, lane_mul(x, lane_set1(0x1p54)), x), &k);
    k = lane_select(tiny, lane_sub(k, lane_set1(54.0)), k);
    const lane t = lane_div(lane_sub(m, one), lane_add(m, one)), z = lane_mul(t, t);
    lane sum = lane_set1(1.0 / 21);
#pragma GCC unroll 16
    for (int i = 19; i >= 3; i -= 2)
        sum = lane_fma(sum, z, lane_set1(1.0 / i));
    const lane two = lane_add(t, t), tail = lane_mul(lane_mul(two, z), sum);
    const lane low = lane_fma(k, lane_set1(LOG2_LOW), tail);
    lane out = lane_fma(k, lane_set1(LOG2_HIGH), lane_add(two, low));
    out = lane_select(lane_lt(zero, x), out, lane_set1(NAN));
    out = lane_select(lane_le(infinity, x), infinity, out);
    return lane_select(lane_le(lane_abs(x), zero), lane_set1(-INFINITY), out);
}

#endif
