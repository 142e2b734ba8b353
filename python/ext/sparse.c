// SPDX-License-Identifier: Apache-2.0
/*
 * sparse.c -- one sparse matrix times many vectors: parameters to problems, and gradients back.
 *
 * The matrix is in compressed rows, and vectors and results are one after the other, as the solver and
 * the frameworks keep a batch.  Vectors are taken STRIP at a time, so that the matrix is read once for
 * them; every sum runs in the order of its row, so that a result does not depend on the batch.
 */
#include "core.h"

enum { STRIP = 8 };

typedef struct matrix {
    int64_t rows, columns;
    const int64_t *start; /* [rows + 1] */
    const int32_t *column;
    const double *value;
} matrix;

/* One row times `count` vectors, from `x` on; results to `y`, `y + rows` and so on. */
static void row_times_vectors(const matrix *a, int64_t row, const double *x, double *y, int count,
                              int add)
{
    double sum[STRIP] = {0};
    for (int64_t k = a->start[row]; k < a->start[row + 1]; k++) {
        const double value = a->value[k];
        const double *from = x + a->column[k];
        for (int j = 0; j < count; j++)
            sum[j] += value * from[j * a->columns];
    }
    for (int j = 0; j < count; j++) {
        double *to = y + j * a->rows + row;
        *to = add ? *to + sum[j] : sum[j];
    }
}

static void times_vectors(const matrix *a, int64_t batch, const double *x, double *y, int add)
{
    for (int64_t k = 0; k < batch; k += STRIP) {
        const double *from = x + k * a->columns;
        double *to = y + k * a->rows;
        if (batch - k >= STRIP) {
            for (int64_t row = 0; row < a->rows; row++)
                row_times_vectors(a, row, from, to, STRIP, add);
        } else {
            for (int64_t row = 0; row < a->rows; row++)
                row_times_vectors(a, row, from, to, (int)(batch - k), add);
        }
    }
}

/* Reads rows, columns, batch and whether to add. */
static int read_sizes(PyObject *const *args, int64_t sizes[4])
{
    for (int k = 0; k < 4; k++) {
        sizes[k] = PyLong_AsLongLong(args[k]);
        if (sizes[k] == -1 && PyErr_Occurred())
            return -1;
    }
    return 0;
}

PyObject *sparse_multiply(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    int64_t sizes[4];
    if (count != 9)
        return PyErr_Format(PyExc_TypeError, "multiply takes 9 positional arguments");
    if (read_sizes(args, sizes) < 0)
        return NULL;
    const int64_t rows = sizes[0], columns = sizes[1], batch = sizes[2];
    const int64_t word = (int64_t)sizeof(double);
    array arrays[5] = {{0}};
    PyObject *result = NULL;
    if (array_get(&arrays[0], args[4], (Py_ssize_t)((rows + 1) * word), ARRAY_READ, "start") < 0)
        goto done;
    const matrix a = {rows, columns, arrays[0].data, NULL, NULL};
    const int64_t entries = a.start[rows];
    const int64_t bytes[4] = {entries * (int64_t)sizeof(int32_t), entries * word,
                              batch * columns * word, batch * rows * word};
    static const char *const names[4] = {"column", "value", "x", "y"};
    for (int k = 0; k < 4; k++)
        if (array_get(&arrays[k + 1], args[k + 5], (Py_ssize_t)bytes[k],
                      k < 3 ? ARRAY_READ : ARRAY_WRITE, names[k]) < 0)
            goto done;
    const matrix full = {rows, columns, a.start, arrays[1].data, arrays[2].data};
    Py_BEGIN_ALLOW_THREADS times_vectors(&full, batch, arrays[3].data, arrays[4].data,
                                         sizes[3] != 0);
    Py_END_ALLOW_THREADS result = Py_NewRef(Py_None);
done:
    array_release(arrays, 5);
    return result;
}
