# SPDX-License-Identifier: Apache-2.0
"""The positive semidefinite completion of largest determinant, down a clique tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._layout import pairs, place

if TYPE_CHECKING:
    from .._values import Array
    from ._layout import Matrix

# Of a separator, eigenvalues below this part of the largest count as zero.  Where Y is positive
# semidefinite, what is dropped is no more than this part of Y.
_RANK = 1e-10

_ROOT2 = 2.0**0.5


def complete(matrix: Matrix, y: Array) -> None:
    """Fill in the entries of y (m,) that are off the pattern of this cone.

    A clique c adds the vertices R, shares U with its parent, and V came before:
    Y_RV = Y_RU Y_UU^+ Y_UV  (Vandenberghe and Andersen, 2015, section 10.2).
    """
    size = matrix.order * (matrix.order + 1) // 2
    rows = slice(matrix.first, matrix.first + size)
    row, column = pairs(np.arange(matrix.order))
    scale = np.where(row == column, 1.0, _ROOT2)
    Y = np.zeros((matrix.order, matrix.order))
    Y[row, column] = Y[column, row] = y[rows] / scale
    tree = matrix.tree
    known = np.zeros(matrix.order, bool)
    filled = np.zeros(size, bool)  # on the pattern, which keeps its bits
    for k, clique in enumerate(tree.cliques):
        shared = tree.separator(k)
        added = np.setdiff1d(clique, shared, assume_unique=True)
        known[shared] = False
        others = np.flatnonzero(known)
        if len(shared) and len(others):
            cross = Y[np.ix_(added, shared)] @ _pseudo_inverse(Y[np.ix_(shared, shared)])
            Y[np.ix_(added, others)] = cross @ Y[np.ix_(shared, others)]
            Y[np.ix_(others, added)] = Y[np.ix_(added, others)].T
        known[clique] = True
        filled[place(matrix.order, *pairs(clique))] = True
    y[rows] = np.where(filled, y[rows], Y[row, column] * scale)


def _pseudo_inverse(Y: Array) -> Array:
    values, vectors = np.linalg.eigh(Y)
    kept = values > _RANK * max(values[-1], 0.0)
    return np.asarray((vectors[:, kept] / values[kept]) @ vectors[:, kept].T)
