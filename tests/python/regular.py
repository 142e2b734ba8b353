# SPDX-License-Identifier: Apache-2.0
"""Random problems on products of cones, and projections on these by plain NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import quadcone as qc


@dataclass
class Conic:
    """One problem: P (n, n) or None, q (n,), A (m, n), b (m,) and cones."""

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


def conic(
    rng: np.random.Generator, n: int, cones: dict[str, Any], *, quadratic: bool = True
) -> Conic:
    """A problem whose solution is unique and smooth: J is well conditioned there, and no row is near
    to becoming active or inactive."""
    while True:
        problem, v = candidate(rng, n, cones, quadratic)
        D = project_derivative(cones, v)
        well = np.linalg.cond(jacobian_of_conditions(problem, D)) < 300.0
        if well and np.abs(kinks(cones, v)).min(initial=1.0) > 0.1:
            return problem


def candidate(
    rng: np.random.Generator, n: int, cones: dict[str, Any], quadratic: bool
) -> tuple[Conic, Any]:
    """A problem made from its solution, and v = s - y."""
    m = sum(size for _, size in blocks_of(cones))
    A, x, v = rng.standard_normal((m, n)), rng.standard_normal(n), rng.standard_normal(m)
    s = project(cones, v)
    P = None
    if quadratic:
        L = rng.standard_normal((n, n))
        P = L @ L.T / n + np.eye(n)
    q = -A.T @ (s - v) - (0.0 if P is None else P @ x)
    return Conic(P, q, A, A @ x + s, dict(cones)), v


def kinks(cones: dict[str, Any], v: Any) -> Any:
    """The eigenvalues of v: D jumps where one is zero."""
    values: list[float] = []
    row = 0
    for kind, size in blocks_of(cones):
        part = v[row : row + size]
        if kind == "l":
            values += part.tolist()
        if kind == "q":
            norm = float(np.linalg.norm(part[1:]))
            values += [part[0] + norm, part[0] - norm]
        row += size
    return np.array(values)


def blocks_of(cones: dict[str, Any]) -> list[tuple[str, int]]:
    """Kind and size of every cone, in order."""
    blocks = [(kind, cones[kind]) for kind in ("z", "l") if cones.get(kind)]
    return blocks + [("q", size) for size in cones.get("q", [])]


def project(cones: dict[str, Any], v: Any) -> Any:
    """Proj_K(v)"""
    out, row = np.zeros_like(v), 0
    for kind, size in blocks_of(cones):
        part = v[row : row + size]
        if kind == "l":
            out[row : row + size] = np.maximum(part, 0.0)
        if kind == "q":
            out[row : row + size] = project_second_order(part)
        row += size
    return out


def project_derivative(cones: dict[str, Any], v: Any) -> Any:
    """DProj_K(v), dense."""
    D, row = np.zeros((len(v), len(v))), 0
    for kind, size in blocks_of(cones):
        part, rows = v[row : row + size], slice(row, row + size)
        if kind == "l":
            D[rows, rows] = np.diag((part > 0.0).astype(float))
        if kind == "q":
            D[rows, rows] = second_order_derivative(part)
        row += size
    return D


def project_second_order(v: Any) -> Any:
    t, norm = v[0], float(np.linalg.norm(v[1:]))
    if norm <= t:
        return v
    if norm <= -t:
        return np.zeros_like(v)
    return 0.5 * (1.0 + t / norm) * np.r_[norm, v[1:]]


def second_order_derivative(v: Any) -> Any:
    t, norm = v[0], float(np.linalg.norm(v[1:]))
    if norm <= t:
        return np.eye(len(v))
    if norm <= -t:
        return np.zeros((len(v), len(v)))
    u = v[1:] / norm
    inner = (1.0 + t / norm) * np.eye(len(u)) - t / norm * np.outer(u, u)
    return 0.5 * np.block([[np.ones((1, 1)), u[None, :]], [u[:, None], inner]])


def jacobian_of_conditions(problem: Conic, D: Any) -> Any:
    """J = [P A'(D - I); A D] of F(x, v), for a D."""
    P, _, A, _ = problem.values
    return np.block([[P, A.T @ (D - np.eye(len(D)))], [A, D]])
