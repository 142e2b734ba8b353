# SPDX-License-Identifier: Apache-2.0
"""One quadratic program in PyTorch."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .....torch import qp


def forward(
    inputs_i: Tensor,
    Q: Tensor,
    G: Tensor,
    A: Tensor | None,
    b: Tensor | None,
    h: Tensor,
    U_Q: Any = None,
    U_S: Any = None,
    R: Any = None,
    verbose: bool = False,
) -> tuple[Tensor, Tensor | None, Tensor]:
    """z, nu (None without equalities) and lam of the problem whose linear term is inputs_i.

    Arguments from U_Q on have no effect.
    """
    del U_Q, U_S, R, verbose
    equalities = A is not None and A.nelement() > 0
    found = qp(Q, inputs_i, G, h, A if equalities else None, b if equalities else None, full=True)
    return found.z, found.nu if equalities else None, found.lam
