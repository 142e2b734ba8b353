# SPDX-License-Identifier: Apache-2.0
"""Where the rows of a problem are in its decomposition.

A matrix S with a chordal pattern is positive semidefinite where it is a sum of positive
semidefinite matrices S_c, one for each clique (Agler et al., 1988).  Each entry of A x + S = b is a
row of the topmost clique that has it.  The part of it that a clique c below takes is a variable
u_c, of which there is one for every pair of vertices that c shares with its parent p:

    S_c = (what c is the topmost of: b - A x) + u_c - (u_d of every child d of c)

These telescope: the S_c add up to b - A x.  The dual of a variable u_c says that Y_c = Y_p where
the two overlap, so Y is known on the pattern.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ._cliques import clique_tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ._cliques import Tree

    Indices = NDArray[np.int64]


class Matrix(NamedTuple):
    """A PSD cone that was decomposed."""

    first: int  # row
    order: int
    tree: Tree


class Layout(NamedTuple):
    """origin: the row that each row of the decomposition is a part of.
    top: the row of the decomposition that has the data of each row, -1 off the pattern.
    up, down: for each variable u, the row of the parent, and that of the child.
    """

    origin: Indices
    top: Indices
    up: Indices
    down: Indices
    orders: list[int]  # of the cones of all cliques
    matrices: list[Matrix]


def lay_out(before: int, orders: Sequence[int], rows: int, used: NDArray[np.bool_]) -> Layout:
    """Of `rows` rows, of which PSD cones of these orders follow `before` others.

    used: the rows in which A or b has an entry.
    """
    origin = [np.arange(before)]
    ups: list[Indices] = []
    downs: list[Indices] = []
    matrices: list[Matrix] = []
    first, start = before, before  # rows, of the problem and of the decomposition
    for order in orders:
        size = order * (order + 1) // 2
        row, column = pairs(np.arange(order))
        kept = used[first : first + size]
        tree = clique_tree(order, np.stack([row[kept], column[kept]], axis=1))
        starts = start + np.cumsum([0, *(len(c) * (len(c) + 1) // 2 for c in tree.cliques)])
        for k, clique in enumerate(tree.cliques):
            origin.append(first + place(order, *pairs(clique)))
            if tree.parent[k] >= 0:
                shared = pairs(tree.separator(k))
                ups.append(_rows_of(tree.cliques[tree.parent[k]], starts[tree.parent[k]], shared))
                downs.append(_rows_of(clique, starts[k], shared))
        matrices.append(Matrix(first, order, tree))
        first, start = first + size, int(starts[-1])
    origin.append(np.arange(first, rows))
    whole = np.concatenate(origin)
    top = np.full(rows, -1)
    top[whole[::-1]] = np.arange(len(whole))[::-1]  # the first one stays: parents come first
    sizes = [len(clique) for matrix in matrices for clique in matrix.tree.cliques]
    return Layout(whole, top, _join(ups), _join(downs), sizes, matrices)


def pairs(vertices: Indices) -> tuple[Indices, Indices]:
    """(row, column) of the lower triangle of these rows and columns, column after column."""
    column, row = np.triu_indices(len(vertices))
    return vertices[row], vertices[column]


def place(order: int, row: Any, column: Any) -> Any:
    """Where the lower triangle of a matrix of this order, column after column, has an entry."""
    return column * order - column * (column - 1) // 2 + row - column


def _rows_of(clique: Indices, start: int, entries: tuple[Indices, Indices]) -> Indices:
    row, column = (np.searchsorted(clique, part) for part in entries)
    return np.asarray(start + place(len(clique), row, column))


def _join(parts: list[Indices]) -> Indices:
    return np.concatenate([np.zeros(0, np.int64), *parts])
