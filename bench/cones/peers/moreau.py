# SPDX-License-Identifier: Apache-2.0
"""moreau: a batched interior point, compiled once."""

from __future__ import annotations

import moreau
import numpy as np
import scipy.sparse as sp

from ..clarabel_form import row_order
from ..families import ConeFamily
from .base import ConePeer, FailedError


class Moreau(ConePeer):
    """By rows, with PSD matrices in its order."""

    name = "moreau"

    def __init__(self, family: ConeFamily) -> None:
        super().__init__(family)
        self.order = row_order(family)
        numbered = family.A.copy()
        numbered.data = np.arange(family.A.nnz)
        A = sp.csr_matrix(numbered.tocsr()[self.order])
        P = sp.csr_matrix(family.P)
        self.entries = A.data  # of A, by its rows
        settings = moreau.Settings(
            solver="ipm", device="cpu", batch_size=family.batch, enable_grad=True
        )
        self.compiled = moreau.CompiledSolver(
            n=family.n,
            m=family.m,
            P_row_offsets=P.indptr,
            P_col_indices=P.indices,
            A_row_offsets=A.indptr,
            A_col_indices=A.indices,
            cones=moreau_cones(family.cones),
            settings=settings,
        )
        values = family.A.data if family.A_values is None else family.A_values
        self.A = np.ascontiguousarray(values[..., self.entries])
        self.P = np.tile(P.data, (*self.A.shape[:-1], 1)) if self.A.ndim == 2 else P.data
        self.b = np.tile(family.b, (family.batch, 1)) if family.b.ndim == 1 else family.b
        self.b = np.ascontiguousarray(self.b[:, self.order])
        if family.fixed_matrices:
            self.compiled.setup(self.P, self.A)

    def forward(self) -> None:
        if not self.family.fixed_matrices:
            self.compiled.setup(self.P, self.A)
        self.solution = self.compiled.solve(self.family.q, self.b)

    def backward(self) -> None:
        self.out = self.compiled.backward(self.family.dx)

    def check(self) -> None:
        bad = {s for s in self.compiled.info.status if s != moreau.SolverStatus.Solved}
        if bad:
            raise FailedError(", ".join(sorted(map(str, bad))))

    def x(self) -> np.ndarray:
        return np.asarray(self.solution.x)

    def gradients(self) -> dict[str, np.ndarray]:
        b, A = np.empty_like(self.out["db"]), np.empty_like(self.out["dA_values"])
        b[:, self.order], A[..., self.entries] = self.out["db"], self.out["dA_values"]
        gradients = {"q": self.out["dq"], "A": A, "b": b}
        if self.family.P.nnz:
            gradients["P"] = self.out["dP_values"]
        return self.summed(gradients)


def moreau_cones(cones: dict) -> moreau.Cones:
    return moreau.Cones(
        num_zero_cones=cones.get("z", 0),
        num_nonneg_cones=cones.get("l", 0),
        so_cone_dims=cones.get("q", []),
        psd_dims=cones.get("s", []),
        num_exp_cones=cones.get("ep", 0),
        power_alphas=cones.get("p", []),
    )
