# SPDX-License-Identifier: Apache-2.0
"""Networks from a 4x4 puzzle to its solution, both as 64 numbers a board."""

from __future__ import annotations

from itertools import pairwise

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


class PaperNetwork(nn.Module):
    """OptNet's fully connected baseline: four hidden layers of 100, a ReLU after each layer, the
    last one included, and a softmax over the digits of every cell."""

    def __init__(self, width: int = 100) -> None:
        super().__init__()
        sizes = [SIZE, width, width, width, width, SIZE]
        layers = [(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(sizes)]
        self.layers = nn.Sequential(*(layer for pair in layers for layer in pair))

    def forward(self, puzzle: Tensor) -> Tensor:
        """(batch, 64) -> (batch, 64)."""
        scores = self.layers(puzzle.float()).unflatten(1, (CELLS, SIDE))
        return scores.softmax(dim=2).flatten(1).to(puzzle.dtype)


class Convolution(nn.Module):
    """OptNet's convolutional baseline: ten layers of 3x3 with ReLU, one more to the digits, and a
    softmax.  The paper has 512 channels."""

    def __init__(self, channels: int = 512, depth: int = 10) -> None:
        super().__init__()
        sizes = [SIDE] + depth * [channels]
        layers = [(nn.Conv2d(a, b, 3, padding=1), nn.ReLU()) for a, b in pairwise(sizes)]
        self.layers = nn.Sequential(*(layer for pair in layers for layer in pair))
        self.last = nn.Conv2d(channels, SIDE, 3, padding=1)

    def forward(self, puzzle: Tensor) -> Tensor:
        """(batch, 64) -> (batch, 64)."""
        board = puzzle.float().unflatten(1, (SIDE, SIDE, SIDE)).permute(0, 3, 1, 2)
        scores = self.last(self.layers(board)).permute(0, 2, 3, 1)
        return scores.softmax(dim=3).flatten(1).to(puzzle.dtype)


def digits(output: Tensor) -> Tensor:
    """The most likely digit of every cell, (batch, 64) -> (batch, 16)."""
    return output.unflatten(1, (CELLS, SIDE)).argmax(dim=2) + 1


def parameter_count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
