// SPDX-License-Identifier: Apache-2.0
#include "core.h"

/* A pattern is None or two buffers of int64: colptr with n + 1 numbers, rowidx with its last. */
static int read_pattern(array *colptr, array *rowidx, PyObject *ptr, PyObject *idx, int64_t n,
                        const char *name)
{
    const Py_ssize_t item = (Py_ssize_t)sizeof(int64_t);
    if (ptr == Py_None || n < 0) // qc_compile will say so
        return 0;
    if (array_get(colptr, ptr, (Py_ssize_t)(n + 1) * item, ARRAY_READ, name) < 0)
        return -1;
    const int64_t length = ((const int64_t *)colptr->data)[n];
    return array_get(rowidx, idx, (Py_ssize_t)length * item, ARRAY_READ, name);
}

static qc_error compile(plan_object *self, const qc_family *family, const qc_plan_options *options,
                        qc_message *why)
{
    qc_error error;
    Py_BEGIN_ALLOW_THREADS error = qc_compile(&self->plan, family, options, why);
    Py_END_ALLOW_THREADS if (error) return error;
    qc_plan_info info;
    qc_plan_describe(self->plan, &info);
    self->n = family->n;
    self->m = family->m;
    self->shared = family->shared;
    self->P_length = info.P_length;
    self->A_length = info.A_length;
    self->lanes = info.lanes;
    self->rows_per_thread = info.rows_per_thread;
    return QC_OK;
}

/* Plan(n, m, P_colptr, P_rowidx, A_colptr, A_rowidx, cones, shared, isa, condense, engine) */
static PyObject *plan_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    (void)keywords;
    long long n, m;
    PyObject *pattern[4], *tuple;
    qc_family family = {0};
    qc_plan_options options;
    qc_plan_options_default(&options);
    if (!PyArg_ParseTuple(args, "LLOOOOO!Isis:Plan", &n, &m, &pattern[0], &pattern[1], &pattern[2],
                          &pattern[3], &PyTuple_Type, &tuple, &family.shared, &options.isa,
                          &options.condense, &options.engine))
        return NULL;
    array arrays[4] = {{0}};
    qc_message why = {{0}};
    qc_error error = QC_OK;
    int64_t rows;
    qc_cone *cones = cones_get(tuple, &family.cone_count, &rows);
    plan_object *self = NULL;
    if (cones && read_pattern(&arrays[0], &arrays[1], pattern[0], pattern[1], n, "P") == 0 &&
        read_pattern(&arrays[2], &arrays[3], pattern[2], pattern[3], n, "A") == 0)
        self = (plan_object *)PyType_GenericAlloc(type, 0);
    if (self) {
        family.n = n;
        family.m = m;
        family.cones = cones;
        family.P_colptr = arrays[0].data;
        family.P_rowidx = arrays[1].data;
        family.A_colptr = arrays[2].data;
        family.A_rowidx = arrays[3].data;
        error = compile(self, &family, &options, &why);
    }
    PyMem_Free(cones);
    array_release(arrays, 4);
    if (!error)
        return (PyObject *)self;
    Py_DECREF((PyObject *)self);
    return raise_error(error, &why);
}

static void plan_dealloc(PyObject *self)
{
    plan_object *plan = (plan_object *)self;
    PyTypeObject *type = Py_TYPE(self);
    slot_clear(plan);
    qc_plan_free(plan->plan);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *plan_describe(PyObject *self, PyObject *unused)
{
    (void)unused;
    qc_plan_info info;
    qc_plan_describe(((plan_object *)self)->plan, &info);
    return Py_BuildValue("{s:s,s:i,s:i,s:O,s:L,s:d,s:d}", "isa", info.isa, "lanes", info.lanes,
                         "rows_per_thread", info.rows_per_thread, "condensed",
                         info.condensed ? Py_True : Py_False, "factor_length",
                         (long long)info.factor_length, "setup_flops", info.setup_flops,
                         "iteration_flops", info.iteration_flops);
}

/* Bytes of the solvers that wait to be used again. */
static PyObject *plan_idle_bytes(PyObject *self, PyObject *unused)
{
    (void)unused;
    size_t bytes = 0;
    for (const slot *s = ((plan_object *)self)->free; s; s = s->next)
        bytes += qc_solver_bytes(s->solver);
    return PyLong_FromSize_t(bytes);
}

static PyMethodDef plan_methods[] = {
    {"solve", (PyCFunction)(void (*)(void))plan_solve, METH_METHOD | METH_FASTCALL | METH_KEYWORDS,
     "solve(batch, settings, P, q, A, b, warm x, y, s, x, y, s[, G, h, rows]) "
     "-> (Report, Tape or None)"},
    {"describe", plan_describe, METH_NOARGS, "What was decided when the plan was compiled."},
    {"idle_bytes", plan_idle_bytes, METH_NOARGS, "Memory of the solvers kept for the next solve."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef plan_members[] = {
    {"n", T_LONGLONG, offsetof(plan_object, n), READONLY, "Number of variables."},
    {"m", T_LONGLONG, offsetof(plan_object, m), READONLY, "Number of rows of A."},
    {"P_length", T_LONGLONG, offsetof(plan_object, P_length), READONLY, "Values of one P."},
    {"A_length", T_LONGLONG, offsetof(plan_object, A_length), READONLY, "Values of one A."},
    {"shared", T_UINT, offsetof(plan_object, shared), READONLY, "Bits 1, 2, 4, 8: P, q, A, b."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot plan_slots[] = {
    {Py_tp_doc, "A compiled family: "
                "Plan(n, m, P_colptr, P_rowidx, A_colptr, A_rowidx, cones, shared, isa, condense, "
                "engine)"},
    {Py_tp_new, (void *)plan_new},
    {Py_tp_dealloc, (void *)plan_dealloc},
    {Py_tp_methods, plan_methods},
    {Py_tp_members, plan_members},
    {0, NULL},
};

PyType_Spec plan_spec = {
    .name = "quadcone._core.Plan",
    .basicsize = sizeof(plan_object),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = plan_slots,
};
