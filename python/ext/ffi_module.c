// SPDX-License-Identifier: Apache-2.0
/*
 * ffi_module.c -- what Python needs of the handlers of XLA's calls.
 */
#include "core.h"
#include "ffi.h"

static PyObject *add_handler(PyObject *handlers, const char *name,
                             xla_error *(*handler)(xla_call *))
{
    // A pointer to a function is one to void on every system with dlsym.
    PyObject *capsule = PyCapsule_New((void *)handler, NULL, NULL);
    if (!capsule || PyDict_SetItemString(handlers, name, capsule) < 0)
        Py_CLEAR(handlers);
    Py_XDECREF(capsule);
    return handlers;
}

PyObject *core_ffi_handlers(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    PyObject *handlers = PyDict_New();
    if (handlers)
        handlers = add_handler(handlers, "quadcone_solve", ffi_solve);
    if (handlers)
        handlers = add_handler(handlers, "quadcone_tangent", ffi_tangent);
    if (handlers)
        handlers = add_handler(handlers, "quadcone_adjoint", ffi_adjoint);
    if (handlers)
        handlers = add_handler(handlers, "quadcone_bend", ffi_bend);
    return handlers;
}

PyObject *core_ffi_compile(PyObject *module, PyObject *family)
{
    (void)module;
    Py_buffer view;
    if (PyObject_GetBuffer(family, &view, PyBUF_C_CONTIGUOUS) < 0)
        return NULL;
    ffi_plan *plan = NULL;
    qc_message why = {{0}};
    qc_error error;
    Py_BEGIN_ALLOW_THREADS error =
        ffi_plan_get(&plan, view.buf, (size_t)view.len / sizeof(int64_t), &why);
    if (!error)
        ffi_plan_put(plan);
    Py_END_ALLOW_THREADS PyBuffer_Release(&view);
    if (error)
        return raise_error(error, &why);
    Py_RETURN_NONE;
}

PyObject *core_ffi_clear(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    Py_BEGIN_ALLOW_THREADS ffi_clear();
    Py_END_ALLOW_THREADS Py_RETURN_NONE;
}

PyObject *core_ffi_counts(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    long long counts[FFI_COUNTS];
    ffi_counts(counts);
    return Py_BuildValue("(LLLL)", counts[FFI_SOLVES], counts[FFI_TANGENTS], counts[FFI_ADJOINTS],
                         counts[FFI_SOLVED_AGAIN]);
}
