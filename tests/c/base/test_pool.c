// SPDX-License-Identifier: Apache-2.0
#define _POSIX_C_SOURCE 200809L

#include "base/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/check.h"

enum { MOST = 8 };

/* The test is linked with --wrap=pthread_create: how many threads the system has left to give. */
static int threads_left = 100;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument)
{
    if (threads_left == 0)
        return EAGAIN;
    threads_left--;
    return __real_pthread_create(thread, attributes, start, argument);
}

typedef struct tally {
    int runs[MOST]; /* plain: the pool itself must order these writes */
    pthread_t thread[MOST];
    atomic_int total;
} tally;

static void count(void *context, int worker)
{
    tally *t = context;
    t->runs[worker]++;
    t->thread[worker] = pthread_self();
    atomic_fetch_add(&t->total, 1);
}

static void check_run(qc__pool *pool, tally *t, int threads)
{
    tally before = *t;
    qc__pool_run(pool, threads, count, t);
    for (int w = 0; w < MOST; w++)
        assert_int_equal(t->runs[w], before.runs[w] + (w < threads));
}

static void runs_every_worker_once(void **state)
{
    (void)state;
    qc__pool *pool;
    tally t = {0};
    assert_int_equal(qc__pool_new(&pool, 4), QC_OK);
    for (int k = 0; k < 2000; k++)
        check_run(pool, &t, 1 + k % 4);
    assert_true(pthread_equal(t.thread[0], pthread_self()));
    for (int w = 1; w < 4; w++)
        assert_false(pthread_equal(t.thread[w], pthread_self()));
    qc__pool_free(pool);
}

static void sleeping_workers_wake(void **state)
{
    (void)state;
    qc__pool *pool;
    tally t = {0};
    assert_int_equal(qc__pool_new(&pool, 3), QC_OK);
    for (int k = 0; k < 5; k++) {
        check_run(pool, &t, 3);
        const struct timespec pause = {0, 2000000}; /* far longer than a worker spins */
        nanosleep(&pause, NULL);
    }
    qc__pool_free(pool);
}

static void the_caller_does_what_the_pool_cannot(void **state)
{
    (void)state;
    qc__pool *pool;
    tally t = {0};
    check_run(NULL, &t, 3);
    assert_int_equal(qc__pool_new(&pool, 2), QC_OK);
    check_run(pool, &t, 5);
    assert_true(pthread_equal(t.thread[4], pthread_self()));
    qc__pool_free(pool);
    assert_int_equal(qc__pool_new(&pool, 0), QC_OK);
    check_run(pool, &t, 2);
    qc__pool_free(pool);
    qc__pool_free(NULL);
}

static void an_unused_pool_is_freed(void **state)
{
    (void)state;
    qc__pool *pool;
    assert_int_equal(qc__pool_new(&pool, 4), QC_OK);
    qc__pool_free(pool);
}

/* The child's exit status: 0 if a pool of the parent works there too. */
static int run_in_child(qc__pool *pool)
{
    tally t = {0};
    qc__pool_run(pool, 4, count, &t);
    qc__pool_run(pool, 4, count, &t);
    int wrong = atomic_load(&t.total) != 8;
    for (int w = 1; w < 4; w++)
        wrong |= t.runs[w] != 2 || pthread_equal(t.thread[w], pthread_self());
    qc__pool_free(pool);
    return wrong;
}

static void survives_fork(void **state)
{
    (void)state;
#if defined(__SANITIZE_THREAD__) || defined(TEST_EMULATED)
    skip(); /* they keep the parent's threads in their books, and die when one comes again */
#endif
    qc__pool *pool;
    tally t = {0};
    assert_int_equal(qc__pool_new(&pool, 4), QC_OK);
    check_run(pool, &t, 4);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(run_in_child(pool));
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    check_run(pool, &t, 4);
    qc__pool_free(pool);
}

static void loses_no_work_without_threads(void **state)
{
    (void)state;
    qc__pool *pool;
    tally t = {0};
    assert_int_equal(qc__pool_new(&pool, 4), QC_OK);
    threads_left = 1;
    check_run(pool, &t, 4);
    assert_int_equal(threads_left, 0);
    for (int w = 0; w < 4; w++)
        assert_int_equal(!pthread_equal(t.thread[w], pthread_self()), w == 1);
    threads_left = 100; /* the next run tries again */
    check_run(pool, &t, 4);
    for (int w = 1; w < 4; w++)
        assert_false(pthread_equal(t.thread[w], pthread_self()));
    qc__pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_every_worker_once),
        cmocka_unit_test(sleeping_workers_wake),
        cmocka_unit_test(the_caller_does_what_the_pool_cannot),
        cmocka_unit_test(an_unused_pool_is_freed),
        cmocka_unit_test(survives_fork),
        cmocka_unit_test(loses_no_work_without_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
