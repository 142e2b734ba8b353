# SPDX-License-Identifier: Apache-2.0
"""The derivative as a linear operator and as a Jacobian: they are what jvp and vjp say."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from regular import regular
from support import feasible

import quadcone as qc


def stacked(parts):
    return np.concatenate([np.ravel(part) for part in parts])


@pytest.fixture(scope="module")
def one():
    """A problem with three kinds of cones, and its solution."""
    problem = regular(np.random.default_rng(1), 5, {"z": 2, "l": 3, "q": [4]})
    solution = problem.solve()
    assert solution.margin > 1e-2
    return problem, solution


@pytest.fixture(scope="module")
def batch():
    """Five problems that share A and b, and their solution."""
    data = feasible(np.random.default_rng(1), 5, 2, 4, 5, ridge=1.0)
    P, q, A, b = data.P, data.q, data.A[0], data.b[0] + 1.0
    return (P, q, A, b), qc.Problem(P, A, data.cones).solve(q, b)


def test_operator_of_one_problem(one):
    problem, solution = one
    rng = np.random.default_rng(5)
    operator = solution.derivative
    n, m = 5, 9
    assert operator.shape == (n + 2 * m, n * n + n + m * n + m)
    dP, dq, dA, db = (rng.standard_normal(value.shape) for value in problem.values)
    dP = dP + dP.T
    expected = stacked(solution.jvp(dP, dq, dA, db))
    assert np.array_equal(operator @ stacked((dP, dq, dA, db)), expected)
    u = [rng.standard_normal(size) for size in (n, m, m)]
    expected = stacked(solution.vjp(*u))
    assert np.array_equal(solution.adjoint @ stacked(u), expected)
    assert np.array_equal(operator.H @ stacked(u), expected)
    assert np.array_equal(operator.T @ stacked(u), expected)


def test_operator_and_adjoint_are_transposes(one):
    _, solution = one
    operator, adjoint = solution.derivative, solution.adjoint
    J = operator @ np.eye(operator.shape[1])
    Jt = adjoint @ np.eye(adjoint.shape[1])
    assert np.allclose(J, Jt.T, rtol=0.0, atol=1e-12 * np.abs(J).max())
    # A column at a time is the same, bit by bit.
    for k in (0, 7, 30):
        assert np.array_equal(J[:, k], operator @ np.eye(operator.shape[1])[:, k])
        assert np.array_equal(Jt[:, k % 23], adjoint @ np.eye(adjoint.shape[1])[:, k % 23])


def test_an_operator_takes_the_symmetric_part_of_P(one):
    _, solution = one
    operator = solution.derivative
    dP = np.zeros((5, 5))
    dP[3, 1] = 2.0
    rest = np.zeros(operator.shape[1] - 25)
    half = np.r_[(0.5 * (dP + dP.T)).ravel(), rest]
    assert np.array_equal(operator @ np.r_[dP.ravel(), rest], operator @ half)
    assert np.any(operator @ half != 0.0)


def test_operator_of_a_sparse_problem():
    rng = np.random.default_rng(2)
    dense = regular(rng, 6, {"l": 8})
    P = sp.csc_array(np.where(np.abs(np.subtract.outer(range(6), range(6))) <= 1, dense.P, 0.0))
    P = P + 5.0 * sp.eye_array(6)
    A = sp.csc_array(np.where(rng.random(dense.A.shape) < 0.6, dense.A, 0.0))
    solution = qc.Problem(P.tocsc(), A, {"l": 8}).solve(dense.q, np.abs(dense.b))
    same = qc.Problem(P.toarray(), A.toarray(), {"l": 8}).solve(dense.q, np.abs(dense.b))
    operator = solution.derivative
    assert operator.shape == (6 + 16, P.nnz + 6 + A.nnz + 8)
    # The columns of the entries in the pattern, in its order.
    J = same.derivative @ np.eye(36 + 6 + 48 + 8)
    P_rows, P_cols = P.tocsc().tocoo().coords
    A_rows, A_cols = A.tocoo().coords
    places = np.r_[
        P_rows * 6 + P_cols, 36 + np.arange(6), 42 + A_rows * 6 + A_cols, 90 + np.arange(8)
    ]
    ours = operator @ np.eye(operator.shape[1])
    assert np.allclose(ours, J[:, places], rtol=0.0, atol=1e-10 * np.abs(J).max())


def test_operators_of_a_batch(batch):
    (P, q, A, b), solution = batch
    operators, adjoints = solution.derivative, solution.adjoint
    assert len(operators) == len(adjoints) == 5
    rng = np.random.default_rng(3)
    v = rng.standard_normal(operators[0].shape[1])
    u = rng.standard_normal(operators[0].shape[0])
    cones = {"z": 2, "l": 4}
    for k in range(5):
        alone = qc.Problem(P[k], A, cones).solve(q[k], b)
        assert np.allclose(operators[k] @ v, alone.derivative @ v, rtol=0.0, atol=1e-10)
        assert np.allclose(adjoints[k] @ u, alone.adjoint @ u, rtol=0.0, atol=1e-10)
    assert np.array_equal(operators[-1] @ v, operators[4] @ v)
    assert len(operators[1:3]) == 2
    with pytest.raises(IndexError):
        operators[5]


def test_operators_check_their_vectors(one):
    _, solution = one
    with pytest.raises(ValueError, match="dimension mismatch"):
        solution.derivative @ np.zeros(3)
    with pytest.raises(TypeError, match="real"):
        solution.derivative @ np.zeros(solution.derivative.shape[1], complex)


@pytest.mark.parametrize("of", ["x", "y", "s"])
@pytest.mark.parametrize("wrt", ["P", "q", "A", "b"])
def test_jacobian_is_the_operator(one, wrt, of):
    problem, solution = one
    J = solution.adjoint @ np.eye(23)
    row = {"x": slice(0, 5), "y": slice(5, 14), "s": slice(14, 23)}[of]
    column = {"P": slice(0, 25), "q": slice(25, 30), "A": slice(30, 75), "b": slice(75, 84)}[wrt]
    jacobian = solution.jacobian(wrt, of)
    value = dict(zip("PqAb", problem.values, strict=True))[wrt]
    assert jacobian.shape == (row.stop - row.start, *value.shape)
    flat = jacobian.reshape(len(jacobian), -1)
    assert np.allclose(flat, J.T[row, column], rtol=0.0, atol=1e-12 * np.abs(J).max())
    assert solution.derivative_status == "exact"
    assert solution.derivative_residual < 1e-12


@pytest.mark.parametrize("wrt", ["q", "b"])
def test_jacobian_is_a_finite_difference(one, wrt):
    problem, solution = one
    h = 1e-6
    for k, column in enumerate(np.eye(len(getattr(problem, wrt)))):
        ahead, behind = (
            qc.Problem(problem.P, problem.A, problem.cones).solve(
                **{**{"q": problem.q, "b": problem.b}, wrt: getattr(problem, wrt) + step * column}
            )
            for step in (h, -h)
        )
        for of in ("x", "y", "s"):
            difference = (getattr(ahead, of) - getattr(behind, of)) / (2.0 * h)
            exact = solution.jacobian(wrt, of)[:, k]
            assert np.allclose(exact, difference, rtol=0.0, atol=1e-7)


@pytest.mark.parametrize("of", ["x", "y"])
@pytest.mark.parametrize("wrt", ["P", "q", "A", "b"])
def test_jacobian_of_a_batch(batch, wrt, of):
    """Of each problem by itself, also with respect to what they share."""
    (P, q, A, b), solution = batch
    jacobian = solution.jacobian(wrt=wrt, of=of)
    for k in range(5):
        alone = qc.Problem(P[k], A, {"z": 2, "l": 4}).solve(q[k], b).jacobian(wrt, of)
        assert np.allclose(jacobian[k], alone, rtol=0.0, atol=1e-10)


def test_jacobian_where_there_is_no_solution():
    b = np.array([[1.0, 1.0], [1.0, -2.0]])  # x <= 1, x >= 2 in the second
    solution = qc.Problem(np.eye(1), [[1.0], [-1.0]], {"l": 2}).solve([-3.0], b)
    assert solution.status == ["solved", "primal_infeasible"]
    jacobian = solution.jacobian("b")
    assert jacobian[0] == pytest.approx(np.array([[1.0, 0.0]]))
    assert np.all(np.isnan(jacobian[1]))
    assert np.all(np.isnan(solution.derivative[1] @ np.zeros(solution.derivative[1].shape[1])))


def test_jacobian_without_rows():
    solution = qc.Problem(np.eye(2), None, {}).solve([1.0, 2.0], np.zeros(0))
    assert solution.jacobian("q") == pytest.approx(-np.eye(2))
    assert solution.jacobian("b").shape == (2, 0)
    assert solution.jacobian("q", "y").shape == (0, 2)


def test_jacobian_checks_its_arguments(one):
    _, solution = one
    with pytest.raises(ValueError, match=r"wrt is 'c', expected 'P', 'q', 'A' or 'b'"):
        solution.jacobian("c")
    with pytest.raises(ValueError, match=r"of is 'z', expected 'x', 'y' or 's'"):
        solution.jacobian("q", of="z")
    plain = qc.solve(np.eye(1), [0.0], [[1.0]], [1.0], {"l": 1}, derivatives=False)
    for use in (lambda: plain.jacobian("q"), lambda: plain.derivative, lambda: plain.adjoint):
        with pytest.raises(RuntimeError, match="derivatives=False"):
            use()
