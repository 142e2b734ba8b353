# SPDX-License-Identifier: Apache-2.0
"""Solutions and gradients of conic programs to about 1e-15, to measure everybody against.

An interior point comes close; Newton's method on the optimality conditions

    Px + q + A'y = 0,   C(b - Ax, y) = 0

with the smooth equations of complementarity.py goes on in extended precision (80 bits), with
factors in double; and the result counts only if it converges and s, y stay near where they were.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from ..reference import Extended, refine
from .clarabel_form import clarabel_solver, row_order
from .complementarity import complementarity
from .families import ConeFamily

CONVERGED = 1e-15  # Newton's last step, relative
SPARSE = 0.05  # at most this full
NEAR = 1e-3  # and the distance to the interior point's solution


@dataclass
class ConeReference:
    """x [batch, n], and gradients shaped as the arguments (A: the values by columns)."""

    x: np.ndarray
    gradients: dict[str, np.ndarray]


def cone_reference(family: ConeFamily) -> ConeReference:
    """Solve and differentiate every problem of the family."""
    order = row_order(family)
    parts = [_one(family, k, order) for k in range(family.batch)]
    gradients = {name: np.stack([part[1][name] for part in parts]) for name in "PqAb"}
    shared = {"P": True, "q": False, "A": family.A_values is None, "b": family.b.ndim == 1}
    return ConeReference(
        np.stack([part[0] for part in parts]).astype(float),
        {k: (g.sum(axis=0) if shared[k] else g).astype(float) for k, g in gradients.items()},
    )


def _one(family: ConeFamily, k: int, order: np.ndarray):
    """x and gradients of problem k, in extended precision."""
    P, A = (M.astype(Extended) for M in (family.P, family.matrix_A(k)))
    q, b = family.q[k].astype(Extended), family.side_b(k).astype(Extended)
    x, y = _interior_point(family, k, order)
    x, y, J, Cs = _newton(family, P, q, A, b, x, y)
    rhs = np.concatenate([family.dx[k].astype(Extended), np.zeros(family.m, Extended)])
    uw = _solve_refined(J.T.tocsr(), rhs)
    u, w = uw[: family.n], -Cs.T @ uw[family.n :]
    return x, _gradients(family, x, y, u, w)


def _gradients(family: ConeFamily, x, y, u, w) -> dict[str, np.ndarray]:
    """The adjoint formulas at the entries of the patterns."""
    i, j = family.P.nonzero()
    dP = -(u[i] * x[j] + x[i] * u[j]) / 2
    i, j = family.A.indices, np.repeat(np.arange(family.n), np.diff(family.A.indptr))
    return {"P": dP, "q": -u, "A": -(y[i] * u[j] + w[i] * x[j]), "b": w}


def _interior_point(family: ConeFamily, k: int, order: np.ndarray):
    solution = clarabel_solver(family, k, order, 1e-11).solve()
    y = np.empty(family.m, Extended)
    y[order] = solution.z
    return np.array(solution.x).astype(Extended), y


def _newton(family: ConeFamily, P, q, A, b, x, y):
    """x, y, and there the Jacobian of the conditions and that of C by s."""
    start = v = np.concatenate([x, y])
    size = 1 + np.abs(start).max()
    F, J, Cs = _conditions(family, P, q, A, b, v)
    for _ in range(30):
        step = _solve_refined(J, F)
        F, J, Cs = _conditions(family, P, q, A, b, v - step)
        while not np.isfinite(F).all():  # where the step leaves the domain of a logarithm
            step = step / 2
            F, J, Cs = _conditions(family, P, q, A, b, v - step)
        v = v - step
        if np.abs(step).max() <= CONVERGED * size:
            break
    moved = np.abs(v - start).max()
    if np.abs(step).max() > 1e3 * CONVERGED * size or moved > NEAR * size:
        raise RuntimeError(f"{family.name}: Newton's method does not settle, {moved / size:.0e}")
    return v[: family.n], v[family.n :], J, Cs


def _conditions(family: ConeFamily, P, q, A, b, v):
    """Their value, their Jacobian by v = (x, y), and that of C by s."""
    x, y = v[: family.n], v[family.n :]
    with np.errstate(invalid="ignore", divide="ignore"):
        C, Cs, Cy = complementarity(family.cones, b - A @ x, y)
    F = np.concatenate([P @ x + q + A.T @ y, C])
    return F, sp.bmat([[P, A.T], [-Cs @ A, Cy]], format="csr"), Cs


def _solve_refined(J, rhs) -> np.ndarray:
    """Factors in double, residuals and the solution in extended precision."""
    return refine(J, _factored(J.astype(float)), rhs)


def _factored(J: sp.csr_matrix) -> Callable[[np.ndarray], np.ndarray]:
    if J.nnz < SPARSE * J.shape[0] ** 2:
        return splu(J.tocsc()).solve
    factor = scipy.linalg.lu_factor(J.toarray())
    return lambda rhs: scipy.linalg.lu_solve(factor, rhs)
