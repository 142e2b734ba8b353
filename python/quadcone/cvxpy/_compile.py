# SPDX-License-Identifier: Apache-2.0
"""From a CVXPY problem with parameters to a `Program`: sparse maps, read off CVXPY's own.

CVXPY reduces a DPP problem to a cone program whose P, q, A and b are affine in its parameters
(Agrawal, Amos, Barratt, Boyd, Diamond & Kolter, 2019), and keeps the coefficients.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import cvxpy as cp
from cvxpy.error import DCPError, DGPError, DPPError
from cvxpy.reductions.dgp2dcp.dgp2dcp import Dgp2Dcp
from cvxpy.reductions.solvers.constant_solver import ConstantSolver
from cvxpy.reductions.solvers.solving_chain import resolve_and_build_chain

from .._problem import Problem
from .._program import Program
from ._inputs import read_inputs
from ._maps import read_maps
from ._outputs import read_outputs
from ._solver import QUADCONE, cone_dictionary


class Canonical(NamedTuple):
    """What CVXPY makes of a problem."""

    reductions: list[Any]  # without the solver
    inverse_data: list[Any]  # one for each
    program: Any  # CVXPY's ParamConeProg, its rows in the order of our cones

    def follow(self, which: str, leaf: int, through_logs: bool = True) -> int:
        """What became of a variable or parameter, by the ids that "var" or "param" maps hold."""
        for reduction in self.reductions:
            if isinstance(reduction, Dgp2Dcp) and not through_logs:
                continue
            leaves = getattr(reduction, f"{which}_id_map").get(leaf, [leaf])
            if len(leaves) > 1:
                raise NotImplementedError("complex variables and parameters are not supported")
            leaf = leaves[0]
        return leaf


def compile_problem(
    problem: cp.Problem,
    parameters: Sequence[cp.Parameter],
    variables: Sequence[cp.Variable],
    gp: bool = False,
    *,
    sparse_values: bool = False,
    canon_backend: str | None = None,
    **settings: Any,
) -> Program:
    """The `Program` of a problem, which the layers run and which can be pickled.

    problem: DPP, or DGP and DPP where gp is true.
    parameters: all of the problem's, in the order in which their values will be given.
    variables: whose values are wanted: of the problem's variables and of its constraints'
        dual_variables.
    gp: it is a geometric program.
    sparse_values: a parameter with sparsity= is given as its values (nnz,), in the order of its
        sparse_idx, and not as a matrix.
    canon_backend: of CVXPY.
    settings: see `quadcone.Settings`.

    ValueError: the problem is not DPP; a parameter or a variable is missing, or not the problem's.
    """
    _check_arguments(problem, parameters, variables)
    canonical = _canonicalize(problem, gp, canon_backend)
    declared, inputs, columns = read_inputs(canonical, parameters, sparse_values)
    program = canonical.program
    maps = read_maps(program, columns)
    cones = cone_dictionary(program.cone_dims)
    A = maps.A_placeholder if maps.A_placeholder.shape[0] else None
    return Program(
        Problem(maps.P_placeholder, A, cones, **settings),
        declared,
        inputs,
        (maps.P, maps.q, maps.A, maps.b),
        read_outputs(problem, variables, canonical, gp),
    )


def _check_arguments(
    problem: cp.Problem, parameters: Sequence[cp.Parameter], variables: Sequence[cp.Variable]
) -> None:
    if not isinstance(problem, cp.Problem):
        raise TypeError(f"problem is of type {type(problem).__name__}, expected a cvxpy.Problem")
    for name, values in (("parameters", parameters), ("variables", variables)):
        if not isinstance(values, (list, tuple)):
            raise TypeError(f"{name} is of type {type(values).__name__}, expected a list")
    _check_same("parameters", parameters, problem.parameters())
    duals = [dual for constraint in problem.constraints for dual in constraint.dual_variables]
    known = {leaf.id for leaf in [*problem.variables(), *duals]}
    for variable in variables:
        if getattr(variable, "id", None) not in known:
            raise ValueError(
                f"variables has {variable}, which is neither a variable of the problem nor a dual "
                "variable of one of its constraints"
            )


def _check_same(name: str, given: Sequence[Any], expected: Sequence[Any]) -> None:
    """Whether these are all of the problem's parameters, each once."""
    ids = [getattr(leaf, "id", None) for leaf in given]
    for k, leaf in enumerate(given):
        if ids[k] not in {other.id for other in expected}:
            raise ValueError(f"{name} has {leaf}, which is not a parameter of the problem")
        if ids[k] in ids[:k]:
            raise ValueError(f"{name} has {leaf.name()} twice")
    missing = [leaf.name() for leaf in expected if leaf.id not in ids]
    if missing:
        raise ValueError(f"{name} lacks {', '.join(missing)}, which the problem depends on")


def _canonicalize(problem: cp.Problem, gp: bool, canon_backend: str | None) -> Canonical:
    rules = "DGP" if gp else "DCP"
    try:
        chain = resolve_and_build_chain(
            problem, QUADCONE, gp=gp, enforce_dpp=True, canon_backend=canon_backend
        )
    except (DCPError, DGPError) as error:
        raise ValueError(f"problem does not follow the rules of {rules}: {error}") from error
    except DPPError as error:
        raise ValueError(
            f"problem is not DPP, whose rules say where parameters may be (and is {rules}): "
            "see https://www.cvxpy.org/tutorial/dpp/"
        ) from error
    if isinstance(chain.reductions[-1], ConstantSolver):
        raise ValueError("problem has no variables")
    current, inverse_data = problem, []
    with warnings.catch_warnings():
        # CVXPY warns of how it reads its own sparse parameters.
        warnings.filterwarnings("ignore", "Reading from a sparse CVXPY", RuntimeWarning)
        for reduction in chain.reductions[:-1]:
            current, inverse = reduction.apply(current)
            inverse_data.append(inverse)
    program = QUADCONE.format_constraints(current, QUADCONE.EXP_CONE_ORDER)
    return Canonical(chain.reductions[:-1], inverse_data, program)
