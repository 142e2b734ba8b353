# SPDX-License-Identifier: Apache-2.0
"""Inequalities whose b is huge or infinite are as if absent, unless a solution needs them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support import batches, check_optimal, feasible, seeds, sizes

import quadcone as qc
from quadcone.torch import qp

BOUNDS = [1e8, 1e13, 1e19, 1e20, 1e40, np.inf]

ways = st.fixed_dictionaries(
    {
        "condense": st.sampled_from([None, False]),
        "engine": st.sampled_from(["lanes", "rows"]),
        "derivative_mode": st.sampled_from(["exact", "smoothed"]),
    }
)


def with_far(rng, size, batch, shared):
    """Problems with a smooth solution, and the same with rows that bound nothing: P, A and q, b of
    both, and where the rows of the first are in the second."""
    n, p, m = size
    data = feasible(rng, n, p, m, batch, ridge=1.0)
    count = p + m + int(rng.integers(1, 5))
    kept = np.r_[0:p, p + np.sort(rng.permutation(count - p)[:m])]
    A, b = rng.standard_normal((batch, count, n)), rng.choice(BOUNDS, (batch, count))
    A[:, kept], b[:, kept] = data.A, data.b
    if shared:
        x = rng.standard_normal((batch, n))
        data.P, data.A, A = data.P[0], data.A[0], A[0]
        data.b[:, :p] = x @ data.A[:p].T
        data.b[:, p:] = x @ data.A[p:].T + rng.uniform(0.0, 1.0, (batch, m))
        b[:, kept] = data.b
    return data, A, b, kept


@given(seeds, sizes(6, 6), batches, st.booleans(), ways)
def test_as_if_absent(rng, size, batch, shared, way):
    data, A, b, kept = with_far(rng, size, batch, shared)
    few = data.solve(**way)
    problem = qc.Problem(data.P, A, {"z": data.p, "l": A.shape[-2] - data.p}, **way)
    solution = problem.solve(data.q, b)
    far = np.setdiff1d(np.arange(A.shape[-2]), kept)
    smooth = few.margin > 1e-6
    assert np.all(solution.solved)
    np.testing.assert_allclose(solution.x, few.x, atol=1e-8)
    np.testing.assert_allclose(solution.y[:, kept], few.y, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(solution.s[:, kept], few.s, atol=1e-8)
    np.testing.assert_array_equal(solution.y[:, far], 0.0)
    rest = b - np.einsum("...ij,kj->ki" if shared else "kij,kj->ki", A, solution.x)
    np.testing.assert_allclose(solution.s[:, far], rest[:, far], rtol=1e-15)

    tangent, other = solution.jvp(dq=data.q), few.jvp(dq=data.q)
    size = 1.0 + np.abs(other.dx).max(1, keepdims=True)
    np.testing.assert_array_less(np.abs(tangent.dx - other.dx)[smooth] / size[smooth], 1e-6)
    np.testing.assert_allclose(tangent.dy[:, far], 0.0, atol=1e-9)
    gradient, other = solution.vjp(dx=data.q), few.vjp(dx=data.q)
    size = 1.0 + np.abs(other.q).max(1, keepdims=True)
    np.testing.assert_array_less(np.abs(gradient.q - other.q)[smooth] / size[smooth], 1e-6)
    np.testing.assert_allclose(gradient.b[:, far], 0.0, atol=1e-9)
    np.testing.assert_allclose(gradient.A[..., far, :], 0.0, atol=1e-9 * batch)

    again = problem.solve(data.q, b, warm_start=solution)
    assert np.all(again.solved)
    np.testing.assert_allclose(again.x, solution.x, atol=1e-8)
    if shared:  # in another place, beside no other
        last = problem.solve(data.q[-1:], b[-1:])
        np.testing.assert_array_equal(last.x[0], solution.x[-1])
        np.testing.assert_array_equal(last.s[0], solution.s[-1])


@given(seeds, sizes(6, 0), batches, st.sampled_from([1e8, 1e10, 1e15]))
def test_recalled_where_the_solution_needs_them(rng, size, batch, bound):
    """All data in units of the bound, so that some of the bounds are active."""
    n, p, _ = size
    data = feasible(rng, n, p, 2 * n, batch, ridge=1.0)
    box = np.broadcast_to(np.r_[np.eye(n), -np.eye(n)], (batch, 2 * n, n))
    x = rng.uniform(-1.0, 1.0, (batch, n)) * bound
    data.A[:, p:] = box
    data.b = np.concatenate(
        [np.einsum("kij,kj->ki", data.A[:, :p], x), np.full((batch, 2 * n), bound)], 1
    )
    data.q = 10.0 * bound * rng.standard_normal((batch, n))
    solution = data.solve()
    data.q, data.b = data.q / bound, data.b / bound
    check_optimal(data, data.solve())
    np.testing.assert_allclose(solution.x / bound, data.solve().x, atol=1e-8)


@given(seeds, st.sampled_from(BOUNDS))
def test_infeasible_beside_far_rows(rng, bound):
    """No tolerance is relative to a bound that nothing feels."""
    n = 3
    E = rng.standard_normal((n + 1, n))
    off = np.linalg.svd(E)[0][:, -1]  # orthogonal to the columns of E
    A, b = np.r_[E, rng.standard_normal((2, n))], np.r_[1e-2 * off, bound, bound]
    solution = qc.Problem(1e-3 * np.eye(n), A, {"z": n + 1, "l": 2}).solve(np.zeros(n), b)
    assert solution.status == "primal_infeasible"
    np.testing.assert_array_equal(solution.y[-2:], 0.0)
    np.testing.assert_allclose(b[:-2] @ solution.y[:-2], -1.0)


def test_lpgd_with_infinite_bounds():
    rng = np.random.default_rng(0)
    data, A, b, kept = with_far(rng, (4, 1, 3), 5, False)
    way = {"derivative_mode": "lpgd", "lpgd_tau": 1e-5}
    problem = qc.Problem(data.P, A, {"z": data.p, "l": A.shape[-2] - data.p}, **way)
    gradient = problem.solve(data.q, b).vjp(dx=data.q)
    np.testing.assert_allclose(gradient.b[:, kept], data.solve(**way).vjp(dx=data.q).b, atol=1e-6)


def test_layers_take_infinite_bounds():
    """In every batch dimension and derivative, second ones included."""
    rng = np.random.default_rng(1)
    Q, G = torch.eye(3, dtype=torch.float64), torch.from_numpy(rng.standard_normal((4, 3)))
    q, h = torch.from_numpy(rng.standard_normal((5, 3))), torch.from_numpy(rng.random((5, 4)))
    h[:, 1] = torch.inf
    few = [0, 2, 3]
    torch.testing.assert_close(qp(Q, q, G, h), qp(Q, q, G[few], h[:, few]))
    inputs = [value.requires_grad_() for value in (q, G)]
    assert torch.autograd.gradcheck(lambda q, G: qp(Q, q, G, h), inputs)
    assert torch.autograd.gradgradcheck(lambda q, G: qp(Q, q, G, h), inputs)


@pytest.mark.parametrize("value", [-np.inf, np.nan])
def test_other_values_are_errors(value):
    problem = qc.Problem(np.eye(1), np.ones((2, 1)), {"l": 2})
    with pytest.raises(ValueError, match=r"^b has a value that is NaN or infinite"):
        problem.solve([0.0], [np.inf, value])
