// SPDX-License-Identifier: Apache-2.0
/* project_api.c -- qc_project and qc_project_derivative: checks arguments and hands over; no numerics. */
#include <stdlib.h>

#include "base/message.h"
#include "lane/select.h"
#include "plan/family.h"
#include "plan/plan.h"

static qc_error check_array(const char *name, const double *array, int64_t length, qc_message *why)
{
    if (array || length == 0)
        return QC_OK;
    return qc__fail(why, QC_ERROR_ARGUMENT, "%s: expected %lld numbers, got NULL", name,
                    (long long)length);
}

static qc_error check(const qc_cone *cones, qc__project_job *job, int derivative, qc_message *why)
{
    qc_error error = qc__cones_check("", cones, job->cone_count, &job->rows, why);
    if (!error && job->batch < 0)
        error = qc__fail(why, QC_ERROR_ARGUMENT, "batch: expected at least 0, got %lld",
                         (long long)job->batch);
    if (error)
        return error;
    const int64_t length = job->batch * job->rows;
    error = check_array("v", job->v, length, why);
    if (!error && derivative)
        error = check_array("dv", job->dv, length, why);
    return error ? error : check_array("out", job->out, length, why);
}

/* Measures, takes the memory, and runs. */
static qc_error run(const qc__project_job *job, const qc__lane_table *lanes)
{
    qc__arena measured = {0};
    lanes->project(job, &measured);
    char *block = measured.used == SIZE_MAX ? NULL : qc__aligned_alloc(measured.used);
    if (!block)
        return QC_ERROR_MEMORY;
    qc__arena place = {.base = block, .size = measured.used};
    lanes->project(job, &place);
    qc__aligned_free(block);
    return QC_OK;
}

static qc_error project(const qc_cone *cones, qc__project_job job, int derivative, qc_message *why)
{
    qc_error error = check(cones, &job, derivative, why);
    if (error || job.batch * job.rows == 0)
        return error;
    const qc__lane_table *lanes;
    error = qc__lanes_select(&lanes, NULL, why);
    if (error)
        return error;
    qc__cone *read = NEW(job.cone_count, qc__cone);
    int32_t row = 0;
    for (int64_t k = 0; read && k < job.cone_count; k++) {
        read[k] = qc__cone_of(&cones[k], row);
        row += read[k].size;
    }
    job.cones = read;
    error = read ? run(&job, lanes) : QC_ERROR_MEMORY;
    free(read);
    return error ? qc__fail(why, error, "out of memory: %lld rows of cones", (long long)job.rows)
                 : QC_OK;
}

qc_error qc_project(const qc_cone *cones, int64_t cone_count, int64_t batch, const double *v,
                    double *out, qc_message *why)
{
    const qc__project_job job = {.cone_count = cone_count, .batch = batch, .v = v, .out = out};
    return project(cones, job, 0, why);
}

qc_error qc_project_derivative(const qc_cone *cones, int64_t cone_count, int64_t batch,
                               const double *v, const double *dv, double *out, qc_message *why)
{
    const qc__project_job job = {
        .cone_count = cone_count, .batch = batch, .v = v, .dv = dv, .out = out};
    return project(cones, job, 1, why);
}
