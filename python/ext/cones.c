// SPDX-License-Identifier: Apache-2.0
#include "core.h"

qc_cone *cones_get(PyObject *tuple, int64_t *count, int64_t *rows)
{
    *count = (int64_t)PyTuple_Size(tuple) / 3;
    *rows = 0;
    qc_cone *cones = PyMem_Calloc((size_t)*count + 1, sizeof *cones);
    if (!cones)
        return (qc_cone *)PyErr_NoMemory();
    for (int64_t k = 0; k < *count; k++) {
        const Py_ssize_t at = (Py_ssize_t)(3 * k);
        cones[k].kind = (qc_cone_kind)PyLong_AsLong(PyTuple_GetItem(tuple, at));
        cones[k].size = PyLong_AsLongLong(PyTuple_GetItem(tuple, at + 1));
        cones[k].alpha = PyFloat_AsDouble(PyTuple_GetItem(tuple, at + 2));
        *rows += cones[k].size;
    }
    if (!PyErr_Occurred())
        return cones;
    PyMem_Free(cones);
    return NULL;
}

/* arrays: v, dv or nothing, out */
static qc_error project(const qc_cone *cones, int64_t count, int64_t batch, const array arrays[],
                        qc_message *why)
{
    const double *v = arrays[0].data, *dv = arrays[1].data;
    double *out = arrays[2].data;
    qc_error error;
    Py_BEGIN_ALLOW_THREADS error = dv ? qc_project_derivative(cones, count, batch, v, dv, out, why)
                                      : qc_project(cones, count, batch, v, out, why);
    Py_END_ALLOW_THREADS return error;
}

/* project(cones, batch, v, dv or None, out) */
PyObject *cones_project(PyObject *module, PyObject *args)
{
    (void)module;
    static const char *const names[] = {"v", "dv", "out"};
    PyObject *tuple, *given[3];
    long long batch;
    int64_t count, rows;
    array arrays[3] = {{0}};
    qc_message why = {{0}};
    if (!PyArg_ParseTuple(args, "O!LOOO:project", &PyTuple_Type, &tuple, &batch, &given[0],
                          &given[1], &given[2]))
        return NULL;
    qc_cone *cones = cones_get(tuple, &count, &rows);
    int ready = cones != NULL;
    for (int k = 0; ready && k < 3; k++)
        ready =
            array_get(&arrays[k], given[k], (Py_ssize_t)(batch * rows) * (Py_ssize_t)sizeof(double),
                      k < 2 ? ARRAY_READ : ARRAY_WRITE, names[k]) == 0;
    const qc_error error = ready ? project(cones, count, batch, arrays, &why) : QC_OK;
    PyMem_Free(cones);
    array_release(arrays, 3);
    if (!ready)
        return NULL;
    return error ? raise_error(error, &why) : Py_NewRef(Py_None);
}
