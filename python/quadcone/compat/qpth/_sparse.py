# SPDX-License-Identifier: Apache-2.0
"""Quadratic programs whose matrices are given by their values in the places of a pattern."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from ... import Problem
from ...torch import ConeLayer


class SparseProgram:
    """One pattern; arguments as those of `qpth.qp.SpQPFunction`."""

    def __init__(
        self, Qi: Tensor, Qsz: Any, Gi: Tensor, Gsz: Any, Ai: Tensor, Asz: Any, tolerance: float
    ) -> None:
        n = Qsz[0]
        self.neq = Asz[0] if Ai.nelement() else 0
        self.nineq = Gsz[0] if Gi.nelement() else 0
        Q, self._Q_place = _pattern(Qi, (n, n))
        self._Q_size = Q.nnz
        rows = [Ai] if self.neq else []
        if self.nineq:
            rows.append(Gi + Gi.new_tensor([[self.neq], [0]]))
        A = self._A_place = None
        if rows:
            A, self._A_place = _pattern(torch.cat(rows, 1), (self.neq + self.nineq, n))
        self._A_size = 0 if A is None else A.nnz
        cones = {"z": self.neq, "l": self.nineq}
        self.layer = ConeLayer(Problem(Q, A, cones), tolerance=tolerance)

    def solve(
        self, Qv: Tensor, p: Tensor, Gv: Tensor, h: Tensor, Av: Tensor, b: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """x, y and s, equalities before inequalities, with a batch where an argument has one."""
        values = self._joined(Av, Gv, p)
        found: tuple[Tensor, Tensor, Tensor] = self.layer(
            q=p,
            b=self._joined(b, h, p),
            P=_placed(Qv, self._Q_place, self._Q_size),
            A=None if self._A_place is None else _placed(values, self._A_place, self._A_size),
        )
        return found

    def _joined(self, equalities: Tensor, inequalities: Tensor, like: Tensor) -> Tensor:
        """Numbers of both, one after the other; one without a batch serves all."""
        pairs = ((equalities, self.neq), (inequalities, self.nineq))
        blocks = [block for block, there in pairs if there]
        if not blocks:
            return like.new_zeros((0,))
        batch = [block.shape[:-1] for block in blocks if block.dim() > 1]
        size = batch[0] if batch else ()
        return torch.cat([block.expand(*size, block.shape[-1]) for block in blocks], -1)


def _pattern(index: Tensor, shape: tuple[int, int]) -> tuple[Any, Tensor]:
    """A matrix with these entries, and where in it, by columns, each value belongs."""
    row, column = index.cpu().long()
    places, place = torch.unique(column * shape[0] + row, return_inverse=True)
    column, row = places // shape[0], places % shape[0]
    start = torch.searchsorted(column, torch.arange(shape[1] + 1, device="cpu"))
    matrix = sp.csc_array((np.ones(len(places)), row, start), shape=shape, dtype=float)
    return matrix, place


def _placed(values: Tensor, place: Tensor, size: int) -> Tensor:
    zeros = values.new_zeros((*values.shape[:-1], size))
    return zeros.index_add(-1, place.to(values.device), values)
