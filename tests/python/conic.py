# SPDX-License-Identifier: Apache-2.0
"""Random conic programs with known answers, and the conditions that an answer must meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import quadcone as qc

ROOT2 = np.sqrt(2.0)

# One of every kind, several together, sizes that are special (1), and all kinds at once.
CONES: dict[str, dict[str, Any]] = {
    "second-order": {"q": [3, 1, 5]},
    "second-order, sparse": {"q": [30]},
    "PSD": {"s": [2, 3, 1]},
    "PSD of order 6": {"s": [6]},
    "exponential": {"ep": 3},
    "dual exponential": {"ed": 3},
    "power": {"p": [0.3, 0.5, 0.9]},
    "dual power": {"p": [-0.3, -0.8]},
    "all": {"z": 2, "l": 4, "q": [3, 14], "s": [2, 3], "ep": 2, "ed": 1, "p": [0.4, -0.2]},
}


def each_cone(cones: dict[str, Any]) -> Iterator[tuple[str, Any, int]]:
    """(key, parameter, rows) of every cone in the order of its rows; z and l are one cone each."""
    for key in ("z", "l"):
        if cones.get(key):
            yield key, None, cones[key]
    for size in cones.get("q", ()):
        yield "q", None, size
    for order in cones.get("s", ()):
        yield "s", order, order * (order + 1) // 2
    for key in ("ep", "ed"):
        for _ in range(cones.get(key, 0)):
            yield key, None, 3
    for alpha in cones.get("p", ()):
        yield "p", alpha, 3


def count_rows(cones: dict[str, Any]) -> int:
    return sum(size for *_, size in each_cone(cones))


def matrix_of(v: Any, k: int) -> Any:
    """The symmetric matrix whose lower triangle, column after column, is v."""
    M = np.zeros((k, k))
    M.T[np.triu_indices(k)] = v / np.where(np.equal(*np.triu_indices(k)), 1.0, ROOT2)
    return M + np.tril(M, -1).T


def vector_of(M: Any) -> Any:
    rows = np.triu_indices(len(M))
    return M.T[rows] * np.where(np.equal(*rows), 1.0, ROOT2)


def interior_point(rng: np.random.Generator, key: str, parameter: Any, size: int) -> Any:
    """A point well inside the cone."""
    if key == "z":
        return np.zeros(size)
    if key == "l" or size == 1:
        return rng.uniform(0.3, 2.0, size)
    if key == "q":
        tail = rng.standard_normal(size - 1)
        return np.r_[np.linalg.norm(tail) + rng.uniform(0.2, 1.0), tail]
    if key == "s":
        M = rng.standard_normal((parameter, parameter))
        return vector_of(M @ M.T + 0.2 * np.eye(parameter))
    if key == "ep":
        x, y = rng.uniform(-1.5, 1.5), rng.uniform(0.5, 1.5)
        return np.array([x, y, y * np.exp(x / y) + rng.uniform(0.2, 1.0)])
    if key == "ed":
        u, v = -rng.uniform(0.3, 1.0), rng.standard_normal()
        return np.array([u, v, -u * np.exp(v / u - 1.0) + rng.uniform(0.2, 1.0)])
    alpha = abs(parameter)
    x, y = rng.uniform(0.3, 2.0, 2)
    most = x**alpha * y ** (1.0 - alpha)
    if parameter < 0.0:
        most /= alpha**alpha * (1.0 - alpha) ** (1.0 - alpha)
    return np.array([x, y, rng.uniform(-0.8, 0.8) * most])


DUAL = {"q": "q", "s": "s", "l": "l", "ep": "ed", "ed": "ep", "p": "p"}


def dual_interior_point(rng: np.random.Generator, key: str, parameter: Any, size: int) -> Any:
    if key == "z":
        return rng.standard_normal(size)
    return interior_point(rng, DUAL[key], -parameter if key == "p" else parameter, size)


def complementary(rng: np.random.Generator, key: str, parameter: Any, size: int) -> tuple[Any, Any]:
    """s in the cone and y in its dual, both on the boundary, s'y = 0, strictly complementary."""
    if key == "z":
        return np.zeros(size), rng.standard_normal(size)
    if key == "l" or size == 1:
        value, active = rng.uniform(0.3, 2.0, size), rng.random(size) < 0.5
        return value * ~active, value * active
    if key == "q":
        u = rng.standard_normal(size - 1)
        u /= np.linalg.norm(u)
        a, b = rng.uniform(0.3, 2.0, 2)
        return a * np.r_[1.0, u], b * np.r_[1.0, -u]
    if key == "s":
        Q = np.linalg.qr(rng.standard_normal((parameter, parameter)))[0]
        size_of = rng.uniform(0.3, 2.0, parameter)
        up = np.arange(parameter) < (parameter + 1) // 2
        return vector_of((Q * size_of * up) @ Q.T), vector_of((Q * size_of * ~up) @ Q.T)
    t, (x, y) = rng.uniform(0.5, 2.0), rng.uniform(0.5, 1.5, 2)
    if key in ("ep", "ed"):
        e = np.exp(x / y)
        s, normal = np.array([x, y, y * e]), np.array([-e, -e * (1.0 - x / y), 1.0])
        return (s, t * normal) if key == "ep" else (t * normal, s)
    alpha, sign = abs(parameter), rng.choice([-1.0, 1.0])
    z = x**alpha * y ** (1.0 - alpha)
    s, normal = np.array([x, y, sign * z]), np.array([alpha * z / x, (1 - alpha) * z / y, -sign])
    return (s, t * normal) if parameter > 0.0 else (t * normal, s)


@dataclass
class Conic:
    """A batch: P (B, n, n), q (B, n), A (B, m, n), b (B, m) and, where one is known, a solution."""

    P: Any
    q: Any
    A: Any
    b: Any
    cones: dict[str, Any]
    x: Any = None
    y: Any = None
    s: Any = None

    def solve(self, **settings: Any) -> qc.Solution:
        return qc.Problem(self.P, self.A, self.cones, **settings).solve(self.q, self.b)

    def moved(self, h: float, step: tuple[Any, ...]) -> Conic:
        """The problem with (P, q, A, b) + h * step."""
        P, q, A, b = (v + h * d for v, d in zip(self.values, step, strict=True))
        return replace(self, P=P, q=q, A=A, b=b, x=None, y=None, s=None)

    @property
    def values(self) -> tuple[Any, ...]:
        return self.P, self.q, self.A, self.b


def conic(
    rng: np.random.Generator,
    n: int,
    cones: dict[str, Any],
    batch: int = 1,
    *,
    linear: bool = False,
    known: bool = True,
) -> Conic:
    """Problems with a solution.

    linear: P = 0.
    known: the solution is on the boundary and strictly complementary, and given (x and s are unique
        where P is positive definite; y where n is at least m).  Otherwise only strictly feasible.
    """
    m = count_rows(cones)
    x, A = rng.standard_normal((batch, n)), rng.standard_normal((batch, m, n))
    L = np.zeros((batch, n, n)) if linear else rng.standard_normal((batch, n, n)) / np.sqrt(n)
    P = L @ L.swapaxes(1, 2) + (0.0 if linear else 0.1) * np.eye(n)
    pairs = [_pair(rng, cones, known) for _ in range(batch)]
    s, y = (np.array(part) for part in zip(*pairs, strict=True))
    b = np.einsum("kij,kj->ki", A, x) + s
    q = -np.einsum("kij,kj->ki", P, x) - np.einsum("kij,ki->kj", A, y)
    return Conic(P, q, A, b, cones, *((x, y, s) if known else ()))


def _pair(rng: np.random.Generator, cones: dict[str, Any], known: bool) -> tuple[Any, Any]:
    parts = [
        complementary(rng, *cone)
        if known
        else (interior_point(rng, *cone), dual_interior_point(rng, *cone))
        for cone in each_cone(cones)
    ]
    s, y = zip(*parts, strict=True)
    return np.concatenate(s), np.concatenate(y)


def infeasible(rng: np.random.Generator, n: int, cones: dict[str, Any], *, dual: bool) -> Conic:
    """A linear conic program without a feasible point or, `dual`, without a lower bound."""
    data = conic(rng, n, cones, linear=True, known=False)
    (s, y), A = _pair(rng, cones, known=False), data.A[0]
    if dual:  # a direction x with A x + s = 0, s inside K, along which q falls
        x = rng.standard_normal(n)
        data.A[0] -= np.outer(A @ x + s, x) / (x @ x)
        data.q[0] -= (1.0 + data.q[0] @ x) * x / (x @ x)
    else:  # y inside K* with A'y = 0, b'y = -1
        data.A[0] -= np.outer(y, y @ A) / (y @ y)
        data.b[0] -= (1.0 + y @ data.b[0]) * y / (y @ y)
    return data


def violation(cones: dict[str, Any], v: Any, *, dual: bool = False) -> float:
    """How far v is outside of K or K*, as measured by the inequality that defines each cone."""
    worst, row = 0.0, 0
    for key, parameter, size in each_cone(cones):
        part = v[row : row + size]
        row += size
        if dual and key == "z":
            continue
        kind = DUAL.get(key, key) if dual else key
        if dual and key == "p":
            parameter = -parameter
        worst = max(worst, -_slack(kind, parameter, part))
    return worst


def _slack(key: str, parameter: Any, v: Any) -> float:
    if key == "z":
        return -float(np.max(np.abs(v)))
    if key == "l" or len(v) == 1:
        return float(np.min(v))
    if key == "q":
        return float(v[0] - np.linalg.norm(v[1:]))
    if key == "s":
        return float(np.linalg.eigvalsh(matrix_of(v, parameter))[0])
    x, y, z = v
    if key == "ep":
        return float(min(y, z - y * np.exp(x / y)))
    if key == "ed":
        return float(min(-x, z + x * np.exp(y / x - 1.0)))
    alpha = abs(parameter)
    if parameter < 0.0:
        x, y = x / alpha, y / (1.0 - alpha)
    if min(x, y) <= 0.0:
        return float(min(x, y, -abs(z)))
    return float(x**alpha * y ** (1.0 - alpha) - abs(z))
