// SPDX-License-Identifier: Apache-2.0
/*
 * blocks.c -- rows in two blocks: the caller has A, b and G, h, the solver [A; G] and [b; h].
 *
 * Tensors take longer to join than a small problem takes to solve, and views of a joined gradient would
 * be copied by who gathers gradients, so this is done here.
 */
#include <string.h>

#include "core.h"

int blocks_get(blocks *out, const plan_object *plan, int64_t batch, PyObject *const *args,
               int flags)
{
    const int64_t rows = PyLong_AsLongLong(args[2]);
    if (rows == -1 && PyErr_Occurred())
        return -1;
    if (rows < 0 || rows > plan->m || plan->A_length != plan->m * plan->n) {
        PyErr_Format(PyExc_ValueError, "A has %lld rows above G, which its plan does not allow",
                     (long long)rows);
        return -1;
    }
    const int64_t below = plan->m - rows;
    out->A = (joint){plan->shared & QC_SHARED_A ? 1 : batch, rows * plan->n, below * plan->n, NULL};
    out->b = (joint){plan->shared & QC_SHARED_B ? 1 : batch, rows, below, NULL};
    const int64_t numbers[2] = {out->A.count * out->A.below, out->b.count * out->b.below};
    static const char *const names[2] = {"G", "h"};
    for (int k = 0; k < 2; k++)
        if (array_get(&out->array[k], args[k], (Py_ssize_t)(numbers[k] * (int64_t)sizeof(double)),
                      flags, names[k]) < 0)
            return -1;
    const int64_t all = (out->A.count * plan->n + out->b.count) * plan->m;
    out->A.joined = PyMem_Malloc((size_t)(all > 0 ? all : 1) * sizeof(double));
    if (!out->A.joined) {
        PyErr_NoMemory();
        return -1;
    }
    out->b.joined = out->A.joined + out->A.count * plan->m * plan->n;
    return 0;
}

void blocks_release(blocks *b)
{
    array_release(b->array, 2);
    PyMem_Free(b->A.joined);
}

double *joint_join(const joint *j, const double *above, const double *below)
{
    double *to = j->joined;
    for (int64_t k = 0; above && below && k < j->count; k++) {
        memcpy(to, above + k * j->above, (size_t)j->above * sizeof(double));
        memcpy(to + j->above, below + k * j->below, (size_t)j->below * sizeof(double));
        to += j->above + j->below;
    }
    return above && below ? j->joined : NULL;
}

void joint_split(const joint *j, double *above, double *below)
{
    const double *from = j->joined;
    for (int64_t k = 0; k < j->count; k++) {
        if (above)
            memcpy(above + k * j->above, from, (size_t)j->above * sizeof(double));
        if (below)
            memcpy(below + k * j->below, from + j->above, (size_t)j->below * sizeof(double));
        from += j->above + j->below;
    }
}
