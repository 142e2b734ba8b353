# SPDX-License-Identifier: Apache-2.0
"""FC600-FC10-FC10 and FC600-FC10-OptNet10, the two networks of OptNet, section 4.3."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from quadcone.torch import qp

CLASSES, WIDTH, INEQUALITIES = 10, 600, 50


class OptNetLayer(nn.Module):
    """(batch, 10) -> (batch, 10): min 1/2 z'Qz + x'z, G z <= h, all but x learned and shared.

    Q = L L' + 1e-4 I, and h = G z0 + s0, s0 > 0 at first, so that z0 is feasible.
    """

    def __init__(self) -> None:
        super().__init__()
        wide = {"dtype": torch.float64}
        self.L = nn.Parameter(torch.rand(CLASSES, CLASSES, **wide).tril())
        self.G = nn.Parameter(2 * torch.rand(INEQUALITIES, CLASSES, **wide) - 1)
        self.z0 = nn.Parameter(torch.zeros(CLASSES, **wide))
        self.s0 = nn.Parameter(torch.ones(INEQUALITIES, **wide))

    def forward(self, x: Tensor) -> Tensor:
        L = self.L.tril()
        Q = L @ L.mT + 1e-4 * torch.eye(CLASSES, dtype=L.dtype)
        h = self.G @ self.z0 + self.s0
        return qp(Q, x.double(), self.G, h).to(x.dtype)


def classifier(optnet: bool) -> nn.Module:
    """(batch, 784) -> (batch, 10), logarithms of probabilities."""
    last = OptNetLayer() if optnet else nn.Linear(CLASSES, CLASSES)
    return nn.Sequential(
        nn.Linear(784, WIDTH), nn.ReLU(), nn.Linear(WIDTH, CLASSES), nn.ReLU(),
        last, nn.LogSoftmax(dim=1),
    )  # fmt: skip
