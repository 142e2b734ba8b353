// SPDX-License-Identifier: Apache-2.0
#include "core.h"

report_object *report_new(core_state *state, int64_t batch)
{
    report_object *r = PyObject_New(report_object, state->report);
    if (!r)
        return NULL;
    r->batch = batch;
    r->failed = 0;
    r->invalid = -1;
    r->objective = PyMem_Calloc((size_t)batch,
                                REPORT_DOUBLES * sizeof(double) + REPORT_INTS * sizeof(int32_t));
    if (!r->objective) {
        Py_DECREF(r);
        return (report_object *)PyErr_NoMemory();
    }
    r->primal_residual = r->objective + batch;
    r->dual_residual = r->primal_residual + batch;
    r->gap = r->dual_residual + batch;
    r->margin = r->gap + batch;
    r->derivative_residual = r->margin + batch;
    r->status = (int32_t *)(r->derivative_residual + batch);
    r->iterations = r->status + batch;
    r->derivative_status = r->iterations + batch;
    return r;
}

void report_count(report_object *report)
{
    for (int64_t k = 0; k < report->batch; k++) {
        const int32_t status = report->status[k];
        report->failed += status != QC_SOLVED && status != QC_SOLVED_INACCURATE;
        if (status >= QC_P_NOT_FINITE && report->invalid < 0)
            report->invalid = k;
    }
}

static void report_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyMem_Free(((report_object *)self)->objective);
    PyObject_Free(self);
    Py_DECREF(type);
}

static int report_buffer(PyObject *self, Py_buffer *view, int flags)
{
    report_object *r = (report_object *)self;
    const Py_ssize_t bytes =
        (Py_ssize_t)(REPORT_DOUBLES * sizeof(double) + REPORT_INTS * sizeof(int32_t));
    return PyBuffer_FillInfo(view, self, r->objective, (Py_ssize_t)r->batch * bytes, 1, flags);
}

static PyMemberDef report_members[] = {
    {"batch", T_LONGLONG, offsetof(report_object, batch), READONLY, "Number of problems."},
    {"failed", T_LONGLONG, offsetof(report_object, failed), READONLY,
     "Number of problems without a solution."},
    {"invalid", T_LONGLONG, offsetof(report_object, invalid), READONLY,
     "Index of the first problem whose values are at fault, or -1."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot report_slots[] = {
    {Py_tp_doc, "What became of every problem: six arrays of float64, then three of int32."},
    {Py_tp_dealloc, (void *)report_dealloc},
    {Py_tp_members, report_members},
    {Py_bf_getbuffer, (void *)report_buffer},
    {0, NULL},
};

PyType_Spec report_spec = {
    .name = "quadcone._core.Report",
    .basicsize = sizeof(report_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = report_slots,
};
