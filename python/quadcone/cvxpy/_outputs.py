# SPDX-License-Identifier: Apache-2.0
"""How the values of variables, and of dual variables, follow from x and y."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import cvxpy as cp
import numpy as np
from cvxpy.reductions.cvx_attr2constr import recover_value_for_leaf
from cvxpy.reductions.solution import Solution
from cvxpy.reductions.solvers import utilities

from .._program import Output
from .._sparse import Sparse

if TYPE_CHECKING:
    from ._compile import Canonical


def read_outputs(
    problem: cp.Problem, variables: Sequence[cp.Variable], canonical: Canonical, gp: bool
) -> tuple[Output, ...]:
    """An output for each of the variables, primal or dual."""
    primal = {variable.id for variable in problem.variables()}
    duals = [variable for variable in variables if variable.id not in primal]
    maps = _dual_maps(problem, duals, canonical) if duals else {}
    return tuple(
        _primal_output(variable, canonical, gp)
        if variable.id in primal
        else Output(variable.name(), _shape(variable), True, False, maps[variable.id])
        for variable in variables
    )


def _shape(variable: cp.Variable) -> tuple[int, ...]:
    return tuple(int(size) for size in variable.shape)


def _primal_output(variable: cp.Variable, canonical: Canonical, gp: bool) -> Output:
    program = canonical.program
    leaf = canonical.follow("var", variable.id)
    source = np.zeros(prod(_shape(variable)), np.int64)
    if leaf in program.var_id_to_col:  # else nothing depends on it, and CVXPY makes it 0
        reduced = program.id_to_var[leaf]
        # CVXPY expands symmetric, diagonal and sparse variables: numbers show what goes where.
        numbers = np.arange(1.0, reduced.size + 1).reshape(reduced.shape, order="F")
        expanded = recover_value_for_leaf(variable, numbers, project=False)
        dense = expanded.toarray() if hasattr(expanded, "toarray") else np.asarray(expanded)
        source = dense.ravel().astype(np.int64)
        source[source > 0] += program.var_id_to_col[leaf]
    rows = np.flatnonzero(source)
    shape = (len(source), program.x.size)
    picked = Sparse(rows, source[rows] - 1, np.ones(len(rows)), shape)
    return Output(variable.name(), _shape(variable), False, gp, picked)


def _dual_maps(
    problem: cp.Problem, duals: Sequence[cp.Variable], canonical: Canonical
) -> dict[int, Sparse]:
    """For each dual variable, its map from y.

    CVXPY takes y back through its reductions: slices, signs, scales and orders.  Each number that
    comes out is a multiple of one that goes in, and three probes show which and how much; a problem
    in which it is not is refused.
    """
    program = canonical.program
    m = program.A.shape[0] // (program.x.size + 1)
    numbers = np.arange(1.0, m + 1)
    check = np.sin(numbers)
    ones, numbered, checked = (
        _dual_values(problem, duals, canonical, y) for y in (np.ones(m), numbers, check)
    )
    maps = {}
    for dual in duals:
        scale = ones[dual.id]
        rows = np.flatnonzero(scale)
        source = np.rint(numbered[dual.id][rows] / scale[rows]).astype(np.int64) - 1
        found = np.zeros(len(scale))
        if len(rows) and source.min() >= 0 and source.max() < m:
            found[rows] = scale[rows] * check[source]
        if not np.allclose(found, checked[dual.id], rtol=1e-9, atol=1e-12):
            raise NotImplementedError(f"dual variable {dual.name()} is not one of the numbers of y")
        maps[dual.id] = Sparse(rows, source, scale[rows], (len(scale), m))
    return maps


def _dual_values(
    problem: cp.Problem, duals: Sequence[cp.Variable], canonical: Canonical, y: Any
) -> dict[int, Any]:
    """The values that CVXPY gives to dual variables, row after row; it keeps what it had."""
    program = canonical.program
    values = utilities.get_dual_values(y, utilities.extract_dual_value, program.constraints)
    x = {program.x.id: np.zeros(program.x.size)}
    solution = Solution(cp.OPTIMAL, 0.0, x, values, {})
    for reduction, inverse in zip(
        reversed(canonical.reductions), reversed(canonical.inverse_data), strict=True
    ):
        solution = reduction.invert(solution, inverse)
    wanted = {dual.id for dual in duals}
    found = {}
    for constraint in problem.constraints:
        mine = [dual for dual in constraint.dual_variables if dual.id in wanted]
        if not mine:
            continue
        before = [dual.value for dual in constraint.dual_variables]
        constraint.save_dual_value(solution.dual_vars[constraint.id])
        for dual in mine:
            found[dual.id] = np.asarray(dual.value, np.float64).ravel()
        for dual, value in zip(constraint.dual_variables, before, strict=True):
            dual.save_value(value)
    return found
