// SPDX-License-Identifier: Apache-2.0
#include "lane/select.h"

#include <stdlib.h>
#include <string.h>

/* The compiler's probe also asks whether the operating system saves the registers. */
static int machine_runs(const qc__lane_table *table)
{
#ifdef QC_HAVE_AVX2
    if (table == &qc__lanes_avx512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
    if (table == &qc__lanes_avx2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return table != NULL;
}

const qc__lane_table *qc__lanes_available(int k)
{
    static const qc__lane_table *const tables[] = {
#ifdef QC_HAVE_AVX2
        &qc__lanes_avx512,
        &qc__lanes_avx2,
#endif
        &qc__lanes_base,
        &qc__lanes_scalar,
    };
    for (size_t t = 0; k >= 0 && t < sizeof tables / sizeof *tables; t++)
        if (machine_runs(tables[t]) && k-- == 0)
            return tables[t];
    return NULL;
}

static const char *forced_name(const char *name)
{
    return !name || strcmp(name, "auto") == 0 ? getenv("QC_ISA") : name;
}

int qc__lanes_forced(const char *name)
{
    return forced_name(name) != NULL;
}

const qc__lane_table *qc__rows_like(const qc__lane_table *lanes)
{
#ifdef QC_HAVE_AVX2
    if (lanes == &qc__lanes_avx512)
        return &qc__lanes_row_avx512;
    if (lanes == &qc__lanes_avx2)
        return &qc__lanes_row_avx2;
#endif
    (void)lanes;
    return NULL;
}

const qc__lane_table *qc__lanes_select(const char *name)
{
    name = forced_name(name);
    if (!name)
        return qc__lanes_available(0);
    for (int k = 0; qc__lanes_available(k); k++)
        if (strcmp(qc__lanes_available(k)->name, name) == 0)
            return qc__lanes_available(k);
    return NULL;
}
