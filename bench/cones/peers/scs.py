# SPDX-License-Identifier: Apache-2.0
"""SCS: a first-order method, one problem at a time; solves only."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import scs

from ..families import ConeFamily
from .base import TOLERANCE, ConePeer, FailedError


class Scs(ConePeer):
    """Where P and A stay, a solver a problem is kept, with its factor."""

    name = "scs"
    differentiable = False

    def __init__(self, family: ConeFamily) -> None:
        super().__init__(family)
        self.P = sp.triu(family.P, format="csc") if family.P.nnz else None
        self.matrices = [family.matrix_A(k) for k in range(family.batch)]
        self.kept = []
        if family.fixed_matrices:
            self.kept = [self.new_solver(k) for k in range(family.batch)]

    def new_solver(self, k: int) -> scs.SCS:
        data = {"A": self.matrices[k], "b": self.family.side_b(k), "c": self.family.q[k]}
        if self.P is not None:
            data["P"] = self.P
        accuracy = {"eps_abs": TOLERANCE, "eps_rel": TOLERANCE}
        return scs.SCS(data, self.family.cones, verbose=False, **accuracy)

    def forward(self) -> None:
        self.solutions = [self.solved(k) for k in range(self.family.batch)]

    def solved(self, k: int) -> dict:
        if not self.kept:
            return self.new_solver(k).solve(warm_start=False)
        self.kept[k].update(b=self.family.side_b(k), c=self.family.q[k])
        return self.kept[k].solve(warm_start=False)

    def check(self) -> None:
        bad = {solution["info"]["status"] for solution in self.solutions} - {"solved"}
        if bad:
            raise FailedError(", ".join(sorted(bad)))

    def x(self) -> np.ndarray:
        return np.stack([solution["x"] for solution in self.solutions])
