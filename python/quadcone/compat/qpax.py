# SPDX-License-Identifier: Apache-2.0
"""qpax 0.1's interface: quadratic programs in JAX.

    minimize    1/2 x'Q x + q'x        subject to    A x = b,  G x <= h

What is different: backend, linear_solver and max_iter have no effect, solver_tol none if it is
looser than quadcone's own tolerance, and where there is no solution x is NaN.  Gradients are the
exact derivative of the solution whatever target_kappa says; qpax gives those of a point on the
central path.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ..jax import qp

CHOLESKY = "cholesky"
QR = "qr"
_TIGHTEST, _LOOSEST = 1e-12, 1e-8


def solve_qp(
    Q: ArrayLike,
    q: ArrayLike,
    A: ArrayLike,
    b: ArrayLike,
    G: ArrayLike,
    h: ArrayLike,
    *,
    backend: str = "e",
    solver_tol: float = 1e-5,
    max_iter: int = 30,
    linear_solver: Any = CHOLESKY,
) -> tuple[Array, Array, Array, Array, Array, int]:
    """x (n,), s (m,), z (m,), y (p,), converged (1 or 0), and -1 for iterations, uncounted here.

    Q (n, n), q (n,), A (p, n), b (p,), G (m, n), h (m,), where p and m may be 0.
    """
    del backend, max_iter, linear_solver
    found = _solve(Q, q, A, b, G, h, solver_tol)
    converged = ~jnp.isnan(found.z).any(-1)
    return found.z, found.slack, found.lam, found.nu, converged.astype(int), -1


def solve_qp_primal(
    Q: ArrayLike,
    q: ArrayLike,
    A: ArrayLike,
    b: ArrayLike,
    G: ArrayLike,
    h: ArrayLike,
    *,
    backend: str = "e",
    solver_tol: float = 1e-5,
    target_kappa: float = 1e-3,
    max_iter: int = 30,
) -> Array:
    """x (n,), with gradients for all arguments; see `solve_qp`."""
    del backend, max_iter, target_kappa
    z: Array = _solve(Q, q, A, b, G, h, solver_tol).z
    return z


def _solve(
    Q: ArrayLike,
    q: ArrayLike,
    A: ArrayLike,
    b: ArrayLike,
    G: ArrayLike,
    h: ArrayLike,
    solver_tol: float,
) -> Any:
    tolerance = min(max(solver_tol, _TIGHTEST), _LOOSEST)
    some_G, some_A = jnp.shape(h)[-1] > 0, jnp.shape(b)[-1] > 0
    return qp(
        Q,
        q,
        *((G, h) if some_G else (None, None)),
        *((A, b) if some_A else (None, None)),
        full=True,
        tolerance=tolerance,
    )
