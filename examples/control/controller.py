# SPDX-License-Identifier: Apache-2.0
"""Model predictive control: the best thrusts of the next steps, each in a second-order cone."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

import quadcone
from quadcone.torch import ConeLayer

from .plant import INPUTS, STATES, Plant


class Controller(nn.Module):
    """(batch, 4) -> (batch, horizon, 2): thrusts that minimize the cost of the next steps.

        sum_k x_k'Q x_k + u_k'R u_k + x_N'V x_N,  |u_k| <= limit,   V = F F', F learned

    States are eliminated: those to come, one above the other, are `free` x + `forced` u.
    """

    def __init__(self, plant: Plant, horizon: int, V: Tensor) -> None:
        super().__init__()
        self.plant, self.horizon = plant, horizon
        self.F = nn.Parameter(torch.linalg.cholesky(V))
        powers = [torch.linalg.matrix_power(plant.A, k) for k in range(horizon + 1)]
        self.free = torch.cat(powers[1:])
        zero = torch.zeros(STATES, INPUTS, dtype=plant.A.dtype)
        self.forced = torch.cat([
            torch.cat([powers[k - j] @ plant.B if j <= k else zero for j in range(horizon)], 1)
            for k in range(horizon)
        ])  # fmt: skip
        thrust = np.vstack([np.zeros((1, INPUTS)), -np.eye(INPUTS)])
        A = np.kron(np.eye(horizon), thrust)
        self.b = torch.tensor([plant.limit, 0.0, 0.0], dtype=plant.A.dtype).repeat(horizon)
        cones = {"q": [1 + INPUTS] * horizon}
        self.cone = ConeLayer(quadcone.Problem(np.eye(INPUTS * horizon), A, cones=cones))

    def forward(self, x: Tensor) -> Tensor:
        stages = [self.plant.Q] * (self.horizon - 1)
        cost = torch.block_diag(*stages, self.F @ self.F.T)
        P = 2 * (
            self.forced.T @ cost @ self.forced + torch.block_diag(*[self.plant.R] * self.horizon)
        )
        q = 2 * x @ (self.free.T @ cost @ self.forced)
        u = self.cone(q=q, b=self.b, P=(P + P.T) / 2)[0]
        return u.reshape(len(x), self.horizon, INPUTS)

    def gain(self) -> Tensor:
        """(2, 4): K of u = -K x near the target, where no limit is active."""
        tiny = 1e-6 * torch.eye(STATES, dtype=self.F.dtype)
        return -self(tiny)[:, 0].T / 1e-6


def closed_loop(plant: Plant, policy, x: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """The cost (batch,) of `steps` steps from x, and the states (steps + 1, batch, 4)."""
    cost, states = torch.zeros(len(x), dtype=x.dtype), [x]
    for _ in range(steps):
        u = policy(states[-1])
        cost = cost + plant.cost(states[-1], u)
        states.append(plant.next(states[-1], u))
    return cost, torch.stack(states)
