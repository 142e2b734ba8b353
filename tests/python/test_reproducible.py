# SPDX-License-Identifier: Apache-2.0
"""Bit by bit, an answer depends on nothing but the problem."""

from __future__ import annotations

import numpy as np
import pytest
from conic import count_rows
from support import feasible

import quadcone as qc
from quadcone.cones import project

FAMILIES = {
    "small": {"n": 4, "p": 1, "m": 5},
    "condensed": {"n": 20, "p": 5, "m": 10},
    "linear": {"n": 6, "p": 2, "m": 12, "rank": 0},
}
BATCH = 37  # whole groups of lanes and a remainder, for 8, 4 and 2 lanes


@pytest.fixture(params=FAMILIES)
def data(request):
    return feasible(np.random.default_rng(11), batch=BATCH, **FAMILIES[request.param])


def outputs(problem, q, b, **settings):
    solution = problem.solve(q, b, **settings)
    u = [
        np.sin(1.0 + np.arange(v.size)).reshape(v.shape)
        for v in (solution.x, solution.y, solution.s)
    ]
    # The cotangent of a problem must not depend on where it is.
    u = [np.broadcast_to(part[:1], part.shape) for part in u]
    gradients = solution.vjp(*u)
    info = (solution.codes, solution.iterations, solution.objective, solution.margin)
    return (solution.x, solution.y, solution.s, *info, *gradients)


def assert_same(left, right):
    for k, (one, other) in enumerate(zip(left, right, strict=True)):
        assert np.array_equal(one, other, equal_nan=True), k


def test_position(data):
    problem = data.problem()
    order = np.random.default_rng(0).permutation(BATCH)
    moved = qc.Problem(data.P[order], data.A[order], data.cones)
    straight = outputs(problem, data.q, data.b)
    assert_same([v[order] for v in straight], outputs(moved, data.q[order], data.b[order]))


@pytest.mark.parametrize("size", [1, 3, 8, 9])
def test_batch_size(data, size):
    whole = outputs(data.problem(), data.q, data.b)
    for start in range(0, BATCH, size):
        part = slice(start, start + size)
        problem = qc.Problem(data.P[part], data.A[part], data.cones)
        assert_same([v[part] for v in whole], outputs(problem, data.q[part], data.b[part]))


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_threads(data, threads):
    problem = data.problem()
    one = outputs(problem, data.q, data.b, num_threads=1)
    assert_same(one, outputs(problem, data.q, data.b, num_threads=threads))


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_and_shared_sums(data, threads):
    """Sums over the batch run in one order, whoever adds."""
    problem = qc.Problem(data.P[0], data.A[0], data.cones)
    q = data.q[0] + 0.01 * np.random.default_rng(0).standard_normal((BATCH, problem.n))
    one = outputs(problem, q, data.b[0], num_threads=1)
    assert_same(one, outputs(problem, q, data.b[0], num_threads=threads))


def test_neighbours(data):
    """A problem that has no solution, or is far larger, changes nothing for the others."""
    before = outputs(data.problem(), data.q, data.b)
    data.q[3] *= 1e6
    data.b[4] = -1e3
    after = outputs(data.problem(), data.q, data.b)
    kept = np.delete(np.arange(BATCH), [3, 4])
    assert_same([v[kept] for v in before], [v[kept] for v in after])


@pytest.mark.parametrize("size", [1, 3, BATCH])
@pytest.mark.parametrize("engine", ["lanes", "rows"])
def test_engine(data, engine, size):
    whole = outputs(data.problem(), data.q, data.b)
    try:
        problem = qc.Problem(data.P[:size], data.A[:size], data.cones, engine=engine)
        part = outputs(problem, data.q[:size], data.b[:size])
    except NotImplementedError:
        pytest.skip("this machine has no rows")
    assert_same([v[:size] for v in whole], part)


def test_again(data):
    """A solver that has been used before gives the same answer."""
    problem = data.problem()
    first = outputs(problem, data.q, data.b)
    outputs(problem, data.q * 2.0, data.b + 1.0)
    assert_same(first, outputs(problem, data.q, data.b))


MANY = 200
CURVED = {
    "second-order": {"z": 1, "q": [2, 6], "ed": 1},
    "mixed": {"l": 8, "q": [4, 3]},
    "PSD": {"s": [4]},
}


def near_kinks(rng, n, cones, *, shared):
    """Problems whose solutions have entries s = y = 0, and and which take few steps or many."""
    m = count_rows(cones)
    size = () if shared else (MANY,)
    M, A = rng.standard_normal((*size, n, n)), rng.standard_normal((*size, m, n))
    P = 0.01 * (M @ M.swapaxes(-1, -2) + 1e-3 * np.eye(n))
    x = rng.standard_normal((MANY, n))
    v = rng.standard_normal((MANY, m)) * 10.0 ** rng.uniform(-3.0, 2.0, (MANY, 1))
    v[rng.random(v.shape) < 0.3] = 0.0
    s = project(v, cones)
    q = -np.einsum("...ij,...j->...i", P, x) - np.einsum("...ij,...i->...j", A, s - v)
    return P, q, A, np.einsum("...ij,...j->...i", A, x) + s


@pytest.mark.parametrize("cones", CURVED.values(), ids=CURVED)
def test_neighbours_of_condensed_cones(cones):
    """The last refinement has the D of the solution, whoever took more steps."""
    P, q, A, b = near_kinks(np.random.default_rng(0), 6, cones, shared=False)
    order = np.random.default_rng(1).permutation(MANY)
    straight = outputs(qc.Problem(P, A, cones, condense=True), q, b)
    moved = qc.Problem(P[order], A[order], cones, condense=True)
    assert_same([v[order] for v in straight], outputs(moved, q[order], b[order]))


@pytest.mark.parametrize("cones", [{"z": 2, "q": [2, 6], "ed": 1}, {"s": [4]}], ids=["q", "s"])
def test_neighbours_of_those_that_run_out(cones):
    """Which points a problem may go back to depends on its own steps alone."""
    P, q, A, b = near_kinks(np.random.default_rng(0), 1, cones, shared=True)
    problem = qc.Problem(P, A, cones, condense=False, engine="lanes", max_iterations=10)
    order = np.random.default_rng(1).permutation(MANY)
    straight, moved = problem.solve(q, b), problem.solve(q[order], b[order])
    for name in ("x", "y", "s", "codes"):
        assert_same([getattr(straight, name)[order]], [getattr(moved, name)])


@pytest.mark.parametrize("seed", [210, 769])
def test_neighbours_of_a_problem_whose_active_rows_never_settle(seed):
    """Whether it is degenerate is seen in the factor at its solution, not of a step before."""
    rng = np.random.default_rng(seed)
    n, m = 6, 9
    M, A = rng.standard_normal((n, n)), rng.standard_normal((m, n))
    P = M @ M.T / n + 0.1 * np.eye(n)
    if seed % 2:
        A[m - 1] = A[0]
    x = rng.standard_normal((4, n))
    v = rng.standard_normal((4, m)) * (rng.random((4, m)) < 0.5)
    s = np.maximum(v, 0.0)
    q, b = -x @ P - (s - v) @ A, x @ A.T + s
    problem = qc.Problem(P, A, {"l": m}, condense=True, engine="lanes")
    together = problem.solve(q, b)
    for k in range(4):
        alone = problem.solve(q[[k]], b[[k]])
        assert alone.iterations[0] == together.iterations[k]
        assert_same([together.x[k], together.y[k]], [alone.x[0], alone.y[0]])
