# SPDX-License-Identifier: Apache-2.0
"""The derivative of a solution as a linear map: operators, Jacobians, many directions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from . import _core
    from ._values import Array, Form

    Operator = Any  # scipy.sparse.linalg.LinearOperator

Name = Literal["P", "q", "A", "b"]
Output = Literal["x", "y", "s"]

NAMES = ("P", "q", "A", "b")
OUTPUTS = ("x", "y", "s")


class Parts(NamedTuple):
    """How a problem's values, or its outputs, are stacked into one vector."""

    lengths: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.lengths)

    def split(self, columns: Array) -> list[Array]:
        """Columns (total, directions) into one (directions, length) for each part."""
        cuts = np.cumsum(self.lengths)[:-1]
        return [np.ascontiguousarray(part.T) for part in np.split(columns, cuts)]

    def empty(self, *size: int) -> list[Array]:
        return [np.empty((*size, length)) for length in self.lengths]

    def stack(self, parts: Sequence[Array]) -> Array:
        """The inverse of `split`."""
        return np.concatenate(parts, axis=-1).T


class Linear:
    """The derivative of (x, y, s) of one problem by its (P, q, A, b), and the adjoint."""

    def __init__(self, tape: _core.Tape, forms: Sequence[Form], n: int, m: int, index: int) -> None:
        self.tape = tape
        self.index = index
        self.values = Parts(tuple(int(np.prod(form.shape)) for form in forms))
        self.outputs = Parts((n, m, m))
        self.mirror = mirror_of(forms[0], n)

    def derivative(self, columns: Array) -> Array:
        """(values, directions) -> (outputs, directions)"""
        dP, dq, dA, db = self.values.split(columns)
        dP = 0.5 * (dP + dP[:, self.mirror])  # the solution depends on this part alone
        outputs = self.outputs.empty(columns.shape[1])
        self.tape.jvp_many(self.index, 1, columns.shape[1], True, dP, dq, dA, db, *outputs)
        return self.outputs.stack(outputs)

    def adjoint(self, columns: Array) -> Array:
        """(outputs, directions) -> (values, directions)"""
        dx, dy, ds = self.outputs.split(columns)
        gradients = self.values.empty(columns.shape[1])
        self.tape.vjp_many(self.index, 1, columns.shape[1], True, dx, dy, ds, *gradients)
        return self.values.stack(gradients)

    def operator(self) -> Operator:
        from scipy.sparse.linalg import LinearOperator

        return LinearOperator(
            shape=(self.outputs.total, self.values.total),
            matvec=lambda v: self.derivative(as_columns(v)).ravel(),
            rmatvec=lambda v: self.adjoint(as_columns(v)).ravel(),
            matmat=lambda V: self.derivative(as_columns(V)),
            rmatmat=lambda V: self.adjoint(as_columns(V)),
            dtype=np.float64,
        )


class Operators(Sequence[Any]):
    """One SciPy LinearOperator for each problem of a batch, made when it is asked for."""

    def __init__(self, count: int, make: Any) -> None:
        self._count = count
        self._make = make

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self._make(k) for k in range(*index.indices(self._count))]
        k = range(self._count)[index]  # IndexError where there is no such problem
        return self._make(k)

    def __repr__(self) -> str:
        return f"<{self._count} linear operators>"


def as_columns(values: Any) -> Array:
    """(length,) or (length, directions), real, as (length, directions)."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"the vector has dtype {array.dtype}, expected real numbers")
    return array.astype(np.float64, copy=False).reshape(len(array), -1)


def mirror_of(form: Form, n: int) -> NDArray[np.intp]:
    """Where the value of P[j, i] is, for the place of each P[i, j]."""
    if form.pattern is None:
        return np.arange(n * n).reshape(n, n).T.ravel()
    rows, columns = form.pattern.coordinates()
    return np.searchsorted(columns * n + rows, rows * n + columns)


def jacobian(
    tape: _core.Tape, forms: Sequence[Form], n: int, m: int, wrt: Name, of: Output
) -> Array:
    """(batch, length of `of`, *shape of `wrt`), with one factor a problem."""
    if wrt not in NAMES:
        raise ValueError(f"wrt is {wrt!r}, expected 'P', 'q', 'A' or 'b'")
    if of not in OUTPUTS:
        raise ValueError(f"of is {of!r}, expected 'x', 'y' or 's'")
    batch = tape.report.batch
    shape = forms[NAMES.index(wrt)].shape
    columns, rows = int(np.prod(shape)), n if of == "x" else m
    if not columns or not rows:
        return np.zeros((batch, rows, *shape))
    if wrt in ("q", "b") and columns < rows:
        tangents = np.empty((batch, columns, rows))
        values: list[Array | None] = [None] * 4
        outputs: list[Array | None] = [None] * 3
        values[NAMES.index(wrt)] = identity(batch, columns)
        outputs[OUTPUTS.index(of)] = tangents
        tape.jvp_many(0, batch, columns, True, *values, *outputs)
        return np.ascontiguousarray(tangents.swapaxes(1, 2))
    gradients = np.empty((batch, rows, *shape))
    cotangents: list[Array | None] = [None] * 3
    places: list[Array | None] = [None] * 4
    cotangents[OUTPUTS.index(of)] = identity(batch, rows)
    places[NAMES.index(wrt)] = gradients
    tape.vjp_many(0, batch, rows, True, *cotangents, *places)
    return gradients


def identity(batch: int, size: int) -> Any:
    """(batch, size, size)"""
    return np.ascontiguousarray(np.broadcast_to(np.eye(size), (batch, size, size)))
