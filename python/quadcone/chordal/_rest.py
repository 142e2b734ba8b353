# SPDX-License-Identifier: Apache-2.0
"""Problems that failed in the decomposed form, solved whole, in their places of the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

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


def find_failed(solution: Solution) -> NDArray[np.intp]:
    return np.flatnonzero(np.isin(solution.codes, _FAILED))


def solve_rest(
    problem: Problem, solution: Solution, arguments: tuple[Argument, ...], settings: dict[str, Any]
) -> Rest | None:
    """What has neither an accurate solution nor a certificate, solved whole.  A solution that is
    inaccurate stays where there is no solution of the whole problem."""
    failed = find_failed(solution)
    rest = _solve(problem, failed, solution.single, arguments, settings)
    if rest is None:
        return None
    kept = np.atleast_1d(solution.solved)[failed] & ~np.atleast_1d(rest.solution.solved)
    if not kept.any():
        return rest
    return _solve(problem, failed[~kept], solution.single, arguments, settings)


def _solve(
    problem: Problem,
    failed: NDArray[np.intp],
    single: bool,
    arguments: tuple[Argument, ...],
    settings: dict[str, Any],
) -> Rest | None:
    if not len(failed):
        return None
    index: Any = ... if single else failed
    own = tuple(argument.batch > 1 for argument in arguments)
    P, q, A, b = (
        argument.values[index] if each else argument.values
        for argument, each in zip(arguments, own, strict=True)
    )
    return Rest(index, own, problem.solve(q, b, P=P, A=A, **settings))
