# SPDX-License-Identifier: Apache-2.0
"""Calls of the solver: addresses of tensors in, tensors out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, empty_strided

from .. import _core
from .._settings import Settings
from ._blocks import joined
from ._failures import check_solved, void_failed
from ._layout import Layout
from ._tensors import CPU, DOUBLE, Place, Tensors, as_doubles


class Call(NamedTuple):
    """What a call is besides its tensors P, q, A, b, G, h."""

    layout: Layout
    settings: Settings
    full: bool  # y and s are wanted too
    place: Place | None  # of the outputs; None: float64 on the CPU


def run_solve(
    call: Call, tensors: Tensors, derivatives: bool
) -> tuple[tuple[Tensor, ...], _core.Tape | None, _core.Report]:
    """The outputs, (x,) or (x, y, s), and with derivatives, the tape.

    Raises ValueError for values that make no sense, and SolveError as the settings say.
    """
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
    settings = call.settings
    threads = settings.num_threads or torch.get_num_threads()
    x = empty_strided(*layout.x_shape, dtype=DOUBLE, device=CPU)
    y = empty_strided(*layout.y_shape, dtype=DOUBLE, device=CPU) if call.full else None
    s = empty_strided(*layout.y_shape, dtype=DOUBLE, device=CPU) if call.full else None
    report, tape = layout.plan.solve(
        layout.batch,
        settings.to_core(threads, derivatives),
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
        check_solved(layout, settings, tensors, report)
        void_failed(layout, report, (x, y, s))
    outputs: tuple[Tensor, ...] = (x,) if y is None or s is None else (x, y, s)
    if call.place:
        dtype, device = call.place
        outputs = tuple(output.to(device, dtype) for output in outputs)
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
