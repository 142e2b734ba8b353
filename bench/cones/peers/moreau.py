# SPDX-License-Identifier: Apache-2.0
"""moreau: a batched interior point, compiled once."""

from __future__ import annotations

import moreau
import numpy as np
import scipy.sparse as sp

from ..clarabel_form import row_order
from ..families import ConeFamily, blocks
from .base import ConePeer, FailedError, UnsupportedError


class Moreau(ConePeer):
    """By rows, with PSD matrices in its order."""

    name = "moreau"

    def __init__(self, family: ConeFamily) -> None:
        super().__init__(family)
        self.order = self.rows()
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
            m=self.order.size,
            P_row_offsets=P.indptr,
            P_col_indices=P.indices,
            A_row_offsets=A.indptr,
            A_col_indices=A.indices,
            cones=self.cones(),
            settings=settings,
        )
        values = family.A.data if family.A_values is None else family.A_values
        self.A = np.ascontiguousarray(values[..., self.entries])
        self.P = np.tile(P.data, (*self.A.shape[:-1], 1)) if self.A.ndim == 2 else P.data
        self.b = np.tile(family.b, (family.batch, 1)) if family.b.ndim == 1 else family.b
        self.b = np.ascontiguousarray(self.b[:, self.order])
        if family.fixed_matrices:
            self.compiled.setup(self.P, self.A)

    def rows(self) -> np.ndarray:
        """Which of our rows is each of its."""
        return row_order(self.family)

    def cones(self) -> moreau.Cones:
        cones = self.family.cones
        return moreau.Cones(
            num_zero_cones=cones.get("z", 0),
            num_nonneg_cones=cones.get("l", 0),
            so_cone_dims=cones.get("q", []),
            psd_dims=cones.get("s", []),
            num_exp_cones=cones.get("ep", 0),
            power_alphas=cones.get("p", []),
        )

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
        f = self.family
        b, A = np.zeros((f.batch, f.m)), np.zeros((f.batch, f.A.nnz))
        b[:, self.order], A[:, self.entries] = self.out["db"], self.out["dA_values"]
        gradients = {"q": self.out["dq"], "A": A, "b": b}
        if f.P.nnz:
            gradients["P"] = self.out["dP_values"]
        return self.summed(gradients)


class MoreauDirect(Moreau):
    """x in K by its direct cones, instead of by rows -x + s = 0."""

    name = "moreau (direct cones)"

    def __init__(self, family: ConeFamily) -> None:
        if not family.x_in_cones:
            raise UnsupportedError("x itself is not in the cones")
        super().__init__(family)

    def rows(self) -> np.ndarray:
        return np.arange(self.family.cones["z"])

    def cones(self) -> moreau.Cones:
        zero, order = self.family.cones["z"], row_order(self.family)
        kinds = {"q": "soc", "s": "psd_triangle"}
        direct = [
            moreau.DirectConeSpec(
                kind=kinds[key],
                indices=(order[rows] - zero).tolist(),
                psd_k=k if key == "s" else None,
            )
            for key, rows, k in blocks(self.family.cones)
            if key in kinds
        ]
        return moreau.Cones(num_zero_cones=zero, dir_cones=direct)

    def reported(self, name: str) -> np.ndarray:
        zero = self.family.cones["z"]
        return self.family.A.indices < zero if name == "A" else np.arange(self.family.m) < zero
