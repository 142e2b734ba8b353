# SPDX-License-Identifier: Apache-2.0
"""Sparse matrices in compressed rows, applied to a batch of vectors at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._values import Array


class Sparse:
    """A matrix, from numbers at (row, column) in any order; numbers at one place are added."""

    __slots__ = ("column", "shape", "start", "value")

    def __init__(
        self, row: NDArray[Any], column: NDArray[Any], value: Array, shape: tuple[int, int]
    ) -> None:
        place = row.astype(np.int64) * max(shape[1], 1) + column
        order = np.argsort(place, kind="stable")
        place, value = place[order], value[order]
        first = np.flatnonzero(np.diff(place, prepend=-1))
        if len(first) < len(place):
            place, value = place[first], np.add.reduceat(value, first)
        row, column = np.divmod(place, max(shape[1], 1))
        self.start = np.searchsorted(row, np.arange(shape[0] + 1))
        self.column = np.ascontiguousarray(column, np.int32)
        self.value = np.ascontiguousarray(value, np.float64)
        self.shape = shape

    @property
    def row(self) -> NDArray[np.int64]:
        """The row of each number."""
        return np.repeat(np.arange(self.shape[0]), np.diff(self.start))

    def transposed(self) -> Sparse:
        return Sparse(self.column, self.row, self.value, self.shape[::-1])

    def block(self, columns: NDArray[Any], width: int) -> Sparse:
        """The columns c that have columns[c] >= 0, as the columns columns[c] of `width`."""
        column = columns[self.column]
        kept = column >= 0
        shape = (self.shape[0], width)
        return Sparse(self.row[kept], column[kept], self.value[kept], shape)

    def times(self, x: Array, out: Array, batch: int, add: bool = False) -> None:
        """out = M x, or out += M x, for each of `batch` vectors, one after the other."""
        rows, columns = self.shape
        _core.multiply(rows, columns, batch, add, self.start, self.column, self.value, x, out)

    def __getstate__(self) -> tuple[Any, ...]:
        return self.start, self.column, self.value, self.shape

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.start, self.column, self.value, self.shape = state
