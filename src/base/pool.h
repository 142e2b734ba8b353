// SPDX-License-Identifier: Apache-2.0
/*
 * pool.h -- a few threads that wait for work.
 *
 * The calling thread is worker 0.  Threads start at the first run that needs them, and again in a
 * child process after fork(), where those of the parent do not exist.  A pool is used by one thread
 * at a time.
 */
#ifndef QC_BASE_POOL_H
#define QC_BASE_POOL_H

#include "quadcone.h"

typedef struct qc__pool qc__pool;

/* A pool for runs of up to `threads` workers, the caller included.  On failure *out is NULL. */
qc_error qc__pool_new(qc__pool **out, int threads);
void qc__pool_free(qc__pool *pool); /* NULL is fine */

/*
 * Calls work(context, w) for each w in 0 .. threads - 1, side by side, and returns when all are done.
 * Where the pool is NULL or smaller, or the system refuses a thread, the caller does the rest itself.
 */
void qc__pool_run(qc__pool *pool, int threads, void (*work)(void *context, int worker),
                  void *context);

#endif
