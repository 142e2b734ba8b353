# SPDX-License-Identifier: Apache-2.0
"""Shapes of the arguments of a quadratic program, as `qpth.util` reads them."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

RANKS = (3, 2, 3, 2, 3, 2)  # of Q, p, G, h, A and b with a batch


def print_header(msg: str) -> None:
    """A line that stands out."""
    print("===>", msg)


def to_np(t: Tensor | None) -> Any:
    """A NumPy array; None for None, and without dimensions for an empty tensor."""
    if t is None:
        return None
    return t.detach().cpu().numpy() if t.nelement() else np.array([])


def bger(x: Tensor, y: Tensor) -> Tensor:
    """(batch, n) and (batch, m) to x y', (batch, n, m)."""
    return x.unsqueeze(2) * y.unsqueeze(1)


def bdiag(d: Tensor) -> Tensor:
    """(batch, n) to diagonal matrices (batch, n, n)."""
    return d.diag_embed()


def get_sizes(G: Tensor, A: Tensor | None = None) -> tuple[int, int, int | None, int]:
    """Inequalities, variables, equalities (None where A is None), and problems."""
    if G.dim() not in (2, 3):
        raise RuntimeError("Unexpected number of dimensions.")
    nineq, nz = G.shape[-2:]
    neq = None if A is None else (A.size(1) if A.nelement() else 0)
    return nineq, nz, neq, G.size(0) if G.dim() == 3 else 1


def expandParam(X: Tensor, nBatch: int, nDim: int) -> tuple[Tensor, bool]:
    """X with a batch dimension, and whether it had none."""
    if X.dim() in (0, nDim) or X.nelement() == 0:
        return X, False
    if X.dim() != nDim - 1:
        raise RuntimeError("Unexpected number of dimensions.")
    return X.unsqueeze(0).expand(nBatch, *X.shape), True


def extract_nBatch(Q: Tensor, p: Tensor, G: Tensor, h: Tensor, A: Tensor, b: Tensor) -> int:
    """The batch of the first argument that has one, else 1."""
    for X, rank in zip((Q, p, G, h, A, b), RANKS, strict=True):
        if X.dim() == rank:
            return X.size(0)
    return 1
