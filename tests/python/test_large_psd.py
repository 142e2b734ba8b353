# SPDX-License-Identifier: Apache-2.0
"""PSD cones that are kept apart from the matrix: against the dense way, and by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from conic import _pair, count_rows, vector_of, violation
from support import largest

import quadcone as qc
from quadcone._plan import plan_for

POLISHED = 1e-10


def symmetric(rng, k, count):
    M = rng.standard_normal((count, k, k))
    return (M + M.swapaxes(1, 2)) / 2.0


def vectors_of(matrices):
    return np.array([vector_of(M) for M in matrices])


@dataclass
class Batch:
    """Sparse P and A, and their values (B, nnz)."""

    P: Any
    A: Any
    P_values: Any
    A_values: Any
    q: Any
    b: Any
    cones: dict[str, Any]

    def problem(self, **settings: Any) -> qc.Problem:
        return qc.Problem(self.P, self.A, self.cones, **settings)

    def solve(self, **settings: Any) -> qc.Solution:
        return self.problem(**settings).solve(self.q, self.b, P=self.P_values, A=self.A_values)

    def matrices(self, k):
        P, A = self.P.copy(), self.A.copy()
        P.data, A.data = self.P_values[k], self.A_values[k]
        return P, A

    @property
    def values(self):
        return self.P_values, self.q, self.A_values, self.b

    def moved(self, h, step):
        P, q, A, b = (v + h * d for v, d in zip(self.values, step, strict=True))
        return Batch(self.P, self.A, P, A, q, b, self.cones)


def stated(P, A, cones, x, y, s):
    """The batch with these solutions."""
    n = A.shape[2]
    patterns = [sp.csc_array(np.any(M != 0.0, axis=0).astype(float)) for M in (P, A)]
    values = [
        M[:, pattern.indices, np.repeat(np.arange(n), np.diff(pattern.indptr))]
        for M, pattern in zip((P, A), patterns, strict=True)
    ]
    q = -np.einsum("kij,kj->ki", P, x) - np.einsum("kij,ki->kj", A, y)
    return Batch(*patterns, *values, q, np.einsum("kij,kj->ki", A, x) + s, cones)


def make(rng, P, A, cones, batch):
    """From P and A (B, n, n) and (B, m, n) with the same zeros: problems with a solution."""
    x = rng.standard_normal((batch, A.shape[2]))
    s, y = (np.array(v) for v in zip(*(_pair(rng, cones, True) for _ in range(batch)), strict=True))
    return stated(P, A, cones, x, y, s)


def correlation(rng, k, batch):
    """The nearest correlation matrix, as a Batch of its own q."""
    size = k * (k + 1) // 2
    diagonal = vector_of(np.eye(k)) == 1.0
    A = np.vstack([np.eye(size)[diagonal], -np.eye(size)])
    C = np.array([vector_of(M) for M in symmetric(rng, k, batch)])
    C[:, diagonal] = 1.0
    P, A = sp.csc_array(np.eye(size)), sp.csc_array(A)
    b = np.r_[np.ones(k), np.zeros(size)]
    return Batch(
        P,
        A,
        np.broadcast_to(P.data, (batch, P.nnz)),
        np.broadcast_to(A.data, (batch, A.nnz)),
        -C,
        np.broadcast_to(b, (batch, b.size)),
        {"z": k, "s": [k]},
    )


def mixture(rng, k, batch, *, curvature):
    """A large PSD cone with entries of any sign and size, beside all else, in X and t."""
    cones = {"z": 6, "l": 5, "q": [4, 14], "s": [3, k], "ep": 1, "p": [0.4]}
    size, others = k * (k + 1) // 2, 12
    rows, n = count_rows(cones), size + others
    own = rows - size - 6  # the large cone is the last but the two of three rows
    A = np.zeros((batch, rows, n))
    dense = rng.random((rows, n)) < 0.04
    dense[:, size:] |= rng.random((rows, others)) < 0.5
    dense[own : own + size] = False
    A[:, dense] = rng.standard_normal((batch, dense.sum()))
    a = rng.choice([-1.0, 1.0], (batch, size)) * 2.0 ** rng.integers(-2, 3, (batch, size))
    A[:, own + np.arange(size), rng.permutation(size)] = a
    P = np.zeros((batch, n, n))
    L = rng.standard_normal((batch, others, others)) / np.sqrt(others)
    P[:, size:, size:] = L @ L.swapaxes(1, 2) + 0.1 * np.eye(others)
    if curvature:
        p = rng.uniform(0.2, 2.0, (batch, 1))
        column = np.argmax(A[0, own : own + size] != 0.0, axis=1)
        P[:, column, column] = p * a**2
    return make(rng, P, A, cones, batch)


def of_rank(rng, k, rank):
    """s and y of order k, of which y has the given rank, strictly complementary."""
    Q = np.linalg.qr(rng.standard_normal((k, k)))[0]
    values, up = rng.uniform(0.5, 2.0, k), np.arange(k) < k - rank
    return vector_of((Q * values * up) @ Q.T), vector_of((Q * values * ~up) @ Q.T)


def semidefinite(rng, k, m, batch):
    """min <C, X>, <A_i, X> = b_i, X psd."""
    size = k * (k + 1) // 2
    A = np.concatenate(
        [
            np.array([vectors_of(symmetric(rng, k, m)) / np.sqrt(k) for _ in range(batch)]),
            np.broadcast_to(-np.eye(size), (batch, size, size)),
        ],
        axis=1,
    )
    rank = int(np.sqrt(m))  # of X: so low that X and y are unique
    z, x = (np.array(v) for v in zip(*(of_rank(rng, k, rank) for _ in range(batch)), strict=True))
    y, s = np.c_[rng.standard_normal((batch, m)), z], np.c_[np.zeros((batch, m)), x]
    return stated(np.zeros((batch, size, size)), A, {"z": m, "s": [k]}, x, y, s)


def inequality(rng, k, n, batch, *, curvature):
    """Two linear matrix inequalities, dense and sparse, beside other cones."""
    cones = {"z": 1, "l": 3, "q": [4], "s": [k, 2, k + 1]}
    rows = count_rows(cones)
    first, last = rows - k * (k + 1) // 2 - 3, rows - (k + 1) * (k + 2) // 2
    A = rng.standard_normal((batch, rows, n))
    A[:, 8:, 1::2] *= rng.random((rows - 8, n // 2)) < 0.05
    A[:, 8:first:3, -1] = A[:, last:, 0] = 0.0
    L = rng.standard_normal((batch, n, n)) / np.sqrt(n)
    P = L @ L.swapaxes(1, 2) + 0.1 * np.eye(n) if curvature else np.zeros((batch, n, n))
    pairs = [
        [_pair(rng, {"z": 1, "l": 3, "q": [4]}, True), *(of_rank(rng, k, 1) for k in cones["s"])]
        for _ in range(batch)
    ]
    s, y = (np.array([np.concatenate([p[i] for p in parts]) for parts in pairs]) for i in (0, 1))
    return stated(P, A, cones, rng.standard_normal((batch, n)), y, s)


def largest_eigenvalue(rng, k, n, batch):
    """min t, t I - A_0 - A(x) psd: rank 2 at the solution."""
    A = np.array([vectors_of(symmetric(rng, k, n)).T for _ in range(batch)])
    A[:, :, 0] = -vector_of(np.eye(k))
    pairs = [of_rank(rng, k, 2) for _ in range(batch)]
    s, y = (np.array([pair[i] for pair in pairs]) for i in (0, 1))
    P = np.zeros((batch, n, n))
    return stated(P, A, {"s": [k]}, rng.standard_normal((batch, n)), y, s)


def sparse_inequality(rng, k, n, batch):
    """A dense matrix, a diagonal one, and others of an entry on the diagonal and one beside it."""
    size, starts = k * (k + 1) // 2, np.flatnonzero(vector_of(np.eye(k)))
    A = np.zeros((batch, size, n))
    A[:, :, 0] = rng.standard_normal((batch, size))
    A[:, starts, 1] = -1.0
    for j in range(2, n):
        at = starts[(j - 2) % (k - 1)]
        A[:, at : at + 2, j] = rng.standard_normal((batch, 2))
    pairs = [of_rank(rng, k, 3) for _ in range(batch)]
    s, y = (np.array([pair[i] for pair in pairs]) for i in (0, 1))
    P = np.broadcast_to(0.1 * np.eye(n), (batch, n, n))
    return stated(P, A, {"s": [k]}, rng.standard_normal((batch, n)), y, s)


def cut(rng, k, batch):
    """min sum y, Diag(y) - C psd, the dual of the relaxed maximum cut."""
    diagonal = np.flatnonzero(vector_of(np.eye(k)) == 1.0)
    A = sp.csc_array((-np.ones(k), (diagonal, np.arange(k))), shape=(k * (k + 1) // 2, k))
    b = -vectors_of(symmetric(rng, k, batch))
    P = sp.csc_array((k, k))
    values = np.zeros((batch, 0)), np.broadcast_to(A.data, (batch, k))
    return Batch(P, A, *values, np.ones((batch, k)), b, {"s": [k]})


def band_cut(rng, k):
    """The dual of the relaxed maximum cut of a band three wide: its multiplier is hardly unique."""
    W = np.zeros((k, k))
    for i in range(k):
        for j in range(max(0, i - 3), i):
            W[i, j] = W[j, i] = rng.uniform(0.1, 1.0)
    weights = vector_of(np.diag(W.sum(axis=1)) - W)
    data = cut(rng, k, 1)
    return Batch(data.P, data.A, data.P_values, data.A_values, data.q, -weights[None], data.cones)


def theta(rng, k):
    """Lovasz's number of a random graph: min t, t I + (any numbers on edges) - (all ones) psd."""
    edges = np.triu(rng.random((k, k)) < 0.3, 1)
    diagonal, others = (np.flatnonzero(vector_of(M)) for M in (np.eye(k), 1.0 * (edges | edges.T)))
    count = len(others)
    columns = np.r_[np.zeros(k, int), 1 : count + 1]
    values = -np.ones(k + count)
    A = sp.csc_array((values, (np.r_[diagonal, others], columns)), (k * (k + 1) // 2, count + 1))
    q, b = np.eye(1, count + 1), -vector_of(np.ones((k, k)))[None]
    P = sp.csc_array((count + 1, count + 1))
    return Batch(P, A, np.zeros((1, 0)), A.data[None], q, b, {"s": [k]})


def is_apart(batch):
    """As far as the length of the factor tells."""
    length, dense = (
        plan_for(batch.problem(condense=condense)._family, 0).describe()["factor_length"]
        for condense in (None, False)
    )
    return length < dense / 4


KINDS = {
    "correlation": lambda rng: correlation(rng, 20, 5),
    "semidefinite": lambda rng: semidefinite(rng, 20, 20, 3),
    "mixture": lambda rng: mixture(rng, 20, 3, curvature=True),
    "inequality": lambda rng: inequality(rng, 16, 12, 3, curvature=True),
    "linear inequality": lambda rng: inequality(rng, 16, 8, 3, curvature=False),
    "largest eigenvalue": lambda rng: largest_eigenvalue(rng, 20, 6, 9),
    "cut": lambda rng: cut(rng, 20, 3),
    "sparse inequality": lambda rng: sparse_inequality(rng, 20, 26, 9),
    "linear mixture": lambda rng: mixture(rng, 20, 3, curvature=False),
}
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
regular = pytest.mark.parametrize("kind", list(KINDS.values())[:-1], ids=list(KINDS)[:-1])


def check_optimal(data, solution):
    assert np.all(solution.solved), solution
    for k in range(len(data.q)):
        P, A = data.matrices(k)
        x, y, s = solution.x[k], solution.y[k], solution.s[k]
        scale = 1.0 + max(largest(v) for v in (x, y, s, data.q[k], data.b[k]))
        assert largest(A @ x + s - data.b[k]) <= POLISHED * scale
        assert largest(P @ x + data.q[k] + A.T @ y) <= POLISHED * scale
        assert violation(data.cones, s) <= POLISHED * scale
        assert violation(data.cones, y, dual=True) <= POLISHED * scale
        assert abs(s @ y) <= POLISHED * scale**2


@every_kind
def test_solutions_are_optimal_and_those_of_the_dense_way(kind):
    data = kind(np.random.default_rng(0))
    assert is_apart(data)
    solution, dense = data.solve(), data.solve(condense=False)
    check_optimal(data, solution)
    assert np.allclose(solution.objective, dense.objective, rtol=1e-9)


@regular
def test_unique_solutions_are_those_of_the_dense_way(kind):
    data = kind(np.random.default_rng(0))
    solution, dense = data.solve(), data.solve(condense=False)
    for name in "xs":
        a, b = getattr(solution, name), getattr(dense, name)
        assert np.allclose(a, b, rtol=0.0, atol=1e-8 * (1.0 + largest(b)))


@pytest.mark.parametrize(
    ("kind", "k", "seed"),
    [
        (band_cut, 90, 1),
        (band_cut, 100, 0),
        (band_cut, 120, 1),
        *((theta, k, s) for k in (15, 25, 40) for s in range(6)),
    ],
)
def test_inequalities_are_solved_though_hardly_regular(kind, k, seed):
    """H spans 1e16 at the end, and half of these once stopped at 1e-7."""
    data = kind(np.random.default_rng(seed), k)
    assert is_apart(data)
    solution = data.solve()
    assert solution.status[0] == "solved"
    scale = 1.0 + largest(data.b)
    assert solution.primal_residual[0] <= 1e-8 * scale
    assert solution.dual_residual[0] <= 1e-8 * scale
    assert solution.gap[0] <= 1e-8 * (1.0 + abs(solution.objective[0]))


def test_a_matrix_of_order_40():
    data = correlation(np.random.default_rng(1), 40, 1)
    assert is_apart(data)
    check_optimal(data, data.solve())


def test_a_small_cone_is_dense():
    assert not is_apart(correlation(np.random.default_rng(2), 8, 1))


@regular
def test_derivatives(kind):
    """The derivative is a central difference of solutions; and <J'u, v> = <u, J v>."""
    h, rng = 1e-6, np.random.default_rng(3)
    data = kind(rng)
    P, q, A, b = (rng.standard_normal(v.shape) for v in data.values)
    step = (0.0 * P, q, A, b)  # off the diagonal there would be no symmetry
    solution = data.solve()
    tangents = solution.jvp(*step)
    u = [rng.standard_normal(v.shape) for v in (solution.x, solution.y, solution.s)]
    gradients = solution.vjp(*u)
    assert set(solution.derivative_status) == {"exact"}
    ahead, behind = (data.moved(t, step).solve() for t in (h, -h))
    for k in range(len(q)):
        size = 1.0 + max(largest(t[k]) for t in tangents)
        left = sum(np.sum(g[k] * d[k]) for g, d in zip(gradients, step, strict=True))
        right = sum(np.sum(w[k] * t[k]) for w, t in zip(u, tangents, strict=True))
        assert left == pytest.approx(right, rel=0.0, abs=1e-9 * size**2)
        for name, tangent in zip("xys", tangents, strict=True):
            difference = (getattr(ahead, name)[k] - getattr(behind, name)[k]) / (2.0 * h)
            assert np.allclose(tangent[k], difference, rtol=0.0, atol=1e-5 * size**2)


@regular
def test_gradients_are_those_of_the_dense_way(kind):
    rng = np.random.default_rng(4)
    data = kind(rng)
    solutions = data.solve(), data.solve(condense=False)
    u = [rng.standard_normal(v.shape) for v in (solutions[0].x, solutions[0].y, solutions[0].s)]
    for a, b in zip(*(s.vjp(*u) for s in solutions), strict=True):
        assert np.allclose(a, b, rtol=0.0, atol=1e-7 * (1.0 + largest(b)))


@regular
@pytest.mark.parametrize("mode", ["lsmr", "lsqr", "smoothed", "lpgd"])
def test_other_modes_are_those_of_the_dense_way(kind, mode):
    data = kind(np.random.default_rng(4))
    ways = [data.solve(condense=condense, derivative_mode=mode) for condense in (None, False)]
    u = np.random.default_rng(5).standard_normal(ways[0].x.shape)
    for a, b in zip(*(solution.vjp(u) for solution in ways), strict=True):
        assert np.allclose(a, b, rtol=0.0, atol=1e-5 * (1.0 + largest(b)))


@every_kind
def test_bits_depend_neither_on_the_batch_nor_on_the_engine(kind):
    rng = np.random.default_rng(5)
    data = kind(rng)
    together = data.solve(engine="lanes")
    g = rng.standard_normal(together.x.shape)
    gradient = together.vjp(g)[1]
    for k in range(len(data.q)):
        one = Batch(
            data.P,
            data.A,
            *(v[k : k + 1] for v in (data.P_values, data.A_values)),
            data.q[k : k + 1],
            data.b[k : k + 1],
            data.cones,
        )
        alone = one.solve()  # one by one, where there are instructions for that
        for name in "xys":
            assert np.array_equal(getattr(alone, name)[0], getattr(together, name)[k])
        assert np.array_equal(alone.vjp(g[k : k + 1])[1][0], gradient[k])


@pytest.mark.parametrize("k", [14, 65])
@pytest.mark.parametrize("dual", [False, True], ids=["primal", "dual"])
def test_certificates(k, dual):
    """The trace is fixed at -1; or it falls for ever."""
    size = k * (k + 1) // 2
    trace = vector_of(np.eye(k))
    A = np.vstack([trace, -np.eye(size)])
    if dual:
        A[0] = 0.0
        A[0, :2] = 1.0
    A = sp.csc_array(A)
    q, b = (-trace, np.r_[1.0, np.zeros(size)]) if dual else (trace, np.r_[-1.0, np.zeros(size)])
    cones = {"z": 1, "s": [k]}
    solution = qc.Problem(None, A, cones).solve(q, b)
    assert solution.status == ("dual_infeasible" if dual else "primal_infeasible")
    x, y, s = solution.x, solution.y, solution.s
    if dual:
        assert q @ x == pytest.approx(-1.0, rel=1e-9)
        assert largest(A @ x + s) <= 1e-7 * (1.0 + largest(s))
        assert violation(cones, s) <= 1e-9
    else:
        assert b @ y == pytest.approx(-1.0, rel=1e-9)
        assert largest(A.T @ y) <= 1e-7 * (1.0 + largest(y))
        assert violation(cones, y, dual=True) <= 1e-9


@pytest.mark.parametrize("k", [14, 65])
def test_inequalities_have_certificates(k):
    """x_1 M + ... >= I with traces of 0; and x_0 I >= 0, where x_0 is to grow."""
    M = symmetric(np.random.default_rng(10), k, 4)
    M -= np.trace(M, axis1=1, axis2=2)[:, None, None] / k * np.eye(k)
    A, eye = vectors_of(M).T, vector_of(np.eye(k))
    solution = qc.Problem(None, A, {"s": [k]}).solve(np.ones(4), -eye)
    assert solution.status == "primal_infeasible"
    y = solution.y
    assert -eye @ y == pytest.approx(-1.0, rel=1e-9)
    assert largest(A.T @ y) <= 1e-7 * (1.0 + largest(y))
    assert violation({"s": [k]}, y, dual=True) <= 1e-9
    A[:, 0], q = -eye, -np.eye(4)[0]
    solution = qc.Problem(None, A, {"s": [k]}).solve(q, eye)
    assert solution.status == "dual_infeasible"
    assert q @ solution.x == pytest.approx(-1.0, rel=1e-9)
    assert largest(A @ solution.x + solution.s) <= 1e-7 * (1.0 + largest(solution.s))
    assert violation({"s": [k]}, solution.s) <= 1e-9


@pytest.mark.parametrize("shared", [False, True], ids=["own", "shared"])
def test_values_that_cannot_be_apart_fall_back_to_the_dense_way(shared):
    """Weights in the objective: in all problems of a shared P, or in some that have their own."""
    rng = np.random.default_rng(7)
    data = correlation(rng, 14, 9)
    weights = rng.uniform(0.5, 2.0, data.P_values.shape)
    weights[0::2] = 1.0
    data.P_values = weights
    if shared:
        data.P.data = weights[1]
        data.P_values = np.broadcast_to(weights[1], weights.shape)
        solutions = [
            data.problem(condense=condense).solve(data.q, data.b) for condense in (None, False)
        ]
    else:
        solutions = [data.solve(condense=condense) for condense in (None, False)]
    assert is_apart(data)
    check_optimal(data, solutions[0])
    u = rng.standard_normal(data.q.shape)
    step = rng.standard_normal(data.q.shape)
    for name in "xys":
        assert np.allclose(*(getattr(s, name) for s in solutions), rtol=0.0, atol=1e-9)
    assert np.allclose(*(s.vjp(u)[1] for s in solutions), rtol=0.0, atol=1e-7)
    assert np.allclose(*(s.jvp(dq=step)[0] for s in solutions), rtol=0.0, atol=1e-7)


def test_beyond_the_limit_there_is_no_dense_block_to_fall_back_to():
    data = correlation(np.random.default_rng(8), 61, 1)
    data.P_values = np.random.default_rng(9).uniform(0.5, 2.0, data.P_values.shape)
    assert data.solve().status[0] == "numerical_error"
