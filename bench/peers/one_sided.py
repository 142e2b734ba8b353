# SPDX-License-Identifier: Apache-2.0
"""The form of OptNet's layer: dense Q, q, G, h, A, b, where simple bounds are rows of G."""

from __future__ import annotations

import numpy as np
import torch

from ..families import Family, as_dense
from .base import on_pattern

RANKS = (2, 1, 2, 1, 2, 1)


def one_sided(family: Family, ridge: float = 0.0) -> list[torch.Tensor]:
    """Q, q, G, h, A, b as tensors that require gradients; views of the family if possible."""
    z, P = family.zero, as_dense(family.P)
    G, h, E, e = family.G, family.h, family.E, family.e
    if family.sparse or family.m > family.general:
        A, b = as_dense(family.A), family.b
        G, h, E, e = A[..., z:, :], b[..., z:], A[..., :z, :], b[..., :z]
    if ridge:
        P = P + ridge * np.eye(family.n)
    parts = (np.ascontiguousarray(part) for part in (P, family.q, G, h, E, e))
    return [torch.from_numpy(part).requires_grad_() for part in parts]


def as_family(family: Family, gradients: list[np.ndarray]) -> dict[str, np.ndarray]:
    """From gradients of Q, q, G, h, A, b to those of the family."""
    P, q, G, h, E, e = gradients
    A, b = np.concatenate([E, G], axis=-2), np.concatenate([e, h], axis=-1)
    return {"P": on_pattern(P, family.P), "q": q, "A": on_pattern(A, family.A), "b": b}
