# SPDX-License-Identifier: Apache-2.0
"""Both sizes of Sudoku."""

from __future__ import annotations

from ..common.context import Context, Json
from .large import run_large
from .small import run_small


def run(context: Context) -> Json:
    return {"small": run_small(context), "large": run_large(context)}
