# SPDX-License-Identifier: Apache-2.0
"""The problem families that are timed: batches of quadratic programs with fixed random seeds.

A family is stored the way quadcone's problem statement has it,

    minimize 1/2 x'Px + q'x   subject to   Ax + s = b,  s in {0}^z x R+^l,

with the rows of A in the order equalities, general inequalities, lower bounds, upper bounds, so
that peers with a form of their own (one-sided, two-sided, simple bounds) can cut it apart again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import scipy.linalg
import scipy.sparse as sp

Matrix = np.ndarray | sp.csc_matrix


@dataclass
class Family:
    """A batch. An array has a leading batch axis, or else the whole batch shares it."""

    name: str
    title: str
    batch: int
    P: Matrix
    q: np.ndarray
    E: Matrix  # equalities Ex = e
    e: np.ndarray
    G: Matrix | None = None  # general inequalities Gx <= h
    h: np.ndarray | None = None
    lower: np.ndarray | None = None  # simple bounds lower <= x <= upper, all finite, shared
    upper: np.ndarray | None = None
    fixed_matrices: bool = False  # from one step of training to the next
    degenerate: bool = False  # more active rows than variables: the gradient is not unique
    seed: int = 0
    dx: np.ndarray = field(init=False)  # the cotangent of x

    def __post_init__(self) -> None:
        self.dx = np.random.default_rng(1000 + self.seed).standard_normal((self.batch, self.n))

    @property
    def n(self) -> int:
        return self.P.shape[-1]

    @property
    def zero(self) -> int:
        """Number of equalities."""
        return self.E.shape[-2]

    @property
    def general(self) -> int:
        """Number of rows that are not simple bounds."""
        return self.zero + (0 if self.G is None else self.G.shape[-2])

    @property
    def m(self) -> int:
        return self.general + sum(self.n for bound in (self.lower, self.upper) if bound is not None)

    @property
    def sparse(self) -> bool:
        return sp.issparse(self.P)

    @cached_property
    def A(self) -> Matrix:
        """All rows, [m, n] (shared) or [batch, m, n]."""
        eye = sp.identity(self.n, format="csc")
        rows = [self.E, self.G]
        rows += [None if self.lower is None else -eye, None if self.upper is None else eye]
        rows = [block for block in rows if block is not None]
        if self.sparse:
            A = sp.vstack([sp.csc_matrix(block) for block in rows], format="csc")
            A.sort_indices()
            return A
        return np.concatenate([as_dense(block) for block in rows], axis=-2)

    @cached_property
    def b(self) -> np.ndarray:
        """Right-hand side of all rows, [m] (shared) or [batch, m]."""
        parts = [self.e, self.h]
        parts += [None if self.lower is None else -self.lower, self.upper]
        parts = [part for part in parts if part is not None]
        if all(part.ndim == 1 for part in parts):
            return np.concatenate(parts)
        return np.concatenate([per_problem(part, 1, self.batch) for part in parts], axis=-1)


def as_dense(matrix: Matrix) -> np.ndarray:
    """A plain array, whatever the storage."""
    return matrix.toarray() if sp.issparse(matrix) else matrix


def per_problem(value: np.ndarray, rank: int, batch: int) -> np.ndarray:
    """A view with a leading batch axis; `rank` is the rank of one problem's value."""
    return np.broadcast_to(value, (batch, *value.shape)) if value.ndim == rank else value


def optnet_dense(nz: int, batch: int) -> Family:
    """OptNet's timing experiment with nz/2 equalities added; all data differ per problem."""
    rng = np.random.default_rng(nz)
    L = rng.random((batch, nz, nz))
    G = rng.standard_normal((batch, nz, nz))
    E = rng.standard_normal((batch, nz // 2, nz))
    z0 = rng.standard_normal((batch, nz))
    return Family(
        name=f"nz{nz}",
        title=f"dense QP layer, nz {nz}",
        batch=batch,
        P=L @ L.transpose(0, 2, 1) + 1e-3 * np.eye(nz),
        q=rng.standard_normal((batch, nz)),
        E=E,
        e=np.einsum("bij,bj->bi", E, z0),
        G=G,
        h=np.einsum("bij,bj->bi", G, z0) + rng.random((batch, nz)),
        seed=nz,
    )


def sudoku_boards(count: int, rng: np.random.Generator) -> np.ndarray:
    """One-hot 4x4 boards with 4 to 8 clues, [count, 64]."""
    base = np.array([[0, 1, 2, 3], [2, 3, 0, 1], [1, 0, 3, 2], [3, 2, 1, 0]])
    boards = np.zeros((count, 16, 4))
    for board in boards:
        rows = np.concatenate([2 * g + rng.permutation(2) for g in rng.permutation(2)])
        columns = np.concatenate([2 * g + rng.permutation(2) for g in rng.permutation(2)])
        solution = rng.permutation(4)[base[np.ix_(rows, columns)]].ravel()
        clues = rng.permutation(16)[: rng.integers(4, 9)]
        board[clues, solution[clues]] = 1.0
    return boards.reshape(count, 64)


def sudoku_rules() -> sp.csc_matrix:
    """One digit a cell; each digit once a row, column and block: 64 rows of rank 40."""
    cell = np.arange(64).reshape(4, 4, 4)
    groups = [cell[i, j, :] for i in range(4) for j in range(4)]
    groups += [cell[i, :, d] for i in range(4) for d in range(4)]
    groups += [cell[:, j, d] for j in range(4) for d in range(4)]
    groups += [
        cell[2 * i : 2 * i + 2, 2 * j : 2 * j + 2, d].ravel()
        for i in range(2)
        for j in range(2)
        for d in range(4)
    ]
    rules = sp.lil_matrix((64, 64))
    for row, group in enumerate(groups):
        rules[row, group] = 1.0
    return rules.tocsc()


def sudoku_learned(batch: int = 150) -> Family:
    """OptNet's Sudoku layer at the start of training: a dense A of 40 rows, new at every step."""
    rng = np.random.default_rng(4)
    E = rng.random((40, 64))
    return Family(
        name="sudoku",
        title="Sudoku 4x4, learned dense A",
        batch=batch,
        P=0.1 * sp.identity(64, format="csc"),
        q=-sudoku_boards(batch, rng),
        E=E,
        e=E.sum(axis=1),
        lower=np.zeros(64),
        seed=4,
    )


def sudoku_true(batch: int = 64) -> Family:
    """The same layer with the rules of the game as a sparse A."""
    rng = np.random.default_rng(5)
    return Family(
        name="sudoku-true",
        title="Sudoku 4x4, true sparse A",
        batch=batch,
        P=0.1 * sp.identity(64, format="csc"),
        q=-sudoku_boards(batch, rng),
        E=sudoku_rules(),
        e=np.ones(64),
        lower=np.zeros(64),
        fixed_matrices=True,
        degenerate=True,
        seed=5,
    )


def noisy_steps(points: int, rng: np.random.Generator) -> np.ndarray:
    """A piecewise constant signal as in OptNet's denoising data: 1 to 9 steps per 100 points."""
    steps = int(sum(rng.integers(1, 10) for _ in range(points // 100)))
    at = np.sort(rng.choice(np.arange(1, points), steps, replace=False))
    heights = rng.integers(10, 100, steps + 1).astype(float)
    return np.repeat(heights, np.diff(at, prepend=0, append=points)) + 10 * rng.standard_normal(
        points
    )


def total_variation(points: int, batch: int, weight: float = 21.21) -> Family:
    """min 1/2 |x - y|^2 + weight |Dx|_1 as a QP in (x, t), -t <= Dx <= t; a y per problem."""
    rng = np.random.default_rng(points)
    D = sp.diags([-np.ones(points - 1), np.ones(points - 1)], [0, 1], shape=(points - 1, points))
    eye = sp.identity(points - 1)
    y = np.stack([noisy_steps(points, rng) for _ in range(batch)])
    n = 2 * points - 1
    P = sp.diags(np.r_[np.ones(points), np.zeros(points - 1)]).tocsc()
    P.eliminate_zeros()
    return Family(
        name=f"tv{points}",
        title=f"total variation, N {points}",
        batch=batch,
        P=P,
        q=np.hstack([-y, np.full((batch, points - 1), weight)]),
        E=sp.csc_matrix((0, n)),
        e=np.zeros(0),
        G=sp.bmat([[D, -eye], [-D, -eye]], format="csc"),
        h=np.zeros(2 * points - 2),
        fixed_matrices=True,
        seed=points,
    )


def predictive_control(horizon: int, batch: int, states: int = 12, inputs: int = 4) -> Family:
    """x_{k+1} = Fx_k + Bu_k, states and inputs bounded; a measured state x_0 per problem."""
    rng = np.random.default_rng(7)
    F = np.eye(states) + 0.1 * rng.standard_normal((states, states))
    F /= max(1.0, np.abs(np.linalg.eigvals(F)).max())
    B = rng.standard_normal((states, inputs))
    Q, R = np.diag(rng.uniform(0.1, 10.0, states)), 0.1 * np.eye(inputs)
    Q_end = scipy.linalg.solve_discrete_are(F, B, Q, R)
    x_max, u_max = rng.uniform(1.0, 2.0, states), rng.uniform(0.05, 0.15, inputs)
    x0 = rng.uniform(-0.5, 0.5, (batch, states)) * x_max
    free = sp.identity(horizon * states) - sp.kron(sp.eye(horizon, k=-1), F)
    bound = np.r_[np.tile(x_max, horizon), np.tile(u_max, horizon)]
    e = np.zeros((batch, horizon * states))
    e[:, :states] = x0 @ F.T
    P = sp.block_diag([sp.kron(sp.eye(horizon - 1), Q), Q_end, sp.kron(sp.eye(horizon), R)])
    return Family(
        name=f"mpc{horizon}",
        title=f"predictive control, T {horizon}",
        batch=batch,
        P=sp.csc_matrix(P),
        q=np.zeros(horizon * (states + inputs)),
        E=sp.hstack([free, -sp.kron(sp.eye(horizon), B)], format="csc"),
        e=e,
        lower=-bound,
        upper=bound,
        fixed_matrices=True,
        seed=7,
    )


FAMILIES: dict[str, Callable[[], Family]] = {
    "nz10": lambda: optnet_dense(10, 128),
    "nz50": lambda: optnet_dense(50, 128),
    "nz100": lambda: optnet_dense(100, 64),
    "nz200": lambda: optnet_dense(200, 16),
    "sudoku": sudoku_learned,
    "sudoku-true": sudoku_true,
    "tv100": lambda: total_variation(100, 32),
    "tv1000": lambda: total_variation(1000, 8),
    "mpc10": lambda: predictive_control(10, 64),
    "mpc30": lambda: predictive_control(30, 8),
    "mpc100": lambda: predictive_control(100, 4),
}
