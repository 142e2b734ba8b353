# SPDX-License-Identifier: Apache-2.0
"""Blocks of rows: [A; G] and [b; h] are one array for the solver, and two for its caller."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .. import _core
from ._failures import failed_problems
from ._layout import Join, Layout
from ._tensors import Tensors


def joined(join: Join, first: Tensor | None, second: Tensor | None) -> Tensor:
    """Two blocks as the solver sees them; a shared one is repeated where the other is not."""
    assert first is not None and second is not None  # else there was nothing to join
    if not join.ready:
        first, second = _fit(first, join.shapes[0]), _fit(second, join.shapes[1])
    return torch.cat((first, second), join.dim)


def _fit(block: Tensor, shape: Sequence[int]) -> Tensor:
    """A block repeated for the batch, or without a batch dimension of 1."""
    return block[0] if block.dim() > len(shape) else block.expand(shape)


def _split(
    join: Join, gradient: Tensor | None, report: _core.Report
) -> tuple[Tensor | None, Tensor | None]:
    """The gradients of two joined blocks; that of a block which was repeated is a sum."""
    if gradient is None:
        return None, None
    # Unlike split, this makes tensors that may be changed in place later, as gradients are.
    first, second = torch.unsafe_split_with_sizes(gradient, join.rows, join.dim)
    if join.sums[0]:
        first = _sum_batch(first, report)
    if join.sums[1]:
        second = _sum_batch(second, report)
    return first, second


def _sum_batch(gradient: Tensor, report: _core.Report) -> Tensor:
    """Sum over the batch, in its order whatever the number of threads, of the solved problems."""
    values = gradient.numpy()
    if report.failed:
        values = values[~failed_problems(report)]
    return torch.from_numpy(np.add.reduce(values, axis=0))


def _by_argument(layout: Layout, gradients: list[Tensor | None], report: _core.Report) -> Tensors:
    """Gradients of P, q, A, b, G, h by those of P, q, [A; G], [b; h]."""
    P, q, A, b = gradients
    if layout.joins:
        A, G = _split(layout.joins[0], A, report)
        b, h = _split(layout.joins[1], b, report)
        return P, q, A, b, G, h
    if layout.slots[2] is None:
        return P, q, None, None, A, b
    return P, q, A, b, None, None


def split_gradients(
    layout: Layout, gradients: list[Tensor | None], report: _core.Report
) -> Tensors:
    """Gradients in the shapes of the arguments P, q, A, b, G, h."""
    given = tuple(gradients) if layout.in_blocks else _by_argument(layout, gradients, report)
    if not layout.stretched:
        return given
    return tuple(
        gradient if gradient is None or slot is None else gradient.reshape(slot.shape)
        for gradient, slot in zip(given, layout.slots, strict=True)
    )
