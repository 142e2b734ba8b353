# SPDX-License-Identifier: Apache-2.0
"""Programs of one family, solved together, and their derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..._problem import Problem
from ..._report import Report
from ..._solution import Solution
from ..._status import Status
from ._program import LPGD_MODES, Program, SolverError, places, read_program, values_at
from .utils import embed_problem

# As diffcp calls what ECOS and Clarabel say, as SCS itself does, and its codes.
STATUSES: dict[str, tuple[str, str, int]] = {
    Status.SOLVED: ("Solved", "solved", 1),
    Status.SOLVED_INACCURATE: (
        "Solved/Inaccurate",
        "solved (inaccurate - reached max_iters)",
        2,
    ),
    Status.PRIMAL_INFEASIBLE: ("Infeasible", "infeasible", -2),
    Status.DUAL_INFEASIBLE: ("Unbounded", "unbounded", -1),
}
FAILURE = ("Failure", "failure", -4)


def first_failure(report: Report) -> str:
    """SCS's name for what became of the first problem that was not solved."""
    failed = int(np.argmin(np.atleast_1d(report.solved)))
    status = report.status if isinstance(report.status, str) else report.status[failed]
    return STATUSES.get(status, FAILURE)[1]


@dataclass
class Group:
    """Programs of one family with their solution, and perhaps that of another derivative mode."""

    programs: Sequence[Program]
    mode: str
    settings: dict[str, Any]
    derivative_kwargs: dict[str, Any]
    solve_method: str | None
    warm_start: Any = None
    problem: Problem = field(init=False)
    solution: Solution = field(init=False)
    _moved: dict[tuple[float, float], Solution] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        first = self.programs[0]
        P = _no_curvature(len(first.c)) if first.P is None and self.mode in LPGD_MODES else first.P
        self.problem = Problem(P, first.A if len(first.b) else None, first.cones)
        self.solution = self._solve(self.warm_start)

    def _solve(self, warm_start: Any, **derivative: Any) -> Solution:
        programs = self.programs
        P = None if programs[0].P is None else np.stack([each.P.data for each in programs])
        A = np.stack([each.A.data for each in programs]) if len(programs[0].b) else None
        return self.problem.solve(
            np.stack([each.c for each in programs]),
            np.stack([each.b for each in programs]),
            P=P,
            A=A,
            warm_start=warm_start,
            **{**self.settings, **derivative},
        )

    def status(self, k: int) -> tuple[str, int]:
        """The name that solve_method's solver has for it, and SCS's code."""
        name, by_scs, code = STATUSES.get(self.solution.status[k], FAILURE)
        return by_scs if self.solve_method == "SCS" else name, code

    def check(self) -> None:
        """SolverError where a program has no solution."""
        failed = np.flatnonzero(~np.atleast_1d(self.solution.solved))
        if len(failed):
            name = (self.solve_method or "quadcone").lower()
            raise SolverError(f"Solver {name} returned status {self.status(failed[0])[0]}")

    def result(self, k: int) -> dict[str, Any]:
        """x, y, s and info, as SCS gives them; times by its names and those of ECOS."""
        found = self.solution
        status, code = self.status(k)
        info = {
            "status": status,
            "status_val": code,
            **dict.fromkeys(("solve_time", "setup_time", "solveTime", "setupTime"), 0.0),
            "iter": int(found.iterations[k]),  # type: ignore[index]
            "pobj": float(found.objective[k]),  # type: ignore[index]
        }
        return {"x": found.x[k], "y": found.y[k], "s": found.s[k], "info": info}

    def derivative(
        self, dAs: Any, dbs: Any, dcs: Any, dPs: Any = None, **kwargs: Any
    ) -> tuple[list[Any], list[Any], list[Any]]:
        """Lists of dx, dy and ds."""
        programs = self.programs
        if dPs is not None:
            if programs[0].P is None:
                raise ValueError("P must be provided if dP is not None.")
            dPs = [_whole(*pair) for pair in zip(dPs, programs, strict=True)]
        db = np.array([np.ravel(each) for each in dbs], np.float64)
        dc = np.array([np.ravel(each) for each in dcs], np.float64)
        moved = self._moved_values if self.mode in LPGD_MODES else self._moved_sides
        tangents = self._derived(kwargs).jvp(**moved(dPs, dAs, db, dc))
        return list(tangents.dx), list(tangents.dy), list(tangents.ds)

    def _moved_sides(self, dPs: Any, dAs: Any, db: Any, dc: Any) -> dict[str, Any]:
        """Tangents of b and q that stand for those of P and A as well, whatever their patterns."""
        found = self.solution
        for k, dA in enumerate(dAs):
            db[k] -= dA @ found.x[k]
            dc[k] += dA.T @ found.y[k]
            if dPs is not None:
                dc[k] += dPs[k] @ found.x[k]
        return {"dq": dc, "db": db}

    def _moved_values(self, dPs: Any, dAs: Any, db: Any, dc: Any) -> dict[str, Any]:
        """All tangents, those of P and A on their patterns: LPGD moves the values themselves."""
        programs = self.programs
        dA = [values_at(dA, "dA", each.A) for dA, each in zip(dAs, programs, strict=True)]
        dP = [values_at(dP, "dP", each.P) for dP, each in zip(dPs or [], programs, strict=False)]
        return {
            "dP": np.stack(dP) if dP else None,
            "dq": dc,
            "dA": np.stack(dA) if len(programs[0].b) else None,
            "db": db,
        }

    def adjoint(
        self, dxs: Any, dys: Any, dss: Any, *, return_dP: bool = False, **kwargs: Any
    ) -> tuple[list[Any], ...]:
        """Lists of dA, db, dc, and dP where that is asked for."""
        if return_dP and self.programs[0].P is None:
            raise ValueError("P must be provided if return_dP is true.")
        cotangents = [np.stack([np.ravel(d) for d in ds]) for ds in (dxs, dys, dss)]
        found = self._derived(kwargs).vjp(*cotangents)
        dAs = [_like(each.A, values) for each, values in zip(self.programs, found.A, strict=True)]
        lists: tuple[list[Any], ...] = (dAs, list(found.b), list(found.q))
        if return_dP:
            lists += ([_part(*pair) for pair in zip(self.programs, found.P, strict=True)],)
        if self.mode in LPGD_MODES and {**self.derivative_kwargs, **kwargs}.get("rho"):
            for k in np.flatnonzero(cotangents[2].any(1)).tolist():
                own = self._adjoint_near_slacks(k, *(each[k] for each in cotangents), **kwargs)
                for values, value in zip(lists, own, strict=False):
                    values[k] = value
        return lists

    def _adjoint_near_slacks(self, k: int, dx: Any, dy: Any, ds: Any, **kwargs: Any) -> list[Any]:
        """dA, db, dc, dP of program k where rho keeps s near its solution as well as x, as diffcp
        has it where ds is not 0: those of the program that has s among its variables."""
        program = self.programs[k]
        P, (m, n) = program.dP_pattern, program.A.shape
        A, b, c, whole, cones = embed_problem(program.A, program.b, program.c, P, program.cones)
        options = self.settings, self.derivative_kwargs, self.solve_method
        group = Group([read_program(A, b, c, cones, whole)], self.mode, *options)
        cotangents = np.append(dx, ds), np.append(dy, np.zeros(m)), np.zeros(2 * m)
        dA, db, dc, *dP = group.adjoint(
            *([each] for each in cotangents), return_dP=P is not None, **kwargs
        )
        # By columns, entries of A and P come first.
        own = [_like(program.A, dA[0].data[: program.A.nnz]), db[0][:m], dc[0][:n]]
        return own + [_like(P, each[0].data[: P.nnz]) for each in dP]

    def _derived(self, kwargs: dict[str, Any]) -> Solution:
        """The solution whose derivative is that of the mode."""
        if self.mode not in LPGD_MODES:
            return self.solution
        kwargs = {**self.derivative_kwargs, **kwargs}
        tau, rho = kwargs.get("tau"), kwargs.get("rho") or 0.0
        if tau is None or tau <= 0:
            raise ValueError(f"LPGD mode requires tau > 0, got tau={tau}.")
        if rho < 0:
            raise ValueError(f"LPGD mode requires rho >= 0, got rho={rho}.")
        if (tau, rho) not in self._moved:
            self._moved[tau, rho] = self._solve(
                self.solution,
                derivatives=True,
                derivative_mode=self.mode,
                lpgd_tau=tau,
                lpgd_rho=rho,
            )
        return self._moved[tau, rho]


def _no_curvature(n: int) -> Any:
    """A P of 0 with a diagonal, to which LPGD adds rho."""
    return sp.csc_matrix((np.zeros(n), np.arange(n), np.arange(n + 1)), shape=(n, n))


def _like(pattern: Any, values: Any) -> Any:
    """A matrix by columns with this pattern."""
    return sp.csc_matrix((values.copy(), pattern.indices, pattern.indptr), shape=pattern.shape)


def _whole(dP: Any, program: Program) -> Any:
    """A tangent of the caller's P as one of the whole P."""
    return dP + sp.triu(dP, 1).T if program.is_triangle else dP


def _part(program: Program, values: Any) -> Any:
    """The gradient of the caller's P, of that of the whole P, which is symmetric."""
    pattern = program.dP_pattern
    picked = values[np.searchsorted(places(program.P), places(pattern))]
    if program.is_triangle:
        columns = np.repeat(np.arange(pattern.shape[1]), np.diff(pattern.indptr))
        picked = np.where(pattern.indices == columns, picked, 2.0 * picked)
    return _like(pattern, picked)
