# SPDX-License-Identifier: Apache-2.0
"""Cone dictionaries: {"z": 3, "l": 5} are three rows of equalities, then five of inequalities."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral

# By the code of the C library, in the order of the rows of A.
KINDS = {"z": 0, "l": 1}
PLANNED = {
    "q": "second-order",
    "s": "positive semidefinite",
    "ep": "exponential",
    "ed": "dual exponential",
    "p": "power",
}


def read_cones(cones: Mapping[str, int], m: int) -> tuple[int, ...]:
    """(kind, size, kind, size, ...) for the C library; the sizes must add up to the m rows of A."""
    if not isinstance(cones, Mapping):
        raise TypeError(f"cones is {cones!r}, expected a dictionary such as {{'z': 3, 'l': 5}}")
    for key, size in cones.items():
        _check_cone(key, size)
    sizes = {key: int(cones.get(key, 0)) for key in KINDS}
    total = sum(sizes.values())
    if total != m:
        raise ValueError(f"cones has {total} rows in all, but A has {m}: cones={dict(cones)!r}")
    return tuple(code for key, size in sizes.items() if size for code in (KINDS[key], size))


def _check_cone(key: object, size: object) -> None:
    if key in PLANNED:
        raise NotImplementedError(
            f"cones has key {key!r} ({PLANNED[str(key)]}), which this version does not support; "
            "supported are 'z' (zero) and 'l' (nonnegative)"
        )
    if key not in KINDS:
        raise ValueError(f"cones has key {key!r}, expected 'z' (zero) or 'l' (nonnegative)")
    if not isinstance(size, Integral) or isinstance(size, bool):
        raise TypeError(f"cones[{key!r}] is {size!r}, expected a number of rows")
    if size < 0:
        raise ValueError(f"cones[{key!r}] is {size!r}, expected at least 0")
