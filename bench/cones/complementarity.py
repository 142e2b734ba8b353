# SPDX-License-Identifier: Apache-2.0
"""Complementarity of s in K and y in K* as smooth equations C(s, y) = 0, cone by cone.

There are as many equations as rows, and at a strictly complementary solution their Jacobian with
respect to (s, y) has full rank.  None of them projects: what they say is independent of quadcone's
projections.  The dtype is that of s.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from .families import Cones, blocks, lower_triangle

NOTHING = 1e-6  # a three-dimensional cone's s or y below this, relative to the other, is zero
Equations = tuple[np.ndarray, np.ndarray, np.ndarray]  # C, dC/ds, dC/dy


def complementarity(
    cones: Cones, s: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, sp.csc_matrix, sp.csc_matrix]:
    """C [m], and its Jacobians by s and by y, block diagonal."""
    equations = [_CONES[key](s[rows], y[rows], p) for key, rows, p in blocks(cones)]
    C, Cs, Cy = zip(*equations, strict=True)
    return np.concatenate(C), _block_diagonal(Cs, s.dtype), _block_diagonal(Cy, s.dtype)


def _block_diagonal(parts: tuple[np.ndarray, ...], dtype: np.dtype) -> sp.csc_matrix:
    return sp.block_diag([sp.coo_matrix(part.astype(dtype)) for part in parts], format="csc")


def _zero(s, y, _) -> Equations:
    return s, np.eye(s.size), np.zeros((s.size, s.size))


def _nonnegative(s, y, _) -> Equations:
    """The active rows, s < y, have s = 0; the others y = 0."""
    active = (s < y).astype(float)
    return np.where(active > 0, s, y), np.diag(active), np.diag(1 - active)


def _second_order(s, y, _) -> Equations:
    """The Jordan product: (s'y, s_0 y_1 + y_0 s_1)."""
    return _arrow(s) @ y, _arrow(y), _arrow(s)


def _arrow(v) -> np.ndarray:
    arrow = v[0] * np.eye(v.size, dtype=v.dtype)
    arrow[0], arrow[:, 0] = v, v
    return arrow


def _semidefinite(s, y, k) -> Equations:
    """(SY + YS) / 2, as a scaled lower triangle."""
    S, Y = (_jordan_operator(v, k) for v in (s, y))
    return S @ y, Y, S


def _jordan_operator(v, k) -> np.ndarray:
    """The matrix of X -> (VX + XV) / 2 on scaled lower triangles."""
    row, column = lower_triangle(k)
    scale = np.where(row == column, 1.0, 1 / np.sqrt(np.longdouble(2))).astype(v.dtype)
    V = np.zeros((k, k), v.dtype)
    V[row, column] = V[column, row] = v * scale
    # Entry (ab, cd): what X = w_cd (e_c e_d' + e_d e_c') gives at (a, b), times w_ab.
    weight = np.where(row == column, 0.5, 1 / np.sqrt(np.longdouble(2))).astype(v.dtype)
    a, b, c, d = row[:, None], column[:, None], row[None], column[None]
    products = V[a, c] * (b == d) + V[a, d] * (b == c) + V[b, c] * (a == d) + V[b, d] * (a == c)
    return weight[:, None] * products * weight


def _exponential(s, y, _) -> Equations:
    """s on the boundary s_1 log(s_2 / s_1) = s_0, and y along its gradient, at which s'y = 0."""
    trivial = _apex_or_inside(s, y)
    if trivial is not None:
        return trivial
    slope = np.log(s[2] / s[1]) - 1  # the gradient is (-1, slope, s_1 / s_2)
    one, none = s[0] ** 0, 0 * s[0]
    C = [s[1] * (slope + 1) - s[0], y[1] + y[0] * slope, y[2] * s[2] + y[0] * s[1]]
    Cs = [
        [-one, slope, s[1] / s[2]],
        [none, -y[0] / s[1], y[0] / s[2]],
        [none, y[0], y[2]],
    ]
    Cy = [[none, none, none], [slope, one, none], [s[1], none, s[2]]]
    return np.array(C), np.array(Cs), np.array(Cy)


def _power(s, y, alpha) -> Equations:
    """alpha log s_0 + (1 - alpha) log s_1 = log |s_2|, and y along its gradient."""
    trivial = _apex_or_inside(s, y)
    if trivial is not None:
        return trivial
    beta, none = 1 - alpha, 0 * s[0]
    level = alpha * np.log(s[0]) + beta * np.log(s[1]) - np.log(np.abs(s[2]))
    C = [level, beta * y[0] * s[0] - alpha * y[1] * s[1], y[0] * s[0] + alpha * y[2] * s[2]]
    Cs = [
        [alpha / s[0], beta / s[1], -1 / s[2]],
        [beta * y[0], -alpha * y[1], none],
        [y[0], none, alpha * y[2]],
    ]
    Cy = [[none, none, none], [beta * s[0], -alpha * s[1], none], [s[0], none, alpha * s[2]]]
    return np.array(C), np.array(Cs), np.array(Cy)


def _apex_or_inside(s, y) -> Equations | None:
    """The equations where s = 0 or y = 0, else None."""
    eye, none = np.eye(3), np.zeros((3, 3))
    if np.abs(s).max() < NOTHING * np.abs(y).max():
        return s, eye, none
    if np.abs(y).max() < NOTHING * np.abs(s).max():
        return y, none, eye
    return None


_CONES = {
    "z": _zero,
    "l": _nonnegative,
    "q": _second_order,
    "s": _semidefinite,
    "ep": _exponential,
    "p": _power,
}
