# SPDX-License-Identifier: Apache-2.0
"""Solutions and gradients to about 1e-15, to measure everybody against, quadcone included.

An interior point finds the active set approximately; Newton's method on the optimality conditions
settles it; its linear system is factored in double and refined in extended precision (80 bits);
and the result counts only if every multiplier and every slack has the right sign.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import clarabel
import numpy as np
import scipy.linalg
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from .families import Family, per_problem

Extended = np.longdouble
Solve = Callable[[np.ndarray], np.ndarray]


@dataclass
class Reference:
    """x is [batch, n]; a gradient is shaped as its argument (sparse: the values in CSC order)."""

    x: np.ndarray
    gradients: dict[str, np.ndarray] | None  # None: not unique
    margin: float  # the smallest multiplier or slack that decides an active set


def reference(family: Family) -> Reference:
    """Solve and differentiate every problem of the family."""
    parts = [_one(family, k) for k in range(family.batch)]
    x = np.stack([part[0] for part in parts]).astype(float)
    margin = float(min(part[2] for part in parts))
    if family.degenerate:
        return Reference(x, None, margin)
    ranks = {"P": 2, "q": 1, "A": 2, "b": 1}
    gradients = {}
    for name, rank in ranks.items():
        value = getattr(family, name)
        shared = sp.issparse(value) or value.ndim == rank
        stack = [part[1][name] for part in parts]
        gradients[name] = (sum(stack) if shared else np.stack(stack)).astype(float)
    return Reference(x, gradients, margin)


def error(value: np.ndarray, exact: np.ndarray, shared: bool = False) -> float:
    """Worst relative error in the maximum norm, over the problems of the batch.

    Where a solution is a vertex, gradients of P and q are exactly zero: there, errors are relative
    to the largest norm of the batch.
    """
    if exact.size == 0:
        return 0.0
    value, exact = (a[None] if shared else a for a in (value, exact))
    axes = tuple(range(1, exact.ndim))
    size = np.abs(exact).max(axes)
    size = np.where(size > 1e-12 * size.max(), size, size.max())
    return float((np.abs(value - exact).max(axes) / size).max())


def _one(family: Family, k: int) -> tuple[np.ndarray, dict[str, np.ndarray], float]:
    """Solution, gradients and margin of problem k, in extended precision."""
    P, A = (_take(matrix, k) for matrix in (family.P, family.A))
    q, b = (per_problem(v, 1, family.batch)[k].astype(Extended) for v in (family.q, family.b))
    x, y, solve, active, margin = _active_set(family, P, q, A, b)
    if family.degenerate:
        return x, {}, margin
    rhs = np.concatenate([family.dx[k].astype(Extended), np.zeros(active.size, Extended)])
    uw = solve(rhs)
    u = uw[: family.n]
    w = np.zeros(family.m, Extended)
    w[active] = uw[family.n :]
    return x, _gradients(P, A, x, y, u, w), margin


def _take(matrix, k: int):
    return matrix if sp.issparse(matrix) or matrix.ndim == 2 else matrix[k]


def _gradients(P, A, x, y, u, w) -> dict[str, np.ndarray]:
    """The adjoint formulas; on a pattern, only at its entries."""
    if not sp.issparse(P):
        dP = -(np.outer(u, x) + np.outer(x, u)) / 2
        return {"P": dP, "q": -u, "A": -(np.outer(y, u) + np.outer(w, x)), "b": w}
    i, j = P.indices, _columns(P)
    dP = -(u[i] * x[j] + x[i] * u[j]) / 2
    i, j = A.indices, _columns(A)
    return {"P": dP, "q": -u, "A": -(y[i] * u[j] + w[i] * x[j]), "b": w}


def _columns(matrix: sp.csc_matrix) -> np.ndarray:
    return np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr))


def _active_set(family: Family, P, q, A, b):
    """Newton on the optimality conditions, from an interior point until the active set stays."""
    v = _interior_point(family, P, q, A, b)
    equality = np.arange(family.m) < family.zero
    for _ in range(50):
        active = np.flatnonzero(equality | (v < 0))
        solve = _refined_solver(family, P, A, active)
        xy = solve(np.concatenate([-q, b[active]]))
        x, y = xy[: family.n], np.zeros(family.m, Extended)
        y[active] = xy[family.n :]
        s = b - A.astype(Extended) @ x
        s[active] = 0
        if family.degenerate:
            # Its multipliers are not unique: the interior point's are positive, and are the proof.
            assert s[~equality].min() > -1e-12
            return x, y, solve, active, np.abs(v[~equality]).min()
        v, before = s - y, v
        if np.array_equal((v < 0) | equality, (before < 0) | equality):
            return x, y, solve, active, np.abs(v[~equality]).min()
    raise RuntimeError(f"{family.name}: no active set was found")


def _interior_point(family: Family, P, q, A, b) -> np.ndarray:
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.presolve_enable = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-12
    cones = [clarabel.NonnegativeConeT(family.m - family.zero)]
    if family.zero:
        cones.insert(0, clarabel.ZeroConeT(family.zero))
    upper = sp.csc_matrix(sp.triu(P))
    solution = clarabel.DefaultSolver(
        upper, q.astype(float), sp.csc_matrix(A), b.astype(float), cones, settings
    ).solve()
    return np.array(solution.s) - np.array(solution.z)


def _refined_solver(family: Family, P, A, active: np.ndarray) -> Solve:
    """Solve with [[P, A_a'], [A_a, 0]]: double factors, residuals and solutions of 80 bits."""
    if sp.issparse(P):
        Aa = A.tocsr()[active]
        K = sp.bmat([[P, Aa.T], [Aa, sp.csc_matrix((active.size,) * 2)]], format="csc")
    else:
        K = np.block([[P, A[active].T], [A[active], np.zeros((active.size,) * 2)]])
    wide = K.tocsr().astype(Extended) if sp.issparse(K) else K.astype(Extended)
    inner = _factored(K, family.degenerate)

    return lambda rhs: refine(wide, inner, rhs)


def refine(K, inner: Solve, rhs: np.ndarray) -> np.ndarray:
    """K^-1 rhs, K and rhs in extended precision, by a solve with a factor of K in double."""
    x, best = np.zeros_like(rhs), np.inf
    for _ in range(30):
        residual = rhs - K @ x
        size = np.abs(residual).max()
        if size == 0 or size > best / 4:
            break
        best = size
        x = x + inner(residual.astype(float))
    return x


def _factored(K, singular: bool) -> Solve:
    if singular:
        inverse = np.linalg.pinv(K.toarray(), rcond=1e-10, hermitian=True)
        return lambda rhs: inverse @ rhs
    if sp.issparse(K):
        return splu(K).solve
    factor = scipy.linalg.lu_factor(K)
    return lambda rhs: scipy.linalg.lu_solve(factor, rhs)
