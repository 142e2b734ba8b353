// SPDX-License-Identifier: Apache-2.0
/*
 * vec.h -- the vocabulary in which all numerics are written.
 *
 * A `lane` is one number of each of LANES problems of one family: element l belongs to problem l.
 * No operation mixes elements, so what happens in one problem cannot touch another, and the bits of
 * an answer do not depend on who sits beside it.  A `mask` is one truth value per problem.
 *
 * Each instruction set provides `reg`, a native register, and a dozen operations on it (vec/).
 */
#ifndef LANE_VEC_H
#define LANE_VEC_H

#include <math.h>
#include <stdint.h>

#define LANE_ISA_scalar     1
#define LANE_ISA_base       2
#define LANE_ISA_avx2       3
#define LANE_ISA_avx512     4
#define LANE_ISA_row_avx2   5
#define LANE_ISA_row_avx512 6
#define LANE_PASTE_(a, b)   a##b
#define LANE_PASTE(a, b)    LANE_PASTE_(a, b)
#define LANE_ISA_NUMBER     LANE_PASTE(LANE_ISA_, LANE_ISA)

#if LANE_ISA_NUMBER == LANE_ISA_avx512
#    include "lane/vec/vec_avx512.h"
enum { LANES = 8, TILE_ROWS = 6, TILE_COLS = 4, SQUARE_TILE = 4 };
#elif LANE_ISA_NUMBER == LANE_ISA_avx2
#    include "lane/vec/vec_avx2.h"
enum { LANES = 4, TILE_ROWS = 4, TILE_COLS = 2, SQUARE_TILE = 3 };
#elif LANE_ISA_NUMBER == LANE_ISA_base && defined(__x86_64__)
#    include "lane/vec/vec_sse2.h"
enum { LANES = 4, TILE_ROWS = 2, TILE_COLS = 2, SQUARE_TILE = 2 };
#elif LANE_ISA_NUMBER == LANE_ISA_base && defined(__aarch64__)
#    include "lane/vec/vec_neon.h"
enum { LANES = 4, TILE_ROWS = 3, TILE_COLS = 2, SQUARE_TILE = 2 };
#else
#    include "lane/vec/vec_scalar.h"
enum { LANES = 1, TILE_ROWS = 2, TILE_COLS = 2, SQUARE_TILE = 2 };
#endif

/* `wide` registers, along the rows of one problem's matrix. */
#if LANE_ISA_NUMBER == LANE_ISA_avx512 || LANE_ISA_NUMBER == LANE_ISA_row_avx512
#    include "lane/vec/wide_avx512.h"
#elif LANE_ISA_NUMBER == LANE_ISA_avx2 || LANE_ISA_NUMBER == LANE_ISA_row_avx2
#    include "lane/vec/wide_avx2.h"
#else
#    include "lane/vec/wide_scalar.h"
#endif

/* One problem at a time, whose work is done in `wide` registers. */
#define ALONG_ROWS (LANE_ISA_NUMBER == LANE_ISA_row_avx512 || LANE_ISA_NUMBER == LANE_ISA_row_avx2)

enum { REGS = LANES / REG_WIDTH };

typedef struct lane {
    reg r[REGS];
} lane;

typedef struct mask {
    regmask m[REGS];
} mask;

#define EACH_REG(k)   for (int k = 0; k < REGS; k++)
#define ALWAYS_INLINE static inline __attribute__((always_inline))

#define LANE_UNARY(name)                                                                           \
    ALWAYS_INLINE lane lane_##name(lane a)                                                         \
    {                                                                                              \
        EACH_REG(k) a.r[k] = reg_##name(a.r[k]);                                                   \
        return a;                                                                                  \
    }
#define LANE_BINARY(name)                                                                          \
    ALWAYS_INLINE lane lane_##name(lane a, lane b)                                                 \
    {                                                                                              \
        EACH_REG(k) a.r[k] = reg_##name(a.r[k], b.r[k]);                                           \
        return a;                                                                                  \
    }
#define LANE_TERNARY(name)                                                                         \
    ALWAYS_INLINE lane lane_##name(lane a, lane b, lane c)                                         \
    {                                                                                              \
        EACH_REG(k) a.r[k] = reg_##name(a.r[k], b.r[k], c.r[k]);                                   \
        return a;                                                                                  \
    }
#define LANE_COMPARE(name)                                                                         \
    ALWAYS_INLINE mask lane_##name(lane a, lane b)                                                 \
    {                                                                                              \
        mask c;                                                                                    \
        EACH_REG(k) c.m[k] = reg_##name(a.r[k], b.r[k]);                                           \
        return c;                                                                                  \
    }
#define MASK_BINARY(name)                                                                          \
    ALWAYS_INLINE mask mask_##name(mask a, mask b)                                                 \
    {                                                                                              \
        EACH_REG(k) a.m[k] = regmask_##name(a.m[k], b.m[k]);                                       \
        return a;                                                                                  \
    }

LANE_UNARY(abs)
LANE_UNARY(sqrt)
LANE_BINARY(add)
LANE_BINARY(sub)
LANE_BINARY(mul)
LANE_BINARY(div)
LANE_BINARY(min) /* the second argument where either is NaN */
LANE_BINARY(max)
LANE_TERNARY(fma)  /*  a*b + c */
LANE_TERNARY(fnma) /* -a*b + c */
LANE_COMPARE(lt)   /* false where either is NaN */
LANE_COMPARE(le)
MASK_BINARY(and)
MASK_BINARY(or)
MASK_BINARY(andnot) /* a and not b */

ALWAYS_INLINE lane lane_load(const double *p)
{
    lane a;
    EACH_REG(k) a.r[k] = reg_load(p + k * REG_WIDTH);
    return a;
}

/* a, to be loaded once and kept in its registers.  Compilers make what is used twice an operand in memory of
 * both operations instead, and loads then take longer than products. */
ALWAYS_INLINE lane lane_kept(lane a)
{
#ifdef REG_KEEP
    EACH_REG(k) REG_KEEP(a.r[k]);
#endif
    return a;
}

ALWAYS_INLINE void lane_store(double *p, lane a)
{
    EACH_REG(k) reg_store(p + k * REG_WIDTH, a.r[k]);
}

ALWAYS_INLINE lane lane_set1(double a)
{
    lane c;
    EACH_REG(k) c.r[k] = reg_set1(a);
    return c;
}

ALWAYS_INLINE lane lane_zero(void)
{
    return lane_set1(0.0);
}

ALWAYS_INLINE lane lane_neg(lane a)
{
    return lane_sub(lane_zero(), a);
}

ALWAYS_INLINE lane lane_select(mask m, lane a, lane b)
{
    EACH_REG(k) a.r[k] = reg_select(m.m[k], a.r[k], b.r[k]);
    return a;
}

ALWAYS_INLINE mask mask_from_bits(unsigned bits)
{
    mask c;
    EACH_REG(k) c.m[k] = regmask_from_bits(bits >> (k * REG_WIDTH));
    return c;
}

ALWAYS_INLINE unsigned mask_bits(mask m)
{
    unsigned bits = 0;
    EACH_REG(k) bits |= regmask_bits(m.m[k]) << (k * REG_WIDTH);
    return bits;
}

ALWAYS_INLINE int mask_any(mask m)
{
    return mask_bits(m) != 0;
}

ALWAYS_INLINE mask mask_none(void)
{
    return mask_from_bits(0);
}

ALWAYS_INLINE mask mask_all(void)
{
    return mask_from_bits(~0u);
}

ALWAYS_INLINE mask mask_not(mask a)
{
    return mask_andnot(mask_all(), a);
}

/* The power of two at or under a > 0, by which to divide and multiply is exact; 1 for 0. */
static inline lane lane_binary_scale(lane a)
{
    double each[LANES] __attribute__((aligned(64)));
    lane_store(each, a);
    for (int l = 0; l < LANES; l++)
        each[l] = each[l] > 0.0 ? ldexp(1.0, ilogb(each[l])) : 1.0;
    return lane_load(each);
}

ALWAYS_INLINE mask lane_finite(lane a)
{
    return lane_le(lane_abs(a), lane_set1(1.7976931348623157e308));
}

/* Element k of an array of lanes. */
ALWAYS_INLINE lane lane_at(const double *p, int64_t k)
{
    return lane_load(p + k * LANES);
}

ALWAYS_INLINE void lane_put(double *p, int64_t k, lane a)
{
    lane_store(p + k * LANES, a);
}

/* out[k] := (from[0][at + k], from[1][at + k], ...) for LANES neighbours k. */
ALWAYS_INLINE void lane_transpose(const double *const from[], int64_t at, double *out)
{
#ifdef REG_TRANSPOSE
    reg_transpose(from, at, out);
#else
    for (int k = 0; k < LANES; k++)
        for (int l = 0; l < LANES; l++)
            out[k * LANES + l] = from[l][at + k];
#endif
}

static inline void set_lanes(double *p, int64_t count, lane a)
{
    for (int64_t k = 0; k < count; k++)
        lane_put(p, k, a);
}

static inline void set_all(double *p, int64_t count, double a)
{
    set_lanes(p, count, lane_set1(a));
}

/* Element k of numbers that are either lanes or, `shared`, one number for all problems. */
ALWAYS_INLINE lane value_at(const double *p, int64_t k, int shared)
{
    return shared ? lane_set1(p[k]) : lane_load(p + k * LANES);
}

#endif
