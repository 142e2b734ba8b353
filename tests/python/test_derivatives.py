# SPDX-License-Identifier: Apache-2.0
"""Derivatives agree with finite differences, with each other, and say when they are not unique."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support import Data, batches, feasible, seeds, sizes

import quadcone as qc

SHARED = st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans())


def interior(rng, size, batch=1) -> Data:
    """Problems whose solution is smooth and unique, and stays so for values nearby."""
    n, p, m = size
    return feasible(rng, n, p, m, batch, ridge=1.0)


def nearby(rng, size, batch, shared) -> tuple[tuple, dict[str, int]]:
    """P, q, A, b and cones of a batch around one problem; what is not shared differs a little."""
    data = interior(rng, size).one(0)
    values = (data.P, data.q, data.A, data.b)
    dP, *rest = (rng.uniform(-1e-3, 1e-3, (batch, *value.shape)) for value in values)
    noise = (dP + dP.swapaxes(1, 2), *rest)
    values = tuple(
        value if once else value + difference
        for value, difference, once in zip(values, noise, shared, strict=True)
    )
    return values, data.cones


def solve(values, cones, **settings) -> qc.Solution:
    P, q, A, b = values
    return qc.Problem(P, A, cones, **settings).solve(q, b)


def directions(rng, values):
    dP, dq, dA, db = (rng.standard_normal(value.shape) for value in values)
    return dP + dP.swapaxes(-1, -2), dq, dA, db


def dot(left, right) -> float:
    return float(sum(np.sum(u * v) for u, v in zip(left, right, strict=True)))


def central_difference(values, cones, step, h) -> tuple:
    """d/dt of x, y and s.  The error is of order h^2 from curvature, and rounding over h."""
    ahead, behind = (
        solve([v + sign * h * d for v, d in zip(values, step, strict=True)], cones)
        for sign in (1.0, -1.0)
    )
    return tuple(
        (getattr(ahead, name) - getattr(behind, name)) / (2.0 * h) for name in ("x", "y", "s")
    )


@given(seeds, sizes(6, 6), batches, SHARED)
def test_adjoint_identity(rng, size, batch, shared):
    """<J'u, v> = <u, J v>, for what is shared and what is not, to rounding."""
    values, cones = nearby(rng, size, batch, shared)
    solution = solve(values, cones)
    assert np.all(solution.solved)
    u = [rng.standard_normal(v.shape) for v in (solution.x, solution.y, solution.s)]
    v = directions(rng, values)
    gradients, tangents = solution.vjp(*u), solution.jvp(*v)
    terms = sum(np.sum(np.abs(a * b)) for a, b in zip(u, tangents, strict=True))
    assert dot(gradients, v) == pytest.approx(dot(u, tangents), rel=0.0, abs=1e-10 * (1.0 + terms))


@given(seeds, sizes(6, 6))
def test_jvp_is_a_finite_difference(rng, size):
    data = interior(rng, size).one(0)
    values = (data.P, data.q, data.A, data.b)
    solution = solve(values, data.cones)
    step = directions(rng, values)
    tangents = solution.jvp(*step)
    h = 1e-5
    scale = 1.0 + max(np.abs(tangent).max(initial=0.0) for tangent in tangents)
    assume(size[2] == 0 or solution.margin > 100 * h * scale)  # no kink within the step
    difference = central_difference(values, data.cones, step, h)
    for exact, approximate in zip(tangents, difference, strict=True):
        # The error is h^2 times a third derivative, which grows as a power of the first.
        assert np.allclose(exact, approximate, rtol=0.0, atol=1e-6 * scale**3)


@given(seeds, sizes(6, 6))
def test_gradients_of_a_batch_are_those_of_its_problems(rng, size):
    data = interior(rng, size, 5)
    solution = data.solve()
    u = [rng.standard_normal(v.shape) for v in (solution.x, solution.y, solution.s)]
    together = solution.vjp(*u)
    for k in range(5):
        alone = data.one(k).solve().vjp(*(part[k] for part in u))
        for whole, part in zip(together, alone, strict=True):
            assert np.array_equal(whole[k], part)


@given(seeds, sizes(6, 6), batches)
def test_gradient_of_a_shared_argument_is_a_sum(rng, size, batch):
    data = interior(rng, size, 1)
    values = [np.repeat(value, batch, axis=0) for value in (data.P, data.q, data.A, data.b)]
    values[1] = values[1] + 0.1 * rng.standard_normal(values[1].shape)
    apart = solve(values, data.cones)
    shared = solve((values[0][0], values[1], values[2][0], values[3][0]), data.cones)
    u = [rng.standard_normal(v.shape) for v in (apart.x, apart.y, apart.s)]
    each, total = apart.vjp(*u), shared.vjp(*u)
    assert np.all(shared.solved)
    for name in "PqAb":
        ours, parts = getattr(total, name), getattr(each, name)
        expected = parts if name == "q" else parts.sum(axis=0)
        # Rows that are nearly dependent make large gradients, of which 1e-7 is lost to rounding.
        scale = 1.0 + np.abs(parts).sum(axis=0).max(initial=0.0)
        assert np.allclose(ours, expected, rtol=0.0, atol=1e-7 * scale)


def test_optnet_equations():
    """The gradients of OptNet, from the linear system of its paper, by NumPy."""
    rng = np.random.default_rng(5)
    n, p, m = 5, 2, 4
    data = interior(rng, (n, p, m), 1).one(0)
    solution = data.solve()
    z, nu, lam = solution.x, solution.y[:p], solution.y[p:]
    A, G = data.A[:p], data.A[p:]
    K = np.block(
        [
            [data.P, G.T * lam, A.T],
            [G, np.diag(G @ z - data.b[p:]), np.zeros((m, p))],
            [A, np.zeros((p, m + p))],
        ]
    )
    dz = rng.standard_normal(n)
    d = -np.linalg.solve(K, np.r_[dz, np.zeros(m + p)])
    d_z, d_lam, d_nu = d[:n], d[n : n + m], d[n + m :]
    gradients = solution.vjp(dz)
    assert np.allclose(gradients.P, 0.5 * (np.outer(d_z, z) + np.outer(z, d_z)), atol=1e-10)
    assert np.allclose(gradients.q, d_z, atol=1e-10)
    assert np.allclose(gradients.A[:p], np.outer(d_nu, z) + np.outer(nu, d_z), atol=1e-10)
    assert np.allclose(gradients.b[:p], -d_nu, atol=1e-10)
    dG = lam[:, None] * (np.outer(d_lam, z) + d_z)
    assert np.allclose(gradients.A[p:], dG, atol=1e-10)
    assert np.allclose(gradients.b[p:], -lam * d_lam, atol=1e-10)
    assert solution.derivative_status == "exact"
    assert solution.derivative_residual < 1e-12


def test_linear_program():
    """x = b / a is the answer, and stays it: dx/db = 1/a."""
    solution = qc.solve(None, [-1.0], [[2.0], [-1.0]], [6.0, 0.0], {"l": 2})
    assert solution.x == pytest.approx([3.0])
    gradients = solution.vjp([1.0])
    assert gradients.P.shape == (0,)
    assert gradients.b == pytest.approx([0.5, 0.0])
    assert pytest.approx(np.array([[-1.5], [0.0]])) == gradients.A
    assert gradients.q == pytest.approx([0.0])


def test_redundant_equalities():
    """The same row twice: x is unique, and the two rows share the work by symmetry."""
    A = np.array([[1.0, 1.0], [1.0, 1.0]])
    solution = qc.solve(np.eye(2), np.zeros(2), A, np.ones(2), {"z": 2})
    assert solution.x == pytest.approx([0.5, 0.5])
    # Moving both b moves x by 1/2: each is given half of it.  The singular system has a solution.
    gradients = solution.vjp([1.0, 0.0])
    assert solution.derivative_status in ("exact", "least_squares")
    assert solution.derivative_residual < 1e-12
    assert gradients.b == pytest.approx([0.25, 0.25])
    assert gradients.q == pytest.approx([-0.5, 0.5])
    # How the multipliers differ is left open, so their difference has no derivative.  The nearest
    # right-hand side that has one is zero.
    gradients = solution.vjp(np.zeros(2), [1.0, -1.0])
    assert solution.derivative_status == "least_squares"
    assert solution.derivative_residual == pytest.approx(1.0)
    assert gradients.q == pytest.approx([0.0, 0.0], abs=1e-12)


def test_margin_is_zero_at_a_kink():
    smooth = qc.solve(np.eye(1), [-2.0], [[1.0]], [1.0], {"l": 1})
    kink = qc.solve(np.eye(1), [-1.0], [[1.0]], [1.0], {"l": 1})
    assert smooth.margin == pytest.approx(0.5)
    assert kink.margin < 1e-6
    # Whichever of its derivatives it is: between those of the two sides, or at one of them.
    assert -1.0 - 1e-6 <= kink.vjp([1.0]).q[0] <= 1e-6


@pytest.mark.parametrize("on_failure", ["nan", "zero_gradient"])
def test_a_problem_without_a_solution(on_failure):
    """NaN, or zero, for what is its own; nothing in what it shares with the others."""
    b = np.array([[1.0, 1.0], [1.0, -2.0], [0.5, 1.0]])  # x <= 1, x >= 2 in the middle
    problem = qc.Problem(np.eye(1), [[1.0], [-1.0]], {"l": 2}, on_failure=on_failure)
    solution = problem.solve([-3.0], b)
    assert solution.status == ["solved", "primal_infeasible", "solved"]
    gradients = solution.vjp(np.ones((3, 1)))
    assert solution.derivative_status == ["exact", "none", "exact"]
    expected = np.nan if on_failure == "nan" else 0.0
    assert np.array_equal(gradients.b[1], [expected, expected], equal_nan=True)
    assert gradients.b[[0, 2]] == pytest.approx(np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert np.all(np.isfinite(gradients.q))
    assert pytest.approx(np.array([[-1.5], [0.0]])) == gradients.A
    masked = solution.vjp(np.array([[1.0], [0.0], [1.0]]))
    assert np.array_equal(masked.b[1], [0.0, 0.0])


def test_a_single_problem_without_a_solution():
    for on_failure, expected in (("nan", np.nan), ("zero_gradient", 0.0)):
        solution = qc.solve(
            np.eye(1), [0.0], [[1.0], [-1.0]], [1.0, -2.0], {"l": 2}, on_failure=on_failure
        )
        gradients = solution.vjp([1.0])
        for gradient in gradients:
            assert np.array_equal(gradient, np.full(gradient.shape, expected), equal_nan=True)


def test_no_derivatives_without_a_tape():
    solution = qc.solve(np.eye(1), [0.0], [[1.0]], [1.0], {"l": 1}, derivatives=False)
    with pytest.raises(RuntimeError, match="derivatives=False"):
        solution.vjp([1.0])
    with pytest.raises(RuntimeError, match="derivatives=False"):
        solution.jvp()
