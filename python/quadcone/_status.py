# SPDX-License-Identifier: Apache-2.0
"""What became of a problem, and of its derivative."""

from __future__ import annotations

from enum import StrEnum

from . import _core


class Status(StrEnum):
    """What became of one problem."""

    UNSOLVED = "unsolved"
    SOLVED = "solved"
    SOLVED_INACCURATE = "solved_inaccurate"
    PRIMAL_INFEASIBLE = "primal_infeasible"
    DUAL_INFEASIBLE = "dual_infeasible"
    MAX_ITERATIONS = "max_iterations"
    NUMERICAL_ERROR = "numerical_error"
    INTERRUPTED = "interrupted"
    P_NOT_FINITE = "P_not_finite"
    Q_NOT_FINITE = "q_not_finite"
    A_NOT_FINITE = "A_not_finite"
    B_NOT_FINITE = "b_not_finite"
    P_NOT_SYMMETRIC = "P_not_symmetric"
    P_NOT_CONVEX = "P_not_convex"


class DerivativeStatus(StrEnum):
    """How the derivative of one problem was computed."""

    NONE = "none"
    EXACT = "exact"
    LEAST_SQUARES = "least_squares"
    INACCURATE = "inaccurate"
    APPROXIMATE = "approximate"


# By the code that the C library uses.
STATUSES = tuple(Status(name) for name in _core.STATUS_NAMES)
DERIVATIVE_STATUSES = tuple(DerivativeStatus(name) for name in _core.DERIVATIVE_STATUS_NAMES)
