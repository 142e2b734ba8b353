# SPDX-License-Identifier: Apache-2.0
"""Two networks from a puzzle to its solution, both as 64 numbers a board."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from quadcone.torch import qp

from .data import CELLS, SIDE

SIZE = CELLS * SIDE
EQUATIONS = 40  # the rank of the true rules


class OptNet(nn.Module):
    """A quadratic program whose equality constraints are learned.

        minimize  0.05 |z|^2 - puzzle'z   subject to   A z = b,  z >= 0

    With b = A exp(log_z0), the point exp(log_z0) > 0 is feasible whatever A is.  Only A and log_z0
    are learned, and nothing tells the network what a row, a column or a block is.
    """

    def __init__(self, threads: int | None = None) -> None:
        super().__init__()
        self.threads = threads
        self.A = nn.Parameter(torch.rand(EQUATIONS, SIZE, dtype=torch.float64))
        self.log_z0 = nn.Parameter(torch.zeros(SIZE, dtype=torch.float64))
        self.register_buffer("Q", 0.1 * torch.eye(SIZE, dtype=torch.float64))
        self.register_buffer("G", -torch.eye(SIZE, dtype=torch.float64))
        self.register_buffer("h", torch.zeros(SIZE, dtype=torch.float64))

    def forward(self, puzzle: Tensor) -> Tensor:
        """(batch, 64) -> (batch, 64)."""
        b = self.A @ self.log_z0.exp()
        return qp(self.Q, -puzzle, self.G, self.h, self.A, b, num_threads=self.threads)


class FeedForward(nn.Module):
    """Fully connected layers, and a softmax over the four digits of every cell."""

    def __init__(self, width: int = 512) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(SIZE, width), nn.ReLU(),
            nn.Linear(width, width), nn.ReLU(),
            nn.Linear(width, SIZE),
        )  # fmt: skip

    def forward(self, puzzle: Tensor) -> Tensor:
        """(batch, 64) -> (batch, 64)."""
        scores = self.layers(puzzle.float()).unflatten(1, (CELLS, SIDE))
        return scores.softmax(dim=2).flatten(1).to(puzzle.dtype)


def digits(output: Tensor) -> Tensor:
    """The most likely digit of every cell, (batch, 64) -> (batch, 16)."""
    return output.unflatten(1, (CELLS, SIDE)).argmax(dim=2) + 1


def parameter_count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
