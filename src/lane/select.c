// SPDX-License-Identifier: Apache-2.0
#include "lane/select.h"

#include <stdlib.h>
#include <string.h>

#include "base/message.h"

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

/* The name that was given, or that the environment gives; NULL: neither. */
static const char *forced_name(const char *name)
{
    if (!name || strcmp(name, "auto") == 0)
        name = getenv("QC_ISA");
    return name && strcmp(name, "auto") != 0 ? name : NULL;
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

qc_error qc__lanes_select(const qc__lane_table **out, const char *name, qc_message *why)
{
    const char *forced = forced_name(name);
    for (int k = 0; (*out = qc__lanes_available(k)); k++)
        if (!forced || strcmp((*out)->name, forced) == 0)
            return QC_OK;
    return qc__fail(why, QC_ERROR_ARGUMENT,
                    "%s: expected \"auto\" or one that qc_isa_name lists, got \"%.32s\"",
                    forced == name ? "isa" : "QC_ISA", forced);
}
