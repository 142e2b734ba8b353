# SPDX-License-Identifier: Apache-2.0
"""Products of tangents of P and A, dense or sparse, with vectors, and what comes of them.

Vectors are (..., batch, n) or (..., batch, m); a matrix is its values for one problem, or one for
each of the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from .._plan import Pattern
from ._layout import Layout

_HIGHEST = lax.Precision.HIGHEST


def times(matrix: Array, pattern: Pattern | None, rows: int, x: Array) -> Array:
    """M x: (..., batch, rows)."""
    if pattern is None:
        return jnp.einsum("...ij,...j->...i", matrix, x, precision=_HIGHEST)
    i, j = pattern.coordinates()
    return _scatter(matrix * x[..., j], i, rows)


def times_transposed(matrix: Array, pattern: Pattern | None, cols: int, y: Array) -> Array:
    """M'y: (..., batch, cols)."""
    if pattern is None:
        return jnp.einsum("...ij,...i->...j", matrix, y, precision=_HIGHEST)
    i, j = pattern.coordinates()
    return _scatter(matrix * y[..., i], j, cols)


def _scatter(terms: Array, places: Any, size: int) -> Array:
    return jnp.zeros((*terms.shape[:-1], size), terms.dtype).at[..., places].add(terms)


def right_side(
    layout: Layout, tangents: Sequence[Array | None], x: Array, y: Array, solved: Array
) -> tuple[Array, Array]:
    """(dP x + dq + dA'y, db - dA x), what tangents of the operands do to q and b.

    Only the symmetric part of dP counts.  A problem without a solution has NaN in x and y, which
    is not to spread: what it makes of its own tangents is zero here, and NaN in its derivative; of
    those that it shares it has no part, so that their gradients are sums over the others.
    """
    family, mask = layout.family, solved[:, None]
    x, y = jnp.where(mask, x, 0), jnp.where(mask, y, 0)
    c_x, c_y = jnp.zeros_like(x), jnp.zeros_like(y)

    def part(k: int, value: Array) -> Array:
        shared = layout.batch and not layout.own[k]
        return jnp.where(mask, value, 0) if shared else value

    dP, dq = tangents[:2]
    if dP is not None:
        both = times(dP, family.P, family.n, x) + times_transposed(dP, family.P, family.n, x)
        c_x += part(0, both / 2)
    if dq is not None:
        c_x += part(1, dq)
    for k, rows in layout.blocks:
        dA, db = tangents[k : k + 2]
        if dA is not None:
            c_x += part(k, times_transposed(dA, family.A, family.n, y[..., rows]))
            c_y = c_y.at[..., rows].add(-part(k, times(dA, family.A, rows.stop - rows.start, x)))
        if db is not None:
            c_y = c_y.at[..., rows].add(part(k + 1, db))
    return c_x, c_y


def as_numbers(matrix: Array) -> Array:
    """The values of a matrix, where they may be the bits of float64s as pairs of uint32."""
    if matrix.dtype != jnp.uint32:
        return matrix
    low, high = matrix[..., 0], matrix[..., 1]
    exponent = ((high >> 20) & 0x7FF).astype(jnp.int32) - 1023
    fraction = (((high & 0xFFFFF) << 3) | (low >> 29)).astype(jnp.float32) / 2**23
    size = jnp.where(exponent == -1023, 0.0, jnp.ldexp(1 + fraction, exponent))
    return jnp.where(high >> 31 == 1, -size, size)


def fold(array: Array, dim: int | None, size: int, own: bool, layout_size: int) -> Array:
    """One more batch dimension, at `dim` or nowhere, joined with the batch: (size * batch, ...)."""
    array = array[None] if dim is None else jnp.moveaxis(array, dim, 0)
    if not own:
        array = array[:, None]
    shape = (size, layout_size, *array.shape[2:])
    return jnp.broadcast_to(array, shape).reshape(size * layout_size, *shape[2:])


def is_tangent(value: Any) -> bool:
    """Whether it is there, and not that of an integer."""
    return value is not None and value.dtype != jax.dtypes.float0
