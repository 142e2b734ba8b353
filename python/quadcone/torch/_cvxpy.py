# SPDX-License-Identifier: Apache-2.0
"""A CVXPY problem with parameters as a PyTorch module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .._program import Program
from .._report import Report
from ._affine import TracedProgram
from ._cone import ConeLayer
from ._failures import failed_problems
from ._stage import SOLVER_PLACE, apply_stage
from ._tensors import CPU, STRIDED, Place, common_place

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
        parameters, place = _read_parameters(program, parameters)
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
        report = self.report
        if report is not None and report._core.failed:
            evaluation.failed = failed_problems(report._core)
        outputs = apply_stage(program.recovery(evaluation.batch), (x, y), place)
        return tuple(
            value.exp() if output.exp else value
            for value, output in zip(outputs, program.outputs, strict=True)
        )

    def _solve_compiled(self, parameters: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        parameters, place = _read_parameters(self.program, parameters)
        batch = self.program.batch_of([tuple(value.shape) for value in parameters])
        P, q, A, b = self._traced.evaluate(parameters, batch)
        x, y, _ = self.solver(q=q, b=b, P=P, A=A)
        return self._traced.recover(x, y, place)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_traced"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._traced = TracedProgram(self.program)

    def extra_repr(self) -> str:
        return repr(self.program)


def _read_parameters(program: Program, values: Sequence[Any]) -> tuple[tuple[Tensor, ...], Place]:
    """The parameters, dense; and the widest floating dtype among them, and their device."""
    names = [f"parameter {declared.name}" for declared in program.parameters]
    for name, value in zip(names, values, strict=False):  # `batch_of` compares their numbers
        if not isinstance(value, Tensor):
            kind = type(value).__name__
            raise TypeError(f"{name} is of type {kind}, expected a torch.Tensor")
    dense = tuple([value if value.layout is STRIDED else value.to_dense() for value in values])
    given = list(zip(names, dense, strict=False))
    return dense, common_place(given) if given else (torch.get_default_dtype(), CPU)
