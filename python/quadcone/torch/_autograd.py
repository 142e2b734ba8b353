# SPDX-License-Identifier: Apache-2.0
"""The one autograd function behind all layers.

It is called with its arguments in the order P, q, A, b, G, h, where [A; G] and [b; h] are what the
solver sees.  Latency matters here: a small problem is solved in less time than ten tensors take to
make, so nothing is made or checked that the call does not need.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import forward_ad

from .. import _core
from .._settings import Settings
from ._blocks import joined, joined_tangents, split_gradients
from ._failures import check_solved, mask_failed
from ._layout import Layout
from ._tensors import DOUBLE, Place, Tensors, as_arguments, as_doubles, output_place

ONCE = "quadcone's layers can be differentiated once, and not twice"


class Call(NamedTuple):
    """What a call is besides its tensors."""

    layout: Layout
    settings: Settings
    full: bool  # y and s are wanted too
    place: Place | None  # of the outputs; None: float64 on the CPU


def solve(
    layout: Layout, settings: Settings, full: bool, tensors: Tensors, own: Sequence[Tensor] = ()
) -> tuple[tuple[Tensor, ...], _core.Report]:
    """The outputs, (x,) or (x, y, s), with their derivatives where those are wanted.

    own: tensors that the layer adds, which have no say in the dtype and device of the outputs.
    """
    place = output_place(layout.slots, tensors, own)
    call = Call(layout, settings, full, place)
    if settings.derivatives and _is_recorded(tensors):
        *outputs, _, report = Solve.apply(call, *tensors)
        return tuple(outputs), report
    outputs, _, report = _forward(call, tensors, False)
    return outputs, report


def _is_recorded(tensors: Tensors) -> bool:
    """Whether someone may ask for derivatives: autograd, forward or backward, or torch.func."""
    if forward_ad._current_level >= 0 or torch._C._are_functorch_transforms_active():
        return True
    return torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)


class Solve(torch.autograd.Function):
    """(call, P, q, A, b, G, h) -> (x, tape, report) or (x, y, s, tape, report)."""

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        # The base class binds default arguments by reflection first, which takes longer than all
        # of the solve.  Transforms of torch.func need what it does after that.
        if torch._C._are_functorch_transforms_active():
            return super().apply(*args, **kwargs)  # type: ignore[no-untyped-call]
        return super(torch.autograd.Function, cls).apply(*args)  # type: ignore[misc]

    @staticmethod
    def forward(call: Call, *tensors: Tensor | None) -> Any:
        outputs, tape, report = _forward(call, tensors, True)
        return (*outputs, tape, report)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        ctx.set_materialize_grads(False)
        ctx.call = inputs[0]
        ctx.tape = output[-2]
        if ctx.call.place:
            ctx.types = [None if t is None else t.dtype for t in inputs[1:]]

    @staticmethod
    def jvp(ctx: Any, _: None, *tangents: Tensor | None) -> tuple[Tensor | None, ...]:
        run = Tangents.apply if _is_watched() else Tangents.forward
        return (*run(ctx.call, ctx.tape, *tangents), None, None)

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> tuple[Tensor | None, ...]:
        call, tape = ctx.call, ctx.tape
        if tape is None:
            raise RuntimeError(
                "the derivatives of this solve have been used and freed; "
                "give backward or grad retain_graph=True to use them again"
            )
        wanted = cotangents[:-2]
        if all(cotangent is None for cotangent in wanted):
            return (None,) * 7
        run = Gradients.apply if _is_watched() else Gradients.forward
        gradients = run(_anchor(), call, tape, ctx.needs_input_grad, *wanted)
        if not torch._C._autograd._get_current_graph_task_keep_graph():
            ctx.tape = None  # the solver is free for the next call
        if call.place:
            gradients = as_arguments(gradients, ctx.types, call.place[1])
        return (None, *gradients)


class Gradients(torch.autograd.Function):
    """The backward of `Solve`, as a function of its cotangents that torch can look into.

    It has no derivative, and says so: its first argument requires gradients, so that a second
    derivative is not a silent zero.  Many cotangents of one solve, for a Jacobian, are a loop.
    """

    @staticmethod
    def forward(
        _: Tensor | None,
        call: Call,
        tape: _core.Tape,
        needs: Sequence[bool],
        *cotangents: Tensor | None,
    ) -> Tensors:
        gradients = _backward(call.layout, tape, cotangents, needs)
        if tape.report.failed and call.settings.on_failure == "zero_gradient":
            mask_failed(call.layout, tape.report, gradients)
        return split_gradients(call.layout, gradients, tape.report)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> Any:
        raise RuntimeError(ONCE)

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> tuple[Tensors, tuple[int | None, ...]]:
        results = [
            Gradients.forward(*(_pick(arg, dim, k) for arg, dim in zip(args, in_dims, strict=True)))
            for k in range(info.batch_size)
        ]
        gradients = tuple(
            None if parts[0] is None else torch.stack(parts) for parts in zip(*results, strict=True)
        )
        return gradients, tuple(None if gradient is None else 0 for gradient in gradients)


class Tangents(torch.autograd.Function):
    """The forward derivative of `Solve`, as a function that torch.func can look into."""

    @staticmethod
    def forward(call: Call, tape: _core.Tape, *tangents: Tensor | None) -> tuple[Tensor, ...]:
        return _tangents(call, tape, tangents)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> Any:
        raise RuntimeError(ONCE)


def _pick(arg: Any, dim: Any, index: int) -> Any:
    return arg.select(dim, index) if isinstance(dim, int) else arg


def _is_watched() -> bool:
    """Whether a backward is itself to be recorded or transformed: create_graph=True, torch.func."""
    return torch.is_grad_enabled() or torch._C._are_functorch_transforms_active()


def _anchor() -> Tensor | None:
    return torch.zeros((), requires_grad=True) if torch.is_grad_enabled() else None


def _forward(
    call: Call, tensors: Tensors, derivatives: bool
) -> tuple[tuple[Tensor, ...], _core.Tape | None, _core.Report]:
    layout = call.layout
    if call.place:
        tensors = tuple(None if t is None else as_doubles(t) for t in tensors)
    P, q, A, b, G, h = tensors
    blocks: tuple[int, ...] = ()
    if layout.in_blocks:
        blocks = (G.data_ptr(), h.data_ptr(), layout.rows)  # type: ignore[union-attr]
    elif layout.joins:
        A = joined(layout.joins[0], A, G)
        b = joined(layout.joins[1], b, h)
    elif A is None:
        A, b = G, h
    x = torch.empty_strided(*layout.x_shape, dtype=DOUBLE)
    y = torch.empty_strided(*layout.y_shape, dtype=DOUBLE) if call.full else None
    s = torch.empty_strided(*layout.y_shape, dtype=DOUBLE) if call.full else None
    report, tape = layout.plan.solve(
        layout.batch,
        call.settings.to_core(torch.get_num_threads(), derivatives),
        P.data_ptr(),  # type: ignore[union-attr]
        q.data_ptr(),  # type: ignore[union-attr]
        A.data_ptr() if A is not None else 0,
        b.data_ptr() if b is not None else 0,
        None,
        None,
        None,
        x.data_ptr(),
        y.data_ptr() if y is not None else None,
        s.data_ptr() if s is not None else None,
        *blocks,
    )
    if report.failed:
        check_solved(layout, call.settings, tensors, report)
    outputs: tuple[Tensor, ...] = (x,) if y is None or s is None else (x, y, s)
    if call.place:
        dtype, device = call.place
        outputs = tuple(output.to(device, dtype) for output in outputs)
    return outputs, tape, report


def _backward(
    layout: Layout, tape: _core.Tape, cotangents: Sequence[Tensor | None], needs: Sequence[bool]
) -> list[Tensor | None]:
    """Gradients of P, q, A, b, and of G, h where these are in blocks; None where nobody asks."""
    _, P, q, A, b, G, h = needs
    asked = needs[1:] if layout.in_blocks else (P, q, A or G, b or h)
    gradients = [
        torch.empty_strided(shape, strides, dtype=DOUBLE) if ask else None
        for (shape, strides), ask in zip(layout.gradients, asked, strict=True)
    ]
    # These must live until the call is over: their addresses are all that it gets.
    sources = [None if g is None else as_doubles(g) for g in cotangents]
    addresses = [None if g is None else g.data_ptr() for g in sources]
    if len(addresses) == 1:
        addresses += (None, None)
    addresses += [None if g is None else g.data_ptr() for g in gradients]
    if layout.in_blocks:
        addresses.append(layout.rows)
    tape.vjp(*addresses)
    return gradients


def _tangents(call: Call, tape: _core.Tape, tangents: Tensors) -> tuple[Tensor, ...]:
    """Tangents of the outputs for tangents of the arguments P, q, A, b, G, h."""
    layout = call.layout
    P, q, A, b, G, h = (None if t is None else as_doubles(t) for t in tangents)
    if P is not None and layout.dense_P:
        P = (P + P.mT) / 2  # the solution depends on this part alone
    if layout.joins:
        A = joined_tangents(layout, 0, A, G)
        b = joined_tangents(layout, 1, b, h)
    elif layout.slots[2] is None:
        A, b = G, h
    shapes = (layout.x_shape, layout.y_shape, layout.y_shape)[: 3 if call.full else 1]
    outputs = tuple(torch.empty_strided(*shape, dtype=DOUBLE) for shape in shapes)
    sources = [None if t is None else t.data_ptr() for t in (P, q, A, b)]
    x, y, s = ([output.data_ptr() for output in outputs] + [None, None])[:3]
    tape.jvp(sources[0], sources[1], sources[2], sources[3], x, y, s)
    if call.place:
        dtype, device = call.place
        outputs = tuple(output.to(device, dtype) for output in outputs)
    return outputs
