# SPDX-License-Identifier: Apache-2.0
"""The keywords that `Problem`, `solve` and the layers take."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from numbers import Integral, Real
from typing import TYPE_CHECKING, Literal, get_args

from . import _core

if TYPE_CHECKING:
    from ._core import CoreSettings

Engine = Literal["auto", "lanes", "rows"]
OnFailure = Literal["nan", "raise", "zero_gradient"]
DerivativeMode = Literal[
    "exact", "lsmr", "lsqr", "smoothed", "lpgd", "lpgd_left", "lpgd_right"
]  # in the order of the C library


@dataclass(frozen=True, slots=True)
class Settings:
    """Choices for a solve.

    tolerance: residuals and gap, relative and absolute, at which the interior point stops.
    tolerance_infeasible: residual of a certificate of infeasibility.
    max_iterations: factorizations of the KKT matrix in each round, at most.
    num_threads: threads that share a batch; None: as many as the process may use (in
        `quadcone.torch`: as many as torch uses).
    derivatives: keep what `vjp` and `jvp` need.
    derivative_mode: "exact", by a factor of the Jacobian of the optimality conditions, and where
        that is singular, as "lsmr"; "lsmr" or "lsqr", by products with it alone; "smoothed", as if
        the central path ended at s o y = smoothing; or differences of solutions, central ("lpgd"),
        backward ("lpgd_left") or forward ("lpgd_right").
    derivative_tolerance: of "lsmr" and "lsqr": relative residual, or that of the normal equations.
    derivative_iterations: of these, at most; None: 20 (n + m) + 100, and in "exact" no more than
        4,000.
    smoothing: mu of "smoothed", in the units of s y.
    lpgd_tau: how far a problem is moved along the direction, in "lpgd" and its like.
    lpgd_rho: weight of 1/2 |x - x*|^2 in the moved problem.  More than 0 needs every diagonal entry
        in the pattern of P (ValueError).
    on_failure: what happens when a problem of the batch has no solution.  Its x, y and s are NaN
        ("nan"), and so is its gradient, unless that is to be zero ("zero_gradient"); or the whole
        call raises SolveError ("raise").
    callback: called now and then as callback(done, batch, seconds); a true answer stops the solve.
    isa: force an instruction set, one of those that `show_config` lists.
    condense: eliminate x and the equalities before the first iteration (NotImplementedError where
        the family does not allow it); False: never eliminate anything by its form, so that the
        blocks of all PSD cones are dense; None: what pays.
    engine: "lanes" solves problems side by side, one in each lane of the vector registers; "rows"
        solves them one after another, with vectors along the rows of a matrix
        (NotImplementedError where the instruction set has none); "auto": what is faster for the
        batch.  The bits of the answer are the same.
    """

    tolerance: float = _core.DEFAULTS["tolerance"]
    tolerance_infeasible: float = _core.DEFAULTS["tolerance_infeasible"]
    max_iterations: int = int(_core.DEFAULTS["max_iterations"])
    num_threads: int | None = None
    derivatives: bool = True
    derivative_mode: DerivativeMode = "exact"
    derivative_tolerance: float = _core.DEFAULTS["derivative_tolerance"]
    derivative_iterations: int | None = None
    smoothing: float = _core.DEFAULTS["smoothing"]
    lpgd_tau: float = _core.DEFAULTS["lpgd_tau"]
    lpgd_rho: float = _core.DEFAULTS["lpgd_rho"]
    on_failure: OnFailure = "nan"
    callback: Callable[[int, int, float], object] | None = None
    isa: str = "auto"
    condense: bool | None = None
    engine: Engine = "auto"

    def __post_init__(self) -> None:
        _check_fraction("tolerance", self.tolerance)
        _check_fraction("tolerance_infeasible", self.tolerance_infeasible)
        _check_count("max_iterations", self.max_iterations)
        if self.num_threads is not None:
            _check_count("num_threads", self.num_threads)
        self._check_derivatives()
        if self.on_failure not in ("nan", "raise", "zero_gradient"):
            raise ValueError(
                f"on_failure is {self.on_failure!r}, expected 'nan', 'raise' or 'zero_gradient'"
            )
        if self.callback is not None and not callable(self.callback):
            raise TypeError(f"callback is {self.callback!r}, expected a function or None")
        if self.isa != "auto" and self.isa not in _core.isa_names():
            expected = ", ".join(["auto", *_core.isa_names()])
            raise ValueError(f"isa is {self.isa!r}, expected one of: {expected}")
        if self.condense not in (None, True, False):
            raise ValueError(f"condense is {self.condense!r}, expected True, False or None")
        if self.engine not in ("auto", "lanes", "rows"):
            raise ValueError(f"engine is {self.engine!r}, expected 'auto', 'lanes' or 'rows'")

    def _check_derivatives(self) -> None:
        if self.derivative_mode not in _MODE_CODES:
            expected = ", ".join(repr(mode) for mode in _MODE_CODES)
            raise ValueError(
                f"derivative_mode is {self.derivative_mode!r}, expected one of: {expected}"
            )
        _check_fraction("derivative_tolerance", self.derivative_tolerance)
        if self.derivative_iterations is not None:
            _check_count("derivative_iterations", self.derivative_iterations)
        _check_positive("smoothing", self.smoothing)
        _check_positive("lpgd_tau", self.lpgd_tau)
        _check_positive("lpgd_rho", self.lpgd_rho, or_zero=True)

    @property
    def condense_code(self) -> int:
        """As the C library counts: -1, 0 or 1."""
        return -1 if self.condense is None else int(self.condense)

    @property
    def mode_code(self) -> int:
        """derivative_mode as the C library counts."""
        return _MODE_CODES[self.derivative_mode]

    def to_core(self, num_threads: int, derivatives: bool) -> CoreSettings:
        """What `_core.Plan.solve` takes."""
        return (
            self.tolerance,
            self.tolerance_infeasible,
            self.max_iterations,
            num_threads,
            derivatives,
            self.callback,
            self.mode_code,
            self.derivative_tolerance,
            self.derivative_iterations or 0,
            self.smoothing,
            self.lpgd_tau,
            self.lpgd_rho,
        )


_MODE_CODES: dict[str, int] = {mode: code for code, mode in enumerate(get_args(DerivativeMode))}


def default_threads() -> int:
    """OMP_NUM_THREADS where it is set, else the number of processors that this process may use."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _check_fraction(name: str, value: object) -> None:
    if not isinstance(value, Real):
        raise TypeError(f"{name} is {value!r}, expected a number")
    if not 0.0 < float(value) < 1.0:
        raise ValueError(f"{name} is {value!r}, expected a number between 0 and 1")


def _check_positive(name: str, value: object, or_zero: bool = False) -> None:
    if not isinstance(value, Real):
        raise TypeError(f"{name} is {value!r}, expected a number")
    number = float(value)
    if not isfinite(number) or number < 0.0 or (number == 0.0 and not or_zero):
        expected = "a number of 0 or more" if or_zero else "a positive number"
        raise ValueError(f"{name} is {value!r}, expected {expected}")


def _check_count(name: str, value: object) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}, expected an integer")
    if not 1 <= int(value) < 2**31:
        raise ValueError(f"{name} is {value!r}, expected at least 1 and less than 2**31")
