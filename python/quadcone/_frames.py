# SPDX-License-Identifier: Apache-2.0
"""Second derivatives of projections on exponential and power cones, and on their duals.

The boundary of K is swept by one ray, and that of -K* by its normals; see src/lane/curved.h.
Outside of both, v = sigma p + tau n with unit vectors p and n of these rays at one t, and
Proj(v) = sigma p.  With b = p x n, and t such that p moves along b,

    p' = kappa b      n' = mu b      b' = -kappa p - mu n      omega = sigma kappa + tau mu

where omega is how fast v moves along b.  Hence D = p p' + d b b' with d = sigma kappa / omega, and
differentiated once more

    D'[y] x = g (x_b y_b w + (x_w y_b + x_b y_w - h x_b y_b) b)

    w = tau p - sigma n      g = kappa mu / omega^2      h = sigma tau (log mu/kappa)' / omega

In K, in -K* and at the face of the exponential cone it is zero.  Nothing cancels where sigma or tau
tends to 0.  As Proj_K*(v) = v + Proj_K(-v), D' of a dual cone at v is that of K at -v.
"""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from . import _core
from ._cones import DUAL_EXPONENTIAL, EXPONENTIAL, POWER

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._cones import Codes
    from ._values import Array

    Bend = Callable[[Array, Array, Array], Array]


class _Frame(NamedTuple):
    """What the formulas take at one t; kappa, mu and 1/slope up to a common factor."""

    p: Array  # (..., cones, 3), as n, of any length
    n: Array
    kappa: Array  # (..., cones, 1), as mu and slope
    mu: Array
    slope: Array  # (log mu/kappa)'


def at_unit_scale(bend: Bend, v: Array, y: Array, x: Array) -> Array:
    """bend(v, y, x), which is as 1/v, without overflow where v is very large or small."""
    exponent = np.frexp(np.abs(v).max(-1, keepdims=True))[1]
    with np.errstate(all="ignore"):  # what is not finite is not selected
        found: Array = np.ldexp(bend(np.ldexp(v, -exponent), y, x), -exponent)
    return found


def bend_nonsymmetric(codes: Codes, v: Array, y: Array, x: Array) -> Array:
    """D'[y] x of cones with these codes, exponential ones first; v, y and x are (..., rows)."""
    v, y, x = (part.reshape(*part.shape[:-1], -1, 3) for part in (v, y, x))
    bent = at_unit_scale(partial(_bend_cones, codes), v, y, x)
    return bent.reshape(*bent.shape[:-2], -1)


def _bend_cones(codes: Codes, v: Array, y: Array, x: Array) -> Array:
    """The same of (..., cones, 3)."""
    kinds, alphas = np.array(codes[::3]), np.array(codes[2::3], float)
    is_power = kinds == POWER
    is_dual = (kinds == DUAL_EXPONENTIAL) | (alphas < 0.0)
    v = np.where(is_dual[:, None], -v, v)
    s = np.empty(v.shape)
    _core.project(_primal(codes), s.size // (3 * len(kinds)), np.ascontiguousarray(v), None, s)
    frames = (
        _exponential_frame(s[..., ~is_power, :]),
        _power_frame(np.abs(alphas[is_power]), s[..., is_power, :]),
    )
    frame = _Frame(*(np.concatenate(parts, -2) for parts in zip(*frames, strict=True)))
    apart = (s != v).any(-1) & (s != 0.0).any(-1) & (is_power | (s[..., 1] != 0.0))
    return np.where(apart[..., None], _bend(frame, v, y, x), 0.0)


def _primal(codes: Codes) -> Codes:
    """Of the cones of which some are the duals."""
    kinds = (POWER if kind == POWER else EXPONENTIAL for kind in codes[::3])
    cones = zip(kinds, codes[1::3], (abs(alpha) for alpha in codes[2::3]), strict=True)
    return tuple(chain.from_iterable(cones))


def _dot(a: Array, c: Array) -> Array:
    found: Array = (a * c).sum(-1, keepdims=True)
    return found


def _bend(frame: _Frame, v: Array, y: Array, x: Array) -> Array:
    p, n = (part / np.sqrt(_dot(part, part)) for part in frame[:2])
    b = np.cross(p, n)
    b /= np.sqrt(_dot(b, b))
    sigma, tau = np.maximum(_dot(p, v), 0.0), np.maximum(_dot(n, v), 0.0)
    omega = sigma * frame.kappa + tau * frame.mu
    g = (frame.kappa / omega) * (frame.mu / omega)
    h = sigma * tau * frame.slope / omega
    w = tau * p - sigma * n
    xb, yb = _dot(x, b), _dot(y, b)
    return g * (xb * yb * w + (_dot(x, w) * yb + xb * _dot(y, w) - h * xb * yb) * b)


def _exponential_frame(s: Array) -> _Frame:
    """Of p = c (t, 1, e^t) and n = e (1, 1 - t, -e^-t): c and e are such that nothing overflows.

    kappa = e^t |n| / |p|^2 and mu = e^-t |p| / |n|^2 at c = e = 1, and b is against p'.
    """
    t = s[..., :1] / s[..., 1:2]
    small = np.exp(-np.abs(t))
    c, e = np.where(t < 0.0, 1.0, small), np.where(t < 0.0, small, 1.0)
    p = np.concatenate([t * c, c, e], -1)
    n = np.concatenate([e, (1.0 - t) * e, -c], -1)
    pp, nn = _dot(p, p), _dot(n, n)
    slope = 2.0 - 3.0 * (t * c**2 + e**2) / pp + 3.0 * ((t - 1.0) * e**2 - c**2) / nn
    return _Frame(p, n, c * np.sqrt(nn) / pp, e * np.sqrt(pp) / nn, slope)


def _power_frame(alpha: Array, s: Array) -> _Frame:
    """Of p = (1, E, F) and n = (-alpha E, -beta, G), E = e^-t, F = e^-beta t, G = e^-alpha t.

    This is for t >= 0.  A negative t is a positive one with x and y swapped, and alpha and beta;
    both this and z < 0 turn b around.  kappa = F |n| / |p|^2 and mu = alpha beta G |p| / |n|^2, of
    which the larger of F and G is divided out, as both may be 0.
    """
    swapped = s[..., :1] < s[..., 1:2]
    alpha = np.where(swapped, 1.0 - alpha[:, None], alpha[:, None])
    beta = 1.0 - alpha
    long, short = s[..., :2].max(-1, keepdims=True), s[..., :2].min(-1, keepdims=True)
    side, sign = np.abs(s[..., 2:]), np.where(s[..., 2:] < 0.0, -1.0, 1.0)
    t = np.where(short > 1e-300, np.log(long / short), np.log(long / side) / beta)
    t = np.minimum(t, 1e300)
    E, F, G = np.exp(-t), np.exp(-beta * t), np.exp(-alpha * t)
    least = np.minimum(alpha, beta)
    over = np.exp(np.minimum(least * t, 700.0))  # 1 / max(F, G)
    p = np.concatenate([np.ones_like(E), E, sign * F], -1)
    n = np.concatenate([-alpha * E, np.broadcast_to(-beta, E.shape), sign * G], -1)
    pp, nn = _dot(p, p), _dot(n, n)
    kappa = np.exp((least - beta) * t) * np.sqrt(nn) / pp
    mu = alpha * beta * np.exp((least - alpha) * t) * np.sqrt(pp) / nn
    p_part, n_part = (E**2 + beta * F**2) / pp, alpha * (alpha * E**2 + G**2) / nn
    slope = ((beta - alpha) - 3.0 * p_part + 3.0 * n_part) * over
    turn = np.where(swapped, -sign, sign)
    across = np.concatenate([swapped, swapped, np.zeros_like(swapped)], -1)
    p, n = (np.where(across, part[..., [1, 0, 2]], part) for part in (p, n))
    return _Frame(p, n, kappa, mu, turn * slope)
