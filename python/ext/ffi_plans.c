// SPDX-License-Identifier: Apache-2.0
/*
 * ffi_plans.c -- plans by their family, and their idle solvers by what they solved.
 *
 * One lock guards all of it.  It is held while a plan is compiled, so that nobody compiles it twice.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "ffi.h"

enum { PLANS_KEPT = 32, SLOTS_KEPT = 4 };

/* The key: HEADER numbers, then (kind, size, alpha) of every cone, then the patterns of P and A. */
enum {
    N,
    M,
    CONDENSE,
    SHARED,
    CONES,
    P_NONZEROS,
    A_NONZEROS,
    ISA,
    ENGINE = ISA + 2,
    HEADER = ENGINE + 2
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ffi_plan *plans; /* the last one that was used first */

static void slot_free(ffi_slot *slot)
{
    qc_solver_free(slot->solver);
    free(slot->values);
    free(slot);
}

static void plan_free(ffi_plan *plan)
{
    while (plan->idle) {
        ffi_slot *slot = plan->idle;
        plan->idle = slot->next;
        slot_free(slot);
    }
    qc_plan_free(plan->plan);
    free(plan->key);
    free(plan);
}

/* Frees the plans from place `kept` on that no call uses. */
static void forget(int kept)
{
    for (ffi_plan **at = &plans; *at;) {
        ffi_plan *plan = *at;
        if (kept-- > 0 || plan->users > 0) {
            at = &plan->next;
            continue;
        }
        *at = plan->next;
        plan_free(plan);
    }
}

/* ---------------------------------------------------------------------------------------------- */
/* Plans                                                                                          */

/* A pattern at `at`, and how many words it takes; a dense one takes none. */
static size_t read_pattern(const int64_t *at, int64_t n, int64_t nonzeros, const int64_t **colptr,
                           const int64_t **rowidx)
{
    if (nonzeros < 0)
        return 0;
    *colptr = at;
    *rowidx = at + n + 1;
    return (size_t)(n + 1 + nonzeros);
}

/* The family that a key describes; `cones` has room for them.  The words that were read. */
static size_t read_family(const int64_t *key, qc_family *family, qc_cone *cones)
{
    *family = (qc_family){.n = key[N],
                          .m = key[M],
                          .cone_count = key[CONES],
                          .cones = cones,
                          .shared = (unsigned)key[SHARED]};
    size_t at = HEADER;
    for (int64_t k = 0; k < key[CONES]; k++, at += 3) {
        cones[k].kind = (qc_cone_kind)key[at];
        cones[k].size = key[at + 1];
        memcpy(&cones[k].alpha, &key[at + 2], sizeof(double));
    }
    at += read_pattern(key + at, key[N], key[P_NONZEROS], &family->P_colptr, &family->P_rowidx);
    at += read_pattern(key + at, key[N], key[A_NONZEROS], &family->A_colptr, &family->A_rowidx);
    return at;
}

static qc_error compile(ffi_plan *plan, qc_message *why)
{
    const int64_t *key = plan->key;
    qc_family family;
    char isa[2 * sizeof(int64_t) + 1] = {0}, engine[sizeof isa] = {0};
    qc_cone *cones = malloc(((size_t)key[CONES] + 1) * sizeof *cones);
    if (!cones)
        return QC_ERROR_MEMORY;
    qc_error error = QC_ERROR_ARGUMENT;
    if (read_family(key, &family, cones) == plan->words) {
        memcpy(isa, &key[ISA], sizeof isa - 1);
        memcpy(engine, &key[ENGINE], sizeof engine - 1);
        const qc_plan_options options = {
            .isa = isa, .condense = (int)key[CONDENSE], .engine = engine};
        error = qc_compile(&plan->plan, &family, &options, why);
    }
    free(cones);
    if (error)
        return error;
    qc_plan_info info;
    qc_plan_describe(plan->plan, &info);
    plan->n = family.n;
    plan->m = family.m;
    plan->shared = family.shared;
    plan->P_length = info.P_length;
    plan->A_length = info.A_length;
    plan->lanes = info.lanes;
    plan->rows_per_thread = info.rows_per_thread;
    return QC_OK;
}

static qc_error plan_new(ffi_plan **out, const int64_t *key, size_t words, qc_message *why)
{
    if (words < HEADER)
        return QC_ERROR_ARGUMENT;
    ffi_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return QC_ERROR_MEMORY;
    qc_error error = QC_ERROR_MEMORY;
    plan->words = words;
    if ((plan->key = malloc(words * sizeof *key))) {
        memcpy(plan->key, key, words * sizeof *key);
        error = compile(plan, why);
    }
    if (error) {
        plan_free(plan);
        return error;
    }
    *out = plan;
    return QC_OK;
}

/* Off the list, or NULL. */
static ffi_plan *plan_find(const int64_t *key, size_t words)
{
    for (ffi_plan **at = &plans; *at; at = &(*at)->next) {
        ffi_plan *plan = *at;
        if (plan->words == words && memcmp(plan->key, key, words * sizeof *key) == 0) {
            *at = plan->next;
            return plan;
        }
    }
    return NULL;
}

qc_error ffi_plan_get(ffi_plan **out, const int64_t *key, size_t words, qc_message *why)
{
    qc_error error = QC_OK;
    pthread_mutex_lock(&lock);
    ffi_plan *plan = plan_find(key, words);
    if (!plan)
        error = plan_new(&plan, key, words, why);
    if (!error) {
        plan->users++;
        plan->next = plans;
        plans = plan;
        forget(PLANS_KEPT);
    }
    pthread_mutex_unlock(&lock);
    *out = plan;
    return error;
}

void ffi_plan_put(ffi_plan *plan)
{
    pthread_mutex_lock(&lock);
    plan->users--;
    pthread_mutex_unlock(&lock);
}

void ffi_clear(void)
{
    pthread_mutex_lock(&lock);
    forget(0);
    pthread_mutex_unlock(&lock);
}

/* ---------------------------------------------------------------------------------------------- */
/* Solvers                                                                                        */

int64_t ffi_values_count(const ffi_plan *plan, int64_t batch)
{
    const int64_t P = plan->shared & QC_SHARED_P ? 1 : batch;
    const int64_t A = plan->shared & QC_SHARED_A ? 1 : batch;
    return P * plan->P_length + A * plan->A_length + batch * (plan->n + plan->m);
}

/* Whether a new solver for this batch would solve one problem after another. */
static int in_rows(const ffi_plan *plan, int64_t batch, int64_t num_threads)
{
    return (batch + num_threads - 1) / num_threads <= plan->rows_per_thread;
}

/* More threads than groups would have nothing to do. */
static int threads_of(const ffi_plan *plan, const ffi_call *call)
{
    const int64_t lanes = in_rows(plan, call->batch, call->num_threads) ? 1 : plan->lanes;
    const int64_t groups = (call->batch + lanes - 1) / lanes;
    return (int)(call->num_threads < groups ? call->num_threads : groups);
}

static int solved_by(const ffi_slot *slot, const ffi_plan *plan, const ffi_call *call,
                     const double *values)
{
    const size_t bytes = (size_t)ffi_values_count(plan, call->batch) * sizeof(double);
    return slot->call.batch == call->batch && slot->call.tolerance == call->tolerance &&
           slot->call.tolerance_infeasible == call->tolerance_infeasible &&
           slot->call.max_iterations == call->max_iterations &&
           memcmp(&slot->call.derivative, &call->derivative, sizeof call->derivative) == 0 &&
           memcmp(slot->values, values, bytes) == 0;
}

ffi_slot *ffi_slot_find(ffi_plan *plan, const ffi_call *call, const double *values)
{
    ffi_slot *found = NULL;
    pthread_mutex_lock(&lock);
    for (ffi_slot **at = &plan->idle; *at && !found; at = &(*at)->next)
        if (solved_by(*at, plan, call, values)) {
            found = *at;
            *at = found->next;
            found->fresh = 0;
            break;
        }
    pthread_mutex_unlock(&lock);
    return found;
}

static int takes_differences(const qc_settings *settings)
{
    return settings->derivatives && settings->derivative_mode >= QC_MODE_LPGD;
}

/* A large solver could serve a small batch, but not as fast as one that was made for it. */
static int serves(const ffi_plan *plan, const ffi_slot *slot, int64_t batch,
                  const qc_settings *settings)
{
    return slot->capacity >= batch && slot->threads >= settings->num_threads &&
           slot->derivatives >= settings->derivatives &&
           slot->differences >= takes_differences(settings) &&
           slot->rows == in_rows(plan, batch, settings->num_threads);
}

/* The idle solver to use again, taken off the list: the longest unused of those that serve and whose
 * derivative nobody waits for.  Without one, a new one is made, in the place of the longest unused of
 * all where there are enough. */
static ffi_slot *choose(ffi_plan *plan, int64_t batch, const qc_settings *settings)
{
    ffi_slot **chosen = NULL, **last = NULL;
    int count = 0;
    for (ffi_slot **at = &plan->idle; *at; at = &(*at)->next, count++) {
        last = at;
        if (!(*at)->fresh && serves(plan, *at, batch, settings))
            chosen = at;
    }
    if (!chosen && count >= SLOTS_KEPT)
        chosen = last;
    if (!chosen)
        return NULL;
    ffi_slot *slot = *chosen;
    *chosen = slot->next;
    return slot;
}

static qc_error slot_new(ffi_slot **out, const ffi_plan *plan, int64_t capacity,
                         const qc_settings *settings, qc_message *why)
{
    ffi_slot *slot = calloc(1, sizeof *slot);
    if (!slot)
        return QC_ERROR_MEMORY;
    const qc_error error = qc_solver_new(&slot->solver, plan->plan, capacity, settings, why);
    if (error) {
        slot_free(slot);
        return error;
    }
    slot->capacity = capacity;
    slot->threads = settings->num_threads;
    slot->derivatives = settings->derivatives;
    slot->differences = takes_differences(settings);
    slot->rows = in_rows(plan, capacity, settings->num_threads);
    *out = slot;
    return QC_OK;
}

static qc_settings settings_of(const ffi_plan *plan, const ffi_call *call)
{
    const ffi_derivative *d = &call->derivative;
    return (qc_settings){
        .tolerance = call->tolerance,
        .tolerance_infeasible = call->tolerance_infeasible,
        .max_iterations = (int)call->max_iterations,
        .num_threads = threads_of(plan, call),
        .derivatives = (int)call->derivatives,
        .derivative_mode = (qc_derivative_mode)d->mode,
        .derivative_tolerance = d->tolerance,
        .derivative_iterations = d->iterations,
        .smoothing = d->smoothing,
        .lpgd_tau = d->lpgd_tau,
        .lpgd_rho = d->lpgd_rho,
    };
}

qc_error ffi_slot_take(ffi_slot **out, ffi_plan *plan, const ffi_call *call, double *values,
                       qc_message *why)
{
    const qc_settings settings = settings_of(plan, call);
    pthread_mutex_lock(&lock);
    ffi_slot *slot = choose(plan, call->batch, &settings);
    pthread_mutex_unlock(&lock);
    if (slot && !serves(plan, slot, call->batch, &settings)) {
        slot_free(slot);
        slot = NULL;
    }
    qc_error error = slot ? qc_solver_set(slot->solver, &settings, why)
                          : slot_new(&slot, plan, call->batch, &settings, why);
    if (error) {
        free(values);
        if (slot)
            slot_free(slot);
        return error;
    }
    free(slot->values);
    slot->values = values;
    slot->call = *call;
    slot->call.batch = call->derivatives ? call->batch : 0;
    slot->fresh = (int)call->derivatives;
    *out = slot;
    return QC_OK;
}

void ffi_slot_give(ffi_plan *plan, ffi_slot *slot)
{
    ffi_slot *dropped = NULL;
    int count = 0;
    pthread_mutex_lock(&lock);
    slot->next = plan->idle;
    plan->idle = slot;
    for (ffi_slot **at = &plan->idle; *at; at = &(*at)->next)
        if (++count > SLOTS_KEPT) {
            dropped = *at;
            *at = NULL;
            break;
        }
    pthread_mutex_unlock(&lock);
    if (dropped)
        slot_free(dropped);
}
