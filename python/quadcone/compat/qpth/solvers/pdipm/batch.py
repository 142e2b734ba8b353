# SPDX-License-Identifier: Apache-2.0
"""Batches of quadratic programs in PyTorch, and the linear systems of their Newton steps.

    [ Q  0  G'  A' ] [ dx ]     [ rx ]
    [ 0  D  I   0  ] [ ds ] = - [ rs ]
    [ G  I  0   0  ] [ dz ]     [ rz ]
    [ A  0  0   0  ] [ dy ]     [ ry ]

quadcone solves the programs and needs none of these systems.  They are kept for code that solves
some of its own: all at once, so that what `pre_factor_kkt` and `factor_kkt` prepare is nothing.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

import torch
from torch import Tensor

from .....torch import qp
from ...util import bdiag, get_sizes

_Solution = tuple[Tensor, Tensor | None, Tensor, Tensor]


class KKTSolvers(Enum):
    """Accepted for compatibility: all are the same here."""

    LU_FULL = 1
    LU_PARTIAL = 2
    IR_UNOPT = 3


def forward(
    Q: Tensor,
    p: Tensor,
    G: Tensor,
    h: Tensor,
    A: Tensor | None,
    b: Tensor | None,
    Q_LU: Any = None,
    S_LU: Any = None,
    R: Any = None,
    eps: float = 1e-12,
    verbose: int = 0,
    notImprovedLim: int = 3,
    maxIter: int = 20,
    solver: KKTSolvers = KKTSolvers.LU_PARTIAL,
) -> _Solution:
    """x, y (None without equalities), z and s: (batch, n), (batch, k) and twice (batch, m).

    The arguments are those of `qpth.qp.QPFunction`; those from Q_LU on have no effect.
    """
    del Q_LU, S_LU, R, eps, verbose, notImprovedLim, maxIter, solver
    A, b = (None, None) if A is None or A.nelement() == 0 else (A, b)
    found = qp(Q, p, G, h, A, b, full=True)
    return found.z, None if A is None else found.nu, found.lam, found.slack


def factor_solve_kkt(
    Q: Tensor,
    D: Tensor,
    G: Tensor,
    A: Tensor | None,
    rx: Tensor,
    rs: Tensor,
    rz: Tensor,
    ry: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """dx, ds, dz and dy (None without equalities) of the system above, for a batch."""
    nineq, nz, neq, batch = get_sizes(G, A)
    identity = torch.eye(nineq, dtype=Q.dtype, device=Q.device).expand(batch, -1, -1)
    H = torch.cat([torch.cat([Q, D.new_zeros(batch, nz, nineq)], 2), _padded(D, nz)], 1)
    rows = [torch.cat([G, identity], 2)]
    right = [rx, rs, rz]
    if neq and A is not None and ry is not None:
        rows.append(torch.cat([A, A.new_zeros(batch, neq, nineq)], 2))
        right.append(ry)
    J = torch.cat(rows, 1)
    upper = torch.cat([H, J.mT], 2)
    lower = torch.cat([J, J.new_zeros(batch, J.shape[1], J.shape[1])], 2)
    step = torch.linalg.solve(torch.cat([upper, lower], 1), -torch.cat(right, 1))
    dx, ds, dz, dy = step.split([nz, nineq, nineq, neq or 0], 1)
    return dx, ds, dz, dy if neq else None


def solve_kkt_ir(
    Q: Tensor,
    D: Tensor,
    G: Tensor,
    A: Tensor | None,
    rx: Tensor,
    rs: Tensor,
    rz: Tensor,
    ry: Tensor | None,
    niter: int = 1,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """As `factor_solve_kkt`; niter has no effect."""
    del niter
    return factor_solve_kkt(Q, D, G, A, rx, rs, rz, ry)


def pre_factor_kkt(Q: Tensor, G: Tensor, A: Tensor | None) -> tuple[Any, Any, Any]:
    """What `factor_kkt` and `solve_kkt` take: Q_LU, S_LU and R."""
    del G, A
    return Q, None, None


def factor_kkt(S_LU: Any, R: Any, d: Tensor) -> None:
    """Nothing: `solve_kkt` takes d itself."""
    del S_LU, R, d


def solve_kkt(
    Q_LU: Any,
    d: Tensor,
    G: Tensor,
    A: Tensor | None,
    S_LU: Any,
    rx: Tensor,
    rs: Tensor,
    rz: Tensor,
    ry: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """As `factor_solve_kkt`, for D = diag(d) and the Q_LU of `pre_factor_kkt`."""
    del S_LU
    return factor_solve_kkt(Q_LU, bdiag(d), G, A, rx, rs, rz, ry)


def _padded(D: Tensor, columns: int) -> Tensor:
    """[0 D]."""
    return torch.cat([D.new_zeros(*D.shape[:2], columns), D], 2)
