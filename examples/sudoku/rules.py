# SPDX-License-Identifier: Apache-2.0
"""A layer whose equations are learned, dense or on a pattern, for Sudoku of any size.

    minimize  Q/2 |z|^2 - puzzle'z   subject to   A z = A z0,  z >= 0

Its answer is the point of the polytope that is nearest to puzzle / Q.  With a small Q that is
nearly always a vertex, which hardly moves with A; with Q = 1 few of z >= 0 are active, and every
puzzle says something about all equations.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn

import quadcone
from quadcone.torch import ConeLayer


class LearnedEquations(nn.Module):
    """forward(puzzle): (batch, n) -> (batch, n).

    entries: those of A on its pattern, by compressed columns.
    Q: the weight of the quadratic term; it may be changed at any time.
    """

    def __init__(self, A: np.ndarray, z0: float, dense: bool) -> None:
        super().__init__()
        rows, n = A.shape
        source = sp.csc_matrix(np.ones_like(A) if dense else A != 0)
        self.shape, self.Q = (rows, n), 1.0
        columns = np.repeat(np.arange(n), np.diff(source.indptr))
        self.register_buffer("row", torch.from_numpy(source.indices.astype(np.int64)))
        self.register_buffer("column", torch.from_numpy(columns))
        self.entries = nn.Parameter(torch.from_numpy(A[source.indices, columns].astype(float)))
        self.log_z0 = nn.Parameter(torch.full((n,), np.log(z0), dtype=torch.float64))
        # A place in (entries, -1) for each entry of the layer's [A; -I].
        source.data = np.arange(1.0, source.nnz + 1)
        both = sp.vstack([source, (source.nnz + 1) * sp.identity(n)], format="csc")
        both.sort_indices()
        self.register_buffer("place", torch.from_numpy(both.data.astype(np.int64) - 1))
        self.register_buffer("h", torch.zeros(n, dtype=torch.float64))
        self.layer = ConeLayer(
            quadcone.Problem(
                sp.identity(n, format="csc"), both, cones={"z": rows, "l": n},
                # A third of the time, where A is dense in a sparse problem.
                condense=True if dense else None,
            )
        )  # fmt: skip

    def matrix(self) -> Tensor:
        """A, (rows, n)."""
        return torch.zeros(self.shape, dtype=torch.float64).index_put(
            (self.row, self.column), self.entries
        )

    def forward(self, puzzle: Tensor) -> Tensor:
        right = self.entries * self.log_z0.exp()[self.column]
        b = torch.zeros(self.shape[0], dtype=torch.float64).index_add(0, self.row, right)
        values = torch.cat([self.entries, torch.tensor([-1.0], dtype=torch.float64)])[self.place]
        return self.layer(q=-puzzle / self.Q, b=torch.cat([b, self.h]), A=values)[0]


class Unbounded(nn.Module):
    """The relaxed layer, without z >= 0: a projection on A z = A z0, in closed form."""

    def __init__(self, equations: LearnedEquations) -> None:
        super().__init__()
        self.equations = equations

    def forward(self, puzzle: Tensor) -> Tensor:
        A, z0 = self.equations.matrix(), self.equations.log_z0.exp()
        target = puzzle / self.equations.Q
        return target - torch.linalg.solve(A @ A.T, A @ (target - z0).T).T @ A


def orthonormal(rows: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """A random dense start, (rows, n)."""
    return np.linalg.qr(rng.normal(size=(n, rows)))[0].T.copy()


def from_boards(solutions: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """The equations that hold on solved boards (count, n), by principal components instead of
    training: the directions in which they vary least, (rows, n), and their mean, (n,)."""
    mean = solutions.mean(axis=0)
    off = solutions - mean
    return np.linalg.eigh(off.T @ off)[1].T[:rows], mean


def independent(rules: np.ndarray) -> np.ndarray:
    """As many of the rules as are linearly independent, first come."""
    basis: list[np.ndarray] = []
    kept = []
    for rule in rules:
        rest = rule - sum((rule @ b * b for b in basis), np.zeros_like(rule))
        if np.linalg.norm(rest) > 1e-6:
            basis.append(rest / np.linalg.norm(rest))
            kept.append(rule)
    return np.array(kept)
