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
        array = value if isinstance(value, Array) else jnp.asarray(value)
    except (TypeError, ValueError):
        kind = type(value).__name__
        raise TypeError(f"{name} is of type {kind}, expected an array") from None
    code = getattr(array.dtype, "kind", None)  # the keys of jax.random have none
    if code not in ("b", "i", "u") and not _is_floating(array):
        raise TypeError(f"{name} has dtype {array.dtype}, expected real numbers")
    return array


def _is_floating(array: Array) -> bool:
    return bool(jnp.issubdtype(array.dtype, jnp.floating))


def _as_type(array: Array, dtype: Any) -> Array:
    return array if array.dtype == dtype else array.astype(dtype)


def constant(values: Any, dtype: Any) -> Array:
    """float64 values of a problem, all of their bits also where JAX has no float64."""
    if dtype == np.float64:
        return jnp.asarray(values)
    return jnp.asarray(values[..., None].view(np.uint32))


def output_dtype(arrays: Sequence[Array]) -> Any:
    """The widest floating type among the arguments, or JAX's own choice."""
    dtypes = {array.dtype for array in arrays if _is_floating(array)}
    return dtypes.pop() if len(dtypes) == 1 else jnp.result_type(*dtypes or (float,))


def solve(
    family: Family,
    settings: Settings,
    names: Sequence[str],
    arrays: Sequence[Any],
    ones: Sequence[Shape],
    certificates: bool,
) -> tuple[Array, Array, Array, Array, Array]:
    """x, y, s: (n,), (m,) and (m,), or with the batch in front; status, iterations: () or (batch,).

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
        operands.append(constant(array, working) if is_own_value else _as_type(array, working))
    if not settings.derivatives:
        operands = [jax.lax.stop_gradient(operand) for operand in operands]
    layout = Layout(family, read_choices(settings, certificates), tuple(ones), tuple(own), batch)
    x, y, s, status, iterations = _solve(layout, *operands)
    return _as_type(x, dtype), _as_type(y, dtype), _as_type(s, dtype), status, iterations


@partial(jax.jit, static_argnums=0)
def _solve(layout: Layout, *operands: Array) -> list[Array]:
    outputs = solve_p.bind(*operands, layout=layout, derivatives=False)
    return list(outputs) if layout.batch else [output[0] for output in outputs]
