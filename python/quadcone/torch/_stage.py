# SPDX-License-Identifier: Apache-2.0
"""Affine maps of arrays as differentiable functions of tensors.

A map's derivative is its linear part and its adjoint, which are such maps again: so this function
has derivatives of every order, in both modes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import forward_ad

from .._program import Stage
from ._tensors import CPU, DOUBLE, Place, Tensors, as_doubles
from ._traced import are_transforms_active

is_mapped = torch._C._functorch.is_legacy_batchedtensor


class Way(NamedTuple):
    """A stage, and which way it is gone."""

    stage: Stage
    adjoint: bool
    constant: bool  # with its constant, and not the linear part alone
    wanted: tuple[bool, ...]  # which results of an adjoint
    places: tuple[Place, ...]  # dtype and device of the results; a single one is for all

    def run(self, tensors: Tensors) -> tuple[Tensor | None, ...]:
        arrays = [None if t is None else as_doubles(t).detach().numpy() for t in tensors]
        if self.adjoint:
            results = self.stage.pull(arrays, self.wanted)
        else:
            results = self.stage.push(arrays, self.constant)
        places = self.places * len(results) if len(self.places) == 1 else self.places
        return tuple(
            None if result is None else _to(torch.from_numpy(result), place)
            for result, place in zip(results, places, strict=True)
        )


SOLVER_PLACE: Place = (DOUBLE, CPU)


def _to(tensor: Tensor, place: Place) -> Tensor:
    return tensor if place == SOLVER_PLACE else tensor.to(place[1], place[0])


def apply_stage(stage: Stage, tensors: Sequence[Tensor], place: Place) -> tuple[Tensor, ...]:
    """The results of a stage, all with this dtype and on this device."""
    return _go(Way(stage, False, True, (), (place,)), *tensors)  # type: ignore[return-value]


def _go(way: Way, *tensors: Tensor | None) -> tuple[Tensor | None, ...]:
    """Along a way, under the eyes of autograd and torch.func where these are at work."""
    if torch.is_grad_enabled() or forward_ad._current_level >= 0 or are_transforms_active():
        return Affine.apply(way, *tensors)  # type: ignore[no-any-return]
    return way.run(tensors)


def _go_mapped(way: Way, *tensors: Tensor | None) -> tuple[Tensor | None, ...]:
    """As `_go`, also where tensors are mapped by the older vmap, that of is_grads_batched=True."""
    mapped = [k for k, t in enumerate(tensors) if t is not None and is_mapped(t)]
    if not mapped:
        return _go(way, *tensors)
    level = torch._C._vmapmode_increment_nesting() - 1
    torch._C._vmapmode_decrement_nesting()
    plain: list[Any] = list(tensors)
    for k in mapped:
        plain[k] = torch._remove_batch_dim(plain[k], level, 0, 0)
    dims = [0 if k in mapped else None for k in range(len(plain))]
    results, _ = _map(len(plain[mapped[0]]), dims, way, *plain)
    return tuple(None if r is None else torch._add_batch_dim(r, 0, level) for r in results)


def _map(count: int, dims: Sequence[Any], way: Way, *tensors: Tensor | None) -> tuple[Any, Any]:
    """Results for one after the other, stacked, and their mapped dimensions."""
    results = [
        _go(way, *(_pick(t, dim, k) for t, dim in zip(tensors, dims, strict=True)))
        for k in range(count)
    ]
    stacked = tuple(
        None if parts[0] is None else torch.stack(parts) for parts in zip(*results, strict=True)
    )
    return stacked, tuple(None if tensor is None else 0 for tensor in stacked)


class Affine(torch.autograd.Function):
    """(way, tensors ...) -> results."""

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        # The base class binds default arguments by reflection first, which takes longer than the
        # map.  Transforms of torch.func need what it does after that.
        if are_transforms_active():
            return super().apply(*args, **kwargs)  # type: ignore[no-untyped-call]
        return super(torch.autograd.Function, cls).apply(*args)  # type: ignore[misc]

    @staticmethod
    def forward(way: Way, *tensors: Tensor | None) -> tuple[Tensor | None, ...]:
        return way.run(tensors)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        ctx.set_materialize_grads(False)
        ctx.way = inputs[0]
        ctx.places = tuple(SOLVER_PLACE if t is None else (t.dtype, t.device) for t in inputs[1:])

    @staticmethod
    def jvp(ctx: Any, _: None, *tangents: Tensor | None) -> tuple[Tensor | None, ...]:
        return _go_mapped(ctx.way._replace(constant=False), *tangents)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        way: Way = ctx.way
        wanted = tuple(ctx.needs_input_grad[1:])
        if all(cotangent is None for cotangent in cotangents) or not any(wanted):
            return (None,) * (1 + len(wanted))
        back = Way(way.stage, not way.adjoint, False, wanted, ctx.places)
        gradients = _go_mapped(back, *cotangents)
        return (None, *(g if want else None for g, want in zip(gradients, wanted, strict=True)))

    @staticmethod
    def vmap(
        info: Any, in_dims: Any, way: Way, *tensors: Tensor | None
    ) -> tuple[Tensors, tuple[int | None, ...]]:
        found: tuple[Tensors, tuple[int | None, ...]]
        found = _map(info.batch_size, in_dims[1:], way, *tensors)
        return found


def _pick(tensor: Any, dim: Any, index: int) -> Any:
    return tensor.select(dim, index) if isinstance(dim, int) else tensor
