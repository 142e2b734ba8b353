# SPDX-License-Identifier: Apache-2.0
"""moreau: batched, compiled once, with an active-set and an interior-point method."""

from __future__ import annotations

import moreau
import numpy as np
import scipy.sparse as sp

from ..families import Family, per_problem
from .base import FailedError, Peer, UnsupportedError, summed


class Moreau(Peer):
    """The active-set method, which moreau chooses by itself for small problems."""

    name = "moreau (active set)"
    solver = "active_set"

    def __init__(self, family: Family) -> None:
        super().__init__(family)
        if self.solver == "active_set" and family.n > 500:
            raise UnsupportedError("minutes")
        P, A = (sp.csr_matrix(pattern(matrix)) for matrix in (family.P, family.A))
        self.order = csr_order(family.A) if family.sparse else None
        settings = moreau.Settings(
            solver=self.solver,
            device="cpu",
            batch_size=family.batch,
            enable_grad=True,
            max_iter=200 if self.solver == "ipm" else 10000,  # 200 is too few for active sets
        )
        cones = moreau.Cones(num_zero_cones=family.zero, num_nonneg_cones=family.m - family.zero)
        self.compiled = moreau.CompiledSolver(
            n=family.n,
            m=family.m,
            P_row_offsets=P.indptr,
            P_col_indices=P.indices,
            A_row_offsets=A.indptr,
            A_col_indices=A.indices,
            cones=cones,
            settings=settings,
        )
        self.q = np.ascontiguousarray(per_problem(family.q, 1, family.batch))
        self.b = np.ascontiguousarray(per_problem(family.b, 1, family.batch))
        self.P, self.A = self.values(family.P), self.values(family.A)
        if family.sparse:
            self.A = self.A[self.order]
        if family.fixed_matrices:
            self.compiled.setup(self.P, self.A)

    @staticmethod
    def values(matrix) -> np.ndarray:
        if sp.issparse(matrix):
            return matrix.data
        return matrix.reshape(*matrix.shape[:-2], -1)

    def forward(self) -> None:
        if not self.family.fixed_matrices:
            self.compiled.setup(self.P, self.A)
        self.solution = self.compiled.solve(self.q, self.b)

    def backward(self) -> None:
        out = self.compiled.backward(self.family.dx)
        f = self.family
        self.out = {
            "P": summed(out["dP_values"], f.P, 2),
            "q": summed(out["dq"], f.q, 1),
            "A": summed(out["dA_values"], f.A, 2),
            "b": summed(out["db"], f.b, 1),
        }

    def check(self) -> None:
        bad = {s for s in self.compiled.info.status if s != moreau.SolverStatus.Solved}
        if bad:
            raise FailedError(", ".join(map(str, bad)))

    def x(self) -> np.ndarray:
        return np.asarray(self.solution.x)

    def gradients(self) -> dict[str, np.ndarray]:
        out, f = dict(self.out), self.family
        if not f.sparse:
            return out | {name: out[name].reshape(getattr(f, name).shape) for name in ("P", "A")}
        by_column = np.empty_like(out["A"])
        by_column[self.order] = out["A"]
        return out | {"A": by_column}


class MoreauInteriorPoint(Moreau):
    """The interior-point method."""

    name = "moreau (interior point)"
    solver = "ipm"

    def __init__(self, family: Family) -> None:
        if not family.fixed_matrices:
            raise UnsupportedError("the active set is ten times faster on dense problems")
        super().__init__(family)


def pattern(matrix):
    """A matrix with the nonzeros of the family."""
    return matrix if sp.issparse(matrix) else np.ones(matrix.shape[-2:])


def csr_order(matrix: sp.csc_matrix) -> np.ndarray:
    """Positions, in CSC order, of the entries taken row after row."""
    numbered = sp.csc_matrix((np.arange(matrix.nnz), matrix.indices, matrix.indptr), matrix.shape)
    return numbered.tocsr().data
