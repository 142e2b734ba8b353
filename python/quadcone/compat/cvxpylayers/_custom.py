# SPDX-License-Identifier: Apache-2.0
"""Methods of a caller's own in the place of quadcone, such as CVXPYgen generates.

The first takes the values of the parameters and a `ForwardContext`, and gives the values of the
variables and a dictionary; the second takes cotangents of the variables and a `BackwardContext`,
and gives gradients and a dictionary.  All are NumPy arrays.  The contexts are those of version 0.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class ForwardContext:
    """A call: what of it is a batch, and the problem as CVXPY compiles it for SCS."""

    gp: bool
    solve_and_derivative: bool
    batch: bool
    batch_size: int
    batch_sizes: Any
    compiler: Any
    param_ids: list[int]
    param_order: Sequence[Any]
    old_params_to_new_params: Any
    cone_dims: dict[str, Any]
    solver_args: dict[str, Any]
    variables: Sequence[Any]
    var_dict: set[int]


@dataclass
class BackwardContext:
    """The same for the way back; info is the dictionary of the way there."""

    info: dict[str, Any]
    gp: bool
    batch: bool
    batch_size: int
    batch_sizes: Any
    variables: Sequence[Any]
    compiler: Any
    param_ids: list[int]
    param_order: Sequence[Any]
    params: Any
    old_params_to_new_params: Any
    sol: Any


class CustomMethod:
    """Two such functions with the problem that they are for."""

    def __init__(
        self,
        problem: Any,
        parameters: Sequence[Any],
        variables: Sequence[Any],
        gp: bool,
        methods: tuple[Callable[..., Any], Callable[..., Any]],
    ) -> None:
        import cvxpy as cp
        from cvxpy.reductions.solvers.conic_solvers.scs_conif import dims_to_solver_dict

        self._forward, self._backward = methods
        options = {"use_quad_obj": False}
        data, chain, _ = problem.get_problem_data(cp.SCS, gp=gp, solver_opts=options)
        compiler = data[cp.settings.PARAM_PROB]
        self.ranks = [parameter.ndim for parameter in parameters]
        self.problem: dict[str, Any] = {
            "gp": gp,
            "compiler": compiler,
            "param_ids": [leaf.id for leaf in (compiler.parameters if gp else parameters)],
            "param_order": parameters,
            "old_params_to_new_params": (
                chain.get(cp.reductions.Dgp2Dcp).canon_methods._parameters if gp else None
            ),
            "variables": variables,
        }
        self.dims = dims_to_solver_dict(data["dims"])

    def forward(
        self, params: list[Any], derivative: bool, solver_args: dict[str, Any]
    ) -> tuple[list[Any], Callable[[list[Any]], list[Any]]]:
        """The values of the variables, and the way back from there."""
        pairs = zip(params, self.ranks, strict=True)
        sizes = np.array([len(value) if value.ndim > rank else 0 for value, rank in pairs])
        size = int(sizes.max(initial=0))
        call: dict[str, Any] = {"batch": size > 0, "batch_size": max(size, 1), "batch_sizes": sizes}
        context = ForwardContext(
            solve_and_derivative=derivative,
            cone_dims=self.dims,
            solver_args=solver_args,
            var_dict={variable.id for variable in self.problem["variables"]},
            **call,
            **self.problem,
        )
        values, info = self._forward(params, context)

        def backward(cotangents: list[Any]) -> list[Any]:
            back = BackwardContext(
                info=info, params=params, sol=info.get("sol"), **call, **self.problem
            )
            gradients: list[Any] = self._backward(cotangents, back)[0]
            return gradients

        return values, backward
