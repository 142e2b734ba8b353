# SPDX-License-Identifier: Apache-2.0
"""Total-variation denoising as a layer, sparse and dense.

The layer is min 1/2 |y - x|^2 + weight sum_i t_i subject to -t <= D y <= t, where D has the pattern
of differences: two entries a row.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn

import quadcone
from quadcone.torch import ConeLayer, qp

SMALL = 1e-6  # of t, in the quadratic term: makes t unique where its weight is zero


def differences(length: int) -> Tensor:
    """(length - 1, 2): the entries of D in columns i and i + 1 of row i."""
    return torch.tensor([[-1.0, 1.0]], dtype=torch.float64).repeat(length - 1, 1)


def full(D: Tensor) -> Tensor:
    """(jumps, jumps + 1): D with its zeros."""
    jumps = len(D)
    row = torch.arange(jumps)
    band = torch.zeros(jumps, jumps + 1, dtype=D.dtype)
    return band.index_put((row, row), D[:, 0]).index_put((row, row + 1), D[:, 1])


def inequalities(D: Tensor) -> Tensor:
    """G of -t <= D y <= t as G (y, t) <= 0, from D (jumps, length)."""
    eye = torch.eye(len(D), dtype=D.dtype)
    return torch.cat([torch.cat([D, -eye], 1), torch.cat([-D, -eye], 1)])


class TotalVariation(nn.Module):
    """The sparse layer: forward(x, weight, D) with x (batch, length), D (length - 1, 2)."""

    def __init__(self, length: int, threads: int = 1) -> None:
        super().__init__()
        self.length = length
        jumps = length - 1
        rows = np.repeat(np.arange(jumps), 2)
        columns = rows + np.tile([0, 1], jumps)
        # Where an entry of A comes from: 1 + its place in D, negative with a minus; 0: a -1 of t.
        D = sp.csc_matrix((np.arange(1, 2 * jumps + 1), (rows, columns)), (jumps, length))
        t = sp.identity(jumps) * (2 * jumps + 1)
        A = sp.bmat([[D, t], [-D, t]], format="csc")
        source = A.data.astype(int)
        self.register_buffer("place", torch.from_numpy(np.abs(source) - 1))
        self.register_buffer("sign", torch.from_numpy(np.where(source > 0, 1.0, -1.0)))
        self.register_buffer("h", torch.zeros(2 * jumps, dtype=torch.float64))
        P = sp.diags([1.0] * length + [SMALL] * jumps, format="csc")
        problem = quadcone.Problem(P, A.astype(float), cones={"l": 2 * jumps})
        self.cone = ConeLayer(problem, num_threads=threads)

    def values(self, D: Tensor) -> Tensor:
        """The entries of A = [[D, -I], [-D, -I]], by compressed columns."""
        entries = torch.cat([D.flatten(), -torch.ones(1, dtype=D.dtype)])
        return entries[self.place] * self.sign

    def forward(self, x: Tensor, weight: Tensor, D: Tensor) -> Tensor:
        return self.solve(linear_term(x, weight), D)

    def solve(self, q: Tensor, D: Tensor, P: Tensor | None = None) -> Tensor:
        """y, for any linear term (batch, 2 length - 1) and diagonal P of the quadratic term."""
        given = {} if P is None else {"P": P}
        return self.cone(q=q, b=self.h, A=self.values(D), **given)[0][:, : self.length]


def dense(x: Tensor, weight: Tensor, D: Tensor) -> Tensor:
    """The same layer with dense matrices."""
    length, jumps = x.shape[1], len(D)
    Q = torch.eye(length + jumps, dtype=D.dtype)
    Q[length:] *= SMALL
    q = linear_term(x, weight)
    return qp(Q, q, inequalities(full(D)), torch.zeros(2 * jumps, dtype=D.dtype))[:, :length]


def linear_term(x: Tensor, weight: Tensor) -> Tensor:
    return torch.cat([-x, weight.expand(len(x), x.shape[1] - 1)], dim=1)
