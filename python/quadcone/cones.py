# SPDX-License-Identifier: Apache-2.0
"""Euclidean projections on cones, and their derivatives.

>>> from quadcone import cones
>>> cones.project([3.0, 1.0, -2.0], {"l": 1, "q": [2]})

Cones are dictionaries as `quadcone.Problem` takes them; the rows come in the order z, l, q, s, ep,
ed, p, whatever the order of the keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core
from ._cones import Codes, Cones, count_rows, read_cones
from ._values import as_doubles, shape_text

if TYPE_CHECKING:
    from ._values import Array

__all__ = ["project", "project_derivative"]


def project(v: Any, cones: Cones, dual: bool = False) -> Array:
    """The point of the cone K that is closest to v.

    v: (m,) or (batch, m).
    cones: K, with m rows in all, as `quadcone.Problem` takes it.
    dual: project on the dual cone K* instead.

    Returns an array of v's shape, accurate to 1e-12 of the largest entry of v in each cone, at
    boundaries and apexes and for huge and tiny v too.  Where an entry of v is not finite, all
    entries in its cone are NaN; those of other cones are not touched.

    Raises ValueError or TypeError for an argument that is wrong.
    """
    codes = read_cones(cones)
    values = _read("v", v, codes)
    if not dual:
        return _run(codes, values, None)
    return values + _run(codes, -values, None)  # Moreau


def project_derivative(v: Any, dv: Any, cones: Cones, dual: bool = False) -> Array:
    """The derivative of `project` at v in the direction dv:  DProj_K(v) dv.

    v: (m,) or (batch, m).
    dv: of the same shape.
    cones, dual: as for `project`.

    Returns an array of that shape.  DProj_K(v) is symmetric, so this is the adjoint derivative as
    well.  Where the projection has a kink, it is one element of the generalized Jacobian.  Where an
    entry of v or dv is not finite, all entries in its cone are NaN.

    Raises ValueError or TypeError for an argument that is wrong.
    """
    codes = read_cones(cones)
    values, tangent = _read("v", v, codes), _read("dv", dv, codes)
    if values.shape != tangent.shape:
        raise ValueError(f"dv has shape {tangent.shape}, expected {values.shape} as v")
    if not dual:
        return _run(codes, values, tangent)
    return tangent - _run(codes, -values, tangent)


def _read(name: str, value: Any, codes: Codes) -> Array:
    values = as_doubles(name, value)
    rows = count_rows(codes)
    if values.ndim not in (1, 2) or values.shape[-1] != rows:
        raise ValueError(
            f"{name} has shape {values.shape}, expected {shape_text((rows,))} or "
            f"{shape_text(('batch', rows))}: the cones have {rows} rows"
        )
    return values


def _run(codes: Codes, values: Array, tangent: Array | None) -> Array:
    out = np.empty_like(values)
    batch = len(values) if values.ndim == 2 else 1
    _core.project(codes, batch, values, tangent, out)
    return out
