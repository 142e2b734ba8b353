// SPDX-License-Identifier: Apache-2.0
/* wide_avx2.h -- neighbours within one matrix, in AVX2 with FMA. */
#include <immintrin.h>

enum { WIDE = 4, WIDE_ROWS = 4, WIDE_COLS = 3 };

typedef __m256d wide;
typedef unsigned wide_mask;

static inline wide wide_load(const double *p)
{
    return _mm256_loadu_pd(p);
}
static inline void wide_store(double *p, wide a)
{
    _mm256_storeu_pd(p, a);
}
static inline wide wide_set1(double a)
{
    return _mm256_set1_pd(a);
}
static inline wide wide_add(wide a, wide b)
{
    return _mm256_add_pd(a, b);
}
static inline wide wide_mul(wide a, wide b)
{
    return _mm256_mul_pd(a, b);
}
static inline wide wide_fma(wide a, wide b, wide c)
{
    return _mm256_fmadd_pd(a, b, c);
}
static inline wide wide_fnma(wide a, wide b, wide c)
{
    return _mm256_fnmadd_pd(a, b, c);
}
static inline wide_mask wide_mask_from_bits(unsigned bits)
{
    return bits & 15u;
}
/* Masked moves are slow on many machines, and most masks are full. */
static inline wide wide_load_some(wide_mask m, const double *p)
{
    if (m == 15u)
        return wide_load(p);
    return _mm256_setr_pd(m & 1 ? p[0] : 0.0, m & 2 ? p[1] : 0.0, m & 4 ? p[2] : 0.0,
                          m & 8 ? p[3] : 0.0);
}
static inline void wide_store_some(wide_mask m, double *p, wide a)
{
    double v[WIDE];
    if (m == 15u) {
        wide_store(p, a);
        return;
    }
    wide_store(v, a);
    for (int k = 0; k < WIDE; k++)
        if (m >> k & 1)
            p[k] = v[k];
}
