// SPDX-License-Identifier: Apache-2.0
/*
 * slot.c -- solvers are large and slow to make, so a plan keeps those that come back.
 *
 * All of this runs with the GIL held, which guards the list.
 */
#include "core.h"

enum { SLOTS_KEPT = 4 };

static void slot_free(slot *s)
{
    qc_solver_free(s->solver);
    if (s->lock)
        PyThread_free_lock(s->lock);
    PyMem_Free(s);
}

/* LPGD needs memory for values and for solutions of moved problems. */
static int needs_differences(const qc_settings *settings)
{
    return settings->derivatives && settings->derivative_mode >= QC_MODE_LPGD;
}

/* Whether a new solver for this batch would solve one problem after another. */
static int in_rows(const plan_object *plan, int64_t batch, int num_threads)
{
    return (batch + num_threads - 1) / num_threads <= plan->rows_per_thread;
}

int slot_threads(const plan_object *plan, int64_t batch, int num_threads)
{
    const int64_t lanes = in_rows(plan, batch, num_threads) ? 1 : plan->lanes;
    const int64_t groups = (batch + lanes - 1) / lanes;
    return groups < num_threads ? (int)groups : num_threads;
}

/* A large solver could serve a small batch, but not as fast as one that was made for it. */
static int slot_serves(const plan_object *plan, const slot *s, int64_t batch,
                       const qc_settings *settings)
{
    return s->capacity >= batch && s->threads >= settings->num_threads &&
           s->derivatives >= settings->derivatives &&
           s->differences >= needs_differences(settings) &&
           s->rows == in_rows(plan, batch, settings->num_threads);
}

/* The smallest free solver that serves, taken off the list. */
static slot *slot_find(plan_object *plan, int64_t batch, const qc_settings *settings)
{
    slot **found = NULL;
    for (slot **at = &plan->free; *at; at = &(*at)->next)
        if (slot_serves(plan, *at, batch, settings))
            found = at;
    if (!found)
        return NULL;
    slot *s = *found;
    *found = s->next;
    return s;
}

static slot *slot_new(plan_object *plan, int64_t batch, const qc_settings *settings)
{
    slot *s = PyMem_Calloc(1, sizeof *s);
    if (!s)
        return (slot *)PyErr_NoMemory();
    qc_message why = {{0}};
    qc_error error;
    Py_BEGIN_ALLOW_THREADS error = qc_solver_new(&s->solver, plan->plan, batch, settings, &why);
    Py_END_ALLOW_THREADS s->lock = error ? NULL : PyThread_allocate_lock();
    s->capacity = batch;
    s->threads = settings->num_threads;
    s->derivatives = settings->derivatives;
    s->differences = needs_differences(settings);
    s->rows = in_rows(plan, batch, settings->num_threads);
    if (s->lock)
        return s;
    slot_free(s);
    return raise_error(error ? error : QC_ERROR_MEMORY, &why);
}

slot *slot_take(plan_object *plan, int64_t batch, const qc_settings *settings)
{
    slot *s = slot_find(plan, batch, settings);
    if (!s) {
        // A larger one is needed, and will do the work of the largest that is free.
        slot *largest = plan->free;
        if (largest && largest->capacity <= batch) {
            plan->free = largest->next;
            slot_free(largest);
        }
        return slot_new(plan, batch, settings);
    }
    qc_message why = {{0}};
    const qc_error error = qc_solver_set(s->solver, settings, &why);
    if (!error)
        return s;
    slot_give(plan, s);
    return raise_error(error, &why);
}

void slot_give(plan_object *plan, slot *taken)
{
    slot **at = &plan->free;
    int larger = 0;
    while (*at && (*at)->capacity > taken->capacity) {
        at = &(*at)->next;
        larger++;
    }
    taken->next = *at;
    *at = taken;
    for (; *at; at = &(*at)->next)
        if (larger++ >= SLOTS_KEPT) {
            slot *dropped = *at;
            *at = dropped->next;
            slot_free(dropped);
            return;
        }
}

void slot_clear(plan_object *plan)
{
    while (plan->free) {
        slot *s = plan->free;
        plan->free = s->next;
        slot_free(s);
    }
}
