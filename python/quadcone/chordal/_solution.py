# SPDX-License-Identifier: Apache-2.0
"""The solution of a decomposed problem, and its derivatives, in the shapes of the whole one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._report import Report
from .._solution import Gradients, Tangents, give_gradients, read_like, read_tangent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._report import Number
    from .._solution import Solution as Inner
    from .._values import Argument, Array
    from ._problem import Problem
    from ._rest import Rest


class Solution(Report):
    """x, y and s as those of `quadcone.Solution`, certificates too; residuals, iterations and
    margin are those of the decomposed problem, or where that did not do, of the whole one.

    y is determined on the pattern of a PSD cone, or rather on the chordal extension of it.  Off it
    y is free, and is the completion of largest determinant (of a singular one, its limit by the
    pseudo-inverse), or of a problem that was solved whole, what that gave.
    """

    __slots__ = ("_arguments", "_forms", "_problem", "_rest", "inner", "s", "x", "y")

    def __init__(
        self,
        inner: Inner,
        point: tuple[Array, Array, Array],
        rest: Rest | None,
        problem: Problem,
        arguments: tuple[Argument, ...],
    ) -> None:
        super().__init__(inner._core, inner.single)
        self.inner = inner  # that of the decomposed problem
        self._rest = rest
        self._problem = problem
        self._forms = problem.whole._forms
        self._arguments = arguments
        self.x, self.y, self.s = point  # of the whole problem
        if rest is not None:
            self.x = rest.put(self.x, rest.solution.x)
            self.y = rest.put(self.y, rest.solution.y)
            self.s = rest.put(self.s, rest.solution.s)

    def _floats(self, column: int) -> Number:
        values, rest = super()._floats(column), self._rest
        if rest is None:
            return values
        own = rest.solution._floats(column)
        return own if self.single else rest.put(np.asarray(values), own)

    def _ints(self, column: int) -> NDArray[np.int32]:
        values, rest = super()._ints(column), self._rest
        if rest is None:
            return values
        values = values.copy()
        values[rest.index] = rest.solution._ints(column)
        return values

    def vjp(self, dx: Any, dy: Any = None, ds: Any = None) -> Gradients:
        """As `quadcone.Solution.vjp`.

        NotImplementedError where dy has an entry off the pattern.
        """
        problem = self._problem
        dx = read_like("dx", dx, self.x)
        dy, ds = read_like("dy", dy, self.y), read_like("ds", ds, self.s)
        if dy is not None and np.any(dy[..., problem.off] != 0.0):
            raise NotImplementedError(
                "dy has an entry off the pattern of a PSD cone, where y is a completion that is "
                "not differentiated"
            )
        rest, given = self._rest, (dx, dy, ds)
        if rest is not None:
            dx, dy, ds = map(rest.drop, given)
        gradients = self.inner.vjp(
            None if dx is None else problem.widen(dx),
            None if dy is None else problem.spread(dy, "dy"),
            None if ds is None else ds[..., problem.layout.origin],
        )
        values = (
            gradients.P.reshape(self._arguments[0].values.shape),
            np.ascontiguousarray(gradients.q[..., : problem.n]),
            np.ascontiguousarray(gradients.A[..., problem.A_order]),
            problem.pick(gradients.b, 0.0),
        )
        if rest is not None:
            rest.add_vjp(given, values)
            values[3][..., problem.off] = 0.0
        return give_gradients(self._forms, self._arguments, values)

    def jvp(self, dP: Any = None, dq: Any = None, dA: Any = None, db: Any = None) -> Tangents:
        """As `quadcone.Solution.jvp`.  dy is NaN off the pattern; db must be zero there."""
        problem = self._problem
        P, q, A, b = (
            read_tangent(*one)
            for one in zip(self._forms, self._arguments, (dP, dq, dA, db), strict=True)
        )
        tangents = self.inner.jvp(
            None if P is None else problem.flat_P(P),
            None if q is None else problem.widen(q),
            None if A is None else problem.fill_A(A, np.zeros_like(problem.A_fixed)),
            None if b is None else problem.spread(b, "db"),
        )
        outputs = Tangents(
            tangents.dx[..., : problem.n].copy(),
            problem.pick(tangents.dy, np.nan),
            problem.gather(tangents.ds),
        )
        if self._rest is not None:
            rest = self._rest.jvp((P, q, A, b))
            outputs = Tangents(*map(self._rest.put, outputs, rest))
            outputs.dy[..., problem.off] = np.nan
        return outputs
