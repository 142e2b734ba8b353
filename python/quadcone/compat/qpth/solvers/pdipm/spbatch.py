# SPDX-License-Identifier: Apache-2.0
"""Batches of quadratic programs with sparse matrices in PyTorch."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..._sparse import SparseProgram


def forward(
    Qi: Tensor,
    Qv: Tensor,
    Qsz: Any,
    p: Tensor,
    Gi: Tensor,
    Gv: Tensor,
    Gsz: Any,
    h: Tensor,
    Ai: Tensor,
    Av: Tensor,
    Asz: Any,
    b: Tensor,
    eps: float = 1e-12,
    verbose: int = 0,
    notImprovedLim: int = 3,
    maxIter: int = 20,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x, y, z and s: (batch, n), (batch, k) and twice (batch, m).

    The arguments are those of `qpth.qp.SpQPFunction` and of its function; the last four have no
    effect.
    """
    del eps, verbose, notImprovedLim, maxIter
    program = SparseProgram(Qi, Qsz, Gi, Gsz, Ai, Asz, 1e-8)
    x, y, s = program.solve(Qv, p, Gv, h, Av, b)
    return x, y[..., : program.neq], y[..., program.neq :], s[..., program.neq :]
