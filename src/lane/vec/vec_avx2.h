// SPDX-License-Identifier: Apache-2.0
/* vec_avx2.h -- AVX2 with FMA. */
#include <immintrin.h>

enum { REG_WIDTH = 4 };

typedef __m256d reg;
typedef __m256d regmask;

/* In memory it is doubles (see vec_avx512.h). */
typedef double reg_memory __attribute__((vector_size(32)));

static inline reg reg_load(const double *p)
{
    return *(const reg_memory *)p;
}
/* To the compiler it may have changed here. */
#define REG_KEEP(a) __asm__("" : "+x"(a))
static inline void reg_store(double *p, reg a)
{
    *(reg_memory *)p = a;
}
static inline reg reg_set1(double a)
{
    return _mm256_set1_pd(a);
}
static inline reg reg_add(reg a, reg b)
{
    return _mm256_add_pd(a, b);
}
static inline reg reg_sub(reg a, reg b)
{
    return _mm256_sub_pd(a, b);
}
static inline reg reg_mul(reg a, reg b)
{
    return _mm256_mul_pd(a, b);
}
static inline reg reg_div(reg a, reg b)
{
    return _mm256_div_pd(a, b);
}
static inline reg reg_min(reg a, reg b)
{
    return _mm256_min_pd(a, b);
}
static inline reg reg_max(reg a, reg b)
{
    return _mm256_max_pd(a, b);
}
static inline reg reg_sqrt(reg a)
{
    return _mm256_sqrt_pd(a);
}
static inline reg reg_abs(reg a)
{
    return _mm256_andnot_pd(_mm256_set1_pd(-0.0), a);
}
static inline reg reg_fma(reg a, reg b, reg c)
{
    return _mm256_fmadd_pd(a, b, c);
}
static inline reg reg_fnma(reg a, reg b, reg c)
{
    return _mm256_fnmadd_pd(a, b, c);
}
static inline regmask reg_lt(reg a, reg b)
{
    return _mm256_cmp_pd(a, b, _CMP_LT_OQ);
}
static inline regmask reg_le(reg a, reg b)
{
    return _mm256_cmp_pd(a, b, _CMP_LE_OQ);
}
static inline reg reg_select(regmask m, reg a, reg b)
{
    return _mm256_blendv_pd(b, a, m);
}
static inline regmask regmask_and(regmask a, regmask b)
{
    return _mm256_and_pd(a, b);
}
static inline regmask regmask_or(regmask a, regmask b)
{
    return _mm256_or_pd(a, b);
}
static inline regmask regmask_andnot(regmask a, regmask b)
{
    return _mm256_andnot_pd(b, a);
}
static inline regmask regmask_from_bits(unsigned bits)
{
    const __m256i bit = _mm256_set_epi64x(8, 4, 2, 1);
    const __m256i all = _mm256_set1_epi64x((long long)bits);
    return _mm256_castsi256_pd(_mm256_cmpeq_epi64(_mm256_and_si256(all, bit), bit));
}
static inline unsigned regmask_bits(regmask m)
{
    return (unsigned)_mm256_movemask_pd(m);
}

/* out[k][l] := from[l][at + k] for k, l < 4. */
#define REG_TRANSPOSE 1
static inline void reg_transpose(const double *const from[], int64_t at, double *out)
{
    const __m256d r0 = _mm256_loadu_pd(from[0] + at), r1 = _mm256_loadu_pd(from[1] + at);
    const __m256d r2 = _mm256_loadu_pd(from[2] + at), r3 = _mm256_loadu_pd(from[3] + at);
    const __m256d even01 = _mm256_unpacklo_pd(r0, r1), odd01 = _mm256_unpackhi_pd(r0, r1);
    const __m256d even23 = _mm256_unpacklo_pd(r2, r3), odd23 = _mm256_unpackhi_pd(r2, r3);
    reg_store(out, _mm256_permute2f128_pd(even01, even23, 0x20));
    reg_store(out + 4, _mm256_permute2f128_pd(odd01, odd23, 0x20));
    reg_store(out + 8, _mm256_permute2f128_pd(even01, even23, 0x31));
    reg_store(out + 12, _mm256_permute2f128_pd(odd01, odd23, 0x31));
}
