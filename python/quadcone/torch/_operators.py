# SPDX-License-Identifier: Apache-2.0
"""The solver as operators of torch, which torch.compile and torch.export put into their graphs.

    solve     (P, q, A, b, G, h) -> x, y, s, status, handle
    tangent   K z = r    for (xd, yd, sd): the derivative of (x, y, s) for -dq = r1 and db = r2
    adjoint   its transpose: (gx, gy, gs) -> (u_x, u_v), the cotangents of r1 and r2
    curvature zero, and bend its derivative: how K changes with the solution; see `_functions`

All are pure functions of their tensors.  tangent and adjoint have a leading dimension for several
right-hand sides, of one for each problem; they take the six arguments of solve to differentiate
and, where the tape behind the handle is gone, to solve again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.library import Library, register_fake

from .. import _core
from .._curvature import bend_projection, check_mode
from .._plan import Pattern
from .._report import Report
from ._engine import Call, run_solve
from ._failures import failed_problems
from ._owners import deliver
from ._spec import Spec, batch_of, read_spec
from ._tapes import find_tape, make_handle
from ._tensors import CPU, Tensors, as_doubles

LIBRARY = Library("quadcone", "DEF")  # type: ignore[no-untyped-call]

_PROBLEM = "str spec, Tensor P, Tensor q, Tensor? A, Tensor? b, Tensor? G, Tensor? h"
_STATE = "Tensor status, Tensor handle"


Function = Callable[..., Any]


def operator(schema: str, fake: Function) -> Callable[[Function], Function]:
    """Make a function the implementation of an operator, and its name the operator.

    fake: the same for tensors that have shapes and no values.
    """
    name = schema[: schema.index("(")]

    def define(function: Function) -> Function:
        LIBRARY.define(schema, tags=torch.Tag.pt2_compliant_tag)  # type: ignore[no-untyped-call]
        LIBRARY.impl(name, function, "CompositeExplicitAutograd")  # type: ignore[no-untyped-call]
        register_fake(f"quadcone::{name}", fake)
        found: Function = getattr(torch.ops.quadcone, name).default
        return found

    return define


def _solve(
    spec: Spec, tensors: Tensors, keep: bool
) -> tuple[tuple[Tensor, ...], _core.Tape | None, _core.Report, bool]:
    """As the solver does it, with q, b and h for every problem, so that derivatives are as well."""
    size = batch_of(spec.ranks, tensors)
    P, q, A, b, G, h = (None if t is None else as_doubles(t) for t in tensors)
    q, b, h = (None if t is None else t.expand(*size, t.shape[-1]) for t in (q, b, h))
    call_tensors = tuple(None if t is None else t.contiguous() for t in (P, q, A, b, G, h))
    layout = spec.layout(call_tensors)
    call = Call(layout, spec.settings, True, ())
    (outputs, tape, report), _ = run_solve(call, call_tensors, keep)
    return outputs, tape, report, layout.single


def _fake_solve(spec: str, *args: Tensor | bool | None) -> tuple[Tensor, ...]:
    tensors: Sequence[Tensor | None] = args[:6]  # type: ignore[assignment]
    _, q, _, b, _, h = tensors
    assert q is not None
    size = batch_of(read_spec(spec).ranks, tensors)
    rows = sum(t.shape[-1] for t in (b, h) if t is not None)
    x, y, s = (q.new_empty((*size, length)) for length in (q.shape[-1], rows, rows))
    return x, y, s, q.new_empty(size, dtype=torch.int32), q.new_empty(2, dtype=torch.int64)


@operator(
    f"solve({_PROBLEM}, bool keep) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
    _fake_solve,
)
def solve(spec: str, *args: Tensor | bool | None) -> tuple[Tensor, ...]:
    """x, y, s, the status codes, and the handle of the tape where that is to be kept."""
    *tensors, keep = args
    meaning = read_spec(spec)
    outputs, tape, core, single = _solve(meaning, tuple(tensors), keep)  # type: ignore[arg-type]
    report = Report(core, single)
    if meaning.owner:
        deliver(meaning.owner, report)
    codes = torch.from_numpy(report.codes.copy())
    return (*outputs, codes[0].clone() if single else codes, make_handle(tape))


def _need_tape(spec: Spec, tensors: Tensors, handle: Tensor) -> _core.Tape:
    tape = find_tape(handle)
    if tape is None:
        tape = _solve(spec, tensors, True)[1]
    assert tape is not None  # its values were good before
    return tape


def _fake_tangent(spec: str, *args: Tensor) -> tuple[Tensor, ...]:
    *_, r1, r2 = args
    return r1.new_empty(r1.shape), r2.new_empty(r2.shape), r2.new_empty(r2.shape)


@operator(
    f"tangent({_PROBLEM}, {_STATE}, Tensor r1, Tensor r2) -> (Tensor, Tensor, Tensor)",
    _fake_tangent,
)
def tangent(spec: str, *args: Tensor) -> tuple[Tensor, ...]:
    """xd, yd, sd: (sides, n) and (sides, m), or (sides, batch, n) and (sides, batch, m)."""
    *tensors, _, handle, r1, r2 = args
    tape = _need_tape(read_spec(spec), tuple(tensors), handle)
    dq, db = as_doubles(r1).neg(), as_doubles(r2)
    x, y, s = torch.empty_like(dq), torch.empty_like(db), torch.empty_like(db)
    for k in range(len(dq)):
        sources = (None, dq[k].data_ptr(), None, db[k].data_ptr())
        tape.jvp(*sources, x[k].data_ptr(), y[k].data_ptr(), s[k].data_ptr())
    if tape.report.failed:
        # As of a vjp: nothing comes from a problem without a solution if nothing is asked of it.
        failed = torch.from_numpy(failed_problems(tape.report)).reshape(dq.shape[1:-1])
        silent = failed & (dq == 0).all(-1) & (db == 0).all(-1)
        for part in (x, y, s):
            part[silent] = 0.0
    return x, y, s


def _fake_adjoint(spec: str, *args: Tensor) -> tuple[Tensor, ...]:
    *_, gx, gy, _ = args
    return gx.new_empty(gx.shape), gy.new_empty(gy.shape)


@operator(
    f"adjoint({_PROBLEM}, {_STATE}, Tensor gx, Tensor gy, Tensor gs) -> (Tensor, Tensor)",
    _fake_adjoint,
)
def adjoint(spec: str, *args: Tensor) -> tuple[Tensor, ...]:
    """u_x, u_v: (sides, n) and (sides, m), or (sides, batch, n) and (sides, batch, m)."""
    *tensors, _, handle, gx, gy, gs = args
    tape = _need_tape(read_spec(spec), tuple(tensors), handle)
    gx, gy, gs = as_doubles(gx), as_doubles(gy), as_doubles(gs)
    q, b = torch.empty_like(gx), torch.empty_like(gy)
    for k in range(len(gx)):
        sources = (gx[k].data_ptr(), gy[k].data_ptr(), gs[k].data_ptr())
        tape.vjp(*sources, None, q[k].data_ptr(), None, b[k].data_ptr())
    return q.neg_(), b


def _fake_curvature(spec: str, *vectors: Tensor) -> Tensor:
    shape = torch.broadcast_shapes(*(vector.shape for vector in vectors))  # type: ignore[no-untyped-call]
    return vectors[0].new_empty(shape)


@operator("curvature(str spec, Tensor v, Tensor a) -> Tensor", _fake_curvature)
def curvature(spec: str, v: Tensor, a: Tensor) -> Tensor:
    """e: zeros, (sides, m) or (sides, batch, m) as a, for v of (m,) or (batch, m)."""
    return torch.zeros(torch.broadcast_shapes(v.shape, a.shape), dtype=a.dtype, device=CPU)  # type: ignore[no-untyped-call]


@operator("bend(str spec, Tensor v, Tensor b, Tensor a) -> Tensor", _fake_curvature)
def bend(spec: str, v: Tensor, b: Tensor, a: Tensor) -> Tensor:
    """D'[b] a, in the shape of all of them."""
    family, settings, _ = read_spec(spec)
    check_mode(settings.derivative_mode)
    assert family is not None  # OptNet's problem is polyhedral
    vectors = (as_doubles(vector).detach().numpy() for vector in (v, b, a))
    return torch.from_numpy(bend_projection(family.cones, *vectors))


def _fake_pattern(spec: str, name: str) -> tuple[Tensor, Tensor]:
    size = _pattern(spec, name).entries
    rows, columns = (torch.empty(size, dtype=torch.int64, device=CPU) for _ in range(2))
    return rows, columns


@operator(
    "pattern(str spec, str name) -> (Tensor, Tensor)",
    _fake_pattern,
)
def pattern(spec: str, name: str) -> tuple[Tensor, Tensor]:
    """Rows and columns of the entries of a sparse P or A: an operator, so that graphs have them."""
    rows, columns = _pattern(spec, name).coordinates()
    return torch.from_numpy(rows.copy()), torch.from_numpy(columns)


def _pattern(spec: str, name: str) -> Pattern:
    found: Pattern = getattr(read_spec(spec).family, name)
    return found
