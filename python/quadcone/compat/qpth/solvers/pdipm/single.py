# SPDX-License-Identifier: Apache-2.0
"""One quadratic program in PyTorch."""

from __future__ import annotations

from torch import Tensor

from .....torch import qp


def forward(
    inputs: Tensor, Q: Tensor, G: Tensor, A: Tensor | None, b: Tensor | None, h: Tensor
) -> tuple[Tensor, Tensor | None, Tensor]:
    """z, nu (None without equalities) and lam of the problem whose linear term is `inputs`."""
    equalities = A is not None and A.nelement() > 0
    found = qp(Q, inputs, G, h, A if equalities else None, b if equalities else None, full=True)
    return found.z, found.nu if equalities else None, found.lam
