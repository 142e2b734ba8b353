# SPDX-License-Identifier: Apache-2.0
"""The one autograd function behind all layers.

It is called with its arguments in the order P, q, A, b, G, h, where [A; G] and [b; h] are what the
solver sees.  Latency matters here: a small problem is solved in less time than ten tensors take to
make, so nothing is made or checked that the call does not need.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .. import _core
from .._errors import SolveError, failure_message, fault_message, value_fault
from .._report import Report
from .._settings import Settings
from ._layout import Join, Layout, Slot

CPU = torch.device("cpu")
DOUBLE = torch.float64

Tensors = tuple[Tensor | None, ...]


class Call(NamedTuple):
    """What a call is besides its tensors."""

    layout: Layout
    settings: Settings
    full: bool  # y and s are wanted too
    place: tuple[torch.dtype, torch.device] | None  # of the outputs; None: float64 on the CPU


def solve(
    layout: Layout, settings: Settings, full: bool, tensors: Tensors, own: Sequence[Tensor] = ()
) -> tuple[tuple[Tensor, ...], _core.Report]:
    """The outputs, (x,) or (x, y, s), with their derivatives where those are wanted.

    own: tensors that the layer adds, which have no say in the dtype and device of the outputs.
    """
    place = _output_place(layout.slots, tensors, own)
    call = Call(layout, settings, full, place)
    if settings.derivatives and _is_recorded(tensors):
        *outputs, _, report = Solve.apply(call, *tensors)
        return tuple(outputs), report
    outputs, _, report = _forward(call, tensors, False)
    return outputs, report


def _is_recorded(tensors: Tensors) -> bool:
    """Whether someone may ask for derivatives: autograd, or a transform of torch.func."""
    if torch._C._are_functorch_transforms_active():
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
            gradients = _return(gradients, ctx.types, call.place[1])
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
        if tape.report.failed:
            _mask(call, tape.report, gradients)
        return _give(call.layout, gradients, tape.report)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> Any:
        raise RuntimeError("quadcone's layers can be differentiated once, and not twice")

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
        tensors = tuple(None if t is None else _as_doubles(t) for t in tensors)
    P, q, A, b, G, h = tensors
    if layout.joins:
        A = _joined(layout.joins[0], A, G)
        b = _joined(layout.joins[1], b, h)
    elif A is None:
        A, b = G, h
    x = torch.empty(layout.x_shape, dtype=DOUBLE)
    y = torch.empty(layout.y_shape, dtype=DOUBLE) if call.full else None
    s = torch.empty(layout.y_shape, dtype=DOUBLE) if call.full else None
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
    )
    if report.failed:
        _check(call, tensors, report)
    outputs: tuple[Tensor, ...] = (x,) if y is None or s is None else (x, y, s)
    if call.place:
        dtype, device = call.place
        outputs = tuple(output.to(device, dtype) for output in outputs)
    return outputs, tape, report


def _backward(
    layout: Layout, tape: _core.Tape, cotangents: Sequence[Tensor | None], needs: Sequence[bool]
) -> list[Tensor | None]:
    """Gradients of P, q, A and b as the solver sees them, None where nobody asks."""
    _, P, q, A, b, G, h = needs
    asked = (P, q, A or G, b or h)
    gradients = [
        torch.empty_strided(shape, strides, dtype=DOUBLE) if ask else None
        for (shape, strides), ask in zip(layout.gradients, asked, strict=True)
    ]
    # These must live until the call is over: their addresses are all that it gets.
    sources = [None if g is None else _as_doubles(g) for g in cotangents]
    addresses = [None if g is None else g.data_ptr() for g in sources]
    if len(addresses) == 1:
        addresses += (None, None)
    tape.vjp(*addresses, *[None if g is None else g.data_ptr() for g in gradients])
    return gradients


def _mask(call: Call, report: _core.Report, gradients: list[Tensor | None]) -> None:
    """Zeros for problems without a solution, where on_failure says so."""
    if call.settings.on_failure != "zero_gradient":
        return
    layout = call.layout
    failed = torch.from_numpy(_failed(report))
    for gradient, once in zip(gradients, layout.shared, strict=True):
        if gradient is not None and not once:
            gradient[... if layout.single else failed] = 0.0


def _give(layout: Layout, gradients: list[Tensor | None], report: _core.Report) -> Tensors:
    """Gradients in the shapes of the arguments P, q, A, b, G, h."""
    P, q, A, b = gradients
    G = h = None
    if layout.joins:
        A, G = _split(layout.joins[0], A, report)
        b, h = _split(layout.joins[1], b, report)
    elif layout.slots[2] is None:
        A, b, G, h = None, None, A, b
    given = (P, q, A, b, G, h)
    if not layout.stretched:
        return given
    return tuple(
        gradient if gradient is None or slot is None else gradient.reshape(slot.shape)
        for gradient, slot in zip(given, layout.slots, strict=True)
    )


def _return(
    gradients: Tensors, types: Sequence[torch.dtype | None], device: torch.device
) -> Tensors:
    """Gradients in the dtypes and on the device of the arguments."""
    return tuple(
        None if gradient is None else gradient.to(device, dtype)
        for gradient, dtype in zip(gradients, types, strict=True)
    )


def _joined(join: Join, first: Tensor | None, second: Tensor | None) -> Tensor:
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
        values = values[~_failed(report)]
    return torch.from_numpy(np.add.reduce(values, axis=0))


def _output_place(
    slots: Sequence[Slot | None], tensors: Tensors, own: Sequence[Tensor]
) -> tuple[torch.dtype, torch.device] | None:
    """Where outputs go; None where all arguments are as the solver takes them."""
    for t in tensors:
        if t is None:
            continue
        if t.dtype is not DOUBLE or not t.is_cpu or t.layout is not torch.strided:
            break
        if not t.is_contiguous():
            break
    else:
        return None
    given = [
        (slot.name, t)
        for slot, t in zip(slots, tensors, strict=True)
        if slot and t is not None and not any(t is other for other in own)
    ]
    _check_places(given)
    dtypes = [t.dtype for _, t in given if t.dtype.is_floating_point]
    dtype = dtypes[0] if dtypes else torch.get_default_dtype()
    for other in dtypes:
        dtype = torch.promote_types(dtype, other)
    return dtype, given[0][1].device


def _check_places(given: Sequence[tuple[str, Tensor]]) -> None:
    first_name, first = given[0]
    for name, t in given:
        if t.layout is not torch.strided:
            raise TypeError(f"{name} has layout {t.layout}, expected a dense (strided) tensor")
        if t.dtype.is_complex:
            raise TypeError(f"{name} has dtype {t.dtype}, expected real numbers")
        if t.device != first.device:
            raise ValueError(f"{name} is on {t.device}, but {first_name} is on {first.device}")


def _as_doubles(tensor: Tensor) -> Tensor:
    if tensor.dtype is DOUBLE and tensor.is_cpu and tensor.is_contiguous():
        return tensor
    return tensor.detach().to(CPU, DOUBLE).contiguous()


def _failed(report: _core.Report) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return ~np.atleast_1d(Report(report, False).solved)


def _check(call: Call, tensors: Tensors, report: _core.Report) -> None:
    """Raise where a problem could not be solved and that is an error."""
    summary = Report(report, call.layout.single)
    if report.invalid >= 0:
        name, fault = value_fault(int(summary.codes[report.invalid]))
        problem = None if summary.single else report.invalid
        slot = _blame(call.layout.slots, tensors, name, problem)
        raise ValueError(fault_message(slot.name, fault, None if slot.shared else problem))
    if call.settings.on_failure == "raise":
        raise SolveError(failure_message(summary), summary)


def _blame(slots: Sequence[Slot | None], tensors: Tensors, name: str, problem: int | None) -> Slot:
    """The argument behind P, q, A or b; of two joined blocks, the one that is not finite."""
    candidates = {"P": (0,), "q": (1,), "A": (2, 4), "b": (3, 5)}[name]
    given = [(slots[k], tensors[k]) for k in candidates if tensors[k] is not None]
    for slot, tensor in given:
        if slot and tensor is not None:
            value = tensor if slot.shared or problem is None else tensor[problem]
            if slot is given[-1][0] or not torch.isfinite(value).all():
                return slot
    raise AssertionError(f"no argument is behind {name}")
