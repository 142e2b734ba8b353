# SPDX-License-Identifier: Apache-2.0
"""Returns whose means are known functions of features, as Elmachtoub & Grigas (2022) make them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

ASSETS, FEATURES, FACTORS = 20, 5, 4
NOISE = 0.02  # deviation of an asset's own noise
RISK = 1.5  # the limit of risk, of the risk of equal weights


@dataclass(frozen=True)
class Market:
    """mean_j(x) = (0.05 (B x)_j / sqrt(p) + 0.1^(1/degree))^degree, and noise with factors.

    degree 1: the mean is linear in the features.
    root: (20, 20), with root'root the covariance of the noise.
    limit: of the deviation of a portfolio's return.
    """

    degree: int
    B: np.ndarray
    loading: np.ndarray
    root: np.ndarray
    limit: float

    def mean(self, x: np.ndarray) -> np.ndarray:
        base = 0.05 * x @ self.B.T / np.sqrt(FEATURES) + 0.1 ** (1 / self.degree)
        return base**self.degree

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Features (count, 5), returns and their means (count, 20)."""
        x = rng.normal(size=(count, FEATURES))
        mean = self.mean(x)
        noise = rng.normal(size=(count, FACTORS)) @ self.loading.T
        noise = noise + NOISE * rng.normal(size=mean.shape)
        return tuple(map(torch.from_numpy, (x, mean + noise, mean)))


def make_market(rng: np.random.Generator, degree: int) -> Market:
    B = (rng.random((ASSETS, FEATURES)) < 0.5).astype(float)
    loading = rng.uniform(-NOISE / 4, NOISE / 4, (ASSETS, FACTORS))
    covariance = loading @ loading.T + NOISE**2 * np.eye(ASSETS)
    root = np.linalg.cholesky(covariance).T
    return Market(degree, B, loading, root, RISK * np.linalg.norm(root.mean(axis=1)))
