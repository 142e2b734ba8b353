# SPDX-License-Identifier: Apache-2.0
"""A QP as a second-order cone program: what a solver of linear cone programs makes of it.

    minimize  1/2 z'Qz + q'z   subject to  G z <= h          with Q = F'F

    minimize  q'z + r          subject to  G z <= h,  (r/a + a/2, r/a - a/2, F z) in the cone

for (r/a + a/2)^2 - (r/a - a/2)^2 = 2 r, so that the cone says 2 r >= |F z|^2.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn


class ConeProgram(nn.Module):
    """The cone program of QPs with given patterns, min c'x, A x + s = b, with x = (z, r).

    F (k, n), G (m, n): sparse matrices, of which only the patterns count.
    scale: a above; near |F z| it keeps the rows of the cone of one size.
    """

    place: Tensor
    sign: Tensor
    h_end: Tensor

    def __init__(self, F: sp.csc_matrix, G: sp.csc_matrix, scale: float = 1.0) -> None:
        super().__init__()
        (k, self.variables), (m, _) = F.shape, G.shape
        self.cones = {"l": m, "q": [k + 2]}
        # Where an entry of A comes from: the entries of G, those of F, and that of r.
        number_G = _numbered(G, 1)
        number_F = _numbered(F, 1 + G.nnz)
        r = sp.csc_matrix(np.full((2, 1), 1 + G.nnz + F.nnz))
        number = sp.bmat([[number_G, None], [None, r], [number_F, None]], format="csc")
        place = number.data.astype(np.int64) - 1
        self.pattern = number
        self.register_buffer("place", torch.from_numpy(place))
        self.register_buffer("sign", torch.from_numpy(np.where(place < G.nnz, 1.0, -1.0)))
        self.register_buffer("r", torch.full((1,), 1.0 / scale, dtype=torch.float64))
        end = torch.zeros(k + 2, dtype=torch.float64)
        end[0], end[1] = scale / 2, -scale / 2
        self.register_buffer("h_end", end)

    def data(self, q: Tensor, h: Tensor, F: Tensor, G: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """A, b, c of the values q (batch, n), h (m,), and F, G by compressed columns.

        A is by compressed columns as well, in the pattern of `pattern`.
        """
        A = torch.cat([G, F, self.r])[self.place] * self.sign
        c = torch.cat([q, torch.ones(len(q), 1, dtype=q.dtype)], dim=1)
        return A, torch.cat([h, self.h_end]), c


def _numbered(matrix: sp.csc_matrix, first: int) -> sp.csc_matrix:
    """The pattern, with first, first + 1, ... by compressed columns."""
    matrix = sp.csc_matrix(matrix)
    matrix.sort_indices()
    numbers = np.arange(first, first + matrix.nnz)
    return sp.csc_matrix((numbers, matrix.indices, matrix.indptr), matrix.shape)
