# SPDX-License-Identifier: Apache-2.0
"""How the matrix K of the optimality conditions changes with the solution.

Its third row is (I - D) sd + D yd = 0, where D is the derivative of the projection at v = s - y.
The operators T and T' take D as it is.  What moves with v is added to what they are given, as a
term e whose value is zero and whose derivative along vd is D'[vd] a:

    T'(gx, gy - e, gs + e)                   a = the third part of T'(g), gy + gs - u_v - A u_x
    T(r1 - A'e, r2 - e) + (0, e, e)          a = sd - yd

On zero and nonnegative cones D' is zero.  On a second-order cone, with v = (t, z), r = |z| > |t|,
w = z / r, and p the part of a vector orthogonal to w,

    D'[b] a = (p_a'p_b, h_a p_b + h_b p_a - (t / r) p_a'p_b w) / 2r,    h_a = a0 - (t / r) w'a_z

and zero elsewhere.  On a PSD cone, with v = Q diag(l) Q' and all in the basis Q,

    (D'[b] a)_ij = sum_k f_ikj (a_ik b_kj + b_ik a_kj)

where f_ikj is the second divided difference of max(l, 0): |l_o| / ((|l_o| + |l_x|) (|l_o| + |l_y|))
if l_o is the one of the three whose sign is not that of l_x and l_y, and 0 if they have one sign.

Derivatives of e are not differentiated again.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt

import torch
from torch import Tensor

from ._spec import Spec

ZERO, NONNEGATIVE, SECOND_ORDER, SEMIDEFINITE = 0, 1, 2, 3  # codes of cones


def bend_of(spec: Spec, v: Tensor, b: Tensor, a: Tensor) -> Tensor:
    """D'[b] a, (..., m); see the top of this file."""
    assert spec.family is not None
    if spec.settings.derivative_mode not in ("exact", "lsmr", "lsqr"):
        raise NotImplementedError(
            f"second derivatives with derivative_mode={spec.settings.derivative_mode!r} are "
            "implemented for the cones z and l alone"
        )
    v, b, a = torch.broadcast_tensors(v, b, a)  # type: ignore[no-untyped-call]
    parts, first = [], 0
    cones = spec.family.cones
    for kind, size in zip(cones[::3], cones[1::3], strict=True):
        if kind not in _BENDS:
            raise NotImplementedError(
                "second derivatives are implemented for the cones z, l, q and s alone, "
                "and this problem has others"
            )
        mine = (value.narrow(-1, first, int(size)) for value in (v, b, a))
        parts.append(_BENDS[int(kind)](*mine))
        first += int(size)
    return torch.cat(parts, -1)


def _bend_nothing(v: Tensor, b: Tensor, a: Tensor) -> Tensor:
    return torch.zeros_like(v)


def _bend_second_order(v: Tensor, b: Tensor, a: Tensor) -> Tensor:
    t, z = v[..., :1], v[..., 1:]
    r = z.norm(dim=-1, keepdim=True)
    between = r > t.abs()
    r = torch.where(between, r, 1.0)
    w = z / r

    def parts(vector: Tensor) -> tuple[Tensor, Tensor]:
        """Across w, and what is left of the head."""
        along = (w * vector[..., 1:]).sum(-1, keepdim=True)
        return vector[..., 1:] - along * w, vector[..., :1] - t * along / r

    (pa, ha), (pb, hb) = parts(a), parts(b)
    product = (pa * pb).sum(-1, keepdim=True)
    tail = (ha * pb + hb * pa) / r - t * product * w / r**2
    return torch.where(between, torch.cat([product / r, tail], -1) / 2, 0.0)


def _bend_semidefinite(v: Tensor, b: Tensor, a: Tensor) -> Tensor:
    order = (isqrt(8 * v.shape[-1] + 1) - 1) // 2
    column, row = torch.triu_indices(order, order, device=v.device)
    root = (1.0 + (row != column).to(v)).sqrt()

    def matrix(vector: Tensor) -> Tensor:
        """Of its lower triangle by columns, with what is off the diagonal times the root of 2."""
        whole = vector.new_zeros((*vector.shape[:-1], order, order))
        whole[..., row, column] = whole[..., column, row] = vector / root
        return whole

    values, basis = torch.linalg.eigh(matrix(v))
    A, B = (basis.mT @ matrix(vector) @ basis for vector in (a, b))
    f = _second_differences(values)
    bent = torch.einsum("...ikj,...ik,...kj->...ij", f, A, B)
    bent = basis @ (bent + bent.mT) @ basis.mT
    found: Tensor = bent[..., row, column] * root
    return found


def _second_differences(values: Tensor) -> Tensor:
    """f_ikj, (..., k, k, k)."""
    size, sign = values.abs(), values > 0.0
    every = slice(None)
    views = ((..., every, None, None), (..., None, every, None), (..., None, None, every))
    sizes, signs = ([each[view] for view in views] for each in (size, sign))
    total = torch.zeros_like(sizes[0] + sizes[1] + sizes[2])
    for odd in range(3):
        x, y = (k for k in range(3) if k != odd)
        alone = (signs[x] == signs[y]) & (signs[odd] != signs[x])
        o = sizes[odd]
        value = o / ((o + sizes[x]) * (o + sizes[y]))
        total = torch.where(alone, value, total)
    return total


_BENDS: dict[int, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    ZERO: _bend_nothing,
    NONNEGATIVE: _bend_nothing,
    SECOND_ORDER: _bend_second_order,
    SEMIDEFINITE: _bend_semidefinite,
}
