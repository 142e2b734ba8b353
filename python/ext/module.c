// SPDX-License-Identifier: Apache-2.0
#include "core.h"

void *raise_error(qc_error error, const qc_message *why)
{
    PyObject *type = PyExc_RuntimeError;
    if (error == QC_ERROR_ARGUMENT)
        type = PyExc_ValueError;
    else if (error == QC_ERROR_MEMORY)
        type = PyExc_MemoryError;
    else if (error == QC_ERROR_UNSUPPORTED)
        type = PyExc_NotImplementedError;
    PyErr_SetString(type, why->text[0] ? why->text : qc_error_text(error));
    return NULL;
}

static PyObject *isa_names(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    PyObject *names = PyList_New(0);
    const char *name;
    for (int k = 0; names && (name = qc_isa_name(k)); k++) {
        PyObject *text = PyUnicode_FromString(name);
        if (!text || PyList_Append(names, text) < 0)
            Py_CLEAR(names);
        Py_XDECREF(text);
    }
    return names;
}

static PyObject *status_text(PyObject *module, PyObject *code)
{
    (void)module;
    const long value = PyLong_AsLong(code);
    return PyErr_Occurred() ? NULL : PyUnicode_FromString(qc_status_text((qc_status)value));
}

/* Names by code, so that the enums of Python and of C cannot differ. */
static PyObject *name_list(int count, const char *(*name)(int))
{
    PyObject *names = PyTuple_New(count);
    for (int k = 0; names && k < count; k++) {
        PyObject *text = PyUnicode_FromString(name(k));
        if (!text || PyTuple_SetItem(names, k, text) < 0)
            Py_CLEAR(names);
    }
    return names;
}

static const char *status_name(int code)
{
    return qc_status_name((qc_status)code);
}

static const char *derivative_name(int code)
{
    return qc_derivative_status_name((qc_derivative_status)code);
}

static int add(PyObject *module, const char *name, PyObject *value)
{
    const int failed = !value || PyModule_AddObjectRef(module, name, value) < 0;
    Py_XDECREF(value);
    return failed ? -1 : 0;
}

static PyTypeObject *add_type(PyObject *module, PyType_Spec *spec)
{
    PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
    if (type && PyModule_AddType(module, type) < 0)
        Py_CLEAR(type);
    return type;
}

static int module_exec(PyObject *module)
{
    core_state *state = PyModule_GetState(module);
    if (!(state->plan = add_type(module, &plan_spec)) ||
        !(state->report = add_type(module, &report_spec)) ||
        !(state->tape = add_type(module, &tape_spec)) ||
        !(state->frame = add_type(module, &frame_spec)))
        return -1;
    qc_settings defaults;
    qc_settings_default(&defaults);
    PyObject *settings = Py_BuildValue(
        "{s:d,s:d,s:i,s:d,s:d,s:d,s:d}", "tolerance", defaults.tolerance, "tolerance_infeasible",
        defaults.tolerance_infeasible, "max_iterations", defaults.max_iterations,
        "derivative_tolerance", defaults.derivative_tolerance, "smoothing", defaults.smoothing,
        "lpgd_tau", defaults.lpgd_tau, "lpgd_rho", defaults.lpgd_rho);
    if (add(module, "DEFAULTS", settings) < 0 ||
        add(module, "STATUS_NAMES", name_list(QC_P_NOT_CONVEX + 1, status_name)) < 0 ||
        add(module, "DERIVATIVE_STATUS_NAMES",
            name_list(QC_DERIVATIVE_APPROXIMATE + 1, derivative_name)) < 0)
        return -1;
    return PyModule_AddStringConstant(module, "__version__", qc_version());
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    core_state *state = PyModule_GetState(module);
    Py_VISIT(state->plan);
    Py_VISIT(state->report);
    Py_VISIT(state->tape);
    Py_VISIT(state->frame);
    return 0;
}

static int module_clear(PyObject *module)
{
    core_state *state = PyModule_GetState(module);
    Py_CLEAR(state->plan);
    Py_CLEAR(state->report);
    Py_CLEAR(state->tape);
    Py_CLEAR(state->frame);
    return 0;
}

static PyMethodDef module_methods[] = {
    {"isa_names", isa_names, METH_NOARGS, "Instruction sets that this machine runs, best first."},
    {"project", cones_project, METH_VARARGS,
     "project(cones, batch, v, dv or None, out): the projection, or its derivative along dv."},
    {"status_text", status_text, METH_O, "One sentence for a status code."},
    {"multiply", (PyCFunction)(void (*)(void))sparse_multiply, METH_FASTCALL,
     "A sparse matrix times a batch of vectors."},
    {"ffi_handlers", core_ffi_handlers, METH_NOARGS, "Handlers of XLA's calls, by their names."},
    {"ffi_compile", core_ffi_compile, METH_O, "Compile the plan of a family for XLA's calls."},
    {"ffi_clear", core_ffi_clear, METH_NOARGS, "Free plans and solvers that no call of XLA uses."},
    {"ffi_counts", core_ffi_counts, METH_NOARGS,
     "Calls by XLA: solves, tangents, adjoints, and how many of these two had to solve again."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, (void *)module_exec},
    {0, NULL},
};

static PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "quadcone._core",
    .m_doc = "The C library behind quadcone.  Not for direct use: see quadcone.Problem.",
    .m_size = sizeof(core_state),
    .m_methods = module_methods,
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
};

PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&module_definition);
}
