# SPDX-License-Identifier: Apache-2.0
"""Random problems with known answers, and the conditions that an answer must meet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

import quadcone as qc

# Where a problem is "solved", residuals and gap are within the tolerance, relative and absolute.
TOLERANCE = 1e-8


@dataclass
class Data:
    """A batch of problems: P (B, n, n), q (B, n), A (B, p + m, n), b (B, p + m), and a solution."""

    P: Any
    q: Any
    A: Any
    b: Any
    p: int  # equalities
    x: Any
    y: Any
    s: Any

    @property
    def cones(self) -> dict[str, int]:
        return {"z": self.p, "l": self.b.shape[-1] - self.p}

    def problem(self, **settings: Any) -> qc.Problem:
        return qc.Problem(self.P, self.A, self.cones, **settings)

    def solve(self, **settings: Any) -> qc.Solution:
        return self.problem(**settings).solve(self.q, self.b)

    def one(self, k: int) -> Data:
        """Problem k, without a batch dimension."""
        return replace(self, **{name: getattr(self, name)[k] for name in "PqAbxys"})


def feasible(
    rng: np.random.Generator,
    n: int,
    p: int,
    m: int,
    batch: int = 1,
    *,
    rank: int | None = None,
    ridge: float = 0.0,
    weak: int = 0,
) -> Data:
    """Problems with a primal and dual solution, by construction.

    rank: of P (n: positive definite; 0: a linear program).
    ridge: what the smallest eigenvalue of P is at least.
    weak: inequalities that hold with equality and have a zero multiplier, so that the solution has
        a kink there.
    """
    rank = n if rank is None else rank
    L = rng.standard_normal((batch, n, rank))
    P = L @ L.swapaxes(1, 2) + ridge * np.eye(n)
    A = rng.standard_normal((batch, p + m, n))
    x = rng.standard_normal((batch, n))
    # An inequality is either active, with a multiplier, or not.  At most n - p are active.
    active = np.zeros((batch, m), bool)
    for k in range(batch):
        active[k, rng.permutation(m)[: rng.integers(0, max(min(m, n - p), 0) + 1)]] = True
    size = rng.uniform(0.5, 2.0, (batch, m))
    size[:, :weak] = 0.0
    y = np.concatenate([rng.standard_normal((batch, p)), size * active], axis=1)
    s = np.concatenate([np.zeros((batch, p)), size * ~active], axis=1)
    b = np.einsum("kij,kj->ki", A, x) + s
    q = -np.einsum("kij,kj->ki", P, x) - np.einsum("kij,ki->kj", A, y)
    return Data(P, q, A, b, p, x, y, s)


QP_NAMES = ("Q", "q", "G", "h", "A", "b")


def layer_values(n: int, p: int, m: int, batch: int, seed: int, batched: Any) -> list[Any]:
    """Q, q, G, h, A, b near one problem; those in `batched` have a batch dimension and differ."""
    rng = np.random.default_rng(seed)
    one = feasible(rng, n, p, m).one(0)
    values = {
        "Q": one.P + np.eye(n),
        "q": one.q - one.x,
        "G": one.A[p:],
        "h": one.b[p:],
        "A": one.A[:p],
        "b": one.b[:p],
    }
    for name in batched:
        noise = 0.01 * rng.standard_normal((batch, *values[name].shape))
        values[name] = values[name] + (noise + noise.swapaxes(1, 2) if name == "Q" else noise)
    return [values[name] for name in QP_NAMES]


def check_optimal(data: Data, solution: qc.Solution, tolerance: float = TOLERANCE) -> None:
    """Every problem is solved, and its x, y, s meet the optimality conditions."""
    assert np.all(solution.solved), solution
    x, y, s = (np.atleast_2d(values) for values in (solution.x, solution.y, solution.s))
    for k in range(len(x)):
        one = data if data.q.ndim == 1 else data.one(k)
        check_one(one, x[k], y[k], s[k], tolerance)


def check_one(data: Data, x: Any, y: Any, s: Any, tolerance: float) -> None:
    P, q, A, b, p = data.P, data.q, data.A, data.b, data.p

    def bound(*terms: Any) -> float:
        return tolerance * (1.0 + max((largest(term) for term in terms), default=0.0))

    assert largest(A @ x + s - b) <= bound(A @ x, s, b)
    assert largest(P @ x + q + A.T @ y) <= bound(P @ x, q, A.T @ y)
    assert largest(s[:p]) == 0.0
    assert np.all(s[p:] >= -bound(s))
    assert np.all(y[p:] >= -bound(y))
    primal = 0.5 * x @ P @ x + q @ x
    dual = -0.5 * x @ P @ x - b @ y
    assert abs(primal - dual) <= bound(primal, dual, x @ P @ x, q @ x, b @ y)


def largest(values: Any) -> float:
    return float(np.max(np.abs(values), initial=0.0))


@st.composite
def sizes(draw: st.DrawFn, largest_n: int = 10, largest_m: int = 12) -> tuple[int, int, int]:
    """n, p, m: variables, equalities (fewer), inequalities."""
    n = draw(st.integers(1, largest_n))
    return n, draw(st.integers(0, n - 1)), draw(st.integers(0, largest_m))


seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)
batches = st.sampled_from([1, 2, 7, 8, 9, 17])
