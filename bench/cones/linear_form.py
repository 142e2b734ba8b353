# SPDX-License-Identifier: Apache-2.0
"""A family without P, for solvers with linear objectives: one more variable r, r >= 1/2 x'Px.

For a diagonal P, in one second-order cone: (1 + r, 1 - r, sqrt(2 P) x).
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from .families import ConeFamily, Cones, blocks


class LinearForm:
    """min c'x with the same solution; where P = 0, the family as it is."""

    def __init__(self, family: ConeFamily) -> None:
        self.family = family
        self.quadratic = family.P.nnz > 0
        self.cones: Cones = dict(family.cones)
        numbered = family.A.copy().astype(float)
        numbered.data = 1.0 + np.arange(family.A.nnz)
        self.pattern, self.at = numbered, family.m
        if self.quadratic:
            self._add_cone(numbered)
        self.pattern.sort_indices()
        self.given = self.pattern.data > 0  # entries of the family's A; the others are negative
        assert (np.diff(self.pattern.data[self.given]) > 0).all()

    def _add_cone(self, numbered: sp.csc_matrix) -> None:
        family = self.family
        weights = family.P.diagonal()
        roots = sp.diags(-np.sqrt(2 * weights), format="csr")[weights > 0]
        first = [rows.stop for key, rows, _ in blocks(family.cones) if key in "zlq"]
        self.at, self.added = max(first, default=0), roots.shape[0] + 2
        numbered = numbered.tocsr()
        r = sp.csc_matrix(np.array([[-1.0], [-2.0]]))  # -2 stands for +1
        self.pattern = sp.bmat(
            [
                [numbered[: self.at], None],
                [sp.csr_matrix((2, family.n)), r],
                [roots, None],
                [numbered[self.at :], sp.csr_matrix((family.m - self.at, 1))],
            ],
            format="csc",
        )
        self.cones["q"] = [*family.cones.get("q", []), self.added]

    def matrix_A(self, k: int) -> sp.csc_matrix:
        """Of problem k."""
        A = self.pattern.copy()
        A.data[self.given] = self.family.values_of_A(k)
        if self.quadratic:
            A[self.at + 1, -1] = 1.0
        return A

    def side_b(self, k: int) -> np.ndarray:
        """Of problem k."""
        b = self.family.side_b(k)
        if not self.quadratic:
            return b
        added = np.r_[1.0, 1.0, np.zeros(self.added - 2)]
        return np.concatenate([b[: self.at], added, b[self.at :]])

    def cost(self, k: int) -> np.ndarray:
        """c of problem k."""
        return np.append(self.family.q[k], 1.0) if self.quadratic else self.family.q[k]

    def cotangent(self, k: int) -> np.ndarray:
        """Of x of problem k."""
        return np.append(self.family.dx[k], 0.0) if self.quadratic else self.family.dx[k]

    def gradients(self, A: np.ndarray, b: np.ndarray, q: np.ndarray) -> dict[str, np.ndarray]:
        """From gradients a problem of this form to the family's; P has none here."""
        if self.quadratic:
            b = np.delete(b, slice(self.at, self.at + self.added), axis=1)
        return {"q": q[:, : self.family.n], "A": A[:, self.given], "b": b}
