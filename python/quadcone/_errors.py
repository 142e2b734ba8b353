# SPDX-License-Identifier: Apache-2.0
"""What is raised when a problem has no solution, or values that make no sense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._status import STATUSES, Status

if TYPE_CHECKING:
    from ._report import Report


class SolveError(RuntimeError):
    """A problem of the batch has no solution, and on_failure is "raise".

    `report` says what became of every problem.  It does not survive pickling; the message does.
    """

    def __init__(self, message: str, report: Report | None = None) -> None:
        super().__init__(message)
        self.report = report

    def __reduce__(self) -> tuple[Any, ...]:
        return (SolveError, self.args)


_NOT_FINITE = "has a value that is NaN or infinite"
_FAULTS = {
    Status.P_NOT_FINITE: ("P", _NOT_FINITE),
    Status.Q_NOT_FINITE: ("q", _NOT_FINITE),
    Status.A_NOT_FINITE: ("A", _NOT_FINITE),
    Status.B_NOT_FINITE: ("b", _NOT_FINITE),
    Status.P_NOT_SYMMETRIC: ("P", "is not symmetric"),
    Status.P_NOT_CONVEX: ("P", "is not positive semidefinite: it has a negative eigenvalue"),
}


def value_fault(code: int) -> tuple[str, str]:
    """The argument of P, q, A and b that a status code above "interrupted" blames, and for what."""
    return _FAULTS[STATUSES[code]]


def fault_message(name: str, fault: str, problem: int | None) -> str:
    """The sentence for it; `problem` is None where the argument is shared or there is no batch."""
    where = "" if problem is None else f" of problem {problem}"
    return f"{name}{where} {fault}"


def failure_message(report: Report) -> str:
    """The sentence for a batch in which not every problem was solved."""
    failed = np.flatnonzero(~np.atleast_1d(report.solved))
    text = report.sentence(int(failed[0]))
    if report.single:
        return f"no solution: {text}"
    return (
        f"{len(failed)} of {len(report.codes)} problems have no solution; "
        f"problem {failed[0]}: {text} (on_failure='nan' returns NaN for them instead)"
    )
