// SPDX-License-Identifier: Apache-2.0
/* plan_api.c -- qc_compile and what describes a plan. */
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
    *options = (qc_plan_options){.isa = "auto", .condense = -1};
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
    if (options->condense < -1 || options->condense > 1)
        return qc__fail(why, QC_ERROR_ARGUMENT, "condense: expected -1, 0 or 1, got %d",
                        options->condense);
    const qc__lane_table *lanes = qc__lanes_select(options->isa);
    if (!lanes)
        return qc__fail(why, QC_ERROR_ARGUMENT,
                        "isa: expected \"auto\" or one that qc_isa_name lists, got \"%.32s\"",
                        options->isa ? options->isa : "QC_ISA of the environment");
    const qc_error error = qc__plan_new(out, family, options->condense, why);
    if (!error)
        (*out)->lanes = lanes;
    return error;
}

void qc_plan_free(qc_plan *plan)
{
    qc__plan_free(plan);
}

void qc_plan_describe(const qc_plan *plan, qc_plan_info *info)
{
    const qc__factor_plan *factor = plan->condensed ? &plan->condense : &plan->full;
    const qc__lane_table *lanes = plan->lanes;
    *info = (qc_plan_info){.isa = lanes->name,
                           .lanes = lanes->lanes,
                           .condensed = plan->condensed,
                           .P_length = plan->P.length,
                           .A_length = plan->A.length,
                           .factor_length = factor->panel[factor->supernodes],
                           .setup_flops = factor->flops_leading,
                           .iteration_flops = factor->flops_trailing};
}
