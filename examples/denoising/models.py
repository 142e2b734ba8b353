# SPDX-License-Identifier: Apache-2.0
"""From a noisy signal to a clean one, in four ways.

The layer is min 1/2 |y - x|^2 + sum_i w_i t_i subject to -t <= D y <= t.  With differences in D and
w = lambda it is total-variation denoising.  D has the pattern of differences, and so has the layer.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn

import quadcone
from quadcone.torch import ConeLayer, qp

from .data import LENGTH

JUMPS = LENGTH - 1
SMALL = 1e-6  # of t, in the quadratic term: makes t unique where its weight is zero


def differences() -> Tensor:
    """(99, 2): the entries of D in columns i and i + 1 of row i."""
    return torch.tensor([[-1.0, 1.0]], dtype=torch.float64).repeat(JUMPS, 1)


class TotalVariation(nn.Module):
    """The sparse layer: forward(x, w, D) with x (batch, 100), w (batch, 99) or (99,), D (99, 2)."""

    def __init__(self) -> None:
        super().__init__()
        rows = np.repeat(np.arange(JUMPS), 2)
        columns = rows + np.tile([0, 1], JUMPS)
        # Where an entry of A comes from: 1 + its place in D, negative with a minus; 0: a -1 of t.
        D = sp.csc_matrix((np.arange(1, 2 * JUMPS + 1), (rows, columns)), (JUMPS, LENGTH))
        t = sp.identity(JUMPS) * (2 * JUMPS + 1)
        source = sp.bmat([[D, t], [-D, t]], format="csc").data.astype(int)
        self.register_buffer("place", torch.from_numpy(np.abs(source) - 1))
        self.register_buffer("sign", torch.from_numpy(np.where(source > 0, 1.0, -1.0)))
        self.register_buffer("h", torch.zeros(2 * JUMPS, dtype=torch.float64))
        P = sp.diags([1.0] * LENGTH + [SMALL] * JUMPS, format="csc")
        A = sp.bmat([[D, t], [-D, t]], format="csc").astype(float)
        self.cone = ConeLayer(quadcone.Problem(P, A, cones={"l": 2 * JUMPS}))

    def values(self, D: Tensor) -> Tensor:
        """The entries of A = [[D, -I], [-D, -I]], by compressed columns."""
        entries = torch.cat([D.flatten(), -torch.ones(1, dtype=D.dtype)])
        return entries[self.place] * self.sign

    def forward(self, x: Tensor, w: Tensor, D: Tensor) -> Tensor:
        q = torch.cat([-x, w.expand(len(x), JUMPS)], dim=1)
        return self.cone(q=q, b=self.h, A=self.values(D))[0][:, :LENGTH]


def dense(x: Tensor, w: Tensor, D: Tensor) -> Tensor:
    """The same layer with dense matrices."""
    band = torch.zeros(JUMPS, LENGTH, dtype=D.dtype)
    row = torch.arange(JUMPS)
    band = band.index_put((row, row), D[:, 0]).index_put((row, row + 1), D[:, 1])
    eye = torch.eye(JUMPS, dtype=D.dtype)
    G = torch.cat([torch.cat([band, -eye], 1), torch.cat([-band, -eye], 1)])
    ones = torch.ones(LENGTH, dtype=D.dtype)
    Q = torch.diag(torch.cat([ones, SMALL * torch.ones(JUMPS, dtype=D.dtype)]))
    q = torch.cat([-x, w.expand(len(x), JUMPS)], dim=1)
    return qp(Q, q, G, torch.zeros(2 * JUMPS, dtype=D.dtype))[:, :LENGTH]


class Learned(nn.Module):
    """D is learned from random, with the weight fixed; or all is tuned from total variation."""

    def __init__(self, weight: float, tuned: bool) -> None:
        super().__init__()
        self.layer = TotalVariation()
        start = differences() if tuned else 0.3 * torch.randn(JUMPS, 2, dtype=torch.float64)
        self.D = nn.Parameter(start)
        self.weight = weight
        self.linear = nn.Linear(LENGTH, LENGTH + JUMPS, dtype=torch.float64) if tuned else None
        if self.linear is not None:
            nn.init.normal_(self.linear.weight, std=1e-4)
            nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        if self.linear is None:
            return self.layer(x, torch.tensor(self.weight, dtype=x.dtype), self.D)
        change = self.linear(x / 50)
        # The weight stays positive: else t and the problem have no bound.
        weight = self.weight * change[:, LENGTH:].exp()
        return self.layer(x + change[:, :LENGTH], weight, self.D)


def network(width: int = 1000) -> nn.Module:
    """The fully connected network of the paper."""
    layers = nn.Linear(LENGTH, width), nn.ReLU(), nn.Linear(width, LENGTH)
    return nn.Sequential(*layers).double()
