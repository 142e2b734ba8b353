# SPDX-License-Identifier: Apache-2.0
"""quadcone as a solver of CVXPY."""

from __future__ import annotations

import time
from dataclasses import fields
from typing import Any, NamedTuple

import cvxpy.settings as s
import scipy.sparse as sp
from cvxpy.constraints import SOC, ExpCone, PowCone3D, SvecPSD
from cvxpy.reductions.solution import Solution as CvxpySolution
from cvxpy.reductions.solution import failure_solution
from cvxpy.reductions.solvers import utilities
from cvxpy.reductions.solvers.conic_solvers.conic_solver import ConicSolver
from cvxpy.utilities.psd_utils import TriangleKind

from .._problem import Problem
from .._settings import Settings
from .._solution import Solution
from .._status import Status

_STATUSES: dict[str, str] = {
    Status.SOLVED: s.OPTIMAL,
    Status.SOLVED_INACCURATE: s.OPTIMAL_INACCURATE,
    Status.PRIMAL_INFEASIBLE: s.INFEASIBLE,
    Status.DUAL_INFEASIBLE: s.UNBOUNDED,
}

_OPTIONS = tuple(field.name for field in fields(Settings) if field.name != "on_failure")


class Result(NamedTuple):
    """What `solve_via_data` hands to `invert`."""

    solution: Solution
    seconds: float


class Quadcone(ConicSolver):  # type: ignore[misc]
    """The interface that CVXPY asks of a solver; `QUADCONE` is the one to use.

    Options of `problem.solve` are those of `quadcone.Settings`, but for on_failure: CVXPY itself
    says what became of the problem.
    """

    MIP_CAPABLE = False
    SUPPORTED_CONSTRAINTS = (
        *ConicSolver.SUPPORTED_CONSTRAINTS,
        SOC,
        ExpCone,
        PowCone3D,
        SvecPSD,
    )
    EXP_CONE_ORDER = (0, 1, 2)
    PSD_TRIANGLE_KIND = TriangleKind.LOWER
    PSD_SQRT2_SCALING = True

    def name(self) -> str:
        return "QUADCONE"

    def import_solver(self) -> None:
        """Nothing is left to import."""

    def supports_quad_obj(self) -> bool:
        return True

    def solve_via_data(
        self,
        data: dict[str, Any],
        warm_start: bool,
        verbose: bool,
        solver_opts: dict[str, Any],
        solver_cache: dict[str, Any] | None = None,
    ) -> Result:
        """Solve what `apply` made of a problem."""
        options = _read_options(solver_opts)
        A, b = data[s.A].tocsc(), data[s.B]
        cones = cone_dictionary(data[self.DIMS])
        problem = Problem(_objective_matrix(data), A if len(b) else None, cones, **options)
        previous = (solver_cache or {}).get(self.name()) if warm_start else None
        start = time.perf_counter()
        solution = problem.solve(data[s.C], b, warm_start=_usable(previous, problem))
        seconds = time.perf_counter() - start
        if verbose:
            _print_summary(problem, solution, seconds)
        if solver_cache is not None:
            solver_cache[self.name()] = solution
        return Result(solution, seconds)

    def invert(self, solution: Result, inverse_data: Any) -> CvxpySolution:
        """The solution of a cone program, to go back through CVXPY's reductions."""
        report, seconds = solution
        attributes = {
            s.SOLVE_TIME: seconds,
            s.NUM_ITERS: report.iterations,
            s.EXTRA_STATS: report,
        }
        status = _STATUSES.get(str(report.status), s.SOLVER_ERROR)
        if status not in s.SOLUTION_PRESENT:
            return failure_solution(status, attributes)
        constraints = inverse_data[self.EQ_CONSTR] + inverse_data[self.NEQ_CONSTR]
        return CvxpySolution(
            status,
            report.objective + inverse_data[s.OFFSET],
            {inverse_data[self.VAR_ID]: report.x},
            utilities.get_dual_values(report.y, utilities.extract_dual_value, constraints),
            attributes,
        )

    def cite(self, data: Any) -> str:
        return ""


def cone_dictionary(dims: Any) -> dict[str, Any]:
    """Cones as `quadcone.Problem` takes them, by CVXPY's."""
    cones = {
        "z": dims.zero,
        "l": dims.nonneg,
        "q": dims.soc,
        "s": dims.psd,
        "ep": dims.exp,
        "p": [float(alpha) for alpha in dims.p3d],
    }
    return {key: value for key, value in cones.items() if value}


def _objective_matrix(data: dict[str, Any]) -> Any:
    n = len(data[s.C])
    return data[s.P].tocsc() if data.get(s.P) is not None else sp.csc_array((n, n))


def _usable(previous: Any, problem: Problem) -> Solution | None:
    """The last solution, where the next problem may start from it."""
    if not isinstance(previous, Solution) or not previous.solved:
        return None
    fits = previous.x.shape == (problem.n,) and previous.y.shape == (problem.m,)
    return previous if fits else None


def _read_options(options: dict[str, Any]) -> dict[str, Any]:
    known = {name: value for name, value in options.items() if name != "use_quad_obj"}
    for name in known:
        if name not in _OPTIONS:
            raise TypeError(
                f"QUADCONE has no option {name}, expected one of: {', '.join(_OPTIONS)}"
            )
    return {"derivatives": False, **known}


def _print_summary(problem: Problem, solution: Solution, seconds: float) -> None:
    print(problem)
    print(
        f"{solution.status} after {solution.iterations} iterations, {1e3 * seconds:.3f} ms: "
        f"objective {solution.objective:.9g}, primal residual {solution.primal_residual:.1e}, "
        f"dual residual {solution.dual_residual:.1e}, gap {solution.gap:.1e}"
    )


QUADCONE = Quadcone()
