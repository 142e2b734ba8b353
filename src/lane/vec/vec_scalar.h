// SPDX-License-Identifier: Apache-2.0
/* vec_scalar.h -- one problem at a time, in portable C: the oracle of the tests. */
#include <math.h>

enum { REG_WIDTH = 1 };

typedef double reg;
typedef unsigned regmask;

static inline reg reg_load(const double *p)
{
    return *p;
}
static inline void reg_store(double *p, reg a)
{
    *p = a;
}
static inline reg reg_set1(double a)
{
    return a;
}
static inline reg reg_add(reg a, reg b)
{
    return a + b;
}
static inline reg reg_sub(reg a, reg b)
{
    return a - b;
}
static inline reg reg_mul(reg a, reg b)
{
    return a * b;
}
static inline reg reg_div(reg a, reg b)
{
    return a / b;
}
static inline reg reg_min(reg a, reg b)
{
    return a < b ? a : b;
}
static inline reg reg_max(reg a, reg b)
{
    return a > b ? a : b;
}
static inline reg reg_sqrt(reg a)
{
    return sqrt(a);
}
static inline reg reg_abs(reg a)
{
    return fabs(a);
}
static inline reg reg_fma(reg a, reg b, reg c)
{
    return fma(a, b, c);
}
static inline reg reg_fnma(reg a, reg b, reg c)
{
    return fma(-a, b, c);
}
static inline regmask reg_lt(reg a, reg b)
{
    return a < b;
}
static inline regmask reg_le(reg a, reg b)
{
    return a <= b;
}
static inline reg reg_select(regmask m, reg a, reg b)
{
    return m ? a : b;
}
static inline regmask regmask_and(regmask a, regmask b)
{
    return a & b;
}
static inline regmask regmask_or(regmask a, regmask b)
{
    return a | b;
}
static inline regmask regmask_andnot(regmask a, regmask b)
{
    return a & ~b & 1u;
}
static inline regmask regmask_from_bits(unsigned bits)
{
    return bits & 1u;
}
static inline unsigned regmask_bits(regmask m)
{
    return m;
}
