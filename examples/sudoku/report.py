# SPDX-License-Identifier: Apache-2.0
"""What the page tells: two trained networks, and how the learned rules compare with the true."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .data import CELLS, SIDE, Boards, all_solutions, one_hot, rules
from .train import Run, Schedule


@dataclass(frozen=True)
class Trained:
    """A network after training, and its answers to the held-out boards, (count, 64)."""

    name: str
    parameters: int
    schedule: Schedule
    run: Run
    output: np.ndarray

    @property
    def wrong(self) -> int:
        return self.run.scores[-1].wrong

    @property
    def digits(self) -> np.ndarray:
        """(count, 16)."""
        return self.output.reshape(-1, CELLS, SIDE).argmax(axis=2) + 1


@dataclass(frozen=True)
class LearnedRules:
    """The equations A z = b that OptNet has found."""

    A: np.ndarray
    z0: np.ndarray

    @property
    def overlap(self) -> float:
        """How much of the span of the true rules the rows of A span: the mean squared cosine of the
        angles between the two spaces, 1 if they are the same."""
        return float(np.trace(row_space(self.A) @ row_space(rules())) / len(self.A))

    @property
    def distance(self) -> float:
        """Mean distance of the 288 solved boards, each of norm 4, from the solutions of A z = b."""
        off = (one_hot(all_solutions()) - self.z0) @ row_space(self.A)
        return float(np.linalg.norm(off, axis=1).mean())


@dataclass(frozen=True)
class Report:
    boards: Boards
    held_out: Boards
    optnet: Trained
    feed_forward: Trained
    learned: LearnedRules
    seed: int
    threads: int


def row_space(matrix: np.ndarray) -> np.ndarray:
    """The orthogonal projector on the span of the rows: equal for matrices that say the same."""
    _, values, rows = np.linalg.svd(matrix, full_matrices=False)
    basis = rows[values > 1e-9 * values[0]]
    return basis.T @ basis
