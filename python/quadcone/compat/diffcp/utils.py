# SPDX-License-Identifier: Apache-2.0
"""Data of cone programs, as diffcp's tests and examples make it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp


def scs_data_from_cvxpy_problem(problem: Any) -> tuple[Any, Any, Any, dict[str, Any]]:
    """A, b, c and cones of a cvxpy.Problem with a linear objective."""
    import cvxpy as cp
    from cvxpy.reductions.solvers.conic_solvers.scs_conif import dims_to_solver_dict

    data = problem.get_problem_data(cp.SCS, solver_opts={"use_quad_obj": False})[0]
    return data["A"], data["b"], data["c"], dims_to_solver_dict(data["dims"])


def least_squares_eq_scs_data(m: int, n: int, seed: int = 0) -> tuple[Any, Any, Any, Any]:
    """A, b, c and cones of a random problem with one solution, m >= n."""
    import cvxpy as cp

    np.random.seed(seed)
    if m < n:
        raise AssertionError("m is less than n")
    x = cp.Variable(n)
    b = np.random.randn(m)
    A = np.random.randn(m, n)
    fit = cp.Minimize(cp.pnorm(A @ x - b, 1))
    return scs_data_from_cvxpy_problem(cp.Problem(fit, [x >= 0, cp.sum(x) == 1.0]))


def get_random_like(A: Any, randomness: Callable[[int], Any]) -> Any:
    """A sparse matrix where A is not 0, with the values randomness(nnz)."""
    rows, columns = A.nonzero()
    return sp.csc_matrix((randomness(A.nnz), (rows, columns)), shape=A.shape)


def regularize_P(P: Any, rho: float, size: int) -> Any:
    """P + rho I, where P may be None; P itself unless rho is positive."""
    if rho <= 0.0:
        return P
    ridge = rho * sp.eye(size, format="csc")
    return ridge if P is None else P + ridge


def embed_problem(A: Any, b: Any, c: Any, P: Any, cone_dict: dict[str, Any]) -> tuple[Any, ...]:
    """A, b, c, P and cones of the same problem with its slacks as variables too, after x."""
    m = len(b)
    one = sp.eye(m, format="csc")
    rows = sp.bmat([[A, one], [None, -one]], format="csc")
    whole = None if P is None else sp.block_diag([P, sp.csc_matrix((m, m))], format="csc")
    cones = {**cone_dict, "z": cone_dict.get("z", 0) + m}
    return rows, np.append(b, np.zeros(m)), np.append(c, np.zeros(m)), whole, cones


def compute_perturbed_solution(
    dA: Any,
    db: Any,
    dc: Any,
    dP: Any,
    tau: float,
    rho: float,
    A: Any,
    b: Any,
    c: Any,
    P: Any,
    cone_dict: dict[str, Any],
    x: Any,
    y: Any,
    s: Any,
    solver_kwargs: dict[str, Any],
    solve_method: str | None,
    solve_internal: Callable[..., dict[str, Any]],
) -> tuple[Any, Any, Any]:
    """x, y and s where the data have moved by tau dA, tau db, ..., and rho/2 |x - x*|^2 is added.

    x, y, s: the solution, of which x is x*.
    solve_internal: as that of `diffcp.cone_program`; solver_kwargs and solve_method are for it.
    """
    data = A + tau * dA, b + tau * db, c + tau * dc, P if dP is None else P + tau * dP
    solver = solve_internal, solve_method, solver_kwargs
    return _solve_near((x, y, s), data, rho, cone_dict, solver)


def compute_adjoint_perturbed_solution(
    dx: Any,
    dy: Any,
    ds: Any,
    tau: float,
    rho: float,
    A: Any,
    b: Any,
    c: Any,
    P: Any,
    cone_dict: dict[str, Any],
    x: Any,
    y: Any,
    s: Any,
    solver_kwargs: dict[str, Any],
    solve_method: str | None,
    solve_internal: Callable[..., dict[str, Any]],
) -> tuple[Any, Any, Any]:
    """x, y and s of the Lagrangian proximal map: of the problem whose Lagrangian has tau (dx'x +
    dy'y + ds's) and rho/2 |x - x*|^2 more, and rho/2 |s - s*|^2 where ds is not 0.

    Other arguments are those of `compute_perturbed_solution`.
    """
    solver = solve_internal, solve_method, solver_kwargs
    if not np.any(ds):
        data = A, b - tau * dy, c + tau * dx, P
        return _solve_near((x, y, s), data, rho, cone_dict, solver)
    n, m = len(c), len(b)
    rows, sides, slope, whole, cones = embed_problem(A, b, c, P, cone_dict)
    sides[:m] -= tau * dy
    slope += tau * np.append(dx, ds)
    start = np.append(x, s), np.append(y, y), np.append(np.zeros(m), s)
    both, duals, _ = _solve_near(start, (rows, sides, slope, whole), rho, cones, solver)
    return both[:n], duals[:m], both[n:]


def _solve_near(
    start: tuple[Any, Any, Any], data: tuple[Any, ...], rho: float, cones: Any, solver: Any
) -> tuple[Any, Any, Any]:
    """The solution with rho/2 |x - start's x|^2 in the objective."""
    A, b, c, P = data
    solve_internal, solve_method, options = solver
    found = solve_internal(
        A=A,
        b=b,
        c=c - rho * start[0],
        P=regularize_P(P, rho, len(c)),
        cone_dict=cones,
        solve_method=solve_method,
        warm_start=None if solve_method in ("ECOS", "Clarabel") else start,
        **options,
    )
    return found["x"], found["y"], found["s"]
