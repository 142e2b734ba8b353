# SPDX-License-Identifier: Apache-2.0
"""Shapes of a call: what they must be, which plan they need, and how blocks of rows join into A.

A layout is found by the shapes of the arguments alone, so a call that repeats finds it in a cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import NamedTuple

from .. import _core
from .._cones import linear_cones
from .._plan import CACHES, Family, plan_for
from .._shapes import Shape, find_batch, qp_sizes
from ._frame import make_frame


class Slot(NamedTuple):
    """One argument of a call."""

    name: str
    shape: Shape  # as given
    one: Shape  # that of one problem
    shared: bool  # one value serves the whole batch; never where there is no batch dimension
    stretched: bool  # and it has a batch dimension, of size 1


class Join(NamedTuple):
    """Two blocks that the solver sees as one array, [A; G] or [b; h]."""

    dim: int  # counted from the end
    rows: tuple[int, int]  # of the blocks
    ready: bool  # they have the shapes to be joined
    shapes: tuple[Shape, Shape]  # what these shapes are
    sums: tuple[bool, bool]  # a shared block that was repeated: its gradient is to be summed


class Layout(NamedTuple):
    """A call, by its shapes.

    slots: P, q, A, b, G, h, None where absent.  G and h are further rows of A and b.
    """

    family: Family | None  # of a `Problem`; None: OptNet's, which its shapes say
    plan: _core.Plan
    batch: int
    single: bool  # no argument has a batch dimension
    slots: tuple[Slot | None, ...]
    joins: tuple[Join, Join] | None  # of A with G and of b with h
    in_blocks: bool  # the extension joins them, and splits their gradients; otherwise torch does
    rows: int  # of equalities
    dense_P: bool
    x_shape: tuple[Shape, Shape]  # and strides
    y_shape: tuple[Shape, Shape]
    shared: tuple[bool, ...]  # of P, q, A, b as the solver sees them, and of G, h if in blocks
    gradients: tuple[tuple[Shape, Shape], ...]  # of the same: shape and strides
    stretched: bool  # a slot is
    frame: _core.Frame | None  # for tensors that need no conversion


def _read_slot(name: str, shape: Shape, one: Shape, batch: int) -> Slot:
    stretched = shape != one and shape[0] < batch
    return Slot(name, shape, one, stretched or (batch > 0 and shape == one), stretched)


def _join(first: Slot, second: Slot, dim: int, batch: int) -> Join:
    """How two blocks become one; it has a batch dimension where either of them has."""
    ones = [slot.shape[dim:] for slot in (first, second)]
    once = batch == 0 or (first.shared and second.shared)
    size = () if once else (batch,)
    shapes = ((*size, *ones[0]), (*size, *ones[1]))
    rows = (ones[0][0], ones[1][0])
    sums = (first.shared and not once, second.shared and not once)
    return Join(dim, rows, (first.shape, second.shape) == shapes, shapes, sums)


def _make_layout(
    family: Family, batch: int, ones: Sequence[Shape], slots: tuple[Slot | None, ...], rows: int
) -> Layout:
    """ones: the shape of P, q, A and b for one problem, as the solver sees them."""
    groups = ((0,), (1,), (2, 4), (3, 5))
    shared = [
        batch > 0 and all(slot is None or slot.shared for slot in (slots[k] for k in group))
        for group in groups
    ]
    _, _, A, b, G, h = slots
    joins = None
    if A and b and G and h:
        joins = (_join(A, G, -2, batch), _join(b, h, -1, batch))
    plan = plan_for(family, sum(once << k for k, once in enumerate(shared)))
    size = (batch,) if batch else ()
    shapes = [one if once else (*size, *one) for one, once in zip(ones, shared, strict=True)]
    in_blocks = joins is not None and _are_plain(joins)
    if in_blocks and joins:
        shapes[2:] = (join.shapes[k] for k in range(2) for join in joins)
        shared += shared[2:]
    x_shape, y_shape = (*size, family.n), (*size, family.m)
    frame = None
    if in_blocks or not joins:
        given = [slot and slot.shape for slot in slots]
        above = rows if in_blocks else None
        frame = make_frame(plan, max(batch, 1), above, given, (x_shape, y_shape, y_shape))
    return Layout(
        family=family,
        plan=plan,
        batch=max(batch, 1),
        single=batch == 0,
        slots=slots,
        joins=joins,
        in_blocks=in_blocks,
        rows=rows,
        dense_P=len(ones[0]) == 2,
        x_shape=_contiguous(x_shape),
        y_shape=_contiguous(y_shape),
        shared=tuple(shared),
        gradients=tuple(map(_contiguous, shapes)),
        stretched=any(slot is not None and slot.stretched for slot in slots),
        frame=frame,
    )


def _are_plain(joins: tuple[Join, Join]) -> bool:
    """Whether the extension can join these blocks: none is empty or repeated."""
    return all(join.ready and all(join.rows) and not any(join.sums) for join in joins)


def _contiguous(shape: Shape) -> tuple[Shape, Shape]:
    strides = tuple(prod(shape[k + 1 :]) for k in range(len(shape)))
    return shape, strides


QP_NAMES = ("Q", "q", "A", "b", "G", "h")


def qp_shapes(
    Q: Shape, G: Shape | None, h: Shape | None, A: Shape | None, b: Shape | None
) -> tuple[Shape, ...]:
    """The shapes of Q, q, A, b, G and h for one problem."""
    n, p, m = qp_sizes(Q, G, h, A, b)
    return (n, n), (n,), (p, n), (p,), (m, n), (m,)


@lru_cache(maxsize=64)
def qp_layout(
    Q: Shape,
    q: Shape,
    G: Shape | None,
    h: Shape | None,
    A: Shape | None,
    b: Shape | None,
    isa: str,
    condense: int,
    engine: str,
) -> Layout:
    """The layout of OptNet's problem; ValueError names the argument whose shape does not fit."""
    ones = qp_shapes(Q, G, h, A, b)
    (n,), (p,), (m,) = ones[1::2]
    names, shapes = QP_NAMES, (Q, q, A, b, G, h)
    given = [k for k in range(6) if shapes[k] is not None]
    batch = find_batch(
        [names[k] for k in given], [shapes[k] or () for k in given], [ones[k] for k in given]
    )
    slots = tuple(
        None if shape is None else _read_slot(name, shape, one, batch)
        for name, shape, one in zip(names, shapes, ones, strict=True)
    )
    family = Family(n, p + m, None, None, linear_cones(p, m), isa, condense, engine)
    layout = _make_layout(family, batch, ((n, n), (n,), (p + m, n), (p + m,)), slots, p)
    return layout._replace(family=None)


@lru_cache(maxsize=64)
def cone_layout(
    family: Family,
    rows: int,
    ones: tuple[Shape, Shape, Shape, Shape],
    P: Shape,
    q: Shape,
    A: Shape,
    b: Shape,
) -> Layout:
    """The layout of a `Problem`; ValueError names the argument whose shape does not fit."""
    names, shapes = ("P", "q", "A", "b"), (P, q, A, b)
    batch = find_batch(names, shapes, ones)
    slots = [
        _read_slot(name, shape, one, batch)
        for name, shape, one in zip(names, shapes, ones, strict=True)
    ]
    return _make_layout(family, batch, ones, (*slots, None, None), rows)


CACHES += [qp_layout, cone_layout]
