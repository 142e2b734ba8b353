# SPDX-License-Identifier: Apache-2.0
"""diffcp: a list of problems, solved by SCS or Clarabel, one by one."""

from __future__ import annotations

import diffcp
import numpy as np

from ..families import ConeFamily
from ..linear_form import LinearForm
from .base import TOLERANCE, ConePeer, UnsupportedError

MODES = ("lsqr", "lsmr", "dense")  # how it solves for the derivative
SOLVERS = {
    "SCS": {"eps": TOLERANCE},
    "Clarabel": {f"tol_{name}": TOLERANCE for name in ("gap_abs", "gap_rel", "feas")},
}


class Diffcp(ConePeer):
    """min c'x; a quadratic objective goes into one more second-order cone."""

    def __init__(self, family: ConeFamily, solver: str, mode: str) -> None:
        super().__init__(family)
        if "p" in family.cones:
            raise UnsupportedError("it has no power cones")
        self.name = f"diffcp, {solver}"
        self.form = LinearForm(family)
        count = range(family.batch)
        self.data = (
            [self.form.matrix_A(k) for k in count],
            [self.form.side_b(k) for k in count],
            [self.form.cost(k) for k in count],
            [self.form.cones for _ in count],
        )
        self.options = {"solve_method": solver, "mode": mode, **SOLVERS[solver]}

    def forward(self) -> None:
        xs, _, _, _, self.adjoint = diffcp.solve_and_derivative_batch(
            *self.data, n_jobs_forward=1, n_jobs_backward=1, **self.options
        )
        self.solution = np.stack(xs)

    def backward(self) -> None:
        dx = [self.form.cotangent(k) for k in range(self.family.batch)]
        none = [np.zeros_like(b) for b in self.data[1]]
        self.out = self.adjoint(dx, none, none)

    def x(self) -> np.ndarray:
        return self.solution[:, : self.family.n]

    def gradients(self) -> dict[str, np.ndarray]:
        A, b, q = self.out
        A = [matrix.sorted_indices().data for matrix in A]
        return self.summed(self.form.gradients(np.stack(A), np.stack(b), np.stack(q)))
