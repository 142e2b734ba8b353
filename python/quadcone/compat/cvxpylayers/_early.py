# SPDX-License-Identifier: Apache-2.0
"""Where SCS stops that is told to stop at once.

SCS looks for convergence every 25 iterations, so fewer of them never end in a solution, and who
asks for fewer wants to see a solver stop early.  quadcone has the solution by then: it cannot show
that, and SCS itself is asked.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

if TYPE_CHECKING:
    from ..._program import Program

_CHECKED = 25


def early_stop(solver: Any, *options: dict[str, Any] | None) -> int:
    """Iterations of SCS after which a call wants to end without a solution; 0: it does not."""
    given: dict[str, Any] = {}
    for each in options:
        given |= each or {}
    limit = given.get("max_iters") or _CHECKED
    by_scs = solver in (None, "DIFFCP") and given.get("solve_method", "SCS") == "SCS"
    return int(limit) if by_scs and limit < _CHECKED else 0


def unfinished(program: Program, values: list[Any], iterations: int) -> list[Any] | None:
    """The outputs where SCS then is, with its warning; None where there is nothing to iterate on.

    values: of the parameters, as NumPy arrays.
    """
    problem = program.problem
    if not problem.m:
        return None
    evaluation = program.evaluation(tuple(value.shape for value in values))
    inputs = [values[block.parameter] for block in program.inputs]
    logs = [np.log(v) if block.log else v for block, v in zip(program.inputs, inputs, strict=True)]
    data = evaluation.push(logs, True)
    found = [
        _stop_early(problem, [_pick(each, k) for each in data], iterations)
        for k in range(max(evaluation.batch, 1))
    ]
    warnings.warn("Solved/Inaccurate.", stacklevel=3)
    x, y = (np.stack(each) for each in zip(*found, strict=True))
    results: list[Any] = program.recovery(evaluation.batch).push([x, y], True)
    outputs = zip(program.outputs, results, strict=True)
    return [np.exp(result) if output.exp else result for output, result in outputs]


def _pick(values: Any, k: int) -> Any:
    """Those of one problem."""
    return values if values is None or values.ndim == 1 else values[k]


def _stop_early(problem: Any, values: list[Any], iterations: int) -> tuple[Any, Any]:
    """x and y of one problem; values of P and A may be None where they are the problem's."""
    import scs

    P, A = problem.P.copy(), problem.A.copy()
    if values[0] is not None:
        P.data = values[0]
    if values[2] is not None:
        A.data = values[2]
    data = {"A": sp.csc_matrix(A), "b": values[3], "c": values[1]}
    if P.nnz:
        data["P"] = sp.csc_matrix(sp.triu(P))
    found = scs.SCS(data, problem.cones, max_iters=iterations, verbose=False).solve()
    return found["x"], found["y"]
