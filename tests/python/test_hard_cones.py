# SPDX-License-Identifier: Apache-2.0
"""Conic problems that once ended without an answer, as they were met."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.sparse as sp

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
