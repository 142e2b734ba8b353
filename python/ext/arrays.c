// SPDX-License-Identifier: Apache-2.0
#include "core.h"

static double nothing;

int array_get(array *out, PyObject *source, Py_ssize_t bytes, int flags, const char *name)
{
    *out = (array){0};
    if (source == Py_None)
        return 0;
    if (PyLong_Check(source)) {
        out->data = PyLong_AsVoidPtr(source);
        if (!out->data && bytes == 0) // an array without numbers, but not an absent one
            out->data = &nothing;
        return PyErr_Occurred() ? -1 : 0;
    }
    if (PyObject_GetBuffer(source, &out->view, flags) < 0)
        return -1;
    out->held = 1;
    out->data = out->view.buf;
    if (out->view.len == bytes)
        return 0;
    PyErr_Format(PyExc_ValueError, "%s has %zd bytes, expected %zd", name, out->view.len, bytes);
    return -1;
}

void array_release(array *arrays, int count)
{
    for (int k = 0; k < count; k++)
        if (arrays[k].held)
            PyBuffer_Release(&arrays[k].view);
}
