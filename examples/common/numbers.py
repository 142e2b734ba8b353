# SPDX-License-Identifier: Apache-2.0
"""Numbers as the page writes them: few digits, no powers of ten where a reader can do without."""

from __future__ import annotations

from math import isfinite


def number(value: float, digits: int = 3) -> str:
    """With so many significant digits: 1,650, 16.5, 0.0165; below 1e-4: 2e-5."""
    if value == 0 or not isfinite(value):
        return f"{value:g}"
    if abs(value) < 1e-4:
        mantissa, exponent = f"{value:.0e}".split("e")
        return f"{mantissa}e{int(exponent)}"
    decimals = digits - 1 - int(f"{value:.{digits - 1}e}".split("e")[1])
    return f"{round(value, decimals):,.{max(decimals, 0)}f}"


def duration(seconds: float) -> str:
    """In seconds, or from two minutes on in minutes."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
