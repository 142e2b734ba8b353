# SPDX-License-Identifier: Apache-2.0
"""A spacecraft near another one on a circular orbit (Clohessy & Wiltshire, 1960), in its plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import expm, solve_discrete_are
from torch import Tensor

STEP = 0.25  # of time, in which an orbit takes 2 pi
STATES, INPUTS = 4, 2  # positions and velocities; thrust


@dataclass(frozen=True)
class Plant:
    """x next is A x + B u with |u| <= limit, and every step costs x'Qx + u'Ru."""

    A: Tensor
    B: Tensor
    Q: Tensor
    R: Tensor
    limit: float

    def riccati(self) -> Tensor:
        """(4, 4): what is still to pay without a limit is x'Sx, if the thrust is the best."""
        return torch.from_numpy(solve_discrete_are(*(m.numpy() for m in self.matrices)))

    def gain(self) -> Tensor:
        """(2, 4): K of the best thrust without a limit, u = -K x (LQR)."""
        S = self.riccati()
        return torch.linalg.solve(self.R + self.B.T @ S @ self.B, self.B.T @ S @ self.A)

    @property
    def matrices(self) -> tuple[Tensor, ...]:
        return self.A, self.B, self.Q, self.R

    def next(self, x: Tensor, u: Tensor) -> Tensor:
        return x @ self.A.T + u @ self.B.T

    def cost(self, x: Tensor, u: Tensor) -> Tensor:
        """(batch,): of the step."""
        return ((x @ self.Q) * x).sum(1) + ((u @ self.R) * u).sum(1)


def spacecraft(limit: float) -> Plant:
    drift = np.array([[0, 0, 1, 0], [0, 0, 0, 1], [3, 0, 0, 2], [0, 0, -2, 0]], dtype=float)
    thrust = np.vstack([np.zeros((2, 2)), np.eye(2)])
    # The exponential of [[drift, thrust], [0, 0]] integrates a constant thrust exactly.
    both = expm(STEP * np.block([[drift, thrust], [np.zeros((2, 6))]]))
    A, B = torch.from_numpy(both[:4, :4]), torch.from_numpy(both[:4, 4:])
    Q = torch.diag(torch.tensor([1.0, 1.0, 0.1, 0.1], dtype=A.dtype))
    return Plant(A, B, Q, 0.1 * torch.eye(INPUTS, dtype=A.dtype), limit)


def starts(count: int, seed: int, radius: float) -> Tensor:
    """(count, 4): positions on a disc, at rest."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 2, generator=generator, dtype=torch.float64)
    r = radius * torch.rand(count, 1, generator=generator, dtype=torch.float64).sqrt()
    return torch.cat([r * x / x.norm(dim=1, keepdim=True), torch.zeros_like(x)], dim=1)
