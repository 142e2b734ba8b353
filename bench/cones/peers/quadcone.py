# SPDX-License-Identifier: Apache-2.0
"""quadcone.Problem: NumPy arrays in, NumPy arrays out."""

from __future__ import annotations

import numpy as np

import quadcone

from ...peers.quadcone import values
from ..families import ConeFamily
from .base import ConePeer, FailedError


class Quadcone(ConePeer):
    """All gradients by one vjp."""

    name = "quadcone"

    def __init__(self, family: ConeFamily) -> None:
        super().__init__(family)
        P = family.P if family.P.nnz else None
        self.problem = quadcone.Problem(P, family.A, cones=family.cones, num_threads=1)
        self.changes = {} if family.fixed_matrices else {"A": family.A_values}

    def forward(self) -> None:
        self.solution = self.problem.solve(self.family.q, self.family.b, **self.changes)

    def backward(self) -> None:
        self.out = self.solution.vjp(self.family.dx)

    def check(self) -> None:
        if not self.solution.solved.all():
            raise FailedError(", ".join(sorted(set(map(str, self.solution.status)))))

    def x(self) -> np.ndarray:
        return self.solution.x

    def gradients(self) -> dict[str, np.ndarray]:
        names = "PqAb" if self.family.P.nnz else "qAb"
        return {name: values(getattr(self.out, name)) for name in names}

    def residuals(self) -> dict[str, float]:
        """The worst of the batch of max |Ax + s - b|, |Px + q + A'y| and |x'Px + q'x + b'y|.

        Each relative to 1 plus the largest of its terms.
        """
        f, solution = self.family, self.solution
        worst = {"primal": 0.0, "dual": 0.0, "gap": 0.0}
        for k in range(f.batch):
            x, y, s = solution.x[k], solution.y[k], solution.s[k]
            A, b, q = f.matrix_A(k), f.side_b(k), f.q[k]
            Px = f.P @ x
            terms = {
                "primal": (A @ x, s, -b),
                "dual": (Px, q, A.T @ y),
                "gap": (x @ Px, q @ x, b @ y),
            }
            for name, parts in terms.items():
                size = 1 + max(np.abs(part).max() for part in parts)
                worst[name] = max(worst[name], float(np.abs(sum(parts)).max() / size))
        return worst
