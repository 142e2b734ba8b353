// SPDX-License-Identifier: Apache-2.0
/* vec_avx512.h -- AVX-512 F, DQ, VL. */
#include <immintrin.h>

enum { REG_WIDTH = 8 };

typedef __m512d reg;
typedef __mmask8 regmask;

/* In memory it is doubles: unlike __m512d, which may alias everything, so that after every store all else
 * would be read again. */
typedef double reg_memory __attribute__((vector_size(64)));

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
    return _mm512_set1_pd(a);
}
static inline reg reg_add(reg a, reg b)
{
    return _mm512_add_pd(a, b);
}
static inline reg reg_sub(reg a, reg b)
{
    return _mm512_sub_pd(a, b);
}
static inline reg reg_mul(reg a, reg b)
{
    return _mm512_mul_pd(a, b);
}
static inline reg reg_div(reg a, reg b)
{
    return _mm512_div_pd(a, b);
}
static inline reg reg_min(reg a, reg b)
{
    return _mm512_min_pd(a, b);
}
static inline reg reg_max(reg a, reg b)
{
    return _mm512_max_pd(a, b);
}
static inline reg reg_sqrt(reg a)
{
    return _mm512_sqrt_pd(a);
}
static inline reg reg_abs(reg a)
{
    return _mm512_abs_pd(a);
}
static inline reg reg_fma(reg a, reg b, reg c)
{
    return _mm512_fmadd_pd(a, b, c);
}
static inline reg reg_fnma(reg a, reg b, reg c)
{
    return _mm512_fnmadd_pd(a, b, c);
}
static inline regmask reg_lt(reg a, reg b)
{
    return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ);
}
static inline regmask reg_le(reg a, reg b)
{
    return _mm512_cmp_pd_mask(a, b, _CMP_LE_OQ);
}
static inline reg reg_select(regmask m, reg a, reg b)
{
    return _mm512_mask_blend_pd(m, b, a);
}
static inline regmask regmask_and(regmask a, regmask b)
{
    return (regmask)(a & b);
}
static inline regmask regmask_or(regmask a, regmask b)
{
    return (regmask)(a | b);
}
static inline regmask regmask_andnot(regmask a, regmask b)
{
    return (regmask)(a & ~b);
}
static inline regmask regmask_from_bits(unsigned bits)
{
    return (regmask)bits;
}
static inline unsigned regmask_bits(regmask m)
{
    return m;
}

/* out[k][l] := from[l][at + k] for k, l < 8: pairs, then quarters, then halves change places. */
#define REG_TRANSPOSE 1
static inline void reg_transpose(const double *const from[], int64_t at, double *out)
{
    __m512d a[8], b[8];
    for (int l = 0; l < 8; l += 2) {
        const __m512d even = _mm512_loadu_pd(from[l] + at), odd = _mm512_loadu_pd(from[l + 1] + at);
        a[l] = _mm512_unpacklo_pd(even, odd);
        a[l + 1] = _mm512_unpackhi_pd(even, odd);
    }
    for (int l = 0; l < 8; l += 4)
        for (int k = 0; k < 2; k++) {
            b[l + k] = _mm512_shuffle_f64x2(a[l + k], a[l + k + 2], 0x88);
            b[l + k + 2] = _mm512_shuffle_f64x2(a[l + k], a[l + k + 2], 0xdd);
        }
    for (int k = 0; k < 4; k++) {
        reg_store(out + (k & 1) * 8 + (k & 2) * 8, _mm512_shuffle_f64x2(b[k], b[k + 4], 0x88));
        reg_store(out + (k & 1) * 8 + (k & 2) * 8 + 32, _mm512_shuffle_f64x2(b[k], b[k + 4], 0xdd));
    }
}
