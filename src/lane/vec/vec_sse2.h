// SPDX-License-Identifier: Apache-2.0
/* vec_sse2.h -- any x86-64.  There is no fused multiply-add: it is a product and a sum. */
#include <emmintrin.h>

enum { REG_WIDTH = 2 };

typedef __m128d reg;
typedef __m128d regmask;

/* In memory it is doubles (see vec_avx512.h). */
typedef double reg_memory __attribute__((vector_size(16)));

static inline reg reg_load(const double *p)
{
    return *(const reg_memory *)p;
}
static inline void reg_store(double *p, reg a)
{
    *(reg_memory *)p = a;
}
static inline reg reg_set1(double a)
{
    return _mm_set1_pd(a);
}
static inline reg reg_add(reg a, reg b)
{
    return _mm_add_pd(a, b);
}
static inline reg reg_sub(reg a, reg b)
{
    return _mm_sub_pd(a, b);
}
static inline reg reg_mul(reg a, reg b)
{
    return _mm_mul_pd(a, b);
}
static inline reg reg_div(reg a, reg b)
{
    return _mm_div_pd(a, b);
}
static inline reg reg_min(reg a, reg b)
{
    return _mm_min_pd(a, b);
}
static inline reg reg_max(reg a, reg b)
{
    return _mm_max_pd(a, b);
}
static inline reg reg_sqrt(reg a)
{
    return _mm_sqrt_pd(a);
}
static inline reg reg_abs(reg a)
{
    return _mm_andnot_pd(_mm_set1_pd(-0.0), a);
}
static inline reg reg_fma(reg a, reg b, reg c)
{
    return _mm_add_pd(_mm_mul_pd(a, b), c);
}
static inline reg reg_fnma(reg a, reg b, reg c)
{
    return _mm_sub_pd(c, _mm_mul_pd(a, b));
}
static inline regmask reg_lt(reg a, reg b)
{
    return _mm_cmplt_pd(a, b);
}
static inline regmask reg_le(reg a, reg b)
{
    return _mm_cmple_pd(a, b);
}
static inline reg reg_select(regmask m, reg a, reg b)
{
    return _mm_or_pd(_mm_and_pd(m, a), _mm_andnot_pd(m, b));
}
static inline regmask regmask_and(regmask a, regmask b)
{
    return _mm_and_pd(a, b);
}
static inline regmask regmask_or(regmask a, regmask b)
{
    return _mm_or_pd(a, b);
}
static inline regmask regmask_andnot(regmask a, regmask b)
{
    return _mm_andnot_pd(b, a);
}
static inline regmask regmask_from_bits(unsigned bits)
{
    return _mm_castsi128_pd(_mm_set_epi64x((bits & 2u) ? -1 : 0, (bits & 1u) ? -1 : 0));
}
static inline unsigned regmask_bits(regmask m)
{
    return (unsigned)_mm_movemask_pd(m);
}
