# SPDX-License-Identifier: Apache-2.0
"""Decomposed PSD cones: against the whole problem, and the cliques by themselves."""

from __future__ import annotations

import pickle
from itertools import combinations

import numpy as np
import pytest
import scipy.sparse as sp
from conic import interior_point, matrix_of, vector_of

import quadcone as qc
from quadcone import chordal
from quadcone.chordal import _problem
from quadcone.chordal._cliques import clique_tree
from quadcone.chordal._complete import complete
from quadcone.chordal._layout import lay_out, pairs, place

# Both forms are polished to about 1e-13; what is left is the conditioning of these problems.
AGREE = 1e-8

PATTERNS = ("banded", "random", "arrow", "blocks")


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def edges_of(rng, kind, k):
    """(row, column) of the lower triangle."""
    if kind == "banded":
        return [(i, j) for i in range(k) for j in range(max(0, i - 2), i)]
    if kind == "random":
        return [(i, j) for i in range(k) for j in range(i) if rng.random() < 2.0 / k]
    if kind == "arrow":
        return [(k - 1, j) for j in range(k - 1)]
    return [(i, j) for i in range(k) for j in range(i) if i // 3 == j // 3]


def sparse_matrix(rng, k, edges):
    """Random symmetric, diagonally dominant."""
    M = np.zeros((k, k))
    for i, j in edges:
        M[i, j] = M[j, i] = rng.uniform(-1.0, 1.0)
    return M + np.diag(np.abs(M).sum(axis=1) + rng.uniform(0.1, 0.5, k))


def make(rng, cones, n, kind="banded", batch=None, P=True):
    """P, q, A and b of feasible problems whose PSD cones have this pattern."""
    others = {key: size for key, size in cones.items() if key != "s"}
    before, after = others.get("z", 0) + others.get("l", 0), 3 * others.get("ep", 0)
    rows, used = before, [np.arange(before)]
    S = []
    for k in cones["s"]:
        edges = edges_of(rng, kind, k) + [(i, i) for i in range(k)]
        used.append(rows + np.array([place(k, i, j) for i, j in edges]))
        S.append((rows, k, edges))
        rows += k * (k + 1) // 2
    used.append(np.arange(rows, rows + after))
    on = np.concatenate(used)
    m = rows + after
    A = np.zeros((m, n))
    A[on] = rng.standard_normal((len(on), n)) * (rng.random((len(on), n)) < 0.6)
    size = (batch,) if batch else ()
    x = rng.standard_normal((*size, n))
    s = np.zeros((*size, m))
    for one in s.reshape(-1, m):
        one[others.get("z", 0) : before] = rng.uniform(0.3, 2.0, others.get("l", 0))
        for first, k, edges in S:
            one[first : first + k * (k + 1) // 2] = vector_of(sparse_matrix(rng, k, edges))
        for first in range(rows, m, 3):
            one[first : first + 3] = interior_point(rng, "ep", None, 3)
    L = rng.standard_normal((n, n))
    M = sp.csc_array(L @ L.T / n + np.eye(n)) if P else None
    q = 6.0 * rng.standard_normal((*size, n))
    return M, q, sp.csc_array(A), x @ A.T + s


def both(rng, cones, n, kind="banded", batch=None, **settings):
    P, q, A, b = make(rng, cones, n, kind, batch)
    small = chordal.Problem(P, A, cones, b=b, **settings)
    return small, small.solve(q, b), qc.Problem(P, A, cones, **settings).solve(q, b)


MIXED = {"z": 1, "l": 3, "s": [7, 1, 9], "ep": 1}


@pytest.mark.parametrize("kind", PATTERNS)
@pytest.mark.parametrize("k", [1, 2, 9, 24])
def test_cliques_are_a_tree(rng, kind, k):
    edges = np.array(edges_of(rng, kind, k), np.int64).reshape(-1, 2)
    tree = clique_tree(k, edges)
    found = {pair for clique in tree.cliques for pair in combinations(clique.tolist(), 2)}
    assert {(j, i) for i, j in edges.tolist()} <= found
    assert set(np.concatenate(tree.cliques).tolist()) == set(range(k))
    for c in range(len(tree.cliques)):
        assert tree.parent[c] < c
        earlier = np.concatenate([np.zeros(0, int), *tree.cliques[:c]])
        # The running intersection property.
        assert np.array_equal(np.intersect1d(tree.cliques[c], earlier), tree.separator(c))


def test_cliques_of_a_band_are_merged_where_that_saves_flops():
    band = np.array([(i, j) for i in range(60) for j in range(max(0, i - 3), i)])
    sizes = [len(clique) for clique in clique_tree(60, band).cliques]
    assert len(sizes) < 57
    assert max(sizes) <= 6


def test_overlaps_telescope(rng):
    """The sum of a decomposed row over the cliques is the row itself."""
    P, _, A, b = make(rng, MIXED, 5)
    problem = chordal.Problem(P, A, MIXED, b=b)
    whole = np.zeros((problem.m, problem.width))
    inner = problem.inner.A
    inner.data = problem.fill_A(A.data, problem.A_fixed)
    np.add.at(whole, problem.layout.origin, inner.toarray())
    assert np.array_equal(whole[:, :5], A.toarray())
    assert not whole[:, 5:].any()


@pytest.mark.parametrize("kind", PATTERNS)
@pytest.mark.parametrize("batch", [None, 3])
def test_agrees_with_the_whole_problem(rng, kind, batch):
    problem, small, whole = both(rng, MIXED, 6, kind, batch)
    assert np.all(small.solved)
    assert np.all(whole.solved)
    np.testing.assert_allclose(small.x, whole.x, atol=AGREE)
    np.testing.assert_allclose(small.s, whole.s, atol=AGREE)
    np.testing.assert_allclose(small.objective, whole.objective, rtol=AGREE)
    on = problem.on
    np.testing.assert_allclose(small.y[..., on], whole.y[..., on], atol=AGREE)


@pytest.mark.parametrize("kind", PATTERNS)
def test_dual_is_completed_to_a_dual_solution(rng, kind):
    P, q, A, b = make(rng, {"s": [30]}, 8, kind)
    solution = chordal.Problem(P, A, {"s": [30]}, b=b).solve(q, b)
    assert solution.solved
    Y, S = matrix_of(solution.y, 30), matrix_of(solution.s, 30)
    scale = 1.0 + np.abs(Y).max()
    assert np.linalg.eigvalsh(Y)[0] > -1e-8 * scale  # of the pseudo-inverse of a singular block
    assert np.linalg.eigvalsh(S)[0] > -1e-10
    assert np.abs(P @ solution.x + q + A.T @ solution.y).max() < 1e-8 * scale
    assert abs(solution.y @ solution.s) < 1e-8 * scale


def test_completion_has_the_largest_determinant(rng):
    """The inverse of that completion is zero off the pattern."""
    row, column = pairs(np.arange(12))
    used = np.abs(row - column) <= 2
    layout = lay_out(0, [12], len(row), used)
    R = rng.standard_normal((12, 12))
    y = vector_of(R @ R.T + 3.0 * np.eye(12))
    given = np.where(layout.top >= 0, y, np.nan)
    y = given.copy()
    y[np.isnan(y)] = 7.0  # not looked at
    complete(layout.matrices[0], y)
    assert np.array_equal(y[layout.top >= 0], given[layout.top >= 0])
    inverse = vector_of(np.linalg.inv(matrix_of(y, 12)))
    np.testing.assert_allclose(inverse[layout.top < 0], 0.0, atol=1e-12)


def cotangents(rng, problem, solution):
    dx, dy, ds = (rng.standard_normal(v.shape) for v in (solution.x, solution.y, solution.s))
    dy[..., problem.off] = 0.0
    return dx, dy, ds


@pytest.mark.parametrize("kind", PATTERNS)
@pytest.mark.parametrize("batch", [None, 2])
def test_vjp_agrees_with_the_whole_problem(rng, kind, batch):
    problem, small, whole = both(rng, MIXED, 6, kind, batch)
    dx, dy, ds = cotangents(rng, problem, small)
    ds[..., problem.off] = 0.0  # there s of the whole problem moves with b
    ours, theirs = small.vjp(dx, dy, ds), whole.vjp(dx, dy, ds)
    scale = np.abs(theirs.b).max() + 1.0
    for name in "PqA":
        a, b = (getattr(g, name) for g in (ours, theirs))
        if sp.issparse(a):
            a, b = a.toarray(), b.toarray()
        np.testing.assert_allclose(a, b, atol=1e-6 * scale)
    np.testing.assert_allclose(
        ours.b[..., problem.on], theirs.b[..., problem.on], atol=1e-6 * scale
    )
    assert not ours.b[..., problem.off].any()


@pytest.mark.parametrize("batch", [None, 2])
@pytest.mark.parametrize("dense", [False, True])
def test_tangents_are_adjoint_and_match_differences(rng, batch, dense):
    P, q, A, b = make(rng, MIXED, 6, "random", batch)
    P = P.toarray() if dense else P
    problem = chordal.Problem(P, A, MIXED, b=b)
    P_values = P if dense else P.data
    solution = problem.solve(q, b, P=P_values, A=A.data)
    dP = rng.standard_normal((6, 6))
    dP = dP + dP.T if dense else (dP + dP.T).T.ravel()
    dq, dA, db = (rng.standard_normal(v.shape) for v in (q, A.data, b))
    db[..., problem.off] = 0.0
    tangents = solution.jvp(dP, dq, dA, db)
    assert np.isnan(tangents.dy[..., problem.off]).all()

    dx, dy, ds = cotangents(rng, problem, solution)
    g = solution.vjp(dx, dy, ds)
    left = np.vdot(dx, tangents.dx) + np.vdot(ds, tangents.ds)
    left += np.vdot(dy[..., problem.on], tangents.dy[..., problem.on])
    right = sum(np.vdot(a, b) for a, b in zip(g, (dP, dq, dA, db), strict=True))
    assert abs(left - right) < 1e-8 * (1.0 + abs(left))

    h = 1e-5
    plus, minus = (
        problem.solve(q + t * dq, b + t * db, P=P_values + t * dP, A=A.data + t * dA)
        for t in (h, -h)
    )
    for name in "xys":
        moved = (getattr(plus, name) - getattr(minus, name)) / (2.0 * h)
        tangent = getattr(tangents, f"d{name}")
        rows = problem.on if name == "y" else slice(None)
        error = np.abs(moved - tangent)[..., rows].max()
        assert error < 1e-5 * (1.0 + np.abs(moved).max())  # h^2, and 1e-11 / h


def test_certificate_of_primal_infeasibility_is_completed(rng):
    _, _, A, b = make(rng, {"s": [12]}, 3, "random")
    b = b - 50.0 * vector_of(np.eye(12))
    A = A.copy()
    A.data *= 1e-2
    column = sp.csc_array(np.zeros((A.shape[0], 1)))
    problem = chordal.Problem(None, sp.hstack([A, column], format="csc"), {"s": [12]}, b=b)
    solution = problem.solve(np.zeros(4), b)
    whole = qc.Problem(None, sp.hstack([A, column], format="csc"), {"s": [12]})
    status = whole.solve(np.zeros(4), b).status
    assert solution.status == status == qc.Status.PRIMAL_INFEASIBLE
    y = solution.y
    assert np.linalg.eigvalsh(matrix_of(y, 12))[0] > -1e-8 * np.abs(y).max()
    assert np.abs(A.T @ y).max() <= 1e-8  # the tolerance of a certificate, at b'y = -1
    assert b @ y < 0.0
    with pytest.raises(qc.SolveError) as caught:
        problem.solve(np.zeros(4), b, on_failure="raise")
    assert isinstance(caught.value.report, chordal.Solution)


def test_certificate_of_unboundedness(rng):
    A = sp.csc_array(-vector_of(np.eye(8) + 0.3 * np.eye(8, k=1) + 0.3 * np.eye(8, k=-1))[:, None])
    problem = chordal.Problem(None, A, {"s": [8]})
    solution = problem.solve(-np.ones(1), np.zeros(36))
    assert solution.status == qc.Status.DUAL_INFEASIBLE
    np.testing.assert_allclose(A @ solution.x + solution.s, 0.0, atol=1e-7 * solution.x[0])
    assert np.linalg.eigvalsh(matrix_of(solution.s, 8))[0] > 0.0
    assert np.isnan(solution.y).all()


def test_failed_problems_of_a_batch_have_zero_gradients_where_asked(rng):
    P, q, A, b = make(rng, {"s": [8]}, 4, batch=2)
    A.data *= 1e-3
    b[1] -= 1e3 * vector_of(np.eye(8))
    solution = chordal.Problem(P, A, {"s": [8]}, b=b, on_failure="zero_gradient").solve(q, b)
    assert solution.solved.tolist() == [True, False]
    gradients = solution.vjp(np.ones((2, 4)))
    assert np.isfinite(gradients.b).all()
    assert not gradients.q[1].any()
    assert gradients.q[0].any()


def test_answers_do_not_depend_on_the_batch(rng):
    P, q, A, b = make(rng, MIXED, 6, batch=3)
    problem = chordal.Problem(P, A, MIXED, b=b)
    batch, one = problem.solve(q, b), problem.solve(q[1:2], b[1:2])
    for name in "xys":
        assert np.array_equal(getattr(batch, name)[1], getattr(one, name)[0])


@pytest.mark.parametrize("batch", [None, 4])
def test_degenerate_problems_are_solved_in_one_form_or_the_other(rng, batch):
    """Y is singular on the separators, and some of these do not arrive in the decomposed form."""
    P, q, A, b = make(rng, {"s": [20]}, 15, "banded", batch)
    problem = chordal.Problem(P, A, {"s": [20]}, b=b)
    rough, whole = chordal.Problem(P, A, {"s": [20]}, b, polish=False), problem.whole.solve(q, b)
    small = problem.solve(q, b)
    assert np.all(small.solved)
    np.testing.assert_allclose(small.x, whole.x, atol=AGREE)
    np.testing.assert_allclose(rough.solve(q, b).x, whole.x, atol=1e-5)  # of an interior point


def test_gradients_are_those_of_the_whole_where_parts_are_not_unique(rng):
    """One in ten has such parts, and decomposed alone gradients that are up to some percent off."""
    for _ in range(40):
        P, q, A, b = make(rng, {"s": [11]}, 9, "banded", 3)
        problem = chordal.Problem(P, A, {"s": [11]}, b=b)
        small, whole = problem.solve(q, b), problem.whole.solve(q, b)
        dx = rng.standard_normal(q.shape)
        np.testing.assert_allclose(small.vjp(dx).q, whole.vjp(dx).q, atol=1e-7)


@pytest.mark.parametrize(("batch", "failed"), [(None, [0]), (1, [0]), (4, [1, 2]), (4, [])])
def test_what_is_doubtful_is_solved_whole(rng, monkeypatch, batch, failed):
    P, q, A, b = make(rng, MIXED, 6, "random", batch)
    problem = chordal.Problem(P, A, MIXED, b=b)
    monkeypatch.setattr(_problem, "find_rough", lambda *_: np.isin(range(batch or 1), failed))
    small, whole = problem.solve(q, b), problem.whole.solve(q, b)
    steps, expected = np.atleast_1d(small.iterations), np.atleast_1d(whole.iterations)
    assert np.all(steps[failed] < expected[failed])  # as it begins at the decomposed solution
    np.testing.assert_allclose(small.x, whole.x, atol=AGREE)
    np.testing.assert_allclose(small.objective, whole.objective, rtol=AGREE)

    dx, dy, ds = cotangents(rng, problem, small)
    ds[..., problem.off] = 0.0
    ours, theirs = small.vjp(dx, dy, ds), whole.vjp(dx, dy, ds)
    np.testing.assert_allclose(ours.P.data, theirs.P.data, atol=1e-7)
    np.testing.assert_allclose(ours.q, theirs.q, atol=1e-7)
    np.testing.assert_allclose(ours.A.data, theirs.A.data, atol=1e-7)
    assert not ours.b[..., problem.off].any()

    dq, dP = rng.standard_normal(q.shape), np.ones(36)
    tangents = small.jvp(dq=dq, dP=dP)
    assert np.isnan(tangents.dy[..., problem.off]).all()
    left = np.vdot(dx, tangents.dx) + np.vdot(ds, tangents.ds)
    left += np.vdot(dy[..., problem.on], tangents.dy[..., problem.on])
    right = np.vdot(ours.q, dq) + np.vdot(ours.P.data, dP)
    assert abs(left - right) < 1e-8 * (1.0 + abs(left))


@pytest.mark.parametrize("batch", [None, 2])
def test_a_solution_is_kept_where_the_whole_problem_has_none(rng, monkeypatch, batch):
    P, q, A, b = make(rng, {"s": [20]}, 15, "arrow", batch)
    problem = chordal.Problem(P, A, {"s": [20]}, b=b)
    monkeypatch.setattr(_problem, "find_rough", lambda *_: np.ones(batch or 1, bool))
    whole = problem.whole.solve
    monkeypatch.setattr(
        problem.whole, "solve", lambda *args, **others: whole(*args, **others, max_iterations=2)
    )
    small = problem.solve(q, b)
    assert np.all(small.solved)
    assert np.isfinite(small.vjp(np.ones(small.x.shape)).q).all()


def test_without_matrices(rng):
    problem = chordal.Problem(None, sp.csc_array(-np.eye(2)), {"l": 2})
    assert np.allclose(problem.solve(np.ones(2), -np.ones(2)).x, 1.0)


def test_pickled(rng):
    P, q, A, b = make(rng, {"s": [8]}, 4)
    problem = chordal.Problem(P, A, {"s": [8]}, b=b)
    again = pickle.loads(pickle.dumps(problem))
    assert np.array_equal(again.solve(q, b).y, problem.solve(q, b).y)


def test_a_dense_pattern_is_one_clique(rng):
    k = 6
    A = sp.csc_array(rng.standard_normal((21, 3)))
    problem = chordal.Problem(np.eye(3), A, {"s": [k]})
    assert problem.layout.orders == [k]
    assert problem.width == 3
    assert len(problem.off) == 0


def test_what_is_off_the_pattern_is_refused(rng):
    P, q, A, b = make(rng, {"s": [8]}, 4)
    problem = chordal.Problem(P, A, {"s": [8]}, b=b)
    solution = problem.solve(q, b)
    moved = np.zeros(36)
    moved[problem.off[0]] = 1.0
    with pytest.raises(ValueError, match=f"b has an entry in row {problem.off[0]}, which is off"):
        problem.solve(q, b + moved)
    with pytest.raises(ValueError, match="db has an entry in row"):
        solution.jvp(db=moved)
    with pytest.raises(NotImplementedError, match="dy has an entry off the pattern"):
        solution.vjp(None, moved)


def test_bad_input(rng):
    P, q, A, b = make(rng, {"s": [8]}, 4)
    with pytest.raises(TypeError, match="A is not a SciPy sparse matrix"):
        chordal.Problem(P, A.toarray(), {"s": [8]})
    with pytest.raises(ValueError, match=r"b has shape \(5,\), expected \(36,\) or \(batch, 36\)"):
        chordal.Problem(P, A, {"s": [8]}, b=b[:5])
    problem = chordal.Problem(P, A, {"s": [8]}, b=b)
    with pytest.raises(ValueError, match="q has shape"):
        problem.solve(q[:2], b)
    with pytest.raises(ValueError, match="dq has shape"):
        problem.solve(q, b).jvp(dq=np.zeros((2, 4)))
    with pytest.raises(ValueError, match="b has a value that is NaN"):
        problem.solve(q, np.where(np.arange(36) == 0, np.nan, b))
