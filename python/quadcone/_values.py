# SPDX-License-Identifier: Apache-2.0
"""The values of P, q, A and b: their shapes, their batch dimension, and the form of a gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ._plan import Pattern

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


_DOUBLE = np.dtype(np.float64)


class Argument(NamedTuple):
    """One of P, q, A and b, as it was given."""

    name: str
    values: Array  # contiguous
    batch: int  # problems along the first dimension; 0: there is no such dimension
    sparse: Any  # the SciPy class it came in, or None


class Form(NamedTuple):
    """What one value of an argument looks like."""

    name: str
    shape: tuple[int, ...]  # of one problem: (n,), (m, n), or (nnz,)
    pattern: Pattern | None = None
    matrix_shape: tuple[int, int] | None = None  # of a sparse matrix

    def read(self, value: Any) -> Argument:
        """Values for one problem or a batch; ValueError or TypeError where they do not fit."""
        if is_sparse(value):
            return self._read_sparse(value)
        values = as_doubles(self.name, value)
        if values.shape == self.shape:
            return Argument(self.name, values, 0, None)
        if values.shape[1:] == self.shape and values.ndim == len(self.shape) + 1:
            if not len(values):
                raise ValueError(f"{self.name} has a batch of 0, expected at least 1 problem")
            return Argument(self.name, values, len(values), None)
        raise ValueError(
            f"{self.name} has shape {values.shape}, expected {shape_text(self.shape)} or "
            f"{shape_text(('batch', *self.shape))}"
            + (" (the values of the sparsity pattern)" if self.pattern else "")
        )

    def _read_sparse(self, value: Any) -> Argument:
        if self.pattern is None:
            raise TypeError(f"{self.name} is a sparse matrix, expected a dense array")
        if value.shape != self.matrix_shape:
            raise ValueError(
                f"{self.name} has shape {value.shape}, expected {shape_text(self.matrix_shape)}"
            )
        pattern, values, kind = read_sparse(self.name, value)
        if pattern != self.pattern:
            raise ValueError(f"{self.name} has another sparsity pattern than that of the Problem")
        return Argument(self.name, values, 0, kind)

    def give(self, argument: Argument, values: Array) -> Any:
        """Values for this argument, in its shape, in the form that it was given in."""
        if argument.sparse is None or self.pattern is None:
            return values
        colptr, rowidx = self.pattern.arrays()
        return argument.sparse((values.reshape(-1), rowidx, colptr), shape=self.matrix_shape)


def matrix_form(name: str, value: Any) -> tuple[Form, Argument]:
    """The form that the first value of P or A sets, and that value."""
    if is_sparse(value):
        pattern, values, kind = read_sparse(name, value)
        form = Form(name, values.shape, pattern, tuple(value.shape))
        return form, Argument(name, values, 0, kind)
    values = as_doubles(name, value)
    if values.ndim not in (2, 3):
        raise ValueError(
            f"{name} has shape {values.shape}, expected (rows, columns) or (batch, rows, columns)"
        )
    form = Form(name, values.shape[-2:])
    return form, form.read(values)


def empty_form(name: str, rows: int, cols: int) -> tuple[Form, Argument]:
    """A matrix without entries."""
    pattern = Pattern(np.zeros(cols + 1, np.int64).tobytes(), b"")
    form = Form(name, (0,), pattern, (rows, cols))
    return form, Argument(name, np.zeros(0), 0, None)


def is_absent(form: Form, argument: Argument) -> bool:
    """Whether this is the matrix of `empty_form`."""
    return form.pattern is not None and argument.sparse is None


def matrix_size(form: Form) -> tuple[int, int]:
    """Rows and columns."""
    rows, cols = form.matrix_shape or form.shape
    return rows, cols


def is_sparse(value: Any) -> bool:
    """Whether it is one of SciPy's sparse matrices or arrays, which need not be imported to ask."""
    return type(value) is not np.ndarray and hasattr(value, "tocsc")


def read_sparse(name: str, value: Any) -> tuple[Pattern, Array, Any]:
    """The pattern, values in its order, and class of a SciPy sparse matrix."""
    if len(value.shape) != 2:
        raise ValueError(f"{name} has shape {value.shape}, expected a matrix")
    csc = value.tocsc(copy=True)
    csc.sum_duplicates()
    csc.sort_indices()
    pattern = Pattern(
        csc.indptr.astype(np.int64).tobytes(),
        csc.indices[: csc.indptr[-1]].astype(np.int64).tobytes(),
    )
    return pattern, as_doubles(name, csc.data[: csc.indptr[-1]]), type(csc)


def as_doubles(name: str, value: Any) -> Array:
    """A contiguous array of float64; TypeError where that would lose something."""
    if type(value) is np.ndarray and value.dtype is _DOUBLE and value.flags.c_contiguous:
        return value  # as most are: looking further takes as long as solving a small problem
    if np.ma.is_masked(value):
        raise TypeError(f"{name} is a masked array with values that are masked")
    try:
        values = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} is not an array: {error}") from None
    if values.dtype.kind not in "biuf":
        raise TypeError(f"{name} has dtype {values.dtype}, expected real numbers")
    return np.ascontiguousarray(values, np.float64).reshape(values.shape)


def shape_text(shape: Sequence[int | str] | None) -> str:
    """(3,) or (batch, 3)."""
    sizes = [str(size) for size in shape or ()]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def common_batch(arguments: Sequence[Argument]) -> int:
    """Problems in the batch, 0 when no argument has a batch dimension.  One of 1 is stretched."""
    batch = max([argument.batch for argument in arguments])
    for argument in arguments:
        if argument.batch not in (0, 1, batch):
            largest = next(other for other in arguments if other.batch == batch)
            raise ValueError(
                f"{argument.name} has a batch of {argument.batch}, "
                f"but {largest.name} has one of {batch}"
            )
    return batch


def is_shared(argument: Argument, batch: int) -> bool:
    """Whether one value serves the whole batch; never where there is no batch dimension."""
    return argument.batch < batch
