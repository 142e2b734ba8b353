# SPDX-License-Identifier: Apache-2.0
"""What both layers read from their arguments, with the messages of cvxpylayers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...cvxpy import compile_problem
from ..diffcp._group import first_failure
from ..diffcp._program import LPGD_MODES, check_method, check_mode, read_options
from ..diffcp._program import SolverError as SolverError

if TYPE_CHECKING:
    from ..._program import Program

_LINEAR_SOLVERS = (None, "DIFFCP")
_QUADRATIC_SOLVERS = ("MOREAU", "CUCLARABEL", "MPAX")


def compile_layer(
    problem: Any, parameters: Any, variables: Any, solver: Any, gp: bool, canon_backend: Any
) -> Program:
    """The compiled problem; ValueError where the problem or the lists are not what they must be."""
    if solver not in (*_LINEAR_SOLVERS, *_QUADRATIC_SOLVERS):
        raise RuntimeError("Unknown solver. Check if your solver is supported by CVXPYlayers")
    if gp and not problem.is_dgp(dpp=True):
        raise ValueError("Problem must be DPP for geometric programming.")
    if not gp and solver in _LINEAR_SOLVERS and not problem.is_dcp(dpp=True):
        raise ValueError("Problem must be DPP.")
    for name, given in (("parameters", parameters), ("variables", variables)):
        if not isinstance(given, list | tuple):
            raise ValueError(f"The layer's {name} must be provided as a list or tuple")
    if set(problem.parameters()) != set(parameters):
        raise ValueError("The layer's parameters must exactly match problem.parameters")
    known = {variable.id for variable in problem.variables()}
    known |= {dual.id for rows in problem.constraints for dual in rows.dual_variables}
    for variable in variables:
        if variable.id not in known:
            raise ValueError(
                f"Variable {variable} must be a subset of problem.variables or a constraint dual "
                "variable"
            )
    return compile_problem(problem, parameters, variables, gp, canon_backend=canon_backend)


def check_shapes(program: Program, params: Sequence[Any]) -> None:
    """ValueError for values that do not fit the parameters."""
    expected = [parameter.shape for parameter in program.parameters]
    if len(params) != len(expected):
        raise ValueError(
            "A tensor must be provided for each CVXPY parameter; "
            f"received {len(params)} tensors, expected {len(expected)}"
        )
    batches: set[int] = set()
    for k, (value, one) in enumerate(zip(params, expected, strict=True)):
        shape = tuple(value.shape)
        extra = len(shape) - len(one)
        if extra not in (0, 1):
            raise ValueError(
                f"Invalid parameter dimensionality for parameter {k}. "
                f"Expected {len(one)} or {len(one) + 1} dimensions, Got: {len(shape)} dimensions"
            )
        if shape[extra:] != one:
            batch = ("batch_size",) * extra
            text = ", ".join(str(size) for size in (*batch, *one))
            raise ValueError(
                f"Invalid parameter shape for parameter {k}. Expected: ({text}), Got: {shape}"
            )
        batches.update(shape[:extra])
    if len(batches) > 1:
        raise ValueError(
            "Inconsistent batch sizes. Expected all batched parameters to have the same batch "
            f"size, but got: {sorted(batches)}"
        )


def read_call(solver: Any, made_with: Any, called_with: Any, warm_start: bool) -> dict[str, Any]:
    """quadcone's settings, of a layer's solver_args and those of a call."""
    if warm_start and solver != "MOREAU":
        raise ValueError(
            "warm_start=True is only supported with solver='MOREAU'. "
            f"Current solver is '{solver or 'DIFFCP'}'."
        )
    options = {**(made_with or {}), **(called_with or {})}
    check_method(options.get("solve_method"))
    settings = read_options(options, solver == "MOREAU")
    mode = options.get("mode", "lsqr")
    check_mode(mode)
    if options.get("n_jobs_forward", -1) > 0:
        settings["num_threads"] = options["n_jobs_forward"]
    if mode in LPGD_MODES:
        chosen = options.get("derivative_kwargs") or options
        settings["derivative_mode"] = mode
        settings["lpgd_tau"] = chosen["tau"]
        settings["lpgd_rho"] = chosen.get("rho", 0.0)
    return settings


def solver_error(why: object) -> SolverError:
    """diffcp's exception, for quadcone's: also that of diffcp itself, where a program has that."""
    report = getattr(why, "report", None)
    status = "" if report is None else f" {first_failure(report)}"
    return _error_of_both(f"Solver quadcone returned status{status}: {why}")


def _error_of_both(text: str) -> SolverError:
    theirs = getattr(sys.modules.get("diffcp"), "SolverError", SolverError)
    if issubclass(SolverError, theirs):
        return SolverError(text)
    # No module has this class by its name, so pickles, as of a process in a pool, make it again.
    members = {"__reduce__": lambda error: (_error_of_both, error.args)}
    both: type[SolverError] = type("SolverError", (SolverError, theirs), members)
    return both(text)
