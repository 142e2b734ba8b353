# SPDX-License-Identifier: Apache-2.0
"""Solutions meet the optimality conditions, and certificates prove what they claim."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import batches, check_one, check_optimal, feasible, largest, seeds, sizes

import quadcone as qc


@given(seeds, sizes(), batches)
def test_strictly_convex(rng, size, batch):
    data = feasible(rng, *size, batch, ridge=0.1)
    solution = data.solve()
    check_optimal(data, solution)
    # The solution is unique, and Newton's last step takes it far below what the tolerance asks for.
    assert np.allclose(solution.x, data.x, rtol=1e-6, atol=1e-6)


@given(seeds, sizes(), batches, st.data())
def test_convex(rng, size, batch, draw):
    """P is singular, down to a linear program: x need not be unique, the objective is."""
    rank = draw.draw(st.integers(0, size[0]), "rank")
    data = feasible(rng, *size, batch, rank=rank)
    solution = data.solve()
    check_optimal(data, solution)
    for k in range(batch):
        one = data.one(k)
        best = 0.5 * one.x @ one.P @ one.x + one.q @ one.x
        assert solution.objective[k] == pytest.approx(best, rel=1e-6, abs=1e-6)


@given(seeds, sizes(), batches)
def test_weakly_active(rng, size, batch):
    data = feasible(rng, *size, batch, weak=size[2] // 2)
    check_optimal(data, data.solve())


@given(seeds, sizes(), st.sampled_from([0, None]))
def test_redundant_equalities(rng, size, rank):
    n, p, m = size
    data = feasible(rng, n, p, m, 3, rank=rank)
    twice = np.r_[0:p, 0 : p + m]
    data.A, data.b, data.p = data.A[:, twice], data.b[:, twice], 2 * p
    check_optimal(data, data.solve())


@given(seeds, sizes(), st.floats(0.0, 3.0))
def test_badly_scaled(rng, size, decades):
    """Rows and columns of very different size; the conditions hold relative to these."""
    n, p, m = size
    data = feasible(rng, n, p, m, 3)
    rows = 10.0 ** rng.uniform(-decades, decades, (3, p + m))
    cols = 10.0 ** rng.uniform(-decades, decades, (3, n))
    data.A = data.A * rows[:, :, None] * cols[:, None, :]
    data.b = data.b * rows
    data.P = data.P * cols[:, :, None] * cols[:, None, :]
    data.q = data.q * cols
    check_optimal(data, data.solve())


def test_units_of_rows_cost_few_iterations():
    """9 on average when the first point took s and y for equally large."""
    rng = np.random.default_rng(0)
    batch, n = 128, 25
    root = rng.standard_normal((batch, n, n))
    P = root @ root.transpose(0, 2, 1) / n + 0.01 * np.eye(n)
    A = rng.standard_normal((batch, n, n)) * 10 ** rng.uniform(-2, 2, (batch, n, 1))
    q, b = rng.standard_normal((batch, n)), np.abs(rng.standard_normal((batch, n)))
    size = 10 ** rng.uniform(-2, 2, (3, batch, 1))
    problem = qc.Problem(P * size[0, :, :, None], A, cones={"z": 5, "l": 20}, condense=True)
    solution = problem.solve(q * size[1], b * size[2])
    assert solution.solved.all()
    assert solution.iterations.mean() <= 7.5


@pytest.mark.parametrize("n", [100, 200])
def test_large(n):
    data = feasible(np.random.default_rng(n), n, n // 2, n, 2)
    check_optimal(data, data.solve())


def test_unconstrained():
    rng = np.random.default_rng(0)
    data = feasible(rng, 5, 0, 0, 3)
    solution = data.solve()
    expected = np.linalg.solve(data.P, -data.q[..., None])[..., 0]
    assert np.allclose(solution.x, expected, rtol=1e-10)
    assert solution.y.shape == solution.s.shape == (3, 0)


def test_only_equalities():
    """One linear system: the answer is exact to rounding."""
    data = feasible(np.random.default_rng(1), 6, 3, 0, 4)
    solution = data.solve()
    assert np.allclose(solution.x, data.x, rtol=1e-9, atol=1e-9)
    assert np.allclose(solution.y, data.y, rtol=1e-9, atol=1e-9)


@given(seeds, sizes(), st.sampled_from([0, None]))
def test_primal_infeasible(rng, size, rank):
    """Two rows that contradict each other make y a certificate, for that problem alone."""
    n, p, m = size
    data = feasible(rng, n, p, m + 2, 3, rank=rank)
    data.A[1, -1] = -data.A[1, -2]
    data.b[1, -1] = -data.b[1, -2] - 1.0
    data.q[1] = -data.P[1] @ data.x[1] - data.A[1].T @ data.y[1]  # so that the dual is feasible
    solution = data.solve()
    assert solution.status == ["solved", "primal_infeasible", "solved"]
    y, A, b = solution.y[1], data.A[1], data.b[1]
    assert b @ y == pytest.approx(-1.0)
    assert largest(A.T @ y) <= 1e-7 * (1.0 + largest(y))
    assert np.all(y[p:] >= -1e-9)
    assert np.all(np.isnan(solution.x[1]))
    assert np.all(np.isnan(solution.s[1]))
    for k in (0, 2):
        check_one(data.one(k), solution.x[k], solution.y[k], solution.s[k], 1e-8)


@given(seeds, sizes())
def test_dual_infeasible(rng, size):
    """A direction in which the objective falls for ever is the certificate."""
    n, p, m = size
    data = feasible(rng, n + 1, p, m, 3, rank=0)
    ray = rng.standard_normal(n + 1)
    A, P = data.A[1], data.P[1]
    A[:p] -= np.outer(A[:p] @ ray, ray) / (ray @ ray)
    A[p:] = np.where((A[p:] @ ray > 0)[:, None], -A[p:], A[p:])
    data.b[1] = A @ data.x[1] + data.s[1]
    data.q[1] -= ray * (1.0 + data.q[1] @ ray) / (ray @ ray)
    solution = data.solve()
    assert solution.status == ["solved", "dual_infeasible", "solved"]
    x, s = solution.x[1], solution.s[1]
    assert data.q[1] @ x == pytest.approx(-1.0)
    assert largest(P @ x) <= 1e-7 * (1.0 + largest(x))
    assert largest(A @ x + s) <= 1e-7 * (1.0 + largest(x))
    assert np.all(s[p:] >= -1e-9)
    assert np.all(np.isnan(solution.y[1]))


def test_iteration_limit():
    data = feasible(np.random.default_rng(2), 8, 2, 12, 3)
    solution = data.solve(max_iterations=1)
    assert set(solution.status) <= {"max_iterations", "solved"}
    limited = ~solution.solved
    assert limited.any()
    for values in (solution.x, solution.y, solution.s):
        assert np.all(np.isnan(values[limited]))


def test_warm_start():
    """From the solution of a nearby problem; the answer meets the same conditions."""
    rng = np.random.default_rng(3)
    data = feasible(rng, 10, 3, 12, 9)
    problem = data.problem()
    cold = problem.solve(data.q, data.b)
    again = problem.solve(data.q, data.b, warm_start=cold)
    check_optimal(data, again)
    assert np.all(again.iterations <= cold.iterations)
    assert np.mean(again.iterations) < np.mean(cold.iterations)
    data.q = data.q + 1e-3 * rng.standard_normal(data.q.shape)
    near = problem.solve(data.q, data.b, warm_start=(cold.x, cold.y, cold.s))
    check_optimal(data, near)
    nothing = tuple(values * np.nan for values in (cold.x, cold.y, cold.s))
    check_optimal(data, problem.solve(data.q, data.b, warm_start=nothing))


@pytest.mark.parametrize("isa", qc._core.isa_names())
@pytest.mark.parametrize("condense", [True, False])
def test_every_engine(isa, condense):
    data = feasible(np.random.default_rng(4), 12, 4, 15, 9)
    solution = data.solve(isa=isa, condense=condense)
    check_optimal(data, solution)
    assert np.allclose(solution.x, data.x, rtol=1e-6, atol=1e-6)
