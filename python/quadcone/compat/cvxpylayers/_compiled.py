# SPDX-License-Identifier: Apache-2.0
"""What the layers of torch and of jax are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ._arguments import compile_layer, read_call
from ._custom import CustomMethod


class Compiled:
    """A compiled problem, and a layer of quadcone for all settings that calls have asked for.

    Its attributes are private: classes that derive from cvxpylayers' have others by such names.
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
        super().__init__()
        del verbose
        if isinstance(solver, bool):
            # The fourth and the fifth argument of version 0.1 are gp and custom_method.
            solver, gp, custom_method = None, solver, gp or custom_method
        self._solver = solver
        self._solver_args = solver_args or {}
        self._program = compile_layer(
            problem, parameters, variables, self._solver, gp, canon_backend
        )
        self._layers: dict[Any, Any] = {}
        self._custom = custom_method and CustomMethod(
            problem, parameters, variables, gp, custom_method
        )

    def _layer(
        self, make: Callable[..., Any], solver_args: dict[str, Any] | None, warm_start: bool
    ) -> Any:
        """make(program, settings ...) for the settings of a call, or what it has made of them."""
        settings = read_call(self._solver, self._solver_args, solver_args, warm_start)
        key = tuple(sorted(settings.items()))
        if key not in self._layers:
            self._layers[key] = make(self._program, **settings)
        return self._layers[key]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_layers": {}}
