# SPDX-License-Identifier: Apache-2.0
"""Second derivatives of projections on cones: D'[b] a, how D = DProj(v) changes along b.

On zero and nonnegative cones it is zero.  On a second-order cone, with v = (t, z), r = |z| > |t|,
w = z / r, and p the part of a vector orthogonal to w,

    D'[b] a = (p_a'p_b, h_a p_b + h_b p_a - (t / r) p_a'p_b w) / 2r,    h_a = a0 - (t / r) w'a_z

and zero elsewhere.  On a PSD cone, with v = Q diag(l) Q' and all in the basis Q,

    (D'[b] a)_ij = sum_k f_ikj (a_ik b_kj + b_ik a_kj)

where f_ikj is the second divided difference of max(l, 0): |l_o| / ((|l_o| + |l_x|) (|l_o| + |l_y|))
if l_o is the one of the three whose sign is not that of l_x and l_y, and 0 if they have one sign.
Exponential and power cones are in `_frames`.
"""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING

import numpy as np

from ._cones import EXPONENTIAL, SECOND_ORDER, SEMIDEFINITE
from ._frames import at_unit_scale, bend_nonsymmetric

if TYPE_CHECKING:
    from ._cones import Codes
    from ._frames import Bend
    from ._values import Array

# Modes whose derivative is that of the optimality conditions, which is constant between kinks.
PIECEWISE = ("exact", "lsmr", "lsqr")


def check_mode(mode: str) -> None:
    """NotImplementedError for a derivative_mode that has no second derivatives."""
    if mode not in PIECEWISE:
        raise NotImplementedError(
            f"second derivatives are not implemented for derivative_mode={mode!r}"
        )


def bend_projection(codes: Codes, v: Array, b: Array, a: Array) -> Array:
    """D'[b] a at v, in the shape to which (..., m), (..., m) and (..., m) are broadcast."""
    bent = np.zeros(np.broadcast_shapes(v.shape, b.shape, a.shape))
    first = 0
    for k, (kind, size) in enumerate(zip(codes[::3], codes[1::3], strict=True)):
        if kind >= EXPONENTIAL:  # the last ones, all together
            rows = slice(first, None)
            bent[..., rows] = bend_nonsymmetric(codes[3 * k :], *(u[..., rows] for u in (v, b, a)))
            break
        rows = slice(first, first := first + int(size))
        if kind in _BENDS:
            bend = _BENDS[int(kind)]
            bent[..., rows] = at_unit_scale(bend, *(u[..., rows] for u in (v, b, a)))
    return bent


def _bend_second_order(v: Array, b: Array, a: Array) -> Array:
    t, z = v[..., :1], v[..., 1:]
    r = np.linalg.norm(z, axis=-1, keepdims=True)
    between = r > np.abs(t)
    r = np.where(between, r, 1.0)
    w = z / r

    def parts(vector: Array) -> tuple[Array, Array]:
        """Across w, and what is left of the head."""
        along = (w * vector[..., 1:]).sum(-1, keepdims=True)
        return vector[..., 1:] - along * w, vector[..., :1] - t * along / r

    (pa, ha), (pb, hb) = parts(a), parts(b)
    product = (pa * pb).sum(-1, keepdims=True)
    tail = (ha * pb + hb * pa) / r - t * product * w / r**2
    return np.where(between, np.concatenate([product / r, tail], -1) / 2, 0.0)


def _bend_semidefinite(v: Array, b: Array, a: Array) -> Array:
    order = (isqrt(8 * v.shape[-1] + 1) - 1) // 2
    column, row = np.triu_indices(order)
    root = np.where(row == column, 1.0, np.sqrt(2.0))

    def matrix(vector: Array) -> Array:
        """Of its lower triangle by columns, with what is off the diagonal times the root of 2."""
        whole = np.zeros((*vector.shape[:-1], order, order))
        whole[..., row, column] = whole[..., column, row] = vector / root
        return whole

    values, basis = np.linalg.eigh(matrix(v))
    A, B = (basis.swapaxes(-1, -2) @ matrix(vector) @ basis for vector in (a, b))
    bent = np.einsum("...ikj,...ik,...kj->...ij", _second_differences(values), A, B)
    bent = basis @ (bent + bent.swapaxes(-1, -2)) @ basis.swapaxes(-1, -2)
    found: Array = bent[..., row, column] * root
    return found


def _second_differences(values: Array) -> Array:
    """f_ikj, (..., k, k, k)."""
    size, sign = np.abs(values), values > 0.0
    every = slice(None)
    views = ((..., every, None, None), (..., None, every, None), (..., None, None, every))
    sizes, signs = ([each[view] for view in views] for each in (size, sign))
    total = np.zeros(np.broadcast_shapes(*(part.shape for part in sizes)))
    for odd in range(3):
        x, y = (k for k in range(3) if k != odd)
        alone = (signs[x] == signs[y]) & (signs[odd] != signs[x])
        o = sizes[odd]
        bottom = np.where(alone, (o + sizes[x]) * (o + sizes[y]), 1.0)
        total = np.where(alone, o / bottom, total)
    return total


_BENDS: dict[int, Bend] = {SECOND_ORDER: _bend_second_order, SEMIDEFINITE: _bend_semidefinite}
