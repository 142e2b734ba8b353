# SPDX-License-Identifier: Apache-2.0
"""What OptNet, section 4.2, learns, as its code has it, and the tuned layer with sparse matrices.

The paper's matrices are dense, and all of their entries are trained.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from quadcone.torch import qp

from .layers import TotalVariation, differences, full, inequalities, linear_term

LEAST = 1e-4  # of the eigenvalues of Q
SMALL = 1e-8  # of t, in the quadratic term


class Tuned(nn.Module):
    """(batch, n) -> (batch, n): an OptNet layer that starts as total variation.

    min 1/2 z'(L L' + LEAST I) z + (W x + w)'z subject to G z <= G z0 + s0, of which z[:n] is the
    answer.  The start is L L' = diag(I, SMALL I), W = -[I; 0] with a little noise, w = [0; weight],
    G z <= 0 the constraints -t <= D y <= t.  L, W, w, G, z0 and s0 are learned.
    """

    def __init__(self, length: int, weight: float, threads: int = 1) -> None:
        super().__init__()
        self.threads = threads
        G = inequalities(full(differences(length)))
        rows, n = G.shape
        L = torch.ones(n, dtype=G.dtype)
        L[length:] = SMALL**0.5
        s0 = 1 + 1e-6 * torch.randn(rows, dtype=G.dtype)
        self.L, self.G = nn.Parameter(L.diag()), nn.Parameter(G)
        self.z0, self.s0 = nn.Parameter(-torch.linalg.pinv(G) @ s0), nn.Parameter(s0)
        self.linear = first_linear_term(length, weight)

    def forward(self, x: Tensor) -> Tensor:
        L = self.L.tril()
        Q = L @ L.mT + LEAST * torch.eye(len(L), dtype=L.dtype)
        h = self.G @ self.z0 + self.s0
        z = qp(Q, self.linear(x), self.G, h, num_threads=self.threads)
        return z[:, : x.shape[1]]


class SparseTuned(nn.Module):
    """(batch, n) -> (batch, n): the same start and training, but zeros of the matrices stay zero.

    The quadratic term is diagonal, D has two entries a row, and these, W and w are learned.
    """

    def __init__(self, length: int, weight: float, threads: int = 1) -> None:
        super().__init__()
        self.layer = TotalVariation(length, threads)
        P = torch.full((2 * length - 1,), SMALL + LEAST, dtype=torch.float64)
        P[:length] = 1 + LEAST
        self.logarithm = nn.Parameter(P.log())
        self.D = nn.Parameter(differences(length))
        self.linear = first_linear_term(length, weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer.solve(self.linear(x), self.D, self.logarithm.exp())


def first_linear_term(length: int, weight: float) -> nn.Linear:
    """W x + w as in total variation, with a little noise."""
    linear = nn.Linear(length, 2 * length - 1, dtype=torch.float64)
    with torch.no_grad():
        linear.weight.normal_(std=1e-3)
        linear.weight[:length] -= torch.eye(length)
        linear.bias.zero_()
        linear.bias[length:] = weight
    return linear


class LearnedDifferences(nn.Module):
    """(batch, n) -> (batch, n): total variation with a dense D, learned from random."""

    WEIGHT = 13.0
    PENALTY = 0.1  # of |D|_1, in the loss

    def __init__(self, length: int, threads: int = 1) -> None:
        super().__init__()
        self.threads = threads
        self.D = nn.Parameter(0.3 * torch.randn(length - 1, length, dtype=torch.float64))
        diagonal = torch.full((2 * length - 1,), SMALL + LEAST, dtype=torch.float64)
        diagonal[:length] = 1 + LEAST
        self.register_buffer("Q", diagonal.diag())

    def forward(self, x: Tensor) -> Tensor:
        G = inequalities(self.D)
        weight = torch.tensor(self.WEIGHT, dtype=x.dtype)
        h = torch.zeros(len(G), dtype=x.dtype)
        z = qp(self.Q, linear_term(x, weight), G, h, num_threads=self.threads)
        return z[:, : x.shape[1]]

    def penalty(self) -> Tensor:
        return self.PENALTY * self.D.abs().sum()


class Network(nn.Module):
    """The fully connected network of the paper, in single precision."""

    def __init__(self, length: int, width: int = 1000) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(length, width), nn.ReLU(), nn.Linear(width, length))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.float()).to(x.dtype)
