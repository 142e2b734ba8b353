// SPDX-License-Identifier: Apache-2.0
/*
 * ffi_bend.c -- the handler of second derivatives of projections, which are in Python.
 *
 * It is the only one that takes the GIL.  A callback of JAX's own would make arrays of JAX's of its
 * operands, and wait for them in a thread that they may need.
 */
#include "core.h"
#include "ffi.h"

static PyObject *view_of(const xla_buffer *buffer, int flags)
{
    const int64_t size = buffer->type == XLA_F32 ? sizeof(float) : sizeof(double);
    static char nothing;
    char *data = buffer->data ? buffer->data : &nothing;
    return PyMemoryView_FromMemory(data, (Py_ssize_t)(ffi_count(buffer) * size), flags);
}

/* quadcone.jax._curvature.run_bend(call, v, b, a, out) */
static PyObject *run_bend(const xla_array *call, const xla_call *frame)
{
    xla_buffer **in = frame->operands.items;
    PyObject *module = PyImport_ImportModule("quadcone.jax._curvature");
    if (!module)
        return NULL;
    PyObject *result = PyObject_CallMethod(module, "run_bend", "y#NNNN", (const char *)call->data,
                                           (Py_ssize_t)(call->length * sizeof(int64_t)),
                                           view_of(in[0], PyBUF_READ), view_of(in[1], PyBUF_READ),
                                           view_of(in[2], PyBUF_READ),
                                           view_of(frame->results.items[0], PyBUF_WRITE));
    Py_DECREF(module);
    return result;
}

xla_error *ffi_bend(xla_call *frame)
{
    if (ffi_answer_metadata(frame) || frame->stage != XLA_STAGE_EXECUTE)
        return NULL;
    qc_message why = {"this program is of another version of quadcone: compile it again"};
    const xla_array *call = ffi_find_array(&frame->attributes, "call");
    if (!call || frame->operands.count != 3 || frame->results.count != 1)
        return ffi_answer(frame, QC_ERROR_ARGUMENT, &why);
    const PyGILState_STATE state = PyGILState_Ensure();
    PyObject *done = run_bend(call, frame);
    const qc_error error = done ? QC_OK : QC_ERROR_ARGUMENT;
    if (!done) {
        PyErr_WriteUnraisable(NULL);
        why = (qc_message){"a second derivative failed in Python"};
    }
    Py_XDECREF(done);
    PyGILState_Release(state);
    return ffi_answer(frame, error, &why);
}
