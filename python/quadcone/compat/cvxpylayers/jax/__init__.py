# SPDX-License-Identifier: Apache-2.0
"""cvxpylayers.jax's CvxpyLayer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ....jax import CvxpyLayer as Layer
from .._arguments import check_shapes, compile_layer, read_call, read_solver, solver_error


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
        self.solver, gp = read_solver(solver, gp, custom_method)
        self.solver_args = solver_args or {}
        self.program = compile_layer(problem, parameters, variables, self.solver, gp, canon_backend)
        self._layers: dict[Any, Layer] = {}

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


def _array(value: Any) -> Array:
    if value is None:
        raise AttributeError("a parameter is None, expected an array")
    return jnp.asarray(value)
