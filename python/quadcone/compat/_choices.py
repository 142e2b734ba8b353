# SPDX-License-Identifier: Apache-2.0
"""What other packages let a caller choose, as choices of quadcone."""

from __future__ import annotations

from .._settings import Settings

_TIGHTEST, _LOOSEST = 1e-12, Settings().tolerance


def usable_tolerance(wanted: float) -> float:
    """As tight as can be reached, and not looser than quadcone's own: that costs little, and
    gradients are only as good as the solution."""
    return min(max(wanted, _TIGHTEST), _LOOSEST)


def check_reduction(name: str) -> None:
    """ValueError for a broadcast_reduction that there is not."""
    if name not in ("mean", "sum"):
        raise ValueError(f"broadcast_reduction is {name!r}, expected 'mean' or 'sum'")
