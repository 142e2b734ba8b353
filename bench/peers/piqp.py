# SPDX-License-Identifier: Apache-2.0
"""PIQP: a proximal interior point, dense or sparse, one problem at a time; solves only."""

from __future__ import annotations

import numpy as np
import piqp

from ..families import Family, per_problem
from .base import FailedError, Peer
from .two_sided import TwoSided


class Piqp(Peer):
    """min 1/2 x'Px + c'x, Ax = b, l <= Gx <= u, simple bounds on x."""

    name = "piqp"
    differentiable = False

    def __init__(self, family: Family) -> None:
        super().__init__(family)
        batch = family.batch
        fixed = family.fixed_matrices
        kind = piqp.SparseSolver if self.sparse_form() else piqp.DenseSolver
        self.solvers = [kind() for _ in range(batch)]
        self.data = [self.problem(k) for k in range(batch)]
        for solver, data in zip(self.solvers, self.data, strict=True):
            solver.setup(**data)
        # The pattern and, where they stay, the matrices are kept: only what changes is passed on.
        vectors = ("c", "b", "h_u")
        self.changes = [
            {key: data[key] for key in vectors if data.get(key) is not None} if fixed else data
            for data in self.data
        ]

    def sparse_form(self) -> bool:
        return self.family.sparse and self.family.fixed_matrices

    def problem(self, k: int) -> dict:
        f = self.family
        q, e = (per_problem(v, 1, f.batch)[k] for v in (f.q, f.e))
        data = {"c": q, "x_l": f.lower, "x_u": f.upper}
        if self.sparse_form():
            data["P"] = f.P
            E, G = f.E, f.G
        else:
            form = TwoSided(f, bounds_as_rows=False)
            data["P"] = np.asfortranarray(form.P[k])
            E = np.asfortranarray(form.E[k])
            G = None if f.G is None else np.asfortranarray(form.C[k])
        if f.zero:
            data |= {"A": E, "b": e}
        if G is not None:
            data |= {"G": G, "h_u": per_problem(f.h, 1, f.batch)[k]}
        return {key: value for key, value in data.items() if value is not None}

    def forward(self) -> None:
        for solver, change in zip(self.solvers, self.changes, strict=True):
            solver.update(**change)
            solver.solve()
        self.solution = np.stack([solver.result.x for solver in self.solvers])

    def check(self) -> None:
        bad = {str(s.result.info.status) for s in self.solvers} - {str(piqp.PIQP_SOLVED)}
        if bad:
            raise FailedError(", ".join(bad))

    def x(self) -> np.ndarray:
        return self.solution
