// SPDX-License-Identifier: Apache-2.0
/* wide_avx512.h -- neighbours within one matrix, in AVX-512. */
#include <immintrin.h>

enum { WIDE = 8, WIDE_ROWS = 8, WIDE_COLS = 3 };

typedef __m512d wide;
typedef __mmask8 wide_mask;

static inline wide wide_load(const double *p)
{
    return _mm512_loadu_pd(p);
}
static inline void wide_store(double *p, wide a)
{
    _mm512_storeu_pd(p, a);
}
static inline wide wide_set1(double a)
{
    return _mm512_set1_pd(a);
}
static inline wide wide_add(wide a, wide b)
{
    return _mm512_add_pd(a, b);
}
static inline wide wide_mul(wide a, wide b)
{
    return _mm512_mul_pd(a, b);
}
static inline wide wide_fma(wide a, wide b, wide c)
{
    return _mm512_fmadd_pd(a, b, c);
}
static inline wide wide_fnma(wide a, wide b, wide c)
{
    return _mm512_fnmadd_pd(a, b, c);
}
static inline wide_mask wide_mask_from_bits(unsigned bits)
{
    return (wide_mask)bits;
}
/* Only the elements of m: the others are 0, and are not touched in memory. */
static inline wide wide_load_some(wide_mask m, const double *p)
{
    return _mm512_maskz_loadu_pd(m, p);
}
static inline void wide_store_some(wide_mask m, double *p, wide a)
{
    _mm512_mask_storeu_pd(p, m, a);
}
