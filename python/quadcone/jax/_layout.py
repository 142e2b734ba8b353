# SPDX-License-Identifier: Apache-2.0
"""What a call is besides its arrays, and how its handlers in C are told."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .. import _core
from .._plan import CACHES, SHARED_A, SHARED_P, Family
from .._settings import Settings, default_threads
from .._shapes import Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Words = NDArray[np.int64]


class Choices(NamedTuple):
    """Settings, as the handlers take them."""

    tolerance: float
    tolerance_infeasible: float
    max_iterations: int
    num_threads: int
    on_failure: str
    certificates: bool  # outputs of failed problems are these, where there are any, and not NaN
    derivative_mode: str
    mode_code: int
    derivative_iterations: int  # 0: by the size of the problem
    derivative_tolerance: float
    smoothing: float
    lpgd_tau: float
    lpgd_rho: float


class Layout(NamedTuple):
    """A call, by its shapes.

    Its operands are P, q, A, b, and G, h where the rows of A and b are in two blocks, A above G.
    One that every problem has of its own is (batch, *ones[k]), one that serves all is ones[k].
    """

    family: Family
    choices: Choices
    ones: tuple[Shape, ...]
    own: tuple[bool, ...]
    batch: int  # problems; 0: no operand has a batch dimension

    @property
    def size(self) -> int:
        """Problems, 1 where there is no batch dimension."""
        return max(self.batch, 1)

    @property
    def blocks(self) -> list[tuple[int, slice]]:
        """The place of A or G among the operands, and its rows, for each of them."""
        blocks, start = [], 0
        for k in range(2, len(self.ones), 2):
            rows = self.ones[k + 1][0]
            blocks.append((k, slice(start, start + rows)))
            start += rows
        return blocks

    @property
    def shared(self) -> int:
        """Which of P and A are one for the whole batch, as the solver is told."""
        if not self.batch:
            return 0
        P, A = not self.own[0], not any(self.own[2::2])
        return SHARED_P * P | SHARED_A * A


def read_choices(settings: Settings, certificates: bool) -> Choices:
    """TypeError or ValueError for what a compiled program cannot do."""
    if settings.callback is not None:
        raise TypeError("callback is given, but a compiled program cannot call it: expected None")
    return Choices(
        settings.tolerance,
        settings.tolerance_infeasible,
        settings.max_iterations,
        settings.num_threads or default_threads(),
        settings.on_failure,
        certificates,
        settings.derivative_mode,
        settings.mode_code,
        settings.derivative_iterations or 0,
        settings.derivative_tolerance,
        settings.smoothing,
        settings.lpgd_tau,
        settings.lpgd_rho,
    )


_ON_FAILURE = ("nan", "raise", "zero_gradient")


def call_words(layout: Layout, repeats: int, derivatives: bool) -> Words:
    """The structure ffi_call of python/ext/ffi.h."""
    choices = layout.choices
    numbers = [
        layout.size,
        layout.ones[3][0],
        repeats,
        derivatives,
        _ON_FAILURE.index(choices.on_failure),
        choices.certificates,
        choices.num_threads,
        choices.max_iterations,
    ]
    return np.concatenate(
        [
            np.array(numbers, np.int64),
            _as_words(choices.tolerance, choices.tolerance_infeasible),
            np.array([choices.mode_code, choices.derivative_iterations], np.int64),
            _as_words(
                choices.derivative_tolerance, choices.smoothing, choices.lpgd_tau, choices.lpgd_rho
            ),
        ]
    )


def _as_words(*numbers: float) -> Words:
    return np.array(numbers, np.float64).view(np.int64)


@lru_cache(maxsize=64)
def family_words(family: Family, shared: int) -> Words:
    """The key of a plan in python/ext/ffi_plans.c; the plan is compiled, and errors are raised."""
    cones = family.cones
    alphas = np.array(cones[2::3], np.float64).view(np.int64)
    names = [
        np.frombuffer(name.encode().ljust(16, b"\0"), np.int64)
        for name in (family.isa, family.engine)
    ]
    patterns = [family.P, family.A]
    counts = [-1 if pattern is None else pattern.entries for pattern in patterns]
    parts: list[Sequence[int] | Words] = [
        (family.n, family.m, family.condense, shared, len(cones) // 3, *counts),
        *names,
        np.stack([np.array(cones[::3]), np.array(cones[1::3]), alphas], axis=1).reshape(-1),
    ]
    for pattern in patterns:
        if pattern is not None:
            parts += [np.frombuffer(part, np.int64) for part in pattern]
    words = np.concatenate([np.asarray(part, np.int64) for part in parts])
    _core.ffi_compile(words)
    return words


class _Solvers:
    """The plans and solvers of the handlers, for `clear_cache`."""

    def cache_clear(self) -> None:
        _core.ffi_clear()


CACHES += [family_words, _Solvers()]
