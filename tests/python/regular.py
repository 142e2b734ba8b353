# SPDX-License-Identifier: Apache-2.0
"""Single problems whose solution is unique and smooth, and the Jacobian of their conditions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from conic import complementary, each_cone

import quadcone as qc
from quadcone import cones as projections


@dataclass
class Regular:
    """P (n, n) or None, q (n,), A (m, n), b (m,) and cones."""

    P: Any
    q: Any
    A: Any
    b: Any
    cones: dict[str, Any]

    def solve(self, **settings: Any) -> qc.Solution:
        return qc.Problem(self.P, self.A, self.cones, **settings).solve(self.q, self.b)

    @property
    def values(self) -> tuple[Any, Any, Any, Any]:
        n = len(self.q)
        return (np.zeros((n, n)) if self.P is None else self.P, self.q, self.A, self.b)


def regular(
    rng: np.random.Generator, n: int, cones: dict[str, Any], *, quadratic: bool = True
) -> Regular:
    """A problem with a strictly complementary solution, where J is well conditioned."""
    for _ in range(1000):
        pairs = [complementary(rng, *cone) for cone in each_cone(cones)]
        s, y = (np.concatenate(part) for part in zip(*pairs, strict=True))
        A, x = rng.standard_normal((len(s), n)), rng.standard_normal(n)
        P = None
        if quadratic:
            L = rng.standard_normal((n, n))
            P = L @ L.T / n + np.eye(n)
        q = -A.T @ y - (0.0 if P is None else P @ x)
        problem = Regular(P, q, A, A @ x + s, dict(cones))
        J = jacobian_of_conditions(problem, project_derivative(cones, s - y))
        if np.linalg.cond(J) < 300.0:
            return problem
    raise ValueError("these cones leave no solution of n variables that is unique")


def project(cones: dict[str, Any], v: Any) -> Any:
    """Proj_K(v), of zero, nonnegative and second-order cones by NumPy."""
    return np.concatenate([_project(*cone, part) for cone, part in parts(cones, v)])


def project_derivative(cones: dict[str, Any], v: Any) -> Any:
    """DProj_K(v), dense."""
    D, row = np.zeros((len(v), len(v))), 0
    for cone, part in parts(cones, v):
        rows = slice(row, row + len(part))
        D[rows, rows] = _project_derivative(*cone, part)
        row += len(part)
    return D


def parts(cones: dict[str, Any], v: Any) -> list[tuple[tuple[str, Any], Any]]:
    """((key, parameter), rows of v) of every cone."""
    result, row = [], 0
    for key, parameter, size in each_cone(cones):
        result.append(((key, parameter), v[row : row + size]))
        row += size
    return result


def one_cone(key: str, parameter: Any) -> dict[str, Any]:
    return {key: 1 if parameter is None else [parameter]}


def _project(key: str, parameter: Any, v: Any) -> Any:
    if key == "z":
        return np.zeros_like(v)
    if key == "l":
        return np.maximum(v, 0.0)
    if key != "q":
        return projections.project(v, one_cone(key, parameter))
    t, norm = v[0], float(np.linalg.norm(v[1:]))
    if norm <= abs(t):
        return v if t > 0.0 else np.zeros_like(v)
    return 0.5 * (1.0 + t / norm) * np.r_[norm, v[1:]]


def _project_derivative(key: str, parameter: Any, v: Any) -> Any:
    if key == "z":
        return np.zeros((len(v), len(v)))
    if key == "l":
        return np.diag((v > 0.0).astype(float))
    if key != "q":
        columns = np.eye(len(v))
        at = np.broadcast_to(v, columns.shape)
        return projections.project_derivative(at, columns, one_cone(key, parameter)).T
    t, norm = v[0], float(np.linalg.norm(v[1:]))
    if norm <= abs(t):
        return np.eye(len(v)) * (t > 0.0)
    u = v[1:] / norm
    inner = (1.0 + t / norm) * np.eye(len(u)) - t / norm * np.outer(u, u)
    return 0.5 * np.block([[np.ones((1, 1)), u[None, :]], [u[:, None], inner]])


def jacobian_of_conditions(problem: Regular, D: Any) -> Any:
    """J = [P A'(D - I); A D] of F(x, v), for a D."""
    P, _, A, _ = problem.values
    return np.block([[P, A.T @ (D - np.eye(len(D)))], [A, D]])
