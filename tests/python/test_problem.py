# SPDX-License-Identifier: Apache-2.0
"""Problem and solve: the forms that arguments may take, and what comes back."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import assume, given
from hypothesis import strategies as st
from support import feasible, seeds

import quadcone as qc

P = np.array([[2.0, 0.5], [0.5, 1.0]])
A = np.array([[1.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
CONES = {"z": 1, "l": 2}
q = np.array([-1.0, 0.3])
b = np.array([1.0, 0.0, 0.0])


def test_one_problem():
    """min x0^2 + x0 x1 / 2 + x1^2 / 2 - x0 + 0.3 x1 on the segment from (1, 0) to (0, 1)."""
    solution = qc.Problem(P, A, CONES).solve(q, b)
    assert solution.x == pytest.approx([0.9, 0.1])
    assert solution.s == pytest.approx([0.0, 0.9, 0.1])
    assert solution.y == pytest.approx([-0.85, 0.0, 0.0], abs=1e-12)
    assert solution.objective == pytest.approx(-0.01)
    assert solution.status is qc.Status.SOLVED
    assert solution.solved is True
    assert isinstance(solution.iterations, int)
    for value in (solution.primal_residual, solution.dual_residual, solution.gap):
        assert isinstance(value, float)
        assert value <= 1e-8
    assert solution.margin == pytest.approx(0.1)
    assert "solved" in repr(solution)


def test_one_call():
    assert np.array_equal(qc.solve(P, q, A, b, CONES).x, qc.Problem(P, A, CONES).solve(q, b).x)


def test_batch():
    solution = qc.Problem(P, A, CONES).solve([q, 2 * q, -q], b)
    assert solution.x.shape == (3, 2)
    assert solution.y.shape == solution.s.shape == (3, 3)
    assert solution.status == ["solved"] * 3
    for values in (solution.objective, solution.iterations, solution.margin, solution.solved):
        assert values.shape == (3,)
    assert "3 problems" in repr(solution)


@pytest.mark.parametrize("batched", range(16))
def test_any_argument_may_be_a_batch(batched):
    """Each mixture gives the answers of single problems, and gradients of the arguments' shapes."""
    values = [
        np.stack([value, 1.1 * value, 1.2 * value]) if batched >> k & 1 else value
        for k, value in enumerate((P, q, A, b))
    ]
    problem = qc.Problem(values[0], values[2], CONES)
    solution = problem.solve(values[1], values[3])
    gradients = solution.vjp(np.ones_like(solution.x))
    for value, gradient in zip(values, gradients, strict=True):
        assert gradient.shape == value.shape
    if not batched:
        return
    for k in range(3):
        one = [value[k] if batched >> i & 1 else value for i, value in enumerate(values)]
        alone = qc.Problem(one[0], one[2], CONES).solve(one[1], one[3])
        assert solution.x[k] == pytest.approx(alone.x, rel=1e-9, abs=1e-12)


def test_a_batch_of_one_is_stretched():
    problem = qc.Problem(P[None], A, CONES)
    solution = problem.solve([q, q], b[None])
    gradients = solution.vjp(np.ones((2, 2)))
    assert gradients.P.shape == (1, 2, 2)
    assert gradients.b.shape == (1, 3)
    assert problem.solve(q, b).x.shape == (1, 2)


def test_other_values_for_P_and_A():
    problem = qc.Problem(np.eye(2), np.zeros((3, 2)), CONES)
    assert problem.solve(q, b, P=P, A=A).x == pytest.approx([0.9, 0.1])


def test_integers_lists_and_strides():
    problem = qc.Problem([[2, 0], [0, 2]], np.asfortranarray(A).astype(np.int32), CONES)
    wide = np.zeros((2, 6))
    wide[:, ::3] = [[-1, 0], [0, -1]]
    solution = problem.solve(wide[:, ::3], np.array([1, 0, 0], dtype=np.uint8))
    assert solution.x == pytest.approx(np.array([[0.75, 0.25], [0.25, 0.75]]))
    single = qc.Problem(P.astype(np.float32), A, CONES).solve(q.astype(np.float16), b > 0)
    assert single.x.dtype == np.float64


def test_the_caller_may_change_its_arrays():
    mine = P.copy()
    problem = qc.Problem(mine, A, CONES)
    mine[:] = np.nan
    assert problem.solve(q, b).x == pytest.approx([0.9, 0.1])
    problem.P[:] = np.nan
    assert problem.solve(q, b).x == pytest.approx([0.9, 0.1])


@given(seeds, st.integers(1, 8), st.floats(0.1, 0.9), st.sampled_from(["csc", "csr", "coo"]))
def test_sparse(rng, n, density, layout):
    """A sparse problem has the answer and, on its pattern, the gradients of the dense one."""
    data = feasible(rng, n, 1 if n > 1 else 0, n + 2, 1).one(0)
    data.P = data.P * np.eye(n) + np.eye(n)
    data.A = np.where(rng.random(data.A.shape) < density, data.A, 0.0)
    data.b = data.A @ data.x + data.s
    data.q = -data.P @ data.x - data.A.T @ data.y
    sparse = qc.Problem(
        getattr(sp, f"{layout}_array")(data.P), getattr(sp, f"{layout}_array")(data.A), data.cones
    )
    ours, dense = sparse.solve(data.q, data.b), data.solve()
    assert np.allclose(ours.x, dense.x, rtol=1e-7, atol=1e-7)
    active = data.A[dense.s < 1e-6]
    assume(np.linalg.matrix_rank(active) == len(active))  # else the multipliers are not unique
    u = rng.standard_normal(n)
    ours, dense = ours.vjp(u), dense.vjp(u)
    assert sp.issparse(ours.P)
    assert sp.issparse(ours.A)
    assert ours.A.shape == data.A.shape
    assert np.array_equal(ours.A.toarray() != 0, (ours.A.toarray() != 0) & (data.A != 0))
    assert np.allclose(ours.q, dense.q, atol=1e-6)
    assert np.allclose(ours.A.toarray(), np.where(data.A, dense.A, 0.0), atol=1e-6)


def test_sparse_values():
    """(nnz,) and (batch, nnz) values by compressed columns, and matrices of the same pattern."""
    matrix = sp.csc_array(A)
    problem = qc.Problem(sp.csc_array(P), matrix, CONES)
    values = np.array([1.0, -1.0, 1.0, -1.0])  # column 0: rows 0, 1; column 1: rows 0, 2
    assert np.array_equal(matrix.data, values)
    first = problem.solve(q, b)
    again = problem.solve(q, b, A=values)
    batch = problem.solve(q, b, A=np.stack([values, values]))
    other = problem.solve(q, b, A=sp.csr_matrix(A))
    for solution in (again, other):
        assert np.array_equal(solution.x, first.x)
    assert batch.x == pytest.approx(np.stack([first.x, first.x]))
    assert again.vjp([1.0, 0.0]).A.shape == (4,)
    assert batch.vjp(np.ones((2, 2))).A.shape == (2, 4)
    assert isinstance(first.vjp([1.0, 0.0]).A, sp.csc_array)
    assert isinstance(other.vjp([1.0, 0.0]).A, sp.csc_matrix)
    assert first.jvp(dA=matrix).dx == pytest.approx(again.jvp(dA=values).dx)


def test_sparse_duplicates_and_explicit_zeros():
    rows, cols = [0, 0, 1, 0, 2, 0], [0, 0, 0, 1, 1, 1]
    matrix = sp.coo_matrix(([0.5, 0.5, -1.0, 1.0, -1.0, 0.0], (rows, cols)), shape=(3, 2))
    solution = qc.Problem(sp.eye_array(2) * 2, matrix, CONES).solve([-1.0, 0.0], b)
    assert solution.x == pytest.approx([0.75, 0.25])
    zero = qc.Problem(sp.csc_array(([0.0], [0], [0, 1, 1]), shape=(2, 2)), A, CONES)
    assert zero.solve(q, b).vjp([1.0, 0.0]).P.nnz == 1


def test_without_P_or_A():
    linear = qc.Problem(None, A, CONES).solve(q, b)
    assert linear.x == pytest.approx([1.0, 0.0])
    assert linear.vjp([1.0, 0.0]).P.shape == (0,)
    free = qc.Problem(P, None, {}).solve(q, [])
    assert free.x == pytest.approx(np.linalg.solve(P, -q))
    gradients = free.vjp([1.0, 0.0])
    assert gradients.q == pytest.approx(-np.linalg.solve(P, [1.0, 0.0]))
    assert gradients.b.shape == (0,)


@pytest.mark.parametrize("sparse", [False, True])
def test_pickle_and_copy(sparse):
    form = sp.csc_array if sparse else np.array
    problem = qc.Problem(form(P), form(A), CONES, tolerance=1e-6, on_failure="raise")
    before = problem.solve(q, b)
    for twin in (pickle.loads(pickle.dumps(problem)), copy.deepcopy(problem)):
        assert twin.settings == problem.settings
        assert twin.cones == CONES
        assert np.array_equal(twin.solve(q, b).x, before.x)
    empty = pickle.loads(pickle.dumps(qc.Problem(None, A, CONES)))
    assert empty.solve(q, b).x == pytest.approx([1.0, 0.0])
    nothing = qc.Problem(sp.csc_array((2, 2)), np.zeros((0, 2)), {})
    twin = pickle.loads(pickle.dumps(nothing))
    assert twin.P.shape == (2, 2) and twin.A.shape == (0, 2)


def test_raise():
    problem = qc.Problem(np.eye(1), [[1.0], [-1.0]], {"l": 2}, on_failure="raise")
    with pytest.raises(
        qc.SolveError, match=r"1 of 3 problems.*problem 1: No x satisfies"
    ) as caught:
        problem.solve([0.0], [[1.0, 1.0], [-1.0, -1.0], [1.0, 1.0]])
    assert caught.value.report.status == ["solved", "primal_infeasible", "solved"]
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    with pytest.raises(qc.SolveError, match="unbounded below"):
        qc.solve(None, [1.0], [[1.0]], [0.0], {"l": 1})
    assert problem.solve([0.0], [-1.0, -1.0], on_failure="nan").status == "primal_infeasible"


def test_settings_may_be_overridden():
    problem = qc.Problem(P, A, CONES, max_iterations=50)
    solution = problem.solve(q, b, num_threads=2, tolerance=1e-4, derivatives=False)
    assert solution.solved
    assert problem.settings.derivatives
    assert problem.settings.max_iterations == 50


def test_show_config(capsys):
    qc.show_config()
    printed = capsys.readouterr().out
    for part in (qc.__version__, np.__version__, "instruction sets", "default threads"):
        assert part in printed


def test_clear_cache():
    problem = qc.Problem(P, A, CONES)
    kept = problem.solve(q, b)
    qc.clear_cache()
    assert kept.vjp([1.0, 0.0]).q.shape == (2,)
    assert problem.solve(q, b).solved
