# SPDX-License-Identifier: Apache-2.0
"""Families and their compiled plans, kept so that a family is compiled once."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import _core

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Indices = NDArray[np.int64]

SHARED_P, SHARED_Q, SHARED_A, SHARED_B = 1, 2, 4, 8


class Pattern(NamedTuple):
    """Where the entries of a sparse matrix are: compressed columns, as bytes of int64."""

    colptr: bytes
    rowidx: bytes

    @property
    def entries(self) -> int:
        """How many there are."""
        return len(self.rowidx) // np.dtype(np.int64).itemsize

    def arrays(self) -> tuple[Indices, Indices]:
        """Column pointers (columns + 1,) and row indices (entries,), read-only."""
        return np.frombuffer(self.colptr, np.int64), np.frombuffer(self.rowidx, np.int64)

    def coordinates(self) -> tuple[Indices, Indices]:
        """Row and column of every entry, each (entries,)."""
        colptr, rows = self.arrays()
        return rows, np.repeat(np.arange(len(colptr) - 1), np.diff(colptr))


class Family(NamedTuple):
    """What the problems of a `Problem`, or of a call of a layer, have in common.

    P and A are None where they are dense; cones is (kind, rows, alpha, kind, rows, alpha, ...).
    """

    n: int
    m: int
    P: Pattern | None
    A: Pattern | None
    cones: tuple[int | float, ...]
    isa: str
    condense: int
    engine: str


# A plan keeps its idle solvers: this bounds the memory of a program that meets ever new sizes.
@lru_cache(maxsize=32)
def plan_for(family: Family, shared: int) -> _core.Plan:
    """The plan of a family, given which of P, q, A and b are one for the whole batch."""
    P_colptr, P_rowidx = family.P or (None, None)
    A_colptr, A_rowidx = family.A or (None, None)
    return _core.Plan(
        family.n,
        family.m,
        P_colptr,
        P_rowidx,
        A_colptr,
        A_rowidx,
        family.cones,
        shared,
        family.isa,
        family.condense,
        family.engine,
    )


# Everything that holds plans.
CACHES: list[Any] = [plan_for]


def clear_cache() -> None:
    """Forget compiled plans and free the solvers that they keep for the next call."""
    for cache in CACHES:
        cache.cache_clear()
