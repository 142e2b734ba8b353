# SPDX-License-Identifier: Apache-2.0
"""CVXPY's coefficient matrices as maps from parameters to the values of P, q, A and b.

CVXPY keeps one matrix for each of P, q and [A, b]: a row for every entry, column after column, and
a column for every number among the parameters; most rows are empty.  Its rows are A x + b in K, and
ours A x + s = b, so A changes its sign.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from .._sparse import Sparse
from ._inputs import Columns


class Maps(NamedTuple):
    """The maps, and matrices of the same patterns with the values where all parameters are 0."""

    P: Sparse
    q: Sparse
    A: Sparse
    b: Sparse
    P_placeholder: Any
    A_placeholder: Any


class Entries(NamedTuple):
    """Numbers of one of CVXPY's matrices: for the entry at `position`, counted column after column,
    and for our column."""

    position: Any
    column: Any
    value: Any

    def between(self, first: int, last: int) -> Entries:
        """Those from position `first` on and before `last`, counted from there."""
        kept = (self.position >= first) & (self.position < last)
        return Entries(self.position[kept] - first, self.column[kept], self.value[kept])


def read_maps(program: Any, columns: Columns) -> Maps:
    """The maps of CVXPY's cone program, given what its columns are in terms of ours."""
    n = program.x.size
    m = program.A.shape[0] // (n + 1)
    constraints = _entries(program.A, columns)
    A = constraints.between(0, m * n)
    b = constraints.between(m * n, m * (n + 1))
    q = _entries(program.q, columns).between(0, n)  # what follows is a constant of the objective
    P_map, P_placeholder = _matrix(_symmetric(_entries(program.P, columns), n), (n, n), columns)
    A_map, A_placeholder = _matrix(A._replace(value=-A.value), (m, n), columns)
    return Maps(
        P_map, _vector(q, n, columns), A_map, _vector(b, m, columns), P_placeholder, A_placeholder
    )


def _entries(tensor: Any, columns: Columns) -> Entries:
    if tensor is None:
        return Entries(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    coo = tensor.tocoo()
    kept = coo.data != 0.0
    return Entries(*columns.replace(coo.row[kept].astype(np.int64), coo.col[kept], coo.data[kept]))


def _symmetric(P: Entries, n: int) -> Entries:
    """(P + P') / 2, whose pattern is symmetric."""
    mirrored = (P.position % n) * n + P.position // n
    return Entries(
        np.concatenate([P.position, mirrored]),
        np.concatenate([P.column, P.column]),
        0.5 * np.concatenate([P.value, P.value]),
    )


def _vector(entries: Entries, length: int, columns: Columns) -> Sparse:
    return Sparse(entries.position, entries.column, entries.value, (length, columns.width))


def _matrix(entries: Entries, shape: tuple[int, int], columns: Columns) -> tuple[Sparse, Any]:
    """The map to the values of a sparse matrix, and that matrix where all parameters are 0."""
    rows, width = max(shape[0], 1), shape[1]
    positions, place = np.unique(entries.position, return_inverse=True)
    whole = Sparse(place, entries.column, entries.value, (len(positions), columns.width))
    constant = entries.column == columns.width - 1
    values = np.zeros(len(positions))
    np.add.at(values, place[constant], entries.value[constant])
    start = np.searchsorted(positions, np.arange(width + 1) * rows)
    return whole, sp.csc_array((values, positions % rows, start), shape=shape)
