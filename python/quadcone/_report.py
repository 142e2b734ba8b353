# SPDX-License-Identifier: Apache-2.0
"""What became of every problem of a solve, read from the block that the solver filled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import _core
from ._status import DERIVATIVE_STATUSES, STATUSES, DerivativeStatus, Status

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Number = float | NDArray[np.float64]

_DOUBLES = 6  # columns of float64 in the block, before those of int32


class Report:
    """What became of every problem of a solve.

    Each attribute is one value for a single problem, and one for each problem of a batch: a list
    of statuses, or an array.
    """

    __slots__ = ("_core", "single")

    def __init__(self, core: _core.Report, single: bool) -> None:
        self._core = core
        self.single = single  # one problem, given without a batch dimension

    def _floats(self, column: int) -> Number:
        batch = self._core.batch
        values = np.frombuffer(memoryview(self._core), np.float64, batch, 8 * column * batch)
        return float(values[0]) if self.single else values

    def _ints(self, column: int) -> NDArray[np.int32]:
        batch = self._core.batch
        offset = (8 * _DOUBLES + 4 * column) * batch
        return np.frombuffer(memoryview(self._core), np.int32, batch, offset)

    @property
    def codes(self) -> NDArray[np.int32]:
        """(batch,): status codes of the C library, of a single problem too."""
        return self._ints(0)

    @property
    def status(self) -> Status | list[Status]:
        """What became of the problem, or of each."""
        names = [STATUSES[code] for code in self.codes.tolist()]
        return names[0] if self.single else names

    @property
    def solved(self) -> bool | NDArray[np.bool_]:
        """Whether there is a solution: status "solved" or "solved_inaccurate"."""
        codes = self.codes
        solved = (codes == SOLVED_CODES[0]) | (codes == SOLVED_CODES[1])
        return bool(solved[0]) if self.single else solved

    @property
    def iterations(self) -> int | NDArray[np.int32]:
        """Factorizations of the KKT matrix."""
        values = self._ints(1)
        return int(values[0]) if self.single else values

    @property
    def objective(self) -> Number:
        """1/2 x'Px + q'x."""
        return self._floats(0)

    @property
    def primal_residual(self) -> Number:
        """max |Ax + s - b|."""
        return self._floats(1)

    @property
    def dual_residual(self) -> Number:
        """max |Px + q + A'y|."""
        return self._floats(2)

    @property
    def gap(self) -> Number:
        """|x'Px + q'x + b'y|."""
        return self._floats(3)

    @property
    def margin(self) -> Number:
        """Strict complementarity: how far s - y is from a kink of the projection on the cones.

        It is relative to max(1, |b|, |q|).  Where it is 0 the solution has a kink, and its
        derivative is one of several.
        """
        return self._floats(4)

    @property
    def derivative_status(self) -> DerivativeStatus | list[DerivativeStatus]:
        """How the last derivative was computed; "none" before the first."""
        names = [DERIVATIVE_STATUSES[code] for code in self._ints(2).tolist()]
        return names[0] if self.single else names

    @property
    def derivative_residual(self) -> Number:
        """Residual of the linear system of the last derivative, relative to its right-hand side."""
        return self._floats(5)

    def sentence(self, problem: int) -> str:
        """What became of one problem, in words."""
        return _core.status_text(int(self.codes[problem]))

    def __repr__(self) -> str:
        kind = type(self).__name__
        if self.single:
            return f"<{kind}: {self.status}, {self.iterations} iterations>"
        counts = np.bincount(self.codes, minlength=len(STATUSES)).tolist()
        tally = ", ".join(f"{count} {STATUSES[k]}" for k, count in enumerate(counts) if count)
        return f"<{kind} of {self._core.batch} problems: {tally}>"


SOLVED_CODES = (STATUSES.index(Status.SOLVED), STATUSES.index(Status.SOLVED_INACCURATE))
