# SPDX-License-Identifier: Apache-2.0
"""Tensors whose gradients are not what they are."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class ScaleGradient(torch.autograd.Function):
    """(t, factor) -> t, with a gradient that is multiplied by the factor."""

    generate_vmap_rule = True

    @staticmethod
    def forward(t: Tensor, factor: float) -> Tensor:
        return t.view_as(t)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float], output: Tensor) -> None:
        ctx.factor = inputs[1]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient * ctx.factor, None


def average_gradient(t: Tensor, rank: int, batch: int) -> Tensor:
    """A tensor that a batch shares, with the mean of its gradients and not their sum."""
    if batch == 1 or t.dim() >= rank or t.nelement() == 0 or not t.requires_grad:
        return t
    return ScaleGradient.apply(t, 1.0 / batch)  # type: ignore[no-any-return, no-untyped-call]
