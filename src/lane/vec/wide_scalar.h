// SPDX-License-Identifier: Apache-2.0
/* wide_scalar.h -- a single number where `wide` registers are not to be had. */

enum { WIDE = 1 };

typedef double wide;
typedef unsigned wide_mask;

static inline wide wide_set1(double a)
{
    return a;
}
static inline wide wide_add(wide a, wide b)
{
    return a + b;
}
static inline wide wide_mul(wide a, wide b)
{
    return a * b;
}
static inline wide_mask wide_mask_from_bits(unsigned bits)
{
    return bits & 1u;
}
static inline wide wide_load_some(wide_mask m, const double *p)
{
    return m ? *p : 0.0;
}
static inline void wide_store_some(wide_mask m, double *p, wide a)
{
    if (m)
        *p = a;
}
