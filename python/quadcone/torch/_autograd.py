# SPDX-License-Identifier: Apache-2.0
"""The autograd function behind plain calls of the layers.

It is called with its arguments in the order P, q, A, b, G, h, where [A; G] and [b; h] are what the
solver sees.  Latency matters here: a small problem is solved in less time than ten tensors take to
make, so nothing is made or checked that the call does not need.  What torch traces or transforms
goes another way; see `_traced`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .. import _core
from .._settings import Settings
from . import _operators as operators
from ._blocks import split_gradients
from ._engine import Call, run_solve, run_vjp
from ._failures import mask_failed
from ._functions import gradients
from ._layout import Layout
from ._spec import write_spec
from ._tensors import Tensors, as_arguments
from ._traced import are_transforms_active, prepare

# Looked up once, for latency.
is_grad_enabled = torch.is_grad_enabled
is_graph_kept = torch._C._autograd._get_current_graph_task_keep_graph
is_mapped = torch._C._functorch.is_legacy_batchedtensor


def solve(
    layout: Layout, settings: Settings, full: bool, tensors: Tensors, own: Sequence[Tensor] = ()
) -> tuple[tuple[Tensor, ...], _core.Report]:
    """The outputs, (x,) or (x, y, s), with their derivatives where those are wanted.

    own: tensors that the layer adds, which have no say in the dtype and device of the outputs.
    """
    call = Call(layout, settings, full, own)
    if settings.derivatives and is_grad_enabled():
        for t in tensors:
            if t is not None and t.requires_grad:
                found = Recorded.apply(call, *tensors)
                return found[:-1], found[-1]
    (outputs, _, report), _ = run_solve(call, tensors, False)
    return outputs, report


class Recorded(torch.autograd.Function):
    """(call, P, q, A, b, G, h) -> (x, report) or (x, y, s, report)."""

    @classmethod
    def apply(cls, *args: Any) -> Any:
        # The base class binds default arguments by reflection first, which takes longer than all
        # of the solve, and then looks for transforms, of which there are none here.
        return super(torch.autograd.Function, cls).apply(*args)  # type: ignore[misc]

    @staticmethod
    def forward(ctx: Any, call: Call, *tensors: Tensor | None) -> Any:
        ctx.set_materialize_grads(False)
        (outputs, ctx.tape, report), ctx.place = run_solve(call, tensors, True)
        ctx.call = call
        ctx.save_for_backward(*tensors)
        if ctx.place:
            ctx.types = [None if t is None else t.dtype for t in tensors]
        return (*outputs, report)

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> tuple[Tensor | None, ...]:
        call, tape = ctx.call, ctx.tape
        if tape is None:
            raise RuntimeError(
                "the derivatives of this solve have been used and freed; "
                "give backward or grad retain_graph=True to use them again"
            )
        wanted = cotangents[:-1]
        for first in wanted:
            if first is not None:
                break
        else:
            return (None,) * 7
        needs = ctx.needs_input_grad[1:]
        # A backward may itself be recorded, transformed, or mapped by is_grads_batched=True.
        if is_grad_enabled() or are_transforms_active() or is_mapped(first):
            found = _differentiable(call, ctx.saved_tensors, needs, wanted)
        else:
            found = _plain(call, tape, needs, wanted)
        if not is_graph_kept():
            ctx.tape = None  # the solver is free for the next call
        if ctx.place:
            found = as_arguments(found, ctx.types, ctx.place[1])
        return (None, *found)


# What the engine calls is a method that looks for the function above first.
Recorded._backward_cls.apply = Recorded.backward  # type: ignore[attr-defined]


def _plain(call: Call, tape: _core.Tape, needs: tuple[bool, ...], cotangents: Tensors) -> Tensors:
    layout, report = call.layout, tape.report
    masked = report.failed and call.settings.on_failure == "zero_gradient"
    if layout.frame and not masked:
        ready = layout.frame.vjp(tape, cotangents, needs)
        if ready is not None:
            return ready
    found = run_vjp(layout, tape, cotangents, needs)
    if masked:
        mask_failed(layout, report, found)
    return split_gradients(layout, found, report)


def _differentiable(
    call: Call, tensors: Tensors, needs: Sequence[bool], cotangents: Sequence[Tensor | None]
) -> Tensors:
    """As `_plain`, as a function of tensors and cotangents that torch can look into.

    That is for create_graph=True and for torch.func.  It solves again, as what it needs is more
    than a plain call keeps.
    """
    slots, settings = call.layout.slots, replace(call.settings, callback=None)
    names = ["" if slot is None else slot.name for slot in slots]
    ones = [() if slot is None else slot.one for slot in slots]
    spec = write_spec(call.layout.family, settings)
    problem = prepare(names, ones, tensors)
    solution = operators.solve(spec, *problem, True)
    cotangents = [None if g is None else g.to(solution[0]) for g in cotangents]
    cotangents += [None] * (3 - len(cotangents))
    found = gradients(spec, problem, solution, cotangents, needs)
    return tuple(
        None if gradient is None or slot is None else gradient.reshape(slot.shape)
        for gradient, slot in zip(found, slots, strict=True)
    )
