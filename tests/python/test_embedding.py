# SPDX-License-Identifier: Apache-2.0
"""The homogeneous self-dual embedding, and the derivative of the paper by dense linear algebra."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from regular import Regular, project, project_derivative, regular
from support import seeds

import quadcone as qc

CONES = st.sampled_from(
    [
        {"l": 7},
        {"z": 2, "l": 6},
        {"q": [4, 3]},
        {"z": 1, "q": [5]},
        {"z": 1, "l": 3, "q": [3, 4]},
        {"s": [3]},
        {"l": 2, "ep": 2},
        {"l": 2, "ed": 1, "p": [0.3, -0.6]},
    ]
)


def dual_projection(cones, v):
    """On K*, by Moreau."""
    return v + project(cones, -v)


def dual_derivative(cones, v):
    return np.eye(len(v)) - project_derivative(cones, -v)


def chain(problem: Regular, embedding: qc.Embedding, dA, db, dc):
    """(dx, dy, ds) by the composition phi o s o Q of Agrawal et al. (2019), section 2, literally.

    Q(A, b, c); s takes Q to a root z of N(z, Q) = ((Q - I) Pi + I) z / |w|; phi takes z to the
    solution.
    """
    n, m = len(problem.q), len(problem.b)
    N = n + m + 1
    u, v, w = embedding.u, embedding.v, embedding.tau - embedding.kappa
    z = u - v
    # DQ (dA, db, dc)
    dQ = np.zeros((N, N))
    dQ[:n, n : n + m], dQ[:n, -1] = dA.T, dc
    dQ[n : n + m, :n], dQ[n : n + m, -1] = -dA, db
    dQ[-1, :n], dQ[-1, n : n + m] = -dc, -db
    # Ds: Pi projects on R^n x K* x R+
    Dpi = np.eye(N)
    Dpi[n : n + m, n : n + m] = dual_derivative(problem.cones, z[n : n + m])
    Dpi[-1, -1] = float(w >= 0.0)
    Pi = np.r_[z[:n], dual_projection(problem.cones, z[n : n + m]), max(z[-1], 0.0)]
    M = ((embedding.Q - np.eye(N)) @ Dpi + np.eye(N)) / abs(w)
    dz = -np.linalg.lstsq(M, dQ @ Pi / abs(w), rcond=1e-11)[0]
    # Dphi
    du, dv, dw = dz[:n], dz[n : n + m], dz[-1]
    y = dual_projection(problem.cones, z[n : n + m])
    s = y - z[n : n + m]
    dy = Dpi[n : n + m, n : n + m] @ dv
    return du - z[:n] * dw, dy - y * dw, dy - dv - s * dw


@given(seeds, CONES)
def test_the_derivative_is_the_chain_of_the_paper(rng, cones):
    """A random cone program with P = 0: ours is phi o s o Q."""
    problem = regular(rng, 3, cones, quadratic=False)
    solution = problem.solve()
    assert solution.solved
    _, dq, dA, db = (rng.standard_normal(value.shape) for value in problem.values)
    ours = solution.jvp(dq=dq, dA=dA, db=db)
    assert solution.derivative_status == "exact"
    paper = chain(problem, solution.embedding(), dA, db, dq)
    scale = 1.0 + max(np.abs(part).max() for part in ours)
    for mine, theirs in zip(ours, paper, strict=True):
        assert np.allclose(mine, theirs, rtol=0.0, atol=1e-8 * scale)


def check_embedding(problem: Regular, embedding: qc.Embedding):
    """Q u = v, u in C, v in C*, u'v = 0."""
    P, _, A, b = problem.values
    n, m = A.shape[1], len(b)
    Q = embedding.Q.toarray() if sp.issparse(embedding.Q) else embedding.Q
    u, v = embedding.u, embedding.v
    x, y, s = u[:n], u[n : n + m], v[n : n + m]
    expected = v.copy()
    if embedding.tau > 0.0:
        expected[-1] += x @ P @ x / embedding.tau
    assert np.allclose(Q @ u, expected, rtol=0.0, atol=1e-7)
    assert u[-1] == embedding.tau
    assert v[-1] == embedding.kappa
    assert np.array_equal(v[:n], np.zeros(n))
    assert np.allclose(y, dual_projection(problem.cones, y), rtol=0.0, atol=1e-7)
    assert np.allclose(s, project(problem.cones, s), rtol=0.0, atol=1e-7)
    assert abs(u @ v) < 1e-6
    skew = Q.copy()
    skew[:n, :n] -= P
    assert np.array_equal(skew, -skew.T)


@pytest.mark.parametrize("quadratic", [True, False])
def test_embedding_of_a_solution(quadratic):
    problem = regular(np.random.default_rng(1), 5, {"z": 2, "l": 3, "q": [4]}, quadratic=quadratic)
    solution = problem.solve()
    embedding = solution.embedding()
    assert (embedding.tau, embedding.kappa) == (1.0, 0.0)
    check_embedding(problem, embedding)


def test_embedding_of_certificates():
    A = np.array([[1.0], [-1.0]])
    infeasible = Regular(None, np.ones(1), A, np.array([0.0, -1.0]), {"l": 2})
    unbounded = Regular(None, -np.ones(1), -A[:1], np.array([0.0]), {"l": 1})
    for problem, status in ((infeasible, "primal_infeasible"), (unbounded, "dual_infeasible")):
        solution = problem.solve()
        assert solution.status == status
        embedding = solution.embedding()
        assert (embedding.tau, embedding.kappa) == (0.0, 1.0)
        check_embedding(problem, embedding)


def test_embedding_of_sparse_problems():
    dense = regular(np.random.default_rng(2), 4, {"z": 1, "l": 3})
    sparse = Regular(sp.csc_array(dense.P), dense.q, sp.csc_array(dense.A), dense.b, dense.cones)
    embedding = sparse.solve().embedding()
    assert sp.issparse(embedding.Q)
    assert np.allclose(embedding.Q.toarray(), dense.solve().embedding().Q)
    mixed = Regular(sparse.P, dense.q, dense.A, dense.b, dense.cones).solve().embedding()
    assert np.allclose(mixed.Q, embedding.Q.toarray())
    mixed = Regular(dense.P, dense.q, sparse.A, dense.b, dense.cones).solve().embedding()
    assert np.allclose(mixed.Q.toarray(), embedding.Q.toarray())


def test_embedding_of_a_batch():
    problem = regular(np.random.default_rng(3), 4, {"z": 1, "q": [4]})
    q = problem.q + np.array([[0.0], [0.1]])
    solution = qc.Problem(problem.P, problem.A, problem.cones).solve(q, problem.b)
    for k in range(2):
        one = Regular(problem.P, q[k], problem.A, problem.b, problem.cones)
        check_embedding(one, solution.embedding(k))
    with pytest.raises(ValueError, match="problem is None, expected the index"):
        solution.embedding()
    with pytest.raises(IndexError):
        solution.embedding(2)


def test_an_infinite_b_has_no_place_in_the_embedding():
    solution = qc.Problem(np.eye(1), np.ones((2, 1)), {"l": 2}).solve([1.0], [np.inf, 0.0])
    with pytest.raises(ValueError, match=r"^b is infinite, .* leave such rows out"):
        solution.embedding()


def test_there_is_nothing_to_embed():
    solution = regular(np.random.default_rng(4), 8, {"l": 6, "q": [5]}).solve(max_iterations=1)
    assert solution.status == "max_iterations"
    with pytest.raises(ValueError, match="neither a solution nor a certificate"):
        solution.embedding()
