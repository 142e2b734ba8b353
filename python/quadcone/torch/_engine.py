# SPDX-License-Identifier: Apache-2.0
"""Calls of the solver: addresses of tensors in, tensors out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, empty_strided

from .. import _core
from .._settings import Settings
from ._blocks import joined
from ._failures import check_solved, void_failed
from ._layout import Layout
from ._tensors import CPU, DOUBLE, Place, Tensors, as_doubles, output_place

if TYPE_CHECKING:
    from .._core import CoreSettings


class Call(NamedTuple):
    """What a call is besides its tensors P, q, A, b, G, h."""

    layout: Layout
    settings: Settings
    full: bool  # y and s are wanted too
    own: Sequence[Tensor]  # which tensors have no say in the dtype and device of the outputs


Outputs = tuple[Tensor, ...]  # (x,) or (x, y, s)
Solved = tuple[Outputs, _core.Tape | None, _core.Report]


def run_solve(call: Call, tensors: Tensors, derivatives: bool) -> tuple[Solved, Place | None]:
    """The outputs, with derivatives the tape, and the report; and the outputs' place.

    Raises ValueError for values that make no sense, and SolveError as the settings say.
    """
    layout, settings = call.layout, call.settings
    threads = settings.num_threads or torch.get_num_threads()
    choices = settings.to_core(threads, derivatives)
    place: Place | None = None
    solved: Solved | None = None
    if layout.frame:
        solved = layout.frame.solve(tensors, choices, call.full)
    if solved is None:
        place = output_place(layout.slots, tensors, call.own)
        if place:
            tensors = tuple(None if t is None else as_doubles(t) for t in tensors)
        solved = _solve(layout, tensors, choices, call.full)
    report = solved[2]
    if report.failed:
        check_solved(layout, settings, tensors, report)
        void_failed(layout, report, solved[0])
    if place:
        dtype, device = place
        solved = (tuple(output.to(device, dtype) for output in solved[0]), *solved[1:])
    return solved, place


def _solve(layout: Layout, tensors: Tensors, choices: CoreSettings, full: bool) -> Solved:
    """As a frame does, for tensors of float64 on the CPU."""
    P, q, A, b, G, h = tensors
    blocks: tuple[int, ...] = ()
    if layout.in_blocks:
        blocks = (G.data_ptr(), h.data_ptr(), layout.rows)  # type: ignore[union-attr]
    elif layout.joins:
        A = joined(layout.joins[0], A, G)
        b = joined(layout.joins[1], b, h)
    elif A is None:
        A, b = G, h
    shapes = (layout.x_shape, layout.y_shape, layout.y_shape) if full else (layout.x_shape,)
    outputs = tuple(empty_strided(*shape, dtype=DOUBLE, device=CPU) for shape in shapes)
    addresses = [output.data_ptr() for output in outputs]
    report, tape = layout.plan.solve(
        layout.batch,
        choices,
        P.data_ptr(),  # type: ignore[union-attr]
        q.data_ptr(),  # type: ignore[union-attr]
        A.data_ptr() if A is not None else 0,
        b.data_ptr() if b is not None else 0,
        None,
        None,
        None,
        *(addresses if full else (*addresses, None, None)),
        *blocks,
    )
    return outputs, tape, report


def run_vjp(
    layout: Layout, tape: _core.Tape, cotangents: Sequence[Tensor | None], needs: Sequence[bool]
) -> list[Tensor | None]:
    """Gradients of P, q, A, b, and of G, h where these are in blocks; None where nobody asks."""
    P, q, A, b, G, h = needs
    asked = needs if layout.in_blocks else (P, q, A or G, b or h)
    gradients = [
        empty_strided(*place, dtype=DOUBLE, device=CPU) if ask else None
        for place, ask in zip(layout.gradients, asked, strict=True)
    ]
    # These must live until the call is over: their addresses are all that it gets.
    sources = [None if g is None else as_doubles(g) for g in cotangents]
    if len(sources) == 1:
        sources += (None, None)
    addresses = [None if g is None else g.data_ptr() for g in sources + gradients]
    if layout.in_blocks:
        addresses.append(layout.rows)
    tape.vjp(*addresses)
    return gradients
