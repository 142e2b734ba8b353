# SPDX-License-Identifier: Apache-2.0
"""Products with the matrices of a problem, and the outer products that are their gradients.

    push    (Pd x + Ad'y, Ad x)                                    for tangents Pd, Ad
    pull    P: -(u_x x' + x u_x')/2    A: -(y u_x' + u_v x')       for an adjoint (u_x, u_v)

<pull, (Pd, Ad)> = -<u, push>, so each gives the derivative of the other's transpose.  Vectors are
(sides, n) and (sides, m), or (sides, batch, n) and (sides, batch, m); see `_operators`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ._operators import pattern
from ._spec import read_spec
from ._tensors import Tensors

Pair = tuple[Tensor, Tensor]  # (n,) and (m,)


class _Rows(NamedTuple):
    """Rows that a block of A has of the m rows: A itself, then G."""

    first: int
    number: int

    def of(self, vector: Tensor) -> Tensor:
        return vector.narrow(-1, self.first, self.number)


def _blocks(problem: Tensors) -> dict[int, _Rows]:
    """Rows of A and of G, by their places in the problem."""
    _, _, _, b, _, h = problem
    above = 0 if b is None else b.shape[-1]
    below = 0 if h is None else h.shape[-1]
    given = {2: (b, _Rows(0, above)), 4: (h, _Rows(above, below))}
    return {k: rows for k, (side, rows) in given.items() if side is not None}


def push(spec: str, problem: Tensors, tangents: Sequence[Tensor | None], w: Pair) -> Pair:
    """(Pd x + Ad'y, Ad x) for w = (x, y), by tangents of P, q, A, b, G, h; absent ones are 0."""
    x, y = w
    ranks = read_spec(spec).ranks
    top = torch.zeros_like(x)
    if (Pd := tangents[0]) is not None:
        if ranks[0] == 2:
            top = top + _times((Pd + Pd.mT) / 2, x)
        else:
            rows, columns = pattern(spec, "P")
            top = top + _scatter(Pd * _pick(x, columns), rows, x) / 2
            top = top + _scatter(Pd * _pick(x, rows), columns, x) / 2
    parts = []
    for k, block in _blocks(problem).items():
        Ad, part = tangents[k], block.of(y)
        if Ad is None:
            parts.append(torch.zeros_like(part))
        elif ranks[k] == 2:
            top = top + _times(Ad.mT, part)
            parts.append(_times(Ad, x))
        else:
            rows, columns = pattern(spec, "A")
            top = top + _scatter(Ad * _pick(part, rows), columns, x)
            parts.append(_scatter(Ad * _pick(x, columns), rows, part))
    return top, torch.cat(parts, -1) if parts else torch.zeros_like(y)


def _times(matrix: Tensor, vector: Tensor) -> Tensor:
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)


def _pick(vector: Tensor, places: Tensor) -> Tensor:
    """Entries along the last dimension, by an operation that is_grads_batched=True can map too."""
    return vector.index_select(-1, places)


def _scatter(values: Tensor, places: Tensor, like: Tensor) -> Tensor:
    """Sums of values by their places along the last dimension."""
    return torch.zeros_like(like).index_add(-1, places, values.expand(*like.shape[:-1], -1))


def pull(
    spec: str,
    problem: Tensors,
    needs: Sequence[bool],
    solved: Tensor,
    u: Pair,
    w: Pair,
) -> list[Tensor | None]:
    """Gradients of P, A and G, at 0, 2 and 4 of six; the others, and what nobody needs, are None.

    solved: which problems count in what the batch shares.
    """
    ranks = read_spec(spec).ranks
    counted = (*hide(solved, u), *hide(solved, w))
    gradients: list[Tensor | None] = [None] * 6
    for k, block in {0: None, **_blocks(problem)}.items():
        argument = problem[k]
        if argument is None or not needs[k]:
            continue
        shared = u[0].dim() == 3 and argument.dim() == ranks[k]
        ux, uv, x, y = counted if shared else (*u, *w)
        pairs = ((block.of(y), ux), (block.of(uv), x)) if block else ((ux, x), (x, ux))
        if ranks[k] == 2:
            first, second = (_outer(a, c, shared) for a, c in pairs)
        else:
            rows, columns = pattern(spec, "P" if k == 0 else "A")
            sums = (0, 1) if shared else (0,)
            first, second = ((_pick(a, rows) * _pick(c, columns)).sum(sums) for a, c in pairs)
        gradients[k] = -(first + second) / 2 if k == 0 else -(first + second)
    return gradients


def _outer(a: Tensor, c: Tensor, shared: bool) -> Tensor:
    """a c', summed over the sides, and over the batch where the matrix is shared."""
    if shared:
        count = a.shape[0] * a.shape[1]
        a, c = a.reshape(count, a.shape[-1]), c.reshape(count, c.shape[-1])
    return a.movedim(0, -1) @ c.movedim(0, -2)


def hide(solved: Tensor, vectors: Pair) -> Pair:
    """Vectors with zeros for problems without a solution."""
    first, second = vectors
    return torch.where(solved, first, 0.0), torch.where(solved, second, 0.0)
