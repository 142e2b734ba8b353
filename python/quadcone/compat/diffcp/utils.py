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
