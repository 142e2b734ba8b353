# SPDX-License-Identifier: Apache-2.0
"""Cone dictionaries, keyed as those of SCS and diffcp.

    z    number of rows of equalities
    l    number of rows of inequalities
    q    sizes of second-order cones: [3, 5]
    s    orders of positive semidefinite matrices: [2, 4] (3 and 10 rows)
    ep   number of exponential cones, of 3 rows each
    ed   number of dual exponential cones
    p    exponents of power cones: [0.3, -0.4], negative for the dual of a power cone

The rows of A come in this order, whatever the order of the keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real

# As the C library counts them, in the order of the rows of A.
ZERO, NONNEGATIVE, SECOND_ORDER, SEMIDEFINITE, EXPONENTIAL, DUAL_EXPONENTIAL, POWER = range(7)

KINDS = {
    "z": ZERO,
    "l": NONNEGATIVE,
    "q": SECOND_ORDER,
    "s": SEMIDEFINITE,
    "ep": EXPONENTIAL,
    "ed": DUAL_EXPONENTIAL,
    "p": POWER,
}

Cones = Mapping[str, int | Sequence[int] | Sequence[float]]

# (kind, rows, alpha, kind, rows, alpha, ...), as the C library reads them.
Codes = tuple[int | float, ...]


def read_cones(cones: Cones, m: int | None = None) -> Codes:
    """Codes of a dictionary for the C library; its rows must add up to the m of A, if given."""
    if not isinstance(cones, Mapping):
        raise TypeError(f"cones is {cones!r}, expected a dictionary such as {{'z': 3, 'l': 5}}")
    for key in cones:
        if key not in KINDS:
            raise ValueError(f"cones has key {key!r}, expected one of {', '.join(KINDS)}")
    codes: list[int | float] = []
    for key in KINDS:
        if key in cones:
            codes += _codes_of(key, cones[key])
    total = count_rows(codes)
    if m is not None and total != m:
        raise ValueError(f"cones has {total} rows in all, but A has {m}: cones={dict(cones)!r}")
    return tuple(codes)


def linear_cones(equalities: int, inequalities: int) -> Codes:
    """Codes of the cones of a QP with these numbers of rows, either of which may be 0."""
    sizes = ((ZERO, equalities), (NONNEGATIVE, inequalities))
    return tuple(part for kind, size in sizes if size for part in (kind, size, 0.0))


def are_polyhedral(codes: Codes) -> bool:
    """Whether all are zero or nonnegative cones, where the projection is piecewise linear."""
    return all(kind in (ZERO, NONNEGATIVE) for kind in codes[::3])


def count_rows(codes: Sequence[int | float]) -> int:
    """Rows of all cones together."""
    return int(sum(codes[1::3]))


def _codes_of(key: str, value: object) -> list[int | float]:
    kind = KINDS[key]
    if key in ("z", "l"):
        size = _check_integer(f"cones[{key!r}]", value, "a number of rows", least=0)
        return [kind, size, 0.0] if size else []
    if key in ("ep", "ed"):
        count = _check_integer(f"cones[{key!r}]", value, "a number of cones", least=0)
        return [kind, 3, 0.0] * count
    codes: list[int | float] = []
    for k, entry in enumerate(_entries(key, value)):
        name = f"cones[{key!r}][{k}]"
        if key == "p":
            codes += [kind, 3, _check_alpha(name, entry)]
        else:
            size = _check_integer(name, entry, "the size of a cone", least=1)
            codes += [kind, size if key == "q" else size * (size + 1) // 2, 0.0]
    return codes


def _entries(key: str, value: object) -> Sequence[object]:
    """The list of a key that has one; a number stands for one cone."""
    if isinstance(value, Real):
        return [value]
    if hasattr(value, "tolist"):  # an array
        value = value.tolist()
    if not isinstance(value, Sequence):
        raise TypeError(f"cones[{key!r}] is {value!r}, expected a list")
    return value


def _check_integer(name: str, value: object, meaning: str, least: int) -> int:
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}, expected {meaning}")
    if value < least:
        raise ValueError(f"{name} is {value!r}, expected at least {least}")
    return int(value)


def _check_alpha(name: str, value: object) -> float:
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}, expected the exponent of a power cone")
    if not (-1.0 < float(value) < 1.0) or float(value) == 0.0:
        raise ValueError(f"{name} is {value!r}, expected between -1 and 1 and not 0")
    return float(value)
