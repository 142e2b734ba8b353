// SPDX-License-Identifier: Apache-2.0
#define _POSIX_C_SOURCE 200809L

#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"

/* Looks at a flag before going to sleep on it, at first all the time and then between other threads' turns: some
 * microseconds, and then the tens of them that being woken takes and that two calls are mostly apart. */
enum { SPINS = 200, YIELDS = 400 };

enum { IDLE, BUSY, LEAVING };

/* The caller moves a worker from IDLE to BUSY or LEAVING; the worker moves itself back to IDLE.
 * `work` and `context` are written while it is IDLE and read while it is BUSY. */
typedef struct worker {
    _Alignas(QC__ALIGNMENT) atomic_int state;
    int index;
    void (*work)(void *context, int worker);
    void *context;
    pthread_t thread;
    pthread_mutex_t lock; /* held where state changes, so that no wake-up is lost */
    pthread_cond_t changed;
} worker;

struct qc__pool {
    int capacity; /* threads that the pool may start */
    int started;  /* of them, running */
    pid_t process;
    worker *workers;
};

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Waits until w is no longer in `state`; returns what it is in. */
static int wait_while(worker *w, int state)
{
    for (int k = 0; k < SPINS + YIELDS; k++) {
        const int now = atomic_load_explicit(&w->state, memory_order_acquire);
        if (now != state)
            return now;
        if (k < SPINS)
            relax();
        else
            sched_yield();
    }
    pthread_mutex_lock(&w->lock);
    while (atomic_load_explicit(&w->state, memory_order_acquire) == state)
        pthread_cond_wait(&w->changed, &w->lock);
    const int now = atomic_load_explicit(&w->state, memory_order_acquire);
    pthread_mutex_unlock(&w->lock);
    return now;
}

static void move_to(worker *w, int state)
{
    pthread_mutex_lock(&w->lock);
    atomic_store_explicit(&w->state, state, memory_order_release);
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static void *worker_main(void *argument)
{
    worker *w = argument;
    while (wait_while(w, IDLE) == BUSY) {
        w->work(w->context, w->index);
        move_to(w, IDLE);
    }
    return NULL;
}

/* Starts one more thread; 0 where the system refuses. */
static int start_one(qc__pool *pool)
{
    worker *w = &pool->workers[pool->started];
    atomic_init(&w->state, IDLE);
    w->index = pool->started + 1;
    if (pthread_mutex_init(&w->lock, NULL) != 0)
        return 0;
    if (pthread_cond_init(&w->changed, NULL) != 0)
        goto no_condition;
    /* Signals belong to the program's own threads. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(&w->thread, NULL, worker_main, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        goto no_thread;
    pool->started++;
    return 1;
no_thread:
    pthread_cond_destroy(&w->changed);
no_condition:
    pthread_mutex_destroy(&w->lock);
    return 0;
}

/* Makes at least `wanted` threads run, as far as possible; returns how many of them there are. */
static int start_threads(qc__pool *pool, int wanted)
{
    const pid_t process = getpid();
    if (pool->process != process) {
        pool->process = process;
        pool->started = 0;
    }
    if (wanted > pool->capacity)
        wanted = pool->capacity;
    while (pool->started < wanted && start_one(pool))
        continue;
    return pool->started < wanted ? pool->started : wanted;
}

qc_error qc__pool_new(qc__pool **out, int threads)
{
    *out = NULL;
    qc__pool *pool = NEW(1, qc__pool);
    if (!pool)
        return QC_ERROR_MEMORY;
    const int capacity = threads > 1 ? threads - 1 : 0;
    *pool = (qc__pool){.capacity = capacity, .process = getpid()};
    pool->workers = qc__aligned_alloc((size_t)capacity * sizeof(worker));
    if (!pool->workers) {
        free(pool);
        return QC_ERROR_MEMORY;
    }
    *out = pool;
    return QC_OK;
}

void qc__pool_free(qc__pool *pool)
{
    if (!pool)
        return;
    if (pool->process != getpid())
        pool->started = 0;
    for (int k = 0; k < pool->started; k++) {
        worker *w = &pool->workers[k];
        move_to(w, LEAVING);
        pthread_join(w->thread, NULL);
        pthread_cond_destroy(&w->changed);
        pthread_mutex_destroy(&w->lock);
    }
    qc__aligned_free(pool->workers);
    free(pool);
}

void qc__pool_run(qc__pool *pool, int threads, void (*work)(void *context, int worker),
                  void *context)
{
    const int helpers = pool && threads > 1 ? start_threads(pool, threads - 1) : 0;
    for (int k = 0; k < helpers; k++) {
        pool->workers[k].work = work;
        pool->workers[k].context = context;
        move_to(&pool->workers[k], BUSY);
    }
    work(context, 0);
    for (int k = helpers + 1; k < threads; k++)
        work(context, k);
    for (int k = 0; k < helpers; k++)
        wait_while(&pool->workers[k], BUSY);
}
