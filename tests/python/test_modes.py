# SPDX-License-Identifier: Apache-2.0
"""Modes of derivatives: matrix-free, smoothed, and differences of solutions."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from conic import matrix_of, vector_of
from hypothesis import assume, given
from hypothesis import strategies as st
from regular import Regular, jacobian_of_conditions, parts, project_derivative, regular
from support import feasible, seeds

import quadcone as qc

ITERATIVE = ["lsmr", "lsqr"]
LPGD = ["lpgd", "lpgd_left", "lpgd_right"]
CONES = st.sampled_from(
    [
        {"l": 7},
        {"z": 2, "l": 6},
        {"q": [4, 3]},
        {"z": 1, "l": 3, "q": [4]},
        {"l": 1, "s": [3]},
    ]
)
CURVED = st.sampled_from([{"z": 1, "ep": 2}, {"l": 1, "ed": 1, "p": [0.3]}, {"p": [0.7, -0.4]}])


def cotangents(rng, solution):
    return [rng.standard_normal(part.shape) for part in (solution.x, solution.y, solution.s)]


def tangents(rng, values):
    dP, dq, dA, db = (rng.standard_normal(value.shape) for value in values)
    return dP + dP.swapaxes(-1, -2), dq, dA, db


def largest_difference(left, right):
    return max(np.abs(a - b).max(initial=0.0) for a, b in zip(left, right, strict=True))


def largest(parts):
    return max(np.abs(part).max(initial=0.0) for part in parts)


# ---- lsmr and lsqr ----


@pytest.mark.parametrize("mode", ITERATIVE)
@given(seeds, CONES | CURVED, st.sampled_from([True, False]))
def test_products_alone_give_the_same(mode, rng, cones, condense):
    problem = regular(rng, 5, cones)
    exact = problem.solve(condense=condense)
    other = problem.solve(condense=condense, derivative_mode=mode)
    u, v = cotangents(rng, exact), tangents(rng, problem.values)
    for one, two in ((exact.vjp(*u), other.vjp(*u)), (exact.jvp(*v), other.jvp(*v))):
        assert exact.derivative_status == "exact"
        assert other.derivative_status == "exact"
        assert other.derivative_residual <= 1e-11
        assert largest_difference(one, two) <= 1e-8 * (1.0 + largest(one))


@pytest.mark.parametrize("mode", ITERATIVE)
@pytest.mark.parametrize("condense", [True, False])
@pytest.mark.parametrize("shared", [True, False])
def test_products_alone_on_a_batch(mode, condense, shared):
    """Also where condensing leaves its factor of P and A alone, and where these are shared."""
    rng = np.random.default_rng(0)
    data = feasible(rng, 12, 3, 9, 11, ridge=1.0)
    P, A = (data.P[0], data.A[0]) if shared else (data.P, data.A)
    b = np.einsum("ij,kj->ki", A, data.x) + data.s if shared else data.b
    exact, other = (
        qc.Problem(P, A, data.cones, condense=condense).solve(data.q, b, derivative_mode=name)
        for name in ("exact", mode)
    )
    u = cotangents(rng, exact)
    one, two = exact.vjp(*u), other.vjp(*u)
    assert set(other.derivative_status) == {"exact"}
    assert largest_difference(one, two) <= 1e-8 * (1.0 + largest(one))


@pytest.mark.parametrize("mode", ITERATIVE)
def test_products_alone_on_a_sparse_problem(mode):
    rng = np.random.default_rng(3)
    n = 60
    P = sp.diags_array([-np.ones(n - 1), 3.0 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1])
    problem = qc.Problem(P.tocsc(), sp.eye_array(n, format="csc"), {"l": n})
    q, b = rng.standard_normal(n), np.full(n, 0.1)
    u = rng.standard_normal(n)
    exact, other = (problem.solve(q, b, derivative_mode=name).vjp(u) for name in ("exact", mode))
    assert np.allclose(other.q, exact.q, rtol=0.0, atol=1e-10)
    assert np.allclose(other.A.toarray(), exact.A.toarray(), rtol=0.0, atol=1e-10)


def linear_programs(n, count):
    """Dense linear programs with one vertex for a solution."""
    rng = np.random.default_rng(n)
    for _ in range(count):
        m, active = 2 * n, rng.permutation(2 * n)[:n]
        A, x = rng.standard_normal((m, n)), rng.standard_normal(n)
        y, s = np.zeros(m), rng.uniform(0.5, 2.0, m)
        y[active], s[active] = rng.uniform(0.5, 2.0, n), 0.0
        yield Regular(None, -A.T @ y, A, A @ x + s, {"l": m})


@pytest.mark.parametrize("mode", ITERATIVE)
def test_what_did_not_converge_says_so(mode):
    """LSQR with 2(n + m + 1) steps is far off on linear programs of 40 variables.  Where ours is,
    its status says so, and its residual says how far; and with its own limit it is not."""
    rng = np.random.default_rng(1)
    n, early = 40, 0
    for problem in linear_programs(n, 8):
        u = rng.standard_normal(n)
        right = problem.solve()
        exact = right.vjp(u)
        assert right.derivative_status == "exact"
        for limit in (2 * (3 * n + 1), None):
            solution = problem.solve(derivative_mode=mode, derivative_iterations=limit)
            gradients = solution.vjp(u)
            error = np.abs(gradients.b - exact.b).max() / np.abs(exact.b).max()
            if solution.derivative_status == "exact":
                assert solution.derivative_residual <= 1e-11
                assert error < 1e-6
            else:
                assert limit is not None
                assert solution.derivative_status == "inaccurate"
                assert solution.derivative_residual > 1e-11
                early += 1
    assert early > 0


@pytest.mark.parametrize("mode", ITERATIVE)
def test_the_residual_is_true(mode):
    """What is reported beside "inaccurate" is |J'u - r| / |r| of the u that is given."""
    rng = np.random.default_rng(4)
    problem = regular(rng, 10, {"z": 2, "l": 6, "q": [5]})
    solution = problem.solve(derivative_mode=mode, derivative_iterations=5)
    g_x = rng.standard_normal(10)
    gradients = solution.vjp(g_x)
    assert solution.derivative_status == "inaccurate"
    D = project_derivative(problem.cones, solution.s - solution.y)
    u = np.r_[-gradients.q, gradients.b]
    r = np.r_[g_x, np.zeros(13)]
    residual = np.linalg.norm(jacobian_of_conditions(problem, D).T @ u - r) / np.linalg.norm(r)
    assert solution.derivative_residual == pytest.approx(residual, rel=1e-6)


def singular_problem():
    """Active rows that depend on each other, of a problem that is strictly convex."""
    rng = np.random.default_rng(5)
    n = 4
    A = rng.standard_normal((7, n))
    A[2] = A[0] + A[1]
    x, y = rng.standard_normal(n), np.r_[1.0, 2.0, 0.5, np.zeros(4)]
    s = np.r_[np.zeros(3), np.ones(4)]
    return Regular(np.eye(n), -x - A.T @ y, A, A @ x + s, {"l": 7})


@pytest.mark.parametrize("mode", ["exact", *ITERATIVE])
@pytest.mark.parametrize("condense", [True, False])
def test_a_singular_problem_has_the_minimum_norm(mode, condense):
    rng = np.random.default_rng(6)
    problem = singular_problem()
    solution = problem.solve(condense=condense, derivative_mode=mode)
    u = cotangents(rng, solution)
    D = np.diag((solution.s > solution.y).astype(float))
    J = jacobian_of_conditions(problem, D)
    r = np.r_[u[0], D @ u[2] + (D - np.eye(7)) @ u[1]]
    expected = np.linalg.pinv(J.T, rcond=1e-9) @ r
    gradients = solution.vjp(*u)
    assert solution.derivative_status == "least_squares"
    assert np.allclose(np.r_[-gradients.q, gradients.b], expected, rtol=0.0, atol=1e-6)
    residual = np.linalg.norm(J.T @ expected - r) / np.linalg.norm(r)
    assert solution.derivative_residual == pytest.approx(residual, rel=1e-6)


# ---- smoothed ----


def test_a_kink_is_smoothed():
    """min x^2/2 + q x, x <= 1 at q = -1: the derivative is 0 on one side and -1 on the other."""
    for mu in (1e-6, 1e-4, 1.0):
        solution = qc.solve(
            np.eye(1), [-1.0], [[1.0]], [1.0], {"l": 1}, derivative_mode="smoothed", smoothing=mu
        )
        assert solution.jacobian("q") == pytest.approx(np.array([[-0.5]]), abs=1e-3)
        assert solution.derivative_status == "approximate"


def smoothed_derivative(cones, v, mu):
    """D of v -> (v + (v^2 + 4 mu)^1/2) / 2, in which the root is that of each cone's algebra."""

    def slope(w):
        return 0.5 * (1.0 + w / np.sqrt(w * w + 4.0 * mu))

    def secant(a, b):
        return 0.5 * (1.0 + (a + b) / (np.sqrt(a * a + 4.0 * mu) + np.sqrt(b * b + 4.0 * mu)))

    D, row = np.zeros((len(v), len(v))), 0
    for (kind, parameter), part in parts(cones, v):
        size = len(part)
        rows = slice(row, row + size)
        if kind == "l":
            D[rows, rows] = np.diag(slope(part))
        if kind == "q":
            norm = np.linalg.norm(part[1:])
            high, low = part[0] + norm, part[0] - norm
            u = part[1:] / norm
            ends = np.array([np.r_[1.0, u], np.r_[1.0, -u]]) / np.sqrt(2.0)
            D[rows, rows] = secant(high, low) * (np.eye(size) - ends.T @ ends)
            D[rows, rows] += ends.T @ np.diag([slope(high), slope(low)]) @ ends
        if kind == "s":
            values, Q = np.linalg.eigh(matrix_of(part, parameter))
            d = secant(values[:, None], values[None, :])
            columns = [Q.T @ matrix_of(e, parameter) @ Q for e in np.eye(size)]
            D[rows, rows] = np.array([vector_of(Q @ (d * X) @ Q.T) for X in columns]).T
        row += size
    return D


@given(seeds, CONES, st.sampled_from([True, False]), st.sampled_from([1e-4, 1e-2, 1.0]))
def test_smoothed_is_the_system_of_the_smoothed_projection(rng, cones, condense, mu):
    problem = regular(rng, 5, cones)
    # Units that scaling will change.
    if set(cones) <= {"z", "l"}:
        problem.A[-1] *= 1e3
        problem.b[-1] *= 1e3
    solution = problem.solve(condense=condense, derivative_mode="smoothed", smoothing=mu)
    assert solution.solved
    D = smoothed_derivative(cones, solution.s - solution.y, mu)
    J = jacobian_of_conditions(problem, D)
    u, v = cotangents(rng, solution), tangents(rng, problem.values)
    w = np.linalg.solve(J.T, np.r_[u[0], D @ u[2] + (D - np.eye(len(D))) @ u[1]])
    gradients, moved = solution.vjp(*u), solution.jvp(*v)
    scale = 1.0 + np.abs(w).max()
    assert np.allclose(np.r_[-gradients.q, gradients.b], w, rtol=0.0, atol=1e-6 * scale)
    f = np.r_[v[0] @ solution.x + v[1] + v[2].T @ solution.y, v[2] @ solution.x - v[3]]
    dw = -np.linalg.solve(J, f)
    scale = 1.0 + np.abs(dw).max()
    assert np.allclose(moved.dx, dw[:5], rtol=0.0, atol=1e-6 * scale)
    assert np.allclose(moved.ds, D @ dw[5:], rtol=0.0, atol=1e-6 * scale)
    assert solution.derivative_status == "approximate"
    assert solution.derivative_residual <= 1e-9


@given(seeds, CONES | CURVED)
def test_smoothed_becomes_exact(rng, cones):
    problem = regular(rng, 5, cones)
    exact = problem.solve()
    u = cotangents(rng, exact)
    limit = exact.vjp(*u)
    errors = [
        largest_difference(problem.solve(derivative_mode="smoothed", smoothing=mu).vjp(*u), limit)
        for mu in (1e-5, 1e-7)
    ]
    assert errors[1] <= 0.02 * errors[0] + 1e-6 * (1.0 + largest(limit))


def test_a_smoothed_pair_that_is_not_found():
    """The dual of a power cone that is nearly a halfspace: NaN does not pass for an answer."""
    b, cones = np.zeros(3), {"p": [-1e-3]}
    solution = qc.solve(np.eye(3), -np.ones(3), -np.eye(3), b, cones, derivative_mode="smoothed")
    gradients = solution.vjp(np.ones(3))
    assert solution.status == "solved"
    assert np.all(np.isnan(gradients.q)) == (solution.derivative_status == "inaccurate")
    assert np.all(np.isfinite(gradients.q)) == (solution.derivative_status == "approximate")


# ---- differences of solutions ----


def lagrangian_gradient(problem, u, t, rho, center):
    """dL/d(P, q, A, b) at the saddle point of L + t (g_x'x + g_y'y + g_s's), with rho's term."""
    g_x, g_y, g_s = u
    P, q, A, b = problem.values
    moved = qc.solve(  # SolveError where it has no solution
        P + rho * np.eye(len(q)),
        q + t * (g_x - A.T @ g_s) - rho * center,
        A,
        b - t * g_y,
        problem.cones,
    )
    x, y = moved.x, moved.y
    return (
        0.5 * np.outer(x, x),
        x,
        np.outer(y, x) - t * np.outer(g_s, x),
        -y + t * g_s,
    )


@pytest.mark.parametrize("rho", [0.0, 0.3])
@pytest.mark.parametrize("mode", LPGD)
@given(seeds, CONES | CURVED)
def test_differences_are_those_of_the_lagrangian(mode, rho, rng, cones):
    problem = regular(rng, 5, cones)
    tau = 0.1
    solution = problem.solve(derivative_mode=mode, lpgd_tau=tau, lpgd_rho=rho)
    u = cotangents(rng, solution)
    u[2][: cones.get("z", 0)] = 0.0  # s is zero there
    steps = {"lpgd": (tau, -tau), "lpgd_left": (0.0, -tau), "lpgd_right": (tau, 0.0)}[mode]
    try:
        ahead, behind = (lagrangian_gradient(problem, u, t, rho, solution.x) for t in steps)
    except qc.SolveError:
        assume(False)
    gradients = solution.vjp(*u)
    assert solution.derivative_status == "approximate"
    for ours, a, b in zip(gradients, ahead, behind, strict=True):
        expected = (a - b) / (steps[0] - steps[1])
        assert np.allclose(ours, expected, rtol=0.0, atol=1e-6 * (1.0 + np.abs(expected).max()))


@pytest.mark.parametrize("rho", [0.0, 0.3])
@pytest.mark.parametrize("mode", LPGD)
def test_tangents_are_differences(mode, rho):
    rng = np.random.default_rng(7)
    problem = regular(rng, 5, {"z": 1, "l": 4, "q": [3]})
    tau = 0.01
    solution = problem.solve(derivative_mode=mode, lpgd_tau=tau, lpgd_rho=rho)
    v = tangents(rng, problem.values)
    moved = solution.jvp(*v)
    steps = {"lpgd": (tau, -tau), "lpgd_left": (0.0, -tau), "lpgd_right": (tau, 0.0)}[mode]
    ends = []
    for t in steps:
        P, q, A, b = (value + t * d for value, d in zip(problem.values, v, strict=True))
        P, q = P + rho * np.eye(5), q - rho * solution.x
        ends.append(qc.solve(P, q, A, b, problem.cones))
    for name in ("x", "y", "s"):
        difference = (getattr(ends[0], name) - getattr(ends[1], name)) / (steps[0] - steps[1])
        assert np.allclose(getattr(moved, f"d{name}"), difference, rtol=0.0, atol=1e-6)


@pytest.mark.parametrize("shared", [True, False])
def test_differences_of_a_batch(shared):
    """Central differences are near the exact gradient, whatever the batch shares."""
    rng = np.random.default_rng(8)
    data = feasible(rng, 6, 2, 5, 9, ridge=1.0)
    P, A = (data.P[0], data.A[0]) if shared else (data.P, data.A)
    q = data.q[0] if shared else data.q
    b = np.einsum("ij,kj->ki", A, data.x) + data.s if shared else data.b
    problem = qc.Problem(P, A, data.cones)
    exact = problem.solve(q, b)
    assert np.all(exact.margin > 1e-4)
    near = problem.solve(q, b, derivative_mode="lpgd", lpgd_tau=1e-6)
    u = [1e-2 * part for part in cotangents(rng, exact)]
    one, two = exact.vjp(*u), near.vjp(*u)
    assert largest_difference(one, two) <= 1e-5 * (1.0 + largest(one))
    v = [1e-2 * part for part in tangents(rng, (P, q, A, b))]
    one, two = exact.jvp(*v), near.jvp(*v)
    assert largest_difference(one, two) <= 1e-5 * (1.0 + largest(one))
    # An operator of one problem, and the Jacobian of all.
    assert np.allclose(near.jacobian("q"), exact.jacobian("q"), rtol=0.0, atol=1e-5)
    w = rng.standard_normal(exact.derivative[0].shape[1])
    assert np.allclose(near.derivative[4] @ w, exact.derivative[4] @ w, rtol=1e-3, atol=1e-3)


def test_differences_tell_more_of_a_linear_program():
    """At a vertex the derivative by q is zero; a step that is long enough sees the next vertex."""
    problem = qc.Problem(None, np.vstack([np.eye(2), -np.eye(2)]), {"l": 4})
    q, b = np.array([0.1, 0.2]), np.ones(4)
    g = np.array([-1.0, 0.0])
    assert problem.solve(q, b).vjp(g).q == pytest.approx([0.0, 0.0], abs=1e-9)
    solution = problem.solve(q, b, derivative_mode="lpgd_right", lpgd_tau=0.5)
    assert solution.vjp(g).q == pytest.approx([4.0, 0.0], abs=1e-6)  # from -1 to 1, in 0.5


def test_a_moved_problem_without_a_solution():
    """q >= 0 keeps x = 0 optimal; moved by tau below zero, the objective is unbounded."""
    problem = qc.Problem(None, [[-1.0]], {"l": 1}, derivative_mode="lpgd_right", lpgd_tau=1.0)
    solution = problem.solve([[0.5], [2.0]], [0.0])
    gradients = solution.vjp([[-1.0], [-1.0]])
    assert solution.derivative_status == ["inaccurate", "approximate"]
    assert np.isnan(gradients.q[0, 0])
    assert gradients.q[1, 0] == pytest.approx(0.0, abs=1e-8)
    assert np.all(np.isfinite(gradients.b))  # of the other problem alone


# ---- all of them ----


@pytest.mark.parametrize("mode", [*ITERATIVE, "smoothed", *LPGD])
def test_a_problem_without_a_solution(mode):
    b = np.array([[1.0, 1.0], [1.0, -2.0], [0.5, 1.0]])  # x <= 1, x >= 2 in the middle
    problem = qc.Problem(np.eye(1), [[1.0], [-1.0]], {"l": 2}, derivative_mode=mode)
    solution = problem.solve([-3.0], b)
    gradients = solution.vjp(np.ones((3, 1)))
    assert [status == "none" for status in solution.derivative_status] == [False, True, False]
    assert np.all(np.isnan(gradients.b[1]))
    assert gradients.b[[0, 2]] == pytest.approx(np.array([[1.0, 0.0], [1.0, 0.0]]), abs=1e-3)
    assert np.all(np.isfinite(gradients.q))
    moved = solution.jvp(db=np.ones((3, 2)))
    assert np.all(np.isnan(moved.dx[1]))
    assert moved.dx[[0, 2]] == pytest.approx(np.ones((2, 1)), abs=1e-3)


@pytest.mark.parametrize("mode", [*ITERATIVE, "smoothed", *LPGD])
def test_gradients_do_not_depend_on_the_batch(mode):
    rng = np.random.default_rng(9)
    data = feasible(rng, 6, 2, 5, 11, ridge=1.0)
    settings = {"derivative_mode": mode}
    u = [rng.standard_normal(part.shape) for part in (data.x, data.y, data.s)]
    together = data.solve(**settings).vjp(*u)
    for k in (0, 4, 10):
        alone = data.one(k).solve(**settings).vjp(*(part[k] for part in u))
        for whole, part in zip(together, alone, strict=True):
            assert np.array_equal(whole[k], part)


def test_modes_take_turns():
    """One problem, and its solvers, serve all modes one after the other."""
    rng = np.random.default_rng(10)
    problem = regular(rng, 5, {"z": 1, "l": 5})
    family = qc.Problem(problem.P, problem.A, problem.cones)
    u = rng.standard_normal(5)
    exact = family.solve(problem.q, problem.b).vjp(u).q
    for mode in ("lpgd", "exact", "lsqr", "lpgd_left", "smoothed", "lsmr", "exact"):
        solution = family.solve(
            problem.q, problem.b, derivative_mode=mode, lpgd_tau=1e-6, smoothing=1e-8
        )
        assert np.allclose(solution.vjp(u).q, exact, rtol=0.0, atol=1e-3)
        if mode == "exact":
            assert np.array_equal(solution.vjp(u).q, exact)


@pytest.mark.parametrize("mode", [*ITERATIVE, "smoothed", "lpgd"])
def test_layers_honour_the_mode(mode):
    torch = pytest.importorskip("torch")
    qct = pytest.importorskip("quadcone.torch")
    rng = np.random.default_rng(11)
    data = feasible(rng, 5, 0, 4, 3, ridge=1.0)
    tensors = {name: torch.from_numpy(getattr(data, name)) for name in "PqAb"}
    tensors["q"].requires_grad_()
    settings = {"derivative_mode": mode, "smoothing": 0.1, "lpgd_tau": 0.1}
    z = qct.qp(tensors["P"], tensors["q"], tensors["A"], tensors["b"], **settings)
    u = rng.standard_normal(z.shape)
    z.backward(torch.from_numpy(u))
    expected = data.solve(**settings).vjp(u)
    assert np.array_equal(tensors["q"].grad.numpy(), expected.q)


def test_settings_are_checked():
    for name, value, text in (
        ("derivative_mode", "diffcp", "expected one of: 'exact', 'lsmr'"),
        ("derivative_tolerance", 0.0, "between 0 and 1"),
        ("derivative_iterations", 0, "at least 1"),
        ("smoothing", -1.0, "a positive number"),
        ("smoothing", np.inf, "a positive number"),
        ("lpgd_tau", 0.0, "a positive number"),
        ("lpgd_rho", -0.5, "0 or more"),
    ):
        with pytest.raises(ValueError, match=f"{name} is .*{text}"):
            qc.Settings(**{name: value})
    with pytest.raises(TypeError, match="smoothing is 'a', expected a number"):
        qc.Settings(smoothing="a")
    problem = qc.Problem(None, [[1.0]], {"l": 1}, derivative_mode="lpgd", lpgd_rho=0.1)
    with pytest.raises(ValueError, match=r"lpgd_rho: expected 0 where the pattern of P lacks"):
        problem.solve([-1.0], [1.0])
