# SPDX-License-Identifier: Apache-2.0
"""The layers of the two tasks, whose QP is solved in other ways.

Each has the parameters and the answers of the layer that it derives from.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from ..denoising.layers import TotalVariation, full, inequalities
from ..digits.models import CLASSES, INEQUALITIES, OptNetLayer
from .program import ConeProgram
from .solvers import Solve, active_rows

Solver = Callable[[ConeProgram], Solve]
LENGTH = 100  # of signals
LEVEL = 500.0  # of |F z| in denoising: 100 samples of about 50


class ConeTotalVariation(TotalVariation):
    """As a cone program; P is diagonal, and so is F."""

    def __init__(self, solver: Solver, scale: float = LEVEL) -> None:
        super().__init__(LENGTH)
        problem = self.cone.problem
        self.register_buffer("P", torch.from_numpy(problem.P.data))
        self.program = ConeProgram(problem.P, problem.A, scale)
        self.answer = solver(self.program)

    def solve(self, q: Tensor, D: Tensor, P: Tensor | None = None) -> Tensor:
        F = (self.P if P is None else P).sqrt()
        return self.answer(*self.program.data(q, self.h, F, self.values(D)))[:, :LENGTH]


class DenseTotalVariation(TotalVariation):
    """By the linear equations of the active rows."""

    def __init__(self) -> None:
        super().__init__(LENGTH)

    def solve(self, q: Tensor, D: Tensor, P: Tensor | None = None) -> Tensor:
        P = torch.from_numpy(self.cone.problem.P.data) if P is None else P
        return active_rows(P.diag(), q, inequalities(full(D)), self.h)[:, :LENGTH]


class ConeOptNetLayer(OptNetLayer):
    """As a cone program; F = L' by Cholesky."""

    def __init__(self, solver: Solver) -> None:
        super().__init__()
        F = sp.csc_matrix(np.triu(np.ones((CLASSES, CLASSES))))
        self.program = ConeProgram(F, sp.csc_matrix(np.ones((INEQUALITIES, CLASSES))))
        self.solve = solver(self.program)

    def forward(self, x: Tensor) -> Tensor:
        Q, h = _values(self)
        F = torch.linalg.cholesky(Q)[*torch.tril_indices(CLASSES, CLASSES)]
        z = self.solve(*self.program.data(x.double(), h, F, self.G.mT.flatten()))
        return z[:, :CLASSES].to(x.dtype)


class DenseOptNetLayer(OptNetLayer):
    """By the linear equations of the active rows, or by a function of Q, q, G, h."""

    def __init__(self, solve: Callable[..., Tensor] = active_rows) -> None:
        super().__init__()
        self.solve = solve

    def forward(self, x: Tensor) -> Tensor:
        Q, h = _values(self)
        return self.solve(Q, x.double(), self.G, h).to(x.dtype)


def _values(layer: OptNetLayer) -> tuple[Tensor, Tensor]:
    """Q and h of the parameters."""
    L = layer.L.tril()
    Q = L @ L.mT + 1e-4 * torch.eye(CLASSES, dtype=L.dtype)
    return Q, layer.G @ layer.z0 + layer.s0
