// SPDX-License-Identifier: Apache-2.0
/* plan_api.c -- qc_compile and what describes a plan. */
#include <limits.h>
#include <string.h>

#include "base/message.h"
#include "lane/select.h"
#include "plan/plan.h"

#define QC_STRING_(a) #a
#define QC_STRING(a)  QC_STRING_(a)

const char *qc_version(void)
{
    return QC_STRING(QC_VERSION_MAJOR) "." QC_STRING(QC_VERSION_MINOR) "." QC_STRING(
        QC_VERSION_PATCH);
}

const char *qc_isa_name(int k)
{
    const qc__lane_table *table = qc__lanes_available(k);
    return table ? table->name : NULL;
}

void qc_plan_options_default(qc_plan_options *options)
{
    *options = (qc_plan_options){.isa = "auto", .condense = -1, .engine = "auto"};
}

/*
 * How many problems take as long one by one as a group of lanes does, of which no more are in use; or
 * fewer.  Measured (docs/numerics.md): one alone is always faster.  The larger a problem is, the
 * better are the rows' vectors filled, and the sooner a group of lanes does not fit into the cache.
 */
static int rows_that_pay(const qc_plan *plan)
{
    const qc__factor_plan *factor = qc__first_factor(plan);
    const double flops = factor->flops_trailing + 0.1 * factor->flops_leading;
    if (flops > 3e7)
        return INT_MAX;
    return flops > 5e6 ? plan->lanes->lanes / 2 : flops > 1e5 ? plan->lanes->lanes / 4 : 1;
}

/* Which solvers of the plan work along rows. */
static qc_error choose_engine(qc_plan *plan, const qc_plan_options *options, qc_message *why)
{
    const char *engine = options->engine ? options->engine : "auto";
    const qc__lane_table *rows = qc__rows_like(plan->lanes);
    if (strcmp(engine, "rows") == 0) {
        if (!rows)
            return qc__fail(why, QC_ERROR_UNSUPPORTED,
                            "engine: \"rows\" needs AVX2 or AVX-512, the instruction set is %s",
                            plan->lanes->name);
        plan->rows_per_thread = INT_MAX;
    } else if (strcmp(engine, "auto") == 0) {
        plan->rows_per_thread = rows && !qc__lanes_forced(options->isa) ? rows_that_pay(plan) : 0;
    } else if (strcmp(engine, "lanes") != 0) {
        return qc__fail(why, QC_ERROR_ARGUMENT,
                        "engine: expected \"auto\", \"lanes\" or \"rows\", got \"%.32s\"", engine);
    }
    plan->rows = rows;
    return QC_OK;
}

qc_error qc_compile(qc_plan **out, const qc_family *family, const qc_plan_options *options,
                    qc_message *why)
{
    qc_plan_options defaults;
    if (!out)
        return qc__fail(why, QC_ERROR_ARGUMENT, "out: expected a place for the plan, got NULL");
    *out = NULL;
    qc_plan_options_default(&defaults);
    if (!options)
        options = &defaults;
    const qc__lane_table *lanes;
    qc_error error = qc__lanes_select(&lanes, options->isa, why);
    if (!error)
        error = qc__plan_new(out, family, options->condense, why);
    if (error)
        return error;
    (*out)->lanes = lanes;
    error = choose_engine(*out, options, why);
    if (error) {
        qc__plan_free(*out);
        *out = NULL;
    }
    return error;
}

void qc_plan_free(qc_plan *plan)
{
    qc__plan_free(plan);
}

void qc_plan_describe(const qc_plan *plan, qc_plan_info *info)
{
    const qc__factor_plan *factor = qc__first_factor(plan);
    const qc__lane_table *lanes = plan->lanes;
    *info = (qc_plan_info){.isa = lanes->name,
                           .lanes = lanes->lanes,
                           .rows_per_thread = plan->rows_per_thread,
                           .condensed = plan->condensed,
                           .P_length = plan->P.length,
                           .A_length = plan->A.length,
                           .factor_length = factor->panel[factor->supernodes],
                           .setup_flops = factor->flops_leading,
                           .iteration_flops = factor->flops_trailing};
}
