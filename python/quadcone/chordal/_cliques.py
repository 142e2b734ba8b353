# SPDX-License-Identifier: Apache-2.0
"""A chordal extension of a graph, and the tree of its cliques."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vertices = NDArray[np.int64]


class Tree(NamedTuple):
    """Cliques, each after its parent.

    The cliques that contain a vertex are connected, and so are those that contain a pair.
    """

    cliques: list[Vertices]  # ascending
    parent: list[int]  # -1 of a root

    def separator(self, k: int) -> Vertices:
        """What clique k shares with its parent."""
        if self.parent[k] < 0:
            return np.zeros(0, np.int64)
        return np.intersect1d(self.cliques[k], self.cliques[self.parent[k]], assume_unique=True)


def clique_tree(order: int, edges: NDArray[Any]) -> Tree:
    """Of the graph with these vertices and edges (count, 2), extended until it is chordal."""
    adjacent: list[set[int]] = [set() for _ in range(order)]
    for a, b in edges.tolist():
        if a != b:
            adjacent[a].add(b)
            adjacent[b].add(a)
    cliques, parent = _merge(*_span(_eliminate(adjacent)))
    return _arrange(cliques, parent)


def _eliminate(adjacent: list[set[int]]) -> list[set[int]]:
    """The maximal cliques that are left by eliminating vertices of the least degree first."""
    found: list[set[int]] = []
    holders: list[list[int]] = [[] for _ in adjacent]  # the found cliques of each vertex
    left = set(range(len(adjacent)))
    while left:
        vertex = min(left, key=lambda v: (len(adjacent[v]), v))
        clique = adjacent[vertex] | {vertex}
        if not any(clique <= found[k] for k in holders[vertex]):
            for v in clique:
                holders[v].append(len(found))
            found.append(clique)
        for v in adjacent[vertex]:
            adjacent[v] |= adjacent[vertex]
            adjacent[v] -= {v, vertex}
        left.remove(vertex)
    return found


def _span(cliques: list[set[int]]) -> tuple[list[set[int]], list[int]]:
    """Parents of a spanning tree of the largest overlaps, by Prim: it is a clique tree."""
    count = len(cliques)
    member = np.zeros((count, 1 + max(max(clique) for clique in cliques)))
    for k, clique in enumerate(cliques):
        member[k, list(clique)] = 1.0
    overlap = member @ member.T
    parent, best = np.full(count, -1), np.full(count, -1.0)
    waiting = np.ones(count, bool)
    for _ in range(count):
        k = int(np.argmax(np.where(waiting, best, -2.0)))
        waiting[k] = False
        closer = waiting & (overlap[k] > np.maximum(best, 0.0))
        parent[closer], best[closer] = k, overlap[k, closer]
    return cliques, parent.tolist()


def _merge(cliques: list[set[int]], parent: list[int]) -> tuple[list[set[int]], list[int]]:
    """Merge children into parents, as long as that saves flops, the largest saving first.

    The weight of a clique of k is k^3 (Garstka et al., 2021).
    """
    cliques, parent = list(cliques), list(parent)
    while True:
        savings = {k: _saving(cliques[k], cliques[up]) for k, up in enumerate(parent) if up >= 0}
        k = max(savings, key=lambda k: (savings[k], -k), default=-1)
        if k < 0 or savings[k] < 0:
            return _compress(cliques, parent)
        up = parent[k]
        cliques[up] = cliques[up] | cliques[k]
        cliques[k], parent[k] = set(), -1
        parent = [up if old == k else old for old in parent]


def _saving(child: set[int], parent: set[int]) -> int:
    return len(child) ** 3 + len(parent) ** 3 - len(child | parent) ** 3


def _compress(cliques: list[set[int]], parent: list[int]) -> tuple[list[set[int]], list[int]]:
    """Without the empty sets that merging left."""
    kept = [k for k, clique in enumerate(cliques) if clique]
    number = {k: new for new, k in enumerate(kept)} | {-1: -1}
    return [cliques[k] for k in kept], [number[parent[k]] for k in kept]


def _arrange(cliques: list[set[int]], parent: list[int]) -> Tree:
    """Parents first."""
    children: dict[int, list[int]] = {}
    for k, up in enumerate(parent):
        children.setdefault(up, []).append(k)
    order: list[int] = []
    stack = children[-1][::-1]
    while stack:
        order.append(k := stack.pop())
        stack += children.get(k, [])[::-1]
    number = {k: new for new, k in enumerate(order)} | {-1: -1}
    arrays = [np.array(sorted(cliques[k]), np.int64) for k in order]
    return Tree(arrays, [number[parent[k]] for k in order])
