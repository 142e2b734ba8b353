# SPDX-License-Identifier: Apache-2.0
"""Every cone, alone and mixed: solutions, certificates and derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from conic import CONES, conic, count_rows, infeasible, violation
from hypothesis import given, settings
from hypothesis import strategies as st
from support import largest

import quadcone as qc

every_cone = pytest.mark.parametrize("cones", CONES.values(), ids=CONES.keys())
linear_or_not = pytest.mark.parametrize("linear", [False, True], ids=["quadratic", "linear"])
seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)

# Newton's method ends where F is 1e-12 of its terms, which are of order 10.
POLISHED = 1e-10


@every_cone
@linear_or_not
@settings(max_examples=8)
@given(rng=seeds)
def test_the_known_solution_is_found(cones, linear, rng):
    data = conic(rng, max(2, count_rows(cones) // 2), cones, batch=5, linear=linear)
    solution = data.solve()
    assert np.all(solution.solved), solution
    for k in range(5):
        scale = 1.0 + max(largest(v[k]) for v in (data.x, data.y, data.s, data.q, data.b))
        assert largest(data.A[k] @ solution.x[k] + solution.s[k] - data.b[k]) <= POLISHED * scale
        dual = data.P[k] @ solution.x[k] + data.q[k] + data.A[k].T @ solution.y[k]
        assert largest(dual) <= POLISHED * scale
        assert violation(cones, solution.s[k]) <= POLISHED * scale
        assert violation(cones, solution.y[k], dual=True) <= POLISHED * scale
        known = 0.5 * data.x[k] @ data.P[k] @ data.x[k] + data.q[k] @ data.x[k]
        assert abs(solution.objective[k] - known) <= POLISHED * scale**2
        if not linear:  # P is positive definite, at least 0.1
            assert np.allclose(solution.x[k], data.x[k], rtol=0.0, atol=1e-8 * scale)


@every_cone
@pytest.mark.parametrize("dual", [False, True], ids=["primal", "dual"])
@settings(max_examples=5)
@given(rng=seeds)
def test_certificates(cones, dual, rng):
    """Each is what it claims to be, to the tolerance relative to the size of the certificate."""
    data = infeasible(rng, max(2, count_rows(cones) // 2), cones, dual=dual)
    solution = data.solve()
    assert solution.status[0] == ("dual_infeasible" if dual else "primal_infeasible")
    A, q, b, x, y, s = (v[0] for v in (data.A, data.q, data.b, solution.x, solution.y, solution.s))
    if dual:
        size = 1.0 + largest(s)
        assert np.all(np.isnan(y))
        assert q @ x == pytest.approx(-1.0, rel=1e-9)
        assert largest(A @ x + s) <= 1e-7 * size
        assert violation(cones, s) <= 1e-9 * size
    else:
        size = 1.0 + largest(y)
        assert np.all(np.isnan(x)) and np.all(np.isnan(s))
        assert b @ y == pytest.approx(-1.0, rel=1e-9)
        assert largest(A.T @ y) <= 1e-7 * size
        assert violation(cones, y, dual=True) <= 1e-9 * size


def direction(rng, data):
    dP, *rest = (rng.standard_normal(value.shape) for value in data.values)
    return (dP + dP.swapaxes(1, 2), *rest)


@every_cone
@pytest.mark.parametrize("condense", [False, True], ids=["full", "condensed"])
@settings(max_examples=3)
@given(rng=seeds)
def test_derivatives(cones, condense, rng):
    """The derivative is a central difference of solutions; and <J'u, v> = <u, J v>.

    The difference is h^2 times a third derivative off, which near a kink is as large as the margin
    is small: problems within 1e-2 of one are left out.  Rounding adds 1e-13 / h.
    """
    h = 1e-5
    data = conic(rng, max(2, 2 * count_rows(cones) // 3), cones, batch=4, known=False)
    step = direction(rng, data)
    solution = data.solve(condense=condense)
    assert np.all(solution.solved)
    tangents = solution.jvp(*step)
    ahead, behind = (data.moved(t, step).solve(condense=condense) for t in (h, -h))
    u = [rng.standard_normal(v.shape) for v in (solution.x, solution.y, solution.s)]
    gradients = solution.vjp(*u)
    for k in range(4):
        size = 1.0 + max(largest(tangent[k]) for tangent in tangents)
        left = sum(np.sum(g[k] * d[k]) for g, d in zip(gradients, step, strict=True))
        right = sum(np.sum(w[k] * t[k]) for w, t in zip(u, tangents, strict=True))
        assert left == pytest.approx(right, rel=0.0, abs=1e-9 * size**2)
        if solution.margin[k] < 1e-2 * size:
            continue
        for name, tangent in zip("xys", tangents, strict=True):
            difference = (getattr(ahead, name)[k] - getattr(behind, name)[k]) / (2.0 * h)
            assert np.allclose(tangent[k], difference, rtol=0.0, atol=1e-6 * size**3)


@every_cone
def test_a_problem_on_a_kink_has_a_derivative(cones):
    """s = y = 0 in some cones, where D jumps: finite, adjoint to each other, and margin 0."""
    rng = np.random.default_rng(2)
    m = count_rows(cones)
    data = conic(rng, m, cones)
    data.b[0] = data.A[0] @ data.x[0]  # s = 0 and y = 0 solve it
    data.q[0] = -data.P[0] @ data.x[0]
    solution = data.solve()
    assert np.all(solution.solved)
    assert np.allclose(solution.x, data.x, atol=1e-6)
    assert solution.margin[0] <= 1e-6
    step = direction(rng, data)
    u = [rng.standard_normal(v.shape) for v in (solution.x, solution.y, solution.s)]
    gradients, tangents = solution.vjp(*u), solution.jvp(*step)
    assert all(np.all(np.isfinite(part)) for part in (*gradients, *tangents))


@every_cone
def test_a_batch_gives_the_bits_of_its_problems(cones):
    rng = np.random.default_rng(3)
    data = conic(rng, max(2, count_rows(cones) // 2), cones, batch=11)
    together = data.solve()
    for k in (0, 5, 10):
        alone = qc.Problem(data.P[k], data.A[k], cones).solve(data.q[k], data.b[k])
        assert np.array_equal(alone.x, together.x[k])
        assert np.array_equal(alone.y, together.y[k])
        assert np.array_equal(alone.s, together.s[k])


@every_cone
def test_a_bad_problem_leaves_the_others_alone(cones):
    rng = np.random.default_rng(4)
    data = conic(rng, max(2, count_rows(cones) // 2), cones, batch=9)
    good = data.solve()
    data.q[4, 0] = np.nan
    spoiled = qc.Problem(data.P, data.A, cones)
    with pytest.raises(ValueError, match="q of problem 4"):
        spoiled.solve(data.q, data.b)
    keep = np.arange(9) != 4
    data.q[4] = 0.0
    data.b[4] = 1e300
    assert np.array_equal(data.solve().x[keep], good.x[keep])


def test_a_large_second_order_cone_is_cheap():
    """10,000 rows in one cone: the distance to a point, on a hyperplane."""
    import scipy.sparse as sp

    rng = np.random.default_rng(5)
    size = 10_000
    a = rng.standard_normal(size)
    ones = sp.csc_array(np.r_[0.0, np.ones(size)][None, :])
    A = sp.vstack([ones, -sp.eye_array(size + 1)]).tocsc()
    b = np.r_[1.0, 0.0, -a]
    problem = qc.Problem(None, A, {"z": 1, "q": [size + 1]})
    solution = problem.solve(np.r_[1.0, np.zeros(size)], b)
    assert solution.solved
    nearest = a + (1.0 - a.sum()) / size
    assert np.allclose(solution.x[1:], nearest, rtol=0.0, atol=1e-9)
    assert solution.x[0] == pytest.approx(np.linalg.norm(nearest - a), rel=1e-9)


def p_norm(rng, p, features, samples):
    """min |Fx - g|_p over (x, r, t): r_i^(1/p) t^(1 - 1/p) >= |(Fx - g)_i|, sum r = t."""
    F, g = rng.standard_normal((samples, features)), rng.standard_normal(samples)
    A = np.zeros((1 + 3 * samples, features + samples + 1))
    A[0, features:] = np.r_[np.ones(samples), -1.0]
    A[1::3, features:-1] = -np.eye(samples)
    A[2::3, -1] = -1.0
    A[3::3, :features] = -F
    b = np.zeros(len(A))
    b[3::3] = -g
    problem = qc.Problem(None, A, {"z": 1, "p": [1.0 / p] * samples})
    solution = problem.solve(np.eye(A.shape[1])[-1], b)
    return solution, F.T, F @ solution.x[:features] - g


@pytest.mark.parametrize("p", [1.01, 1.1, 3.0, 10.0, 50.0])
def test_p_norm_problems_of_hard_exponents(p):
    """The objective is the norm, and its gradient F' sign(r) |r|^(p - 1) vanishes.

    Entries of r near 0 have a kink for p near 1: there the gradient is known to |dr|^(p - 1).
    """
    solution, transposed, r = p_norm(np.random.default_rng(6), p, 20, 80)
    assert solution.solved
    assert solution.primal_residual <= 1e-8 and solution.dual_residual <= 1e-8
    norm = np.linalg.norm(r, p)
    assert solution.objective == pytest.approx(norm, rel=1e-8)
    if p >= 3.0:
        gradient = transposed @ (np.sign(r) * (np.abs(r) / norm) ** (p - 1.0))
        assert largest(gradient) <= 1e-7


def test_a_geometric_mean_of_many():
    """max (x_1 ... x_n)^(1/n), sum x = n: all are one.  A chain of n - 1 power cones."""
    n = 150
    t = [0, *range(n, 2 * n - 1)]
    columns = [column for k in range(1, n) for column in (t[k - 1], k, t[k])]
    A = np.zeros((1 + 3 * (n - 1), 2 * n - 1))
    A[0, :n] = 1.0
    A[1 + np.arange(3 * (n - 1)), columns] = -1.0
    b = np.r_[float(n), np.zeros(3 * (n - 1))]
    problem = qc.Problem(None, A, {"z": 1, "p": [1.0 - 1.0 / k for k in range(2, n + 1)]})
    solution = problem.solve(-np.eye(2 * n - 1)[-1], b)
    assert solution.solved
    assert solution.objective == pytest.approx(-1.0, abs=1e-8)
    assert np.allclose(solution.x[:n], 1.0, rtol=0.0, atol=1e-7)
