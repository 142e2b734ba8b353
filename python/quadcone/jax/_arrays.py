# SPDX-License-Identifier: Apache-2.0
"""Arguments of a call: their types, their shapes, and the way through the primitives and back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._plan import Family
from .._settings import Settings
from .._shapes import Shape, find_batch
from ._layout import Layout, read_choices
from ._primitives import solve_p


def as_array(name: str, value: Any) -> Array:
    """An array of real numbers; TypeError where it is none."""
    if hasattr(value, "tocsc") or hasattr(value, "todense"):
        raise TypeError(f"{name} is a sparse matrix, expected an array")
    try:
        array = jnp.asarray(value)
    except (TypeError, ValueError):
        kind = type(value).__name__
        raise TypeError(f"{name} is of type {kind}, expected an array") from None
    if not jnp.issubdtype(array.dtype, jnp.floating) and array.dtype.kind not in "biu":
        raise TypeError(f"{name} has dtype {array.dtype}, expected real numbers")
    return array


def constant(values: Any, dtype: Any) -> Array:
    """float64 values of a problem, all of their bits also where JAX has no float64."""
    if dtype == np.float64:
        return jnp.asarray(values)
    return jnp.asarray(values[..., None].view(np.uint32))


def output_dtype(arrays: Sequence[Array]) -> Any:
    """The widest floating type among the arguments, or JAX's own choice."""
    floats = [array for array in arrays if jnp.issubdtype(array.dtype, jnp.floating)]
    return jnp.result_type(*floats) if floats else jnp.result_type(float)


def solve(
    family: Family,
    settings: Settings,
    names: Sequence[str],
    arrays: Sequence[Any],
    ones: Sequence[Shape],
    certificates: bool,
) -> tuple[Array, Array, Array, Array]:
    """x, y, s: (n,), (m,) and (m,), or with the batch in front; status: () or (batch,).

    arrays: P, q, A, b[, G, h]; a NumPy array is a value of the problem's own, which has no say in
    the dtype of the outputs.
    """
    shapes = [tuple(array.shape) for array in arrays]
    batch = find_batch(names, shapes, ones)
    dtype = output_dtype([array for array in arrays if not isinstance(array, np.ndarray)])
    working = dtype if dtype in (np.float32, np.float64) else np.dtype(np.float32)
    operands, own = [], []
    for array, shape, one in zip(arrays, shapes, ones, strict=True):
        stretched = shape != one and shape[0] < batch
        array = array[0] if stretched else array
        own.append(shape != one and not stretched)
        is_own_value = isinstance(array, np.ndarray)
        operands.append(constant(array, working) if is_own_value else array.astype(working))
    if not settings.derivatives:
        operands = [jax.lax.stop_gradient(operand) for operand in operands]
    layout = Layout(family, read_choices(settings, certificates), tuple(ones), tuple(own), batch)
    x, y, s, status = _solve(layout, *operands)
    return x.astype(dtype), y.astype(dtype), s.astype(dtype), status


@partial(jax.jit, static_argnums=0)
def _solve(layout: Layout, *operands: Array) -> list[Array]:
    outputs = solve_p.bind(*operands, layout=layout, derivatives=False)
    return list(outputs) if layout.batch else [output[0] for output in outputs]
