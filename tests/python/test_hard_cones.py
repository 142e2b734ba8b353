# SPDX-License-Identifier: Apache-2.0
"""Conic problems that once ended without an answer, as they were met."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.sparse as sp
from conic import vector_of

import quadcone


def test_a_solution_that_is_lost_on_the_way_to_a_better_one_is_kept() -> None:
    """A layer in training, its QP as a cone program: converged, and then tau fell below kappa."""
    with np.load(Path(__file__).parent / "data" / "loses_its_solution.npz") as stored:
        A = sp.csc_matrix((stored["data"], stored["indices"], stored["indptr"]), (62, 11))
        b, q = stored["b"], stored["q"]
    problem = quadcone.Problem(None, A, cones={"l": 50, "q": [12]})
    solution = problem.solve(q[None], b)
    assert solution.solved.all()
    scale = 1 + max(np.abs(q).max(), np.abs(b).max())
    residuals = A @ solution.x[0] + solution.s[0] - b, A.T @ solution.y[0] + q
    assert max(np.abs(r).max() for r in residuals) <= 1e-8 * scale  # the tolerance, no more
    assert abs(q @ solution.x[0] + b @ solution.y[0]) <= 1e-8 * (1 + abs(q @ solution.x[0]))


def test_roundings_of_a_problem_that_is_hard_to_end_do_not_cost_its_solution() -> None:
    """The same problem, moved by its last bits: residuals reach 1e-9, and then grow again."""
    with np.load(Path(__file__).parent / "data" / "loses_its_solution.npz") as stored:
        A = sp.csc_matrix((stored["data"], stored["indices"], stored["indptr"]), (62, 11))
        b, q = stored["b"], stored["q"]
    moves = 1e-14 * np.random.default_rng(0).standard_normal((100, 11))
    solution = quadcone.Problem(None, A, cones={"l": 50, "q": [12]}).solve(q * (1 + moves), b)
    assert solution.solved.all()
    assert solution.status.count("solved") >= 95  # to 1e-8; some end at 1e-6


def control_inequality(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The largest t with [-F'P - PF - H'DH, -PG; -G'P, D] >= t I, P >= I and D diagonal."""
    states = inputs = 5
    F, G, H = (rng.uniform(-100, 100, (states, states)) for _ in range(3))

    def rows(P: np.ndarray, D: np.ndarray, t: float) -> np.ndarray:
        whole = np.block([[-(F.T @ P + P @ F) - H.T @ D @ H, -P @ G], [-(P @ G).T, D]])
        return np.r_[vector_of(whole - t * np.eye(states + inputs)), vector_of(P)]

    none, identity = np.zeros((states, states)), np.eye(states)
    entries = [
        identity[:, [i]] @ identity[[j]] + (i != j) * identity[:, [j]] @ identity[[i]]
        for i in range(states)
        for j in range(i, states)
    ]
    columns = [rows(P, none, 0.0) for P in entries]
    columns += [rows(none, np.diag(e), 0.0) for e in identity]
    columns += [rows(none, none, 1.0)]
    q = np.zeros(len(columns))
    q[-1] = -1.0
    return q, -np.array(columns).T, -rows(identity, none, 0.0) * (np.arange(70) >= 55)


def test_inequalities_of_control_are_solved_although_their_scalings_span_all_digits() -> None:
    """None once ended as solved: x was regularized too much, and ds rounded like H."""
    rng = np.random.default_rng(0)
    problems = [control_inequality(rng) for _ in range(8)]
    q, A, b = (np.array(values) for values in zip(*problems, strict=True))
    problem = quadcone.Problem(None, A, cones={"s": [10, 5]}, derivatives=False)
    solution = problem.solve(q, b)
    assert solution.solved.all()
    assert solution.status.count("solved") >= 7  # to 1e-8; with dense blocks half did
    gap = np.sum(q * solution.x, 1) + np.sum(b * solution.y, 1)
    dual = q + np.einsum("kij,ki->kj", A, solution.y)
    primal = np.einsum("kij,kj->ki", A, solution.x) + solution.s - b
    assert np.abs(gap / solution.x[:, -1]).max() <= 1e-5
    assert np.abs(dual).max() <= 2e-5 and np.abs(primal).max() <= 2e-5


def test_a_long_convex_regression_is_solved_and_differentiated() -> None:
    """The constraints leave 1e-11 of some row, and a regularization of 1e-7 hid that."""
    n = 1600
    t = np.linspace(0.0, 1.0, n)
    noisy = (t - 0.5) ** 2 + 0.1 * np.random.default_rng(0).standard_normal(n)
    second = sp.diags_array([1.0, -2.0, 1.0], offsets=[0, 1, 2], shape=(n - 2, n)).tocsc()
    problem = quadcone.Problem(sp.eye_array(n).tocsc(), -second, cones={"l": n - 2})
    solution = problem.solve(-noisy, np.zeros(n - 2))
    assert solution.status.name == "SOLVED"
    assert np.min(second @ solution.x) >= -1e-7
    assert np.min(solution.y) >= 0.0
    assert np.abs(solution.x - noisy - second.T @ solution.y).max() <= 1e-8
    # x is the projection of `noisy` on the cone of convex series, and linear where it is smooth
    moved, gradient = np.cos(3 * t), solution.vjp(dx=np.sin(2 * t))
    step = 1e-7
    ahead, behind = (problem.solve(-noisy + h * moved, np.zeros(n - 2)) for h in (step, -step))
    difference = np.sin(2 * t) @ (ahead.x - behind.x) / (2 * step)
    assert abs(gradient.q @ moved - difference) <= 1e-4 * abs(difference)
