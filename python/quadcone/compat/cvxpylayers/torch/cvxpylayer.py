# SPDX-License-Identifier: Apache-2.0
"""cvxpylayers.torch's CvxpyLayer."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ...._errors import SolveError
from ....torch import CvxpyLayer as Layer
from ....torch._traced import is_traced
from .._arguments import check_shapes, solver_error
from .._compiled import Compiled
from .._custom import CustomMethod
from .._early import early_stop, unfinished


class CvxpyLayer(Compiled, nn.Module):
    """A CVXPY problem as a PyTorch module; `quadcone.torch.CvxpyLayer` with cvxpylayers' arguments.

    problem: a cvxpy.Problem that follows the rules of DPP.
    parameters: all of the problem's.  variables: of it, or dual variables of its constraints.
    solver: None, "DIFFCP", "MOREAU", "CUCLARABEL" or "MPAX"; RuntimeError for another.
    gp: the problem is a geometric program.
    solver_args: options of diffcp or settings of quadcone for every call.
    custom_method: two functions that solve and differentiate in the place of quadcone; see
        `quadcone.compat.cvxpylayers._custom`.

    Raises ValueError where these do not fit each other.
    """

    def forward(
        self, *params: Tensor, solver_args: dict[str, Any] | None = None, warm_start: bool = False
    ) -> tuple[Tensor, ...]:
        """The values of the variables, with the batch in front where a parameter has it.

        params: each of its parameter's shape, with or without a batch in front.
        solver_args: as those of the layer, for this call.  max_iters below 25 gives what SCS has by
            then, as its convergence is not looked at before; and the derivatives of the solution.
            (Not below torch.compile and torch.func.)
        warm_start: accepted with "MOREAU", and ignored.

        Raises ValueError for shapes, and SolverError where a problem of the batch has no solution.
        """
        check_shapes(self._program, params)
        if self._custom is not None:
            options = {**self._solver_args, **(solver_args or {})}
            return CustomFunction.apply(self._custom, options, *params)  # type: ignore[no-any-return, no-untyped-call]
        layer = self._layer(partial(Layer, on_failure="raise"), solver_args, warm_start)
        try:
            values: tuple[Tensor, ...] = layer(*params)
        except SolveError as error:
            raise solver_error(error) from error
        iterations = early_stop(self._solver, self._solver_args, solver_args)
        if not iterations or is_traced():
            return values
        return self._stop_early(params, values, iterations)

    def _stop_early(
        self, params: tuple[Tensor, ...], values: tuple[Tensor, ...], iterations: int
    ) -> tuple[Tensor, ...]:
        """What SCS has by then, with the derivatives of the solution."""
        arrays = [_to_numpy(value) for value in params]
        found = unfinished(self._program, arrays, iterations)
        if found is None:
            return values
        return tuple(
            value + (torch.from_numpy(early).to(value) - value).detach()
            for value, early in zip(values, found, strict=True)
        )

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *arguments: Any
    ) -> None:
        """What cvxpylayers 1.x saves is the compiled problem, which is here already."""
        for name in ("P", "q", "A"):
            state_dict.pop(prefix + name, None)
        super()._load_from_state_dict(state_dict, prefix, *arguments)


class CustomFunction(torch.autograd.Function):
    """(method, solver_args, parameters ...) -> values of the variables."""

    @staticmethod
    def forward(
        ctx: Any, method: CustomMethod, solver_args: dict[str, Any], *params: Tensor
    ) -> tuple[Tensor, ...]:
        arrays = [_to_numpy(value) for value in params]
        values, ctx.back = method.forward(arrays, any(ctx.needs_input_grad), solver_args)
        ctx.params = params
        return tuple(torch.from_numpy(np.asarray(value)).to(params[0]) for value in values)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        found = ctx.back([_to_numpy(value) for value in cotangents])
        gradients = zip(found, ctx.params, strict=True)
        return (None, None, *(torch.from_numpy(np.asarray(g)).to(value) for g, value in gradients))


def _to_numpy(value: Tensor) -> Any:
    return value.detach().cpu().double().numpy()
