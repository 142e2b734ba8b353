// SPDX-License-Identifier: Apache-2.0
/*
 * frame.c -- calls with tensors of PyTorch, where a problem takes less time to solve than Python takes
 * to look at its arguments.
 *
 *     Frame    a plan, and models of the tensors that a call gives to it: a model has the shape, dtype
 *              and device, and need not have memory
 *
 * A tensor is read through the table of C functions that its class offers by DLPack's C exchange
 * protocol.  Where one is not as the solver takes it (contiguous float64 on the CPU, and neither of a
 * subclass nor a view that stands for its negative), a method returns None and has done nothing: the
 * caller goes the long way, which converts or complains.
 */
#include "core.h"

/* ---- DLPack ----------------------------------------------------------------------------------------- */

enum { DL_MAJOR = 1, DL_CPU = 1, DL_FLOAT = 2 };

typedef struct dl_tensor {
    void *data;
    int32_t device, device_index, rank;
    uint8_t code, bits;
    uint16_t lanes;
    const int64_t *shape, *strides;
    uint64_t offset; /* in bytes */
} dl_tensor;

typedef int (*dl_read)(void *tensor, dl_tensor *out);

typedef struct dl_table {
    uint32_t major, minor;
    const struct dl_table *older;
    void (*allocate)(void), (*to_owned)(void), (*from_owned)(void); /* of no use here */
    dl_read read;                                                   /* may be NULL */
} dl_table;

/* Numbers in a contiguous array of float64 on the CPU; -1 for any other. */
static int64_t count_numbers(const dl_tensor *t)
{
    if (t->device != DL_CPU || t->code != DL_FLOAT || t->bits != 64 || t->lanes != 1)
        return -1;
    int64_t count = 1;
    for (int k = t->rank - 1; k >= 0; k--) {
        if (t->strides && t->shape[k] != 1 && t->strides[k] != count)
            return -1;
        count *= t->shape[k];
    }
    return count;
}

/* ---- frames ----------------------------------------------------------------------------------------- */

/* Arguments of a call, and its outputs. */
enum { P, Q, A, B, G, H, ARGUMENTS, X = 0, Y, S, OUTPUTS };

typedef struct frame_object {
    PyObject_HEAD plan_object *plan;
    PyObject *batch, *rows;           /* rows: of A above G, or None where nothing is joined */
    PyObject *argument[ARGUMENTS];    /* models; None where absent */
    PyObject *output[OUTPUTS];        /* likewise */
    int64_t arguments[ARGUMENTS];     /* numbers in them */
    int64_t outputs[OUTPUTS];         /* likewise */
    PyObject *table;                  /* capsule of DLPack's functions */
    PyObject *tensor, *parameter;     /* the classes that are read */
    PyObject *is_negative, *make_like; /* functions of a tensor */
    dl_read read;
} frame_object;

/* 1 and the address of a tensor of so many numbers; 0 where it is not as the solver takes it; -1 and an
 * exception on failure. */
static int find_address(const frame_object *f, PyObject *t, int64_t numbers, PyObject **address)
{
    PyObject *type = (PyObject *)Py_TYPE(t);
    dl_tensor view;
    if (numbers < 0 || (type != f->tensor && type != f->parameter))
        return 0;
    if (f->read(t, &view) != 0) { // sparse, or without memory
        PyErr_Clear();
        return 0;
    }
    if (count_numbers(&view) != numbers)
        return 0;
    PyObject *negative = PyObject_CallFunctionObjArgs(f->is_negative, t, NULL);
    Py_XDECREF(negative);
    if (negative != Py_False)
        return negative ? 0 : -1;
    *address = PyLong_FromVoidPtr((char *)view.data + view.offset);
    return *address ? 1 : -1;
}

/* As `find_address` for each of a tuple; the address of one that is absent is NULL. */
static int find_addresses(const frame_object *f, PyObject *tensors, int count,
                          const int64_t *numbers, PyObject **address)
{
    for (int k = 0; k < count; k++) {
        PyObject *t = PyTuple_GetItem(tensors, k);
        if (!t)
            return -1;
        const int found = t == Py_None ? 1 : find_address(f, t, numbers[k], &address[k]);
        if (found != 1)
            return found;
    }
    return 1;
}

/* A new tensor into a tuple, and its address; -1 and an exception on failure. */
static int make_tensor(const frame_object *f, PyObject *model, PyObject *tuple, int at,
                       PyObject **address)
{
    dl_tensor view;
    PyObject *made = PyObject_CallFunctionObjArgs(f->make_like, model, NULL);
    if (!made || PyTuple_SetItem(tuple, at, made) < 0 || f->read(made, &view) != 0)
        return -1;
    *address = PyLong_FromVoidPtr((char *)view.data + view.offset);
    return *address ? 0 : -1;
}

static void leave_empty(PyObject *tuple, int at)
{
    Py_INCREF(Py_None);
    PyTuple_SetItem(tuple, at, Py_None);
}

static void forget(PyObject **objects, int count)
{
    for (int k = 0; k < count; k++)
        Py_CLEAR(objects[k]);
}

static PyObject *or_none(PyObject *address)
{
    return address ? address : Py_None;
}

/* ---- the calls -------------------------------------------------------------------------------------- */

/* (outputs, tape or None, report), by the addresses of arguments. */
static PyObject *solve(const frame_object *f, PyObject **a, PyObject *settings, int count)
{
    PyObject *out[OUTPUTS] = {NULL}, *result = NULL, *solved = NULL;
    PyObject *outputs = PyTuple_New(count), *zero = PyLong_FromLong(0); // where there are no rows
    for (int k = 0; outputs && k < count; k++)
        if (make_tensor(f, f->output[k], outputs, k, &out[k]) < 0)
            Py_CLEAR(outputs);
    const int joined = f->rows != Py_None;
    if (outputs && zero) {
        PyObject *above = a[A] ? a[A] : a[G], *right = a[B] ? a[B] : a[H];
        PyObject *const args[] = {f->batch,
                                  settings,
                                  or_none(a[P]),
                                  or_none(a[Q]),
                                  above ? above : zero,
                                  right ? right : zero,
                                  Py_None,
                                  Py_None,
                                  Py_None,
                                  or_none(out[X]),
                                  or_none(out[Y]),
                                  or_none(out[S]),
                                  or_none(a[G]),
                                  or_none(a[H]),
                                  f->rows};
        solved = plan_solve((PyObject *)f->plan, Py_TYPE((PyObject *)f->plan), args,
                            joined ? 15 : 12, NULL);
    }
    if (solved)
        result = PyTuple_Pack(3, outputs, PyTuple_GetItem(solved, 1), PyTuple_GetItem(solved, 0));
    Py_XDECREF(solved);
    Py_XDECREF(zero);
    Py_XDECREF(outputs);
    forget(out, OUTPUTS);
    return result;
}

static PyObject *frame_solve(PyObject *self, PyObject *args)
{
    const frame_object *f = (frame_object *)self;
    PyObject *tensors, *settings, *address[ARGUMENTS] = {NULL}, *result = NULL;
    int full;
    if (!PyArg_ParseTuple(args, "O!Op:solve", &PyTuple_Type, &tensors, &settings, &full))
        return NULL;
    const int found = find_addresses(f, tensors, ARGUMENTS, f->arguments, address);
    if (found == 1)
        result = solve(f, address, settings, full ? OUTPUTS : 1);
    else if (found == 0)
        result = Py_NewRef(Py_None);
    forget(address, ARGUMENTS);
    return result;
}

/* Gradients of the arguments that are needed, by the addresses of cotangents. */
static PyObject *vjp(const frame_object *f, PyObject *tape, PyObject **in, PyObject *needs)
{
    PyObject *a[ARGUMENTS] = {NULL}, *done = NULL, *gradients = PyTuple_New(ARGUMENTS);
    for (int k = 0; gradients && k < ARGUMENTS; k++) {
        PyObject *need = PyTuple_GetItem(needs, k);
        if (!need)
            Py_CLEAR(gradients);
        else if (need != Py_True)
            leave_empty(gradients, k);
        else if (make_tensor(f, f->argument[k], gradients, k, &a[k]) < 0)
            Py_CLEAR(gradients);
    }
    if (gradients) {
        const int joined = f->rows != Py_None;
        PyObject *above = a[A] || joined ? a[A] : a[G], *right = a[B] || joined ? a[B] : a[H];
        PyObject *const args[] = {or_none(in[X]), or_none(in[Y]), or_none(in[S]), or_none(a[P]),
                                  or_none(a[Q]),  or_none(above), or_none(right), or_none(a[G]),
                                  or_none(a[H]),  f->rows};
        done = tape_vjp(tape, args, joined ? 10 : 7);
        Py_XDECREF(done);
    }
    if (!done)
        Py_CLEAR(gradients);
    forget(a, ARGUMENTS);
    return gradients;
}

static PyObject *frame_vjp(PyObject *self, PyObject *args)
{
    const frame_object *f = (frame_object *)self;
    core_state *state = PyType_GetModuleState(Py_TYPE(self));
    PyObject *tape, *cotangents, *needs, *address[OUTPUTS] = {NULL}, *result = NULL;
    if (!PyArg_ParseTuple(args, "O!O!O!:vjp", state->tape, &tape, &PyTuple_Type, &cotangents,
                          &PyTuple_Type, &needs))
        return NULL;
    const int count = PyTuple_Size(cotangents) == 1 ? 1 : OUTPUTS;
    const int found = find_addresses(f, cotangents, count, f->outputs, address);
    if (found == 1)
        result = vjp(f, tape, address, needs);
    else if (found == 0)
        result = Py_NewRef(Py_None);
    forget(address, OUTPUTS);
    return result;
}

/* ---- the type --------------------------------------------------------------------------------------- */

/* The newest table of the version known here; NULL where there is none, or without `read`. */
static dl_read find_read(PyObject *capsule)
{
    const dl_table *table = PyCapsule_GetPointer(capsule, "dlpack_exchange_api");
    while (table && table->major != DL_MAJOR)
        table = table->older;
    if (!table || !table->read) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_NotImplementedError, "tensors cannot be read through DLPack");
        return NULL;
    }
    return table->read;
}

/* Keeps models, and how many numbers they have. */
static int keep_models(const frame_object *f, PyObject *tuple, int count, PyObject **models,
                       int64_t *numbers)
{
    for (int k = 0; k < count; k++) {
        PyObject *model = PyTuple_GetItem(tuple, k);
        dl_tensor view;
        if (!model || (model != Py_None && f->read(model, &view) != 0))
            return -1;
        models[k] = Py_NewRef(model);
        numbers[k] = model == Py_None ? -1 : count_numbers(&view);
    }
    return 0;
}

/* Frame(plan, batch, rows or None, arguments, outputs, (table, Tensor, Parameter, is_neg, empty_like)) */
static PyObject *frame_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    (void)keywords;
    core_state *state = PyType_GetModuleState(type);
    PyObject *plan, *batch, *rows, *arguments, *outputs, *table, *tensor, *parameter, *is_negative,
        *make_like;
    if (!PyArg_ParseTuple(args, "O!O!OO!O!(OOOOO):Frame", state->plan, &plan, &PyLong_Type, &batch,
                          &rows, &PyTuple_Type, &arguments, &PyTuple_Type, &outputs, &table,
                          &tensor, &parameter, &is_negative, &make_like))
        return NULL;
    dl_read read = find_read(table);
    frame_object *f = read ? (frame_object *)PyType_GenericAlloc(type, 0) : NULL;
    if (!f)
        return NULL;
    f->read = read;
    f->plan = (plan_object *)Py_NewRef(plan);
    f->batch = Py_NewRef(batch);
    f->rows = Py_NewRef(rows);
    f->table = Py_NewRef(table);
    f->tensor = Py_NewRef(tensor);
    f->parameter = Py_NewRef(parameter);
    f->is_negative = Py_NewRef(is_negative);
    f->make_like = Py_NewRef(make_like);
    if (keep_models(f, arguments, ARGUMENTS, f->argument, f->arguments) < 0 ||
        keep_models(f, outputs, OUTPUTS, f->output, f->outputs) < 0)
        Py_CLEAR(f);
    return (PyObject *)f;
}

static void frame_dealloc(PyObject *self)
{
    frame_object *f = (frame_object *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject *parts[] = {(PyObject *)f->plan, f->batch,     f->rows,        f->table,
                         f->tensor,           f->parameter, f->is_negative, f->make_like};
    forget(parts, (int)(sizeof parts / sizeof *parts));
    forget(f->argument, ARGUMENTS);
    forget(f->output, OUTPUTS);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyMethodDef frame_methods[] = {
    {"solve", frame_solve, METH_VARARGS,
     "solve(P to h, settings, full) -> (outputs, Tape or None, Report), or None"},
    {"vjp", frame_vjp, METH_VARARGS, "vjp(tape, cotangents, needs) -> gradients, or None"},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot frame_slots[] = {
    {Py_tp_doc,
     "A plan for calls with tensors: Frame(plan, batch, rows or None, arguments, outputs, "
     "(table, Tensor, Parameter, is_neg, empty_like))"},
    {Py_tp_new, (void *)frame_new},
    {Py_tp_dealloc, (void *)frame_dealloc},
    {Py_tp_methods, frame_methods},
    {0, NULL},
};

PyType_Spec frame_spec = {
    .name = "quadcone._core.Frame",
    .basicsize = sizeof(frame_object),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = frame_slots,
};
