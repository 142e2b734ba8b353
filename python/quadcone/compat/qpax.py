# SPDX-License-Identifier: Apache-2.0
"""qpax 0.1's interface: quadratic programs in JAX.

    minimize    1/2 x'Q x + q'x        subject to    A x = b,  G x <= h

What is different: backend, linear_solver, max_iter and what else a backend takes have no effect,
solver_tol none if it is looser than quadcone's own tolerance or below jit, the symmetric part of Q
alone counts, and where there is no solution x is NaN.  Gradients are the exact derivative of the
solution whatever target_kappa says; qpax gives those of a point on the central path.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from .._report import SOLVED_CODES
from .._settings import Settings
from ..jax import QPSolution, qp
from ._choices import usable_tolerance


class LinearSolver(Enum):
    """Accepted for compatibility: both are the same here."""

    CHOLESKY = "cholesky"
    QR = "qr"


class QPData(NamedTuple):
    """A problem; Q (n, n), q (n,), A (p, n), b (p,), G (m, n), h (m,)."""

    Q: Array
    q: Array
    A: Array
    b: Array
    G: Array
    h: Array


class QPState(NamedTuple):
    """A solution; x (n,), s and z (m,), y (p,)."""

    x: Array
    s: Array
    z: Array
    y: Array


class SolverParams(NamedTuple):
    """What `solve_qp` takes as solver_tol, max_iter and linear_solver."""

    tol: float = 1e-5
    max_iter: int = 30
    linear_solver: LinearSolver = LinearSolver.CHOLESKY


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
    linear_solver: Any = LinearSolver.CHOLESKY,
    **kwargs: Any,
) -> tuple[Array, Array, Array, Array, Array, Array]:
    """x (n,), s (m,), z (m,), y (p,), converged (1 or 0) and iterations, 0 without inequalities.

    Q (n, n), q (n,), A (p, n), b (p,), G (m, n), h (m,), where p and m may be 0 and h infinite.
    """
    del max_iter, linear_solver, kwargs
    _check_backend(backend)
    found = _solve(Q, q, A, b, G, h, solver_tol)
    return found.z, found.slack, found.lam, found.nu, *_ending(found)


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
    **kwargs: Any,
) -> Array:
    """x (n,), with gradients for all arguments; see `solve_qp`."""
    del max_iter, target_kappa, kwargs
    _check_backend(backend)
    z: Array = _solve(Q, q, A, b, G, h, solver_tol).z
    return z


def solve_qp_elastic(
    Q: ArrayLike,
    q: ArrayLike,
    G: ArrayLike,
    h: ArrayLike,
    penalty: ArrayLike,
    *,
    backend: str = "e",
    solver_tol: float = 1e-3,
    max_iter: int = 30,
    **kwargs: Any,
) -> tuple[Array, Array, Array, Array, Array, Array, Array, Array]:
    """x (n,), t, s1, s2, z1, z2 (m,), converged (1 or 0) and iterations.

        minimize    1/2 x'Q x + q'x + penalty sum t        subject to    G x - t <= h,  t >= 0

    s1 = t and s2 = h - G x + t are the slacks of t >= 0 and of the other rows, z1 and z2 their dual
    variables.  There always is a solution if there is one without the rows.
    """
    del max_iter, kwargs
    _check_backend(backend)
    Q, q, G, h = (jnp.asarray(value) for value in (Q, q, G, h))
    n, m = q.shape[-1], h.shape[-1]
    none, one = jnp.zeros((m, n), G.dtype), jnp.eye(m, dtype=G.dtype)
    found = _solve(
        jnp.zeros((n + m, n + m), Q.dtype).at[:n, :n].set(Q),
        jnp.concatenate([q, jnp.full(m, penalty, q.dtype)]),
        jnp.zeros((0, n + m)),
        jnp.zeros(0),
        jnp.block([[none, -one], [G, -one]]),
        jnp.concatenate([jnp.zeros(m, h.dtype), h]),
        solver_tol,
    )
    parts = (found.z[:n], found.z[n:], found.slack[:m], found.slack[m:])
    return *parts, found.lam[:m], found.lam[m:], *_ending(found)


def solve_qp_elastic_primal(
    Q: ArrayLike,
    q: ArrayLike,
    G: ArrayLike,
    h: ArrayLike,
    penalty: ArrayLike,
    *,
    backend: str = "e",
    solver_tol: float = 1e-5,
    target_kappa: float = 1e-3,
    max_iter: int = 30,
    **kwargs: Any,
) -> Array:
    """x (n,) of `solve_qp_elastic`, with gradients for all arguments, penalty included."""
    del target_kappa, max_iter, kwargs
    return solve_qp_elastic(Q, q, G, h, penalty, backend=backend, solver_tol=solver_tol)[0]


def relax_qp(
    Q: ArrayLike,
    q: ArrayLike,
    A: ArrayLike,
    b: ArrayLike,
    G: ArrayLike,
    h: ArrayLike,
    x: ArrayLike,
    s: ArrayLike,
    z: ArrayLike,
    y: ArrayLike,
    *,
    backend: str = "e",
    solver_tol: float = 1e-5,
    target_kappa: float = 1e-3,
    max_iter: int = 30,
    **kwargs: Any,
) -> tuple[Array, Array, Array, Array, Array, Array]:
    """x, s, z, y, converged (1 or 0) and iterations, of the point on the central path where every
    s[i] z[i] is target_kappa, by Newton's method from a solution; see `solve_qp`."""
    del kwargs
    _check_backend(backend)
    Q, q, A, b, G, h = (jnp.asarray(value) for value in (Q, q, A, b, G, h))
    n, m = q.shape[-1], h.shape[-1]
    ends = (n, n + m, n + 2 * m)
    floor = jnp.sqrt(target_kappa)
    s, z = jnp.maximum(jnp.asarray(s), floor), jnp.maximum(jnp.asarray(z), floor)

    def residual(w: Array) -> Array:
        x, s, z, y = jnp.split(w, ends)
        parts = (Q @ x + q + A.T @ y + G.T @ z, s * z - target_kappa, G @ x + s - h, A @ x - b)
        return jnp.concatenate(parts)

    def goes_on(state: tuple[Array, Array]) -> Array:
        w, count = state
        return (count < max_iter) & (jnp.abs(residual(w)).max() >= solver_tol)

    def step(state: tuple[Array, Array]) -> tuple[Array, Array]:
        w, count = state
        dw = -jnp.linalg.solve(jax.jacfwd(residual)(w), residual(w))
        inside = slice(n, n + 2 * m)
        limit = jnp.where(dw[inside] < 0, -w[inside] / dw[inside], jnp.inf).min(initial=jnp.inf)
        return w + jnp.minimum(1.0, 0.99 * limit) * dw, count + 1

    start = jnp.concatenate([jnp.asarray(x), s, z, jnp.asarray(y)])
    w, count = lax.while_loop(goes_on, step, (start, jnp.asarray(0)))
    converged = (jnp.abs(residual(w)).max() < solver_tol).astype(int)
    x, s, z, y = jnp.split(w, ends)
    return x, s, z, y, converged, count


def _check_backend(name: str) -> None:
    if name not in ("e", "i"):
        raise ValueError(f"unknown backend {name!r}; expected 'e' or 'i'")


def _solve(
    Q: ArrayLike,
    q: ArrayLike,
    A: ArrayLike,
    b: ArrayLike,
    G: ArrayLike,
    h: ArrayLike,
    solver_tol: Any,
) -> QPSolution:
    """The solution, with NaN where there is none; quadcone would give a certificate of that."""
    some_G, some_A = jnp.shape(h)[-1] > 0, jnp.shape(b)[-1] > 0
    Q = jnp.asarray(Q)
    found = qp(
        (Q + Q.mT) / 2,
        q,
        *((jnp.atleast_2d(G), h) if some_G else (None, None)),
        *((jnp.atleast_2d(A), b) if some_A else (None, None)),
        full=True,
        tolerance=_tolerance(solver_tol),
    )
    solved = jnp.isin(found.status, jnp.asarray(SOLVED_CODES))
    blank = jnp.where(solved, 0.0, jnp.nan)[..., None]
    z, nu, lam, slack = (value + blank.astype(value.dtype) for value in found[:4])
    return found._replace(z=z, nu=nu, lam=lam, slack=slack)


def _ending(found: QPSolution) -> tuple[Array, Array]:
    """converged and iterations."""
    counted = found.iterations if found.lam.shape[-1] else jnp.zeros_like(found.iterations)
    return (~jnp.isnan(found.z).any(-1)).astype(int), counted.astype(int)


def _tolerance(solver_tol: Any) -> float:
    """quadcone's; below jit, which hides the number, its own."""
    if isinstance(solver_tol, jax.core.Tracer):
        return Settings().tolerance
    return usable_tolerance(float(solver_tol))
