# SPDX-License-Identifier: Apache-2.0
"""torch.func.vmap: a mapped dimension becomes part of the batch, and so one call of the solver.

Where the problem itself is not mapped, as in a Jacobian, it becomes part of the right-hand sides
of one problem.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ._spec import batch_of
from ._tensors import Tensors

Dims = Sequence[int | None]


def _to_front(tensor: Tensor, dim: int | None) -> Tensor:
    return tensor if dim is None else tensor.movedim(dim, 0)


def _spread(count: int, dim: int | None, tensor: Tensor) -> Tensor:
    """With the mapped dimension in front, made where there is none."""
    return tensor.expand(count, *tensor.shape) if dim is None else tensor.movedim(dim, 0)


def _inner(tensor: Tensor | None, dim: int | None) -> Tensor | None:
    """One of what is mapped."""
    return tensor if tensor is None or dim is None else tensor.select(dim, 0)


def fold_problem(
    ranks: Sequence[int], count: int, dims: Dims, tensors: Tensors
) -> tuple[Tensors, tuple[int, ...]]:
    """P, q, A, b, G, h as one batch, and the batch that each of the `count` has, () for none."""
    size = batch_of(ranks, [_inner(t, dim) for t, dim in zip(tensors, dims, strict=True)])
    folded = [
        None if t is None else _fold(_to_front(t, dim), dim is not None, rank, count, size)
        for t, dim, rank in zip(tensors, dims, ranks, strict=True)
    ]
    return tuple(folded), size


def _fold(tensor: Tensor, mapped: bool, rank: int, count: int, size: tuple[int, ...]) -> Tensor:
    one = tensor.shape[tensor.dim() - rank :]
    batched = tensor.dim() - mapped > rank
    if not size or not (mapped or batched):
        return tensor  # mapped over single problems, or shared by all
    if not mapped:
        tensor = tensor.unsqueeze(0)
    if not batched:
        tensor = tensor.unsqueeze(1)
    return tensor.expand(count, *size, *one).flatten(0, 1)


def fold_batch(count: int, dim: int | None, tensor: Tensor) -> Tensor:
    """What each problem has one of: (batch,), or () for a single problem, as (count * batch,)."""
    return _spread(count, dim, tensor).flatten()


def unfold_batch(count: int, size: tuple[int, ...], tensor: Tensor) -> Tensor:
    """(count * batch, ...) as (count, batch, ...)."""
    return tensor.view(count, *size, *tensor.shape[1:])


def fold_sides(count: int, dim: int | None, vector: Tensor) -> Tensor:
    """(sides, ..., n), mapped, as (count * sides, ..., n)."""
    return _spread(count, dim, vector).flatten(0, 1)


def fold_vectors(count: int, dim: int | None, vector: Tensor) -> Tensor:
    """(sides, n) or (sides, batch, n), mapped, as (sides, count * batch, n)."""
    sides = _spread(count, dim, vector).movedim(0, 1)
    return sides.flatten(1, 2) if sides.dim() == 4 else sides


def unfold_vectors(count: int, size: tuple[int, ...], vector: Tensor) -> Tensor:
    """(sides, count * batch, n) as (sides, count, batch, n)."""
    return vector.view(vector.shape[0], count, *size, vector.shape[-1])
