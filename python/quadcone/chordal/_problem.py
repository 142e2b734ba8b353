# SPDX-License-Identifier: Apache-2.0
"""A family of problems that is solved in its decomposed form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import coo_array, csc_array

from .._cones import count_rows, read_cones
from .._errors import SolveError, failure_message
from .._problem import Problem as Whole
from .._sparse import Sparse
from .._values import as_doubles, common_batch, shape_text
from ._complete import complete
from ._layout import lay_out
from ._rest import find_failed, find_rough, solve_rest
from ._solution import Solution

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._cones import Cones
    from .._solution import Solution as Inner
    from .._values import Array


class Problem:
    """As `quadcone.Problem`, with every PSD cone decomposed by its pattern.

    P, cones, settings: as there.
    A: a SciPy sparse matrix.
    b: (m,) or (batch, m), of which only the zeros count.  A row of a PSD cone that is empty in A,
        and that is zero in this b, is off the pattern: it is zero in every b that is solved.  None:
        b may have entries where A has, and on the diagonals.
    polish: what is solved to no more than the tolerance, as where the parts of s are not unique,
        is solved whole, beginning where that ended.  False is faster, and leaves such problems
        with errors of the size of the tolerance, and their derivatives with larger ones.

    An entry of a gradient with respect to b is zero off the pattern, where b is not a parameter.
    """

    def __init__(
        self,
        P: Any,
        A: Any,
        cones: Cones,
        b: Any = None,
        polish: bool = True,
        **settings: Any,
    ) -> None:
        if not hasattr(A, "tocsc"):
            raise TypeError("A is not a SciPy sparse matrix: its pattern is what is decomposed by")
        self.whole = Whole(P, A, cones, **settings)
        self.n, self.m, self.cones = self.whole.n, self.whole.m, self.whole.cones
        before = count_rows(read_cones({k: cones[k] for k in ("z", "l", "q") if k in cones}))
        orders = np.atleast_1d(np.asarray(cones.get("s", []), int)).tolist()
        self.polish = polish
        self.layout = lay_out(before, orders, self.m, self._used(b))
        self.width = self.n + len(self.layout.up)
        A_part, self.A_order, self.A_fixed = self._split_A()
        smaller = {**cones, "s": self.layout.orders}
        self.inner = Whole(self._widen_P(), A_part, smaller, **settings)

    def solve(self, q: Any, b: Any, P: Any = None, A: Any = None, **overrides: Any) -> Solution:
        """As `quadcone.Problem.solve`, without a warm start.  What fails is solved whole.

        ValueError where b has an entry off the pattern.
        """
        settings = self.whole._override(overrides)
        arguments = self.whole._read(q, b, P, A)
        common_batch(arguments)  # in terms of the arguments that were given
        P_values, q_values, A_values, b_values = (argument.values for argument in arguments)
        raises = settings.on_failure == "raise"
        if raises:
            overrides["on_failure"] = "nan"  # until the solution has its shapes
        inner = self.inner.solve(
            self.widen(q_values),
            self.spread(b_values, "b"),
            self.flat_P(P_values),
            self.fill_A(A_values, self.A_fixed),
            **overrides,
        )
        point = self.point_of(inner)
        doubtful = find_failed(inner)
        if self.polish:
            doubtful |= find_rough(inner, q_values, b_values)
        rest = solve_rest(self.whole, inner, doubtful, point, arguments, overrides)
        solution = Solution(inner, point, rest, self, arguments)
        if raises and not np.all(solution.solved):
            raise SolveError(failure_message(solution), solution)
        return solution

    def widen(self, values: Array) -> Array:
        """(..., n) with zeros for the variables of the overlaps."""
        return np.concatenate(
            [values, np.zeros((*values.shape[:-1], self.width - self.n))], axis=-1
        )

    def spread(self, values: Array, name: str) -> Array:
        """b, or its tangent, in the rows of the decomposition."""
        wrong = self.off[np.any(np.atleast_2d(values)[:, self.off] != 0.0, axis=0)]
        if len(wrong):
            raise ValueError(
                f"{name} has an entry in row {wrong[0]}, which is off the pattern; "
                "give the Problem a b that has one there"
            )
        spread = np.zeros((*values.shape[:-1], len(self.layout.origin)))
        spread[..., self.layout.top[self.on]] = values[..., self.on]
        return spread

    def gather(self, parts: Array) -> Array:
        """Sums over the cliques: the adjoint of reading the rows that they are parts of."""
        origin, m = self.layout.origin, self.m
        out = np.empty((*parts.shape[:-1], m))
        count = len(parts) if parts.ndim == 2 else 1
        Sparse(origin, np.arange(len(origin)), np.ones(len(origin)), (m, len(origin))).times(
            parts, out, count
        )
        return out

    def pick(self, parts: Array, missing: float) -> Array:
        """The rows that have data, in their place."""
        out = np.full((*parts.shape[:-1], self.m), missing)
        out[..., self.on] = parts[..., self.layout.top[self.on]]
        return out

    def point_of(self, inner: Inner) -> tuple[Array, Array, Array]:
        """x, y and s of the whole problem.  y is NaN where it is not determined."""
        y = self.pick(inner.y, 0.0)
        for one in y.reshape(-1, self.m):
            if np.isfinite(one).all():
                for matrix in self.layout.matrices:
                    complete(matrix, one)
            else:
                one[...] = np.nan
        return inner.x[..., : self.n].copy(), y, self.gather(inner.s)

    @property
    def on(self) -> NDArray[np.intp]:
        """Rows on the pattern, or on that of its chordal extension."""
        return np.flatnonzero(self.layout.top >= 0)

    @property
    def off(self) -> NDArray[np.intp]:
        return np.flatnonzero(self.layout.top < 0)

    def flat_P(self, values: Array) -> Array:
        """The values of P by columns, which is by rows."""
        return values.reshape(*values.shape[: values.ndim - len(self.whole._shapes[0])], -1)

    def fill_A(self, values: Array, fixed: Array) -> Array:
        """The values of A in those of the decomposition, beside fixed ones."""
        filled = np.broadcast_to(fixed, (*values.shape[:-1], len(fixed))).copy()
        filled[..., self.A_order] = values
        return filled

    def _used(self, b: Any) -> NDArray[np.bool_]:
        used = np.zeros(self.m, bool)
        used[self._coordinates_A()[0]] = True
        if b is not None:
            values = as_doubles("b", b)
            if values.ndim not in (1, 2) or values.shape[-1] != self.m:
                expected = f"{shape_text((self.m,))} or {shape_text(('batch', self.m))}"
                raise ValueError(f"b has shape {values.shape}, expected {expected}")
            used |= np.any(values.reshape(-1, self.m) != 0.0, axis=0)
        return used

    def _coordinates_A(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(row, column) of the values of A."""
        pattern = self.whole._forms[2].pattern
        assert pattern is not None
        return pattern.coordinates()

    def _split_A(self) -> tuple[Any, NDArray[np.intp], Array]:
        """A of the decomposition; where its values are those of A; and its values besides."""
        row, column = self._coordinates_A()
        layout, overlaps = self.layout, np.arange(self.n, self.width)
        ones = np.ones(len(overlaps))
        number = np.arange(1.0, len(row) + 1.0)
        rows = np.concatenate([layout.top[row], layout.up, layout.down])
        columns = np.concatenate([column, overlaps, overlaps])
        shape = (len(layout.origin), self.width)
        numbered = coo_array(
            (np.concatenate([number, 0.0 * ones, 0.0 * ones]), (rows, columns)), shape
        ).tocsc()
        fixed = coo_array((np.concatenate([0.0 * number, ones, -ones]), (rows, columns)), shape)
        fixed = fixed.tocsc()
        numbered.sort_indices()
        fixed.sort_indices()
        at = np.flatnonzero(numbered.data)
        order = np.empty(len(row), np.intp)
        order[numbered.data[at].astype(int) - 1] = at
        return fixed, order, fixed.data.copy()

    def _widen_P(self) -> Any:
        """P with empty rows and columns for the variables of the overlaps."""
        form = self.whole._forms[0]
        if form.pattern is None:
            start = np.arange(self.n + 1, dtype=np.int64) * self.n
            row = np.tile(np.arange(self.n), self.n)
        else:
            start, row = (np.frombuffer(part, np.int64) for part in form.pattern)
        start = np.concatenate([start, np.full(self.width - self.n, start[-1])])
        return csc_array((np.zeros(len(row)), row, start), shape=(self.width, self.width))
