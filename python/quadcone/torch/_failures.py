# SPDX-License-Identifier: Apache-2.0
"""Problems without a solution, and values that make no sense."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import _core
from .._errors import SolveError, failure_message, fault_message, value_fault
from .._report import Report
from .._settings import Settings
from ._layout import Layout, Slot
from ._tensors import Tensors


def mask_failed(layout: Layout, report: _core.Report, gradients: list[Tensor | None]) -> None:
    """Zeros in the gradients of what problems without a solution have of their own."""
    own = [g for g, once in zip(gradients, layout.shared, strict=True) if not once]
    _fill(layout, report, own, 0.0)


def void_failed(layout: Layout, report: _core.Report, outputs: Sequence[Tensor | None]) -> None:
    """NaN in the outputs of problems without a solution, which may hold certificates: tensors go
    on into a loss, where nobody looks at the status."""
    _fill(layout, report, outputs, float("nan"))


def _fill(
    layout: Layout, report: _core.Report, tensors: Sequence[Tensor | None], value: float
) -> None:
    failed = torch.from_numpy(failed_problems(report))
    for tensor in tensors:
        if tensor is not None:
            tensor[... if layout.single else failed] = value


def check_solved(
    layout: Layout, settings: Settings, tensors: Tensors, report: _core.Report
) -> None:
    """Raise where a problem could not be solved and that is an error."""
    summary = Report(report, layout.single)
    if report.invalid >= 0:
        name, fault = value_fault(int(summary.codes[report.invalid]))
        problem = None if summary.single else report.invalid
        slot = _blame(layout.slots, tensors, name, problem)
        raise ValueError(fault_message(slot.name, fault, None if slot.shared else problem))
    if settings.on_failure == "raise":
        raise SolveError(failure_message(summary), summary)


def _blame(slots: Sequence[Slot | None], tensors: Tensors, name: str, problem: int | None) -> Slot:
    """The argument behind P, q, A or b; of two joined blocks, the one that is not finite."""
    candidates = {"P": (0,), "q": (1,), "A": (2, 4), "b": (3, 5)}[name]
    given = [(slots[k], tensors[k]) for k in candidates if tensors[k] is not None]
    for slot, tensor in given:
        if slot and tensor is not None:
            value = tensor if slot.shared or problem is None else tensor[problem]
            if slot is given[-1][0] or not torch.isfinite(value).all():
                return slot
    raise AssertionError(f"no argument is behind {name}")


def failed_problems(report: _core.Report) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """(batch,): which problems have no solution."""
    return ~np.atleast_1d(Report(report, False).solved)
