# SPDX-License-Identifier: Apache-2.0
"""problem.backward() and problem.derivative() of CVXPY, by quadcone.

CVXPY asks for them with requires_grad=True, and then takes no solver but SCS; a method of solving
that is registered with it may do as it likes.  Its derivatives are of a cone program without a
quadratic objective, through closures D and DT that the solver leaves where diffcp leaves its own.
"""

from __future__ import annotations

from typing import Any

import cvxpy as cp
import cvxpy.settings as s
import numpy as np
import scipy.sparse as sp

from ._solver import QUADCONE, Quadcone, Result

METHOD = "QUADCONE"


class DifferentiableQuadcone(Quadcone):
    """The solver that keeps derivatives for CVXPY."""

    def name(self) -> str:
        return "QUADCONE_DERIVATIVE"

    def supports_quad_obj(self) -> bool:
        return False

    def apply(self, problem: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """c, A and b, with the zeros that depend on parameters."""
        problem, data, inverse_data = self._prepare_data_and_inv_data(problem)
        c, offset, A, b = problem.apply_parameters(keep_zeros=True)
        data |= {s.C: c, s.A: -A, s.B: b}
        inverse_data[s.OFFSET] = offset
        return data, inverse_data

    def solve_via_data(
        self,
        data: dict[str, Any],
        warm_start: bool,
        verbose: bool,
        solver_opts: dict[str, Any],
        solver_cache: dict[str, Any] | None = None,
    ) -> Result:
        """Solve, and leave D and DT in the cache."""
        options = {**solver_opts, "derivatives": True}
        result = super().solve_via_data(data, warm_start, verbose, options, solver_cache)
        if solver_cache is not None:
            derivatives = Derivatives(result, data[s.A])
            solver_cache[s.DIFFCP] = {
                "D": derivatives.push,
                "DT": derivatives.pull,
                "s": np.zeros(len(data[s.B])),
            }
        return result


class Derivatives:
    """The derivative of a solve and its adjoint, between sparse A, b, c and x, y, s."""

    def __init__(self, result: Result, A: Any) -> None:
        self.solution = result.solution
        self.pattern = A.tocsc()
        self.pattern.sort_indices()

    def push(self, dA: Any, db: Any, dc: Any) -> tuple[Any, Any, Any]:
        """dx, dy, ds for dA, db, dc."""
        places = self.pattern.tocoo()
        values = np.asarray(dA.tocsr()[places.row, places.col]).ravel()
        tangents = self.solution.jvp(dq=dc, dA=values, db=np.asarray(db))
        return tangents.dx, tangents.dy, tangents.ds

    def pull(self, dx: Any, dy: Any, ds: Any) -> tuple[Any, Any, Any]:
        """dA, db, dc for dx, dy, ds."""
        gradients = self.solution.vjp(dx, dy, ds)
        return sp.csc_array(gradients.A), gradients.b, gradients.q


DIFFERENTIABLE = DifferentiableQuadcone()


def solve(problem: cp.Problem, requires_grad: bool = False, **options: Any) -> float:
    """problem.solve(method="QUADCONE"), and with requires_grad=True, ready for its derivatives."""
    if not requires_grad:
        return problem.solve(solver=QUADCONE, **options)  # type: ignore[no-any-return]
    return problem.solve(solver=DIFFERENTIABLE, enforce_dpp=True, **options)  # type: ignore[no-any-return]


def register() -> None:
    """Make the method known to CVXPY."""
    cp.Problem.register_solve(METHOD, solve)
