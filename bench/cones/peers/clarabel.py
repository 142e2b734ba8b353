# SPDX-License-Identifier: Apache-2.0
"""Clarabel: an interior point, one problem at a time; solves only."""

from __future__ import annotations

import numpy as np

from ..clarabel_form import clarabel_solver, row_order
from ..families import ConeFamily
from .base import TOLERANCE, ConePeer, FailedError


class Clarabel(ConePeer):
    """A solver a problem is kept, with its order and symbolic factorization."""

    name = "clarabel"
    differentiable = False

    def __init__(self, family: ConeFamily) -> None:
        super().__init__(family)
        order = row_order(family)
        solvers = [clarabel_solver(family, k, order, TOLERANCE) for k in range(family.batch)]
        numbered = family.A.copy()
        numbered.data = np.arange(family.A.nnz)
        entries = numbered[order].tocsc()
        entries.sort_indices()
        self.updates = []
        for k, solver in enumerate(solvers):
            changes = {"q": family.q[k], "b": family.side_b(k)[order]}
            if not family.fixed_matrices:
                changes["A"] = family.A_values[k][entries.data]
            self.updates.append((solver, changes))

    def forward(self) -> None:
        self.solutions = []
        for solver, changes in self.updates:
            solver.update(**changes)
            self.solutions.append(solver.solve())

    def check(self) -> None:
        bad = {str(solution.status) for solution in self.solutions} - {"Solved"}
        if bad:
            raise FailedError(", ".join(sorted(bad)))

    def x(self) -> np.ndarray:
        return np.array([solution.x for solution in self.solutions])
