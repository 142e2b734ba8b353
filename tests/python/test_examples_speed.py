# SPDX-License-Identifier: Apache-2.0
"""The speed experiment times solvers that solve the same problems, and says what it found."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import minimize

from examples.speed import page
from examples.speed.run import Effort, measure
from examples.speed.solvers import LAYERS, SOLVERS, one_by_one, random_qps


def _slsqp(Q, q, G, h):
    rows = {"type": "ineq", "fun": lambda z: h - G @ z, "jac": lambda z: -G}
    cost, slope = (lambda z: z @ Q @ z / 2 + q @ z), (lambda z: Q @ z + q)
    start = np.linalg.lstsq(G, h - 0.1, rcond=None)[0]
    return minimize(cost, start, jac=slope, constraints=rows, method="SLSQP", tol=1e-12).x


def test_the_layer_solves_the_papers_problems():
    data = random_qps(6, 5, seed=0)
    assert torch.allclose(SOLVERS["quadcone"](6)(data), one_by_one(_slsqp)(data), atol=1e-5)


def test_every_solver_is_timed_or_says_why_not(tmp_path):
    row = measure(5, 3, seed=0, effort=Effort(trials=2, single=2))
    assert list(row["solvers"]) == list(SOLVERS)
    for name, solver in row["solvers"].items():
        assert "unavailable" in solver or solver["forward"] > 0, name
        assert ("backward" in solver) == (name in LAYERS and "unavailable" not in solver), name
        assert solver.get("difference", 0.0) < 1e-4, name
        assert solver.get("timed") == (None if name in LAYERS or "unavailable" in solver else 2)
    page.plot({"rows": [row]}, tmp_path)
    assert "5, 3" in page.section({"rows": [row]}, "pictures")
    assert (tmp_path / "speed.png").exists() and (tmp_path / "speed_layers.png").exists()


def _found(gurobi: dict) -> dict:
    ours = {"forward": 2.0, "backward": 1.0}
    layers = {"linear layer": {"forward": 0.1, "backward": 0.2}, "quadcone": ours}
    solvers = {**layers, "qpth": {"unavailable": "x"}, "Gurobi": gurobi, "CPLEX": gurobi}
    return {"rows": [{"n": 10, "batch": 64, "solvers": solvers}]}


def test_the_page_says_who_is_faster():
    fast, slow = _found({"forward": 1.0}), _found({"forward": 3300.0, "timed": 4})
    assert page.summary(fast).verdict == "in part"
    assert page.summary(slow).verdict == "reproduced"
    assert page.summary(_found({"unavailable": "x"})).verdict == "not tried"
    text = page.section(slow, "pictures")
    assert (
        "≈ 3,300" in text and "from the time of 4 problems" in text and "10 times with 10" in text
    )
    assert "in 0 of 1 rows (0.50 to 0.50 times)" in page.section(fast, "pictures")
