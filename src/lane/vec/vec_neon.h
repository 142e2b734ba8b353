// SPDX-License-Identifier: Apache-2.0
/* vec_neon.h -- 64-bit ARM. */
#include <arm_neon.h>

enum { REG_WIDTH = 2 };

typedef float64x2_t reg;
typedef uint64x2_t regmask;

static inline reg reg_load(const double *p)
{
    return vld1q_f64(p);
}
static inline void reg_store(double *p, reg a)
{
    vst1q_f64(p, a);
}
static inline reg reg_set1(double a)
{
    return vdupq_n_f64(a);
}
static inline reg reg_add(reg a, reg b)
{
    return vaddq_f64(a, b);
}
static inline reg reg_sub(reg a, reg b)
{
    return vsubq_f64(a, b);
}
static inline reg reg_mul(reg a, reg b)
{
    return vmulq_f64(a, b);
}
static inline reg reg_div(reg a, reg b)
{
    return vdivq_f64(a, b);
}
/* As x86 does: the second argument where either is NaN. */
static inline reg reg_min(reg a, reg b)
{
    return vbslq_f64(vcltq_f64(a, b), a, b);
}
static inline reg reg_max(reg a, reg b)
{
    return vbslq_f64(vcgtq_f64(a, b), a, b);
}
static inline reg reg_sqrt(reg a)
{
    return vsqrtq_f64(a);
}
static inline reg reg_abs(reg a)
{
    return vabsq_f64(a);
}
static inline reg reg_fma(reg a, reg b, reg c)
{
    return vfmaq_f64(c, a, b);
}
static inline reg reg_fnma(reg a, reg b, reg c)
{
    return vfmsq_f64(c, a, b);
}
static inline regmask reg_lt(reg a, reg b)
{
    return vcltq_f64(a, b);
}
static inline regmask reg_le(reg a, reg b)
{
    return vcleq_f64(a, b);
}
static inline reg reg_select(regmask m, reg a, reg b)
{
    return vbslq_f64(m, a, b);
}
static inline regmask regmask_and(regmask a, regmask b)
{
    return vandq_u64(a, b);
}
static inline regmask regmask_or(regmask a, regmask b)
{
    return vorrq_u64(a, b);
}
static inline regmask regmask_andnot(regmask a, regmask b)
{
    return vbicq_u64(a, b);
}
static inline regmask regmask_from_bits(unsigned bits)
{
    const uint64_t m[2] = {(bits & 1u) ? ~0ull : 0, (bits & 2u) ? ~0ull : 0};
    return vld1q_u64(m);
}
static inline unsigned regmask_bits(regmask m)
{
    return (unsigned)((vgetq_lane_u64(m, 0) & 1u) | ((vgetq_lane_u64(m, 1) & 1u) << 1));
}
