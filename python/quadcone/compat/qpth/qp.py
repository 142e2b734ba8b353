# SPDX-License-Identifier: Apache-2.0
"""OptNet's layer with the interface of `qpth.qp`.

What is different: z and gradients are accurate to rounding, Q may be singular where check_Q_spd is
false, and there may be no inequalities.  eps looser than quadcone's own tolerance, notImprovedLim,
maxIter and the choice of a solver have no effect.  Where a problem has no solution, its z is NaN
(qpth returns numbers), with qpth's warning.  As in qpth, the gradient of an argument that the whole
batch shares is the *mean* of the gradients; broadcast_reduction="sum" makes it their sum, which is
the derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ... import Report
from ...torch import qp
from .._choices import check_reduction, usable_tolerance
from .._gradients import average_gradient
from ._sparse import SparseProgram
from .util import RANKS
from .util import bger as bger
from .util import expandParam as expandParam
from .util import extract_nBatch as extract_nBatch

_WARNING = "qpth warning: some problems of the batch have no solution; z is NaN there."


class QPSolvers(Enum):
    """Accepted for compatibility: every problem is solved by quadcone."""

    PDIPM_BATCHED = 1
    CVXPY = 2


def QPFunction(
    eps: float = 1e-12,
    verbose: int = 0,
    notImprovedLim: int = 3,
    maxIter: int = 20,
    solver: QPSolvers = QPSolvers.PDIPM_BATCHED,
    check_Q_spd: bool = True,
    *,
    broadcast_reduction: str = "mean",
) -> Callable[..., Tensor]:
    """A function z = f(Q, p, G, h, A, b).

        minimize    1/2 z'Q z + p'z        subject to    G z <= h,  A z = b

    check_Q_spd: RuntimeError where a Q is not positive definite.
    verbose: -1 keeps a warning about problems without a solution from being printed.
    broadcast_reduction: "mean", as qpth, or "sum"; see the top of this module.

    Q (n, n), p (n,), G (m, n), h (m,), A (k, n), b (k,), each with or without a batch in front;
    empty tensors for no constraints.  z is (batch, n), and (1, n) where there is no batch.
    """
    del notImprovedLim, maxIter, solver
    check_reduction(broadcast_reduction)
    tolerance = usable_tolerance(eps)

    def solve(Q: Tensor, p: Tensor, G: Tensor, h: Tensor, A: Tensor, b: Tensor) -> Tensor:
        arguments: tuple[Tensor, ...] = (Q, p, G, h, A, b)
        batch = extract_nBatch(*arguments)
        for X, rank in zip(arguments, RANKS, strict=True):
            expandParam(X, batch, rank)
        if check_Q_spd:
            _check_spd(Q)
        if broadcast_reduction == "mean":
            arguments = _averaged(arguments, RANKS, batch)
        Q, p, *rest = arguments
        found = qp(
            Q, p, *[None if X.nelement() == 0 else X for X in rest], full=True, tolerance=tolerance
        )
        if verbose >= 0 and _has_failed(found.report):
            print(_WARNING)
        return found.z if found.z.dim() == 2 else found.z[None]

    return solve


def SpQPFunction(
    Qi: Tensor,
    Qsz: Any,
    Gi: Tensor,
    Gsz: Any,
    Ai: Tensor,
    Asz: Any,
    eps: float = 1e-12,
    verbose: int = 0,
    notImprovedLim: int = 3,
    maxIter: int = 20,
    *,
    broadcast_reduction: str = "mean",
) -> Callable[..., Tensor]:
    """A function z = f(Qv, p, Gv, h, Av, b) of the values of sparse matrices.

    Qi, Gi, Ai: (2, nnz), rows and columns of the values; values of one place are added.
    Qsz, Gsz, Asz: sizes of the matrices.
    eps, verbose, broadcast_reduction: as for `QPFunction`.

    Qv, Gv, Av are (nnz,) or (batch, nnz), and Q has both of its triangles.  (qpth's own cannot run
    on any torch of today.)
    """
    del notImprovedLim, maxIter
    check_reduction(broadcast_reduction)
    program = SparseProgram(Qi, Qsz, Gi, Gsz, Ai, Asz, usable_tolerance(eps))

    def solve(Qv: Tensor, p: Tensor, Gv: Tensor, h: Tensor, Av: Tensor, b: Tensor) -> Tensor:
        arguments: tuple[Tensor, ...] = (Qv, p, Gv, h, Av, b)
        batch = extract_nBatch(
            *(X.unsqueeze(-1) if k % 2 == 0 else X for k, X in enumerate(arguments))
        )
        if broadcast_reduction == "mean":
            arguments = _averaged(arguments, (2,) * 6, batch)
        x, _, _ = program.solve(*arguments)
        if verbose >= 0 and _has_failed(program.layer.report):
            print(_WARNING)
        return x if x.dim() == 2 else x[None]

    return solve


def _has_failed(report: Report | None) -> bool:
    """Whether a problem of a batch has no solution."""
    return report is not None and not np.all(report.solved)


def _check_spd(Q: Tensor) -> None:
    try:
        torch.linalg.cholesky(Q.detach())
    except Exception as error:
        raise RuntimeError("Q is not SPD.") from error


def _averaged(arguments: Any, ranks: Any, batch: int) -> tuple[Tensor, ...]:
    return tuple(average_gradient(X, rank, batch) for X, rank in zip(arguments, ranks, strict=True))
