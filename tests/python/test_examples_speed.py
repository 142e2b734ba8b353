# SPDX-License-Identifier: Apache-2.0
"""The speed experiment times solvers that solve the same problems."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import minimize

from examples.speed import page
from examples.speed.run import measure
from examples.speed.solvers import SOLVERS, one_by_one, random_qps


def _slsqp(Q, q, G, h):
    rows = {"type": "ineq", "fun": lambda z: h - G @ z, "jac": lambda z: -G}
    cost, slope = (lambda z: z @ Q @ z / 2 + q @ z), (lambda z: Q @ z + q)
    start = np.linalg.lstsq(G, h - 0.1, rcond=None)[0]
    return minimize(cost, start, jac=slope, constraints=rows, method="SLSQP", tol=1e-12).x


def test_the_layer_solves_the_papers_problems():
    data = random_qps(6, 5, seed=0)
    assert torch.allclose(SOLVERS["quadcone"](6)(data), one_by_one(_slsqp)(data), atol=1e-5)


def test_every_solver_is_timed_or_says_why_not(tmp_path):
    row = measure(5, 3, seed=0)
    assert set(row["solvers"]) == set(SOLVERS)
    for name, solver in row["solvers"].items():
        assert "unavailable" in solver or solver["forward"] > 0, name
        assert solver.get("difference", 0.0) < 1e-4, name
    assert row["solvers"]["quadcone"]["difference"] == 0
    page.plot({"rows": [row]}, tmp_path)
    assert "5, 3" in page.section({"rows": [row]}, "pictures")
    assert (tmp_path / "speed.png").exists()
