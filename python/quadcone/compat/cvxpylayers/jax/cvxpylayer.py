# SPDX-License-Identifier: Apache-2.0
"""cvxpylayers.jax's CvxpyLayer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from ....jax import CvxpyLayer as Layer
from .._arguments import check_shapes, compile_layer, read_call, read_solver, solver_error
from .._custom import CustomMethod


class CvxpyLayer:
    """A CVXPY problem as a function; `quadcone.jax.CvxpyLayer` with cvxpylayers' arguments.

    The arguments are those of `quadcone.compat.cvxpylayers.torch.CvxpyLayer`.
    """

    def __init__(
        self,
        problem: Any,
        parameters: Sequence[Any],
        variables: Sequence[Any],
        solver: Any = None,
        gp: bool = False,
        verbose: bool = False,
        canon_backend: str | None = None,
        solver_args: dict[str, Any] | None = None,
        *,
        custom_method: Any = None,
    ) -> None:
        del verbose
        self.solver, gp = read_solver(solver, gp)
        self.solver_args = solver_args or {}
        self.program = compile_layer(problem, parameters, variables, self.solver, gp, canon_backend)
        self._layers: dict[Any, Layer] = {}
        self._custom = custom_method and CustomMethod(
            problem, parameters, variables, gp, custom_method
        )

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
        check_shapes(self.program, [array.shape for array in arrays])
        if self._custom is not None:
            return _run_custom(self._custom, {**self.solver_args, **(solver_args or {})}, arrays)
        settings = read_call(self.solver, self.solver_args, solver_args, warm_start)
        key = tuple(sorted(settings.items()))
        if key not in self._layers:
            self._layers[key] = Layer(self.program, **settings)
        values = self._layers[key](*arrays)
        for value in values:
            if not isinstance(value, jax.core.Tracer) and bool(jnp.isnan(value).any()):
                raise solver_error("no solution for a problem of the batch")
        return values

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_layers": {}}


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
