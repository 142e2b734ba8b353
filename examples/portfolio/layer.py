# SPDX-License-Identifier: Apache-2.0
"""The portfolio of greatest predicted return within a limit of risk."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

import quadcone
from quadcone.torch import ConeLayer

from .market import Market


class Portfolio(nn.Module):
    """(batch, n) -> (batch, n): max r'w subject to 1'w = 1, w >= 0, |F w| <= limit, F = root."""

    def __init__(self, market: Market) -> None:
        super().__init__()
        n = len(market.root)
        A = np.vstack([np.ones((1, n)), -np.eye(n), np.zeros((1, n)), -market.root])
        self.b = torch.from_numpy(np.r_[1.0, np.zeros(n), market.limit, np.zeros(n)])
        self.cone = ConeLayer(quadcone.Problem(None, A, cones={"z": 1, "l": n, "q": [n + 1]}))

    def forward(self, returns: Tensor) -> Tensor:
        return self.cone(q=-returns, b=self.b)[0]
