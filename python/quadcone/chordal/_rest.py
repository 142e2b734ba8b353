# SPDX-License-Identifier: Apache-2.0
"""Problems for which the decomposed form did not do, solved whole, in their places of the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from .._status import STATUSES, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .._problem import Problem
    from .._solution import Solution, Tangents
    from .._values import Argument, Array

_FAILED = [
    STATUSES.index(status)
    for status in (Status.SOLVED_INACCURATE, Status.MAX_ITERATIONS, Status.NUMERICAL_ERROR)
]

# A solution of Newton's method has smaller residuals, relative to the data.  Where parts of S are
# not unique its margin is smaller, and its derivative off by 1e-6 and more.
_ARRIVED = 1e-11
_MARGIN = 1e-5

Point: TypeAlias = "tuple[Array, Array, Array]"


class Rest(NamedTuple):
    """index: these problems of the batch; `...` where there is no batch dimension.
    own: which of P, q, A and b are of one problem each.
    """

    index: Any
    own: tuple[bool, ...]
    solution: Solution

    def put(self, values: Array, rest: Any) -> Array:
        """Values of all problems, with those of these problems in their place."""
        values = values.copy()
        values[self.index] = rest
        return values

    def drop(self, values: Array | None) -> Array | None:
        """Cotangents of all problems, without those of these."""
        return None if values is None else self.put(values, 0.0)

    def add_vjp(self, cotangents: Sequence[Array | None], gradients: Sequence[Array]) -> None:
        """Add what these problems have to gradients in which they have nothing."""
        mine = self.solution.vjp(*(None if v is None else v[self.index] for v in cotangents))
        for gradient, own, part in zip(gradients, self.own, mine, strict=True):
            gradient[self.index if own else ...] += part

    def jvp(self, tangents: Sequence[Array | None]) -> Tangents:
        return self.solution.jvp(
            *(
                v[self.index] if own and v is not None else v
                for v, own in zip(tangents, self.own, strict=True)
            )
        )


def find_failed(solution: Solution) -> NDArray[np.bool_]:
    return np.atleast_1d(np.isin(solution.codes, _FAILED))


def find_rough(solution: Solution, q: Array, b: Array) -> NDArray[np.bool_]:
    """Solved problems at which Newton's method has not arrived, or with a kink of D near."""
    primal = solution.primal_residual / (1.0 + np.abs(b).max(axis=-1, initial=0.0))
    dual = solution.dual_residual / (1.0 + np.abs(q).max(axis=-1, initial=0.0))
    rough = (np.maximum(primal, dual) > _ARRIVED) | (solution.margin < _MARGIN)
    return np.atleast_1d(rough & solution.solved)


def solve_rest(
    problem: Problem,
    solution: Solution,
    which: NDArray[np.bool_],
    point: Point,
    arguments: tuple[Argument, ...],
    settings: dict[str, Any],
) -> Rest | None:
    """The problems of `which`, solved whole, beginning at `point`.  A solution that this is stays
    where there is none of the whole problem."""
    doubtful = np.flatnonzero(which)
    rest = _solve(problem, doubtful, solution.single, point, arguments, settings)
    if rest is None:
        return None
    kept = np.atleast_1d(solution.solved)[doubtful] & ~np.atleast_1d(rest.solution.solved)
    if not kept.any():
        return rest
    return _solve(problem, doubtful[~kept], solution.single, point, arguments, settings)


def _solve(
    problem: Problem,
    doubtful: NDArray[np.intp],
    single: bool,
    point: Point,
    arguments: tuple[Argument, ...],
    settings: dict[str, Any],
) -> Rest | None:
    if not len(doubtful):
        return None
    index: Any = ... if single else doubtful
    own = tuple(argument.batch > 1 for argument in arguments)
    P, q, A, b = (
        argument.values[index] if each else argument.values
        for argument, each in zip(arguments, own, strict=True)
    )
    start = tuple(values[index] for values in point)
    return Rest(index, own, problem.solve(q, b, P=P, A=A, warm_start=start, **settings))
