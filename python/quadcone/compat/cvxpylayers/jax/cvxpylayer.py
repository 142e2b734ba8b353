# SPDX-License-Identifier: Apache-2.0
"""cvxpylayers.jax's CvxpyLayer."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from ....jax import CvxpyLayer as Layer
from .._arguments import check_shapes, solver_error
from .._compiled import Compiled
from .._custom import CustomMethod


class CvxpyLayer(Compiled):
    """A CVXPY problem as a function; `quadcone.jax.CvxpyLayer` with cvxpylayers' arguments.

    The arguments are those of `quadcone.compat.cvxpylayers.torch.CvxpyLayer`.
    """

    def __call__(
        self,
        *params: ArrayLike,
        solver_args: dict[str, Any] | None = None,
        warm_start: bool = False,
    ) -> tuple[Array, ...]:
        """The values of the variables, with the batch in front where a parameter has it.

        Raises ValueError for shapes, and SolverError where a problem of the batch has no solution;
        below jit and vmap, which hide the values, these are NaN instead.
        """
        arrays = [_array(value) for value in params]
        check_shapes(self._program, arrays)
        if self._custom is not None:
            return _run_custom(self._custom, {**self._solver_args, **(solver_args or {})}, arrays)
        values: tuple[Array, ...] = self._layer(Layer, solver_args, warm_start)(*arrays)
        for value in values:
            if not isinstance(value, jax.core.Tracer) and bool(jnp.isnan(value).any()):
                raise solver_error("no solution for a problem of the batch")
        return values


def _run_custom(
    method: CustomMethod, solver_args: dict[str, Any], arrays: list[Array]
) -> tuple[Array, ...]:
    """The values of the variables by a method of the caller's, which sees NumPy arrays."""
    ways_back = []

    def forward(*params: Array) -> tuple[tuple[Array, ...], None]:
        given = [np.asarray(value, np.float64) for value in params]
        values, back = method.forward(given, True, solver_args)
        ways_back.append(back)
        return tuple(jnp.asarray(value, arrays[0].dtype) for value in values), None

    def backward(_: None, cotangents: tuple[Array, ...]) -> tuple[Array, ...]:
        found = ways_back[-1]([np.asarray(value, np.float64) for value in cotangents])
        return tuple(jnp.asarray(g, value.dtype) for g, value in zip(found, arrays, strict=True))

    run = jax.custom_vjp(lambda *params: forward(*params)[0])
    run.defvjp(forward, backward)
    values: tuple[Array, ...] = run(*arrays)
    return values


def _array(value: Any) -> Array:
    if value is None:
        raise AttributeError("a parameter is None, expected an array")
    return jnp.asarray(value)
