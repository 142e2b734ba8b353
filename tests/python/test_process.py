# SPDX-License-Identifier: Apache-2.0
"""Signals, callbacks, threads, forks, memory, and what an import costs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from support import check_optimal, feasible

import quadcone as qc


@pytest.fixture(scope="module")
def long_solve():
    """A call that takes seconds: many problems that differ in q alone."""
    rng = np.random.default_rng(0)
    data = feasible(rng, 60, 20, 60).one(0)
    problem = qc.Problem(data.P, data.A, data.cones, derivatives=False, num_threads=1)
    q = data.q + 0.1 * rng.standard_normal((100_000, 60))
    return lambda **overrides: problem.solve(q, data.b, **overrides)


@pytest.fixture
def interruptible():
    """Python's own handler, also where the tests run in the background, with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("threads", [1, 2])
def test_keyboard_interrupt(long_solve, threads):
    """Ctrl-C ends the call, and not because it was over."""
    seen = []
    killer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    killer.start()
    with pytest.raises(KeyboardInterrupt):
        long_solve(num_threads=threads, callback=lambda done, batch, _: seen.append((done, batch)))
    done, batch = seen[-1]
    assert done < batch


@pytest.mark.usefixtures("interruptible")
def test_keyboard_interrupt_without_a_callback(long_solve):
    killer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    killer.start()
    with pytest.raises(KeyboardInterrupt):
        long_solve()


def test_callback_sees_progress_and_stops(long_solve):
    seen = []

    def stop(done, batch, seconds):
        seen.append((done, batch, seconds))
        return len(seen) == 5

    solution = long_solve(callback=stop)
    assert len(seen) == 5
    assert [step[0] for step in seen] == sorted(step[0] for step in seen)
    assert {step[1] for step in seen} == {100_000}
    codes = np.bincount(solution.codes)
    assert set(solution.status) <= {"solved", "interrupted"}
    assert codes[-1] > 0
    interrupted = ~solution.solved
    assert np.all(np.isnan(solution.x[interrupted]))
    assert not np.any(np.isnan(solution.x[~interrupted]))


@pytest.mark.parametrize("condense", [True, False])
def test_a_stop_where_every_problem_has_its_own_values(condense):
    """Those that are stopped before they are condensed have nothing to continue with."""
    rng = np.random.default_rng(0)
    data = feasible(rng, 60, 20, 60).one(0)
    problem = qc.Problem(data.P, data.A, data.cones, condense=condense, num_threads=1)
    P = data.P * np.linspace(1.0, 1.1, 2000)[:, None, None]
    solution = problem.solve(data.q, data.b, P=P, callback=lambda *_: True)
    stopped = np.array(solution.status) == "interrupted"
    assert stopped.any()
    assert np.all(solution.solved[~stopped])
    gradients = solution.vjp(np.ones_like(solution.x))
    assert np.all(np.isnan(solution.x[stopped])) and np.all(np.isnan(gradients.P[stopped]))
    assert np.all(np.isfinite(gradients.A))  # of those that are solved


def test_an_exception_in_a_callback_is_raised(long_solve):
    with pytest.raises(ZeroDivisionError):
        long_solve(callback=lambda *_: 1 // 0)


def test_other_threads_run_during_a_solve(long_solve):
    """The interpreter is free: a counter in another thread goes on counting."""
    count, stop = 0, threading.Event()

    def counting():
        nonlocal count
        while not stop.wait(0.001):
            count += 1

    counter = threading.Thread(target=counting)
    counter.start()
    begin = time.monotonic()
    long_solve(callback=lambda *progress: progress[2] > 0.5)
    stop.set()
    counter.join()
    # Were the interpreter held, there would be next to none; each takes a millisecond or more.
    assert count > 20 * (time.monotonic() - begin)


def test_threads_share_a_problem_and_a_solution():
    data = feasible(np.random.default_rng(1), 8, 2, 8, 20)
    problem = data.problem()
    first = problem.solve(data.q, data.b)
    u = np.ones_like(first.x)
    expected = first.vjp(u).q

    def work(_):
        own = problem.solve(data.q, data.b)
        return own.x, own.vjp(u).q, first.vjp(u).q

    with ThreadPoolExecutor(4) as pool:
        for x, own, shared in pool.map(work, range(40)):
            assert np.array_equal(x, first.x)
            assert np.array_equal(own, expected)
            assert np.array_equal(shared, expected)


def test_fork():
    """Solvers, whose threads do not survive, are good in a child all the same."""
    data = feasible(np.random.default_rng(2), 8, 2, 8, 40)
    problem = data.problem(num_threads=2)
    expected = problem.solve(data.q, data.b).x
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads
        child = os.fork()
    if child == 0:
        signal.alarm(30)  # a child that hangs must die
        same = np.array_equal(problem.solve(data.q, data.b).x, expected)
        os._exit(0 if same else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0
    check_optimal(data, problem.solve(data.q, data.b))


def resident() -> int:
    """Bytes of memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_memory_does_not_grow():
    """Thousands of calls, an error among them each time; the bound is 350 bytes a call."""
    data = feasible(np.random.default_rng(3), 6, 1, 6, 8)
    problem = data.problem()
    bad = data.q * np.nan

    def call():
        solution = problem.solve(data.q, data.b)
        solution.vjp(solution.x)
        solution.jvp(dq=data.q)
        with pytest.raises(ValueError, match="q of problem 0"):
            problem.solve(bad, data.b)

    for _ in range(300):
        call()
    before = resident()
    for _ in range(3000):
        call()
    assert resident() - before < 2**20


def test_new_batch_sizes_do_not_pile_up():
    """A larger solver replaces a smaller one, and a plan keeps a few."""
    data = feasible(np.random.default_rng(4), 4, 1, 4, 200)
    problem = qc.Problem(data.P[0], data.A[0], data.cones, engine="lanes")
    family = problem._family
    for batch in [*range(1, 200), *range(199, 0, -1)]:
        problem.solve(data.q[:batch], data.b[0])
    plan = qc._plan.plan_for(family, 0b1101)
    one = problem.solve(data.q[:199], data.b[0])
    taken = plan.idle_bytes()
    del one
    assert plan.idle_bytes() > 0
    assert taken == 0


IMPORT_ONCE = """
import sys, time
import numpy
begin = time.perf_counter()
import quadcone
seconds = time.perf_counter() - begin
heavy = [name for name in ("torch", "jax", "cvxpy", "scipy") if name in sys.modules]
print(seconds, *heavy)
"""


def test_import_is_light():
    """Nothing heavy is imported, and on top of NumPy it takes less than 0.15 s, warm."""
    runs = [
        subprocess.run(
            [sys.executable, "-c", IMPORT_ONCE], capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(3)
    ]
    assert all(len(run) == 1 for run in runs)
    assert min(float(run[0]) for run in runs) < 0.15
