# SPDX-License-Identifier: Apache-2.0
"""A CVXPY problem with parameters as a PyTorch module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from .._program import Program
from .._report import Report
from ._affine import TracedProgram
from ._cone import ConeLayer
from ._stage import SOLVER_PLACE, apply_stage
from ._tensors import Place

if TYPE_CHECKING:
    import cvxpy as cp


class CvxpyLayer(nn.Module):
    """The solution of a CVXPY problem as a differentiable function of its parameters.

    >>> layer = CvxpyLayer(problem, parameters=[A, b], variables=[x])
    >>> (x_value,) = layer(A_value, b_value)

    problem: a cvxpy.Problem that follows the rules of DPP, or of DGP and DPP where gp is true; or
        what `quadcone.cvxpy.compile_problem` made of one, and then there are no further arguments.
    parameters: all of the problem's, in the order in which the layer takes their values.
    variables: whose values it returns: of the problem's variables and of its constraints'
        dual_variables.
    sparse_values: a parameter with sparsity= is given as its values (nnz,), in the order of its
        sparse_idx, and not as a matrix.
    canon_backend: of CVXPY.
    settings: see `quadcone.Settings`.

    The problem is compiled here, once; a layer can be pickled, and then needs CVXPY no more.
    """

    def __init__(
        self,
        problem: cp.Problem | Program,
        parameters: Sequence[cp.Parameter] = (),
        variables: Sequence[cp.Variable] = (),
        gp: bool = False,
        *,
        sparse_values: bool = False,
        canon_backend: str | None = None,
        **settings: Any,
    ) -> None:
        super().__init__()
        if not isinstance(problem, Program):
            from ..cvxpy import compile_problem

            problem = compile_problem(
                problem,
                parameters,
                variables,
                gp,
                sparse_values=sparse_values,
                canon_backend=canon_backend,
                **settings,
            )
            settings = {}
        self.program = problem.serving(settings)
        self.solver = ConeLayer(self.program.problem, **settings)
        self._traced = TracedProgram(self.program)

    @property
    def report(self) -> Report | None:
        """What became of every problem of the last call; see `ConeLayer`."""
        return self.solver.report

    def forward(self, *parameters: Tensor) -> tuple[Tensor, ...]:
        """The values of the variables.

        parameters: each of its parameter's shape, with or without a batch dimension in front.  One
            without it, or with one of size 1, serves the whole batch, and its gradient is the sum
            over the batch.  Sparse tensors are taken as well.

        The values have the shapes of the variables, with the batch dimension in front where a
        parameter has it.  Dtypes, devices and failures are as for `qp`.

        Raises ValueError or TypeError that name the parameter that is wrong and what was expected.
        """
        if torch.compiler.is_compiling():
            return self._solve_compiled(parameters)
        return self._solve(parameters)

    def _solve(self, parameters: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        program = self.program
        place = _common_place(program, parameters)
        parameters = tuple(
            [value if value.layout is torch.strided else value.to_dense() for value in parameters]
        )
        evaluation = program.evaluation(tuple([tuple(value.shape) for value in parameters]))
        inputs = [
            parameters[block.parameter].log() if block.log else parameters[block.parameter]
            for block in program.inputs
        ]
        P, q, A, b = apply_stage(evaluation, inputs, SOLVER_PLACE)
        self.solver.report = None  # there is none of a call that torch.func or a compiler watches
        try:
            x, y, _ = self.solver(q=q, b=b, P=P, A=A)
        except ValueError as error:
            fault = program.fault([value.detach().cpu().numpy() for value in parameters])
            raise ValueError(
                fault or f"the values of the parameters are not legal: {error}"
            ) from error
        evaluation.failed = self._failed_problems()
        outputs = apply_stage(program.recovery(evaluation.batch), (x, y), place)
        return tuple(
            value.exp() if output.exp else value
            for value, output in zip(outputs, program.outputs, strict=True)
        )

    def _solve_compiled(self, parameters: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        place = _common_place(self.program, parameters)
        dense = [
            value if value.layout is torch.strided else value.to_dense() for value in parameters
        ]
        batch = self.program.batch_of([tuple(value.shape) for value in dense])
        P, q, A, b = self._traced.evaluate(dense, batch)
        x, y, _ = self.solver(q=q, b=b, P=P, A=A)
        return self._traced.recover(x, y, place)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_traced"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._traced = TracedProgram(self.program)

    def _failed_problems(self) -> np.ndarray[Any, np.dtype[np.bool_]] | None:
        """(batch,): which problems of the last call have no solution; None where all have."""
        report = self.report
        if report is None or not report._core.failed:
            return None
        return ~np.atleast_1d(report.solved)

    def extra_repr(self) -> str:
        return repr(self.program)


def _common_place(program: Program, values: Sequence[Any]) -> Place:
    """The widest floating dtype among the parameters, and their device."""
    for declared, value in zip(program.parameters, values, strict=False):
        if not isinstance(value, Tensor):
            kind = type(value).__name__
            raise TypeError(f"parameter {declared.name} is of type {kind}, expected a torch.Tensor")
        if value.dtype.is_complex:
            raise TypeError(
                f"parameter {declared.name} has dtype {value.dtype}, expected real numbers"
            )
        if value.device != values[0].device:
            raise ValueError(
                f"parameter {declared.name} is on {value.device}, "
                f"but {program.parameters[0].name} is on {values[0].device}"
            )
    dtypes = [value.dtype for value in values if value.dtype.is_floating_point]
    dtype = dtypes[0] if dtypes else torch.get_default_dtype()
    for other in dtypes:
        dtype = torch.promote_types(dtype, other)
    return dtype, values[0].device if values else torch.device("cpu")
