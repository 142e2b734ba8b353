# SPDX-License-Identifier: Apache-2.0
"""OptNet's quadratic program (Amos & Kolter, 2017) as a function of arrays."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, overload

import numpy as np
from jax import Array
from jax.typing import ArrayLike

from .._cones import linear_cones
from .._plan import Family
from .._settings import Settings
from .._shapes import qp_sizes
from ._arrays import as_array, solve


class QPSolution(NamedTuple):
    """Everything that a call of `qp` found.  z, nu, lam and slack are differentiable.

    z: (n,) or (batch, n).
    nu: (p,) or (batch, p), dual variables of A z = b.
    lam: (m,) or (batch, m), dual variables of G z <= h; at least 0.
    slack: (m,) or (batch, m), h - G z; at least 0.
    status: () or (batch,), int32, what became of each problem: list(quadcone.Status)[status].
    iterations: () or (batch,), int32, factorizations of the KKT matrix.
    """

    z: Array
    nu: Array
    lam: Array
    slack: Array
    status: Array
    iterations: Array


@overload
def qp(
    Q: ArrayLike,
    q: ArrayLike,
    G: ArrayLike | None = ...,
    h: ArrayLike | None = ...,
    A: ArrayLike | None = ...,
    b: ArrayLike | None = ...,
    *,
    full: Literal[False] = ...,
    **settings: Any,
) -> Array: ...
@overload
def qp(
    Q: ArrayLike,
    q: ArrayLike,
    G: ArrayLike | None = ...,
    h: ArrayLike | None = ...,
    A: ArrayLike | None = ...,
    b: ArrayLike | None = ...,
    *,
    full: Literal[True],
    **settings: Any,
) -> QPSolution: ...
def qp(
    Q: ArrayLike,
    q: ArrayLike,
    G: ArrayLike | None = None,
    h: ArrayLike | None = None,
    A: ArrayLike | None = None,
    b: ArrayLike | None = None,
    *,
    full: bool = False,
    **settings: Any,
) -> Array | QPSolution:
    """The z that solves a quadratic program, or each of a batch, as a differentiable function.

        minimize    1/2 z'Q z + q'z        subject to    A z = b,  G z <= h

    Q: (n, n) or (batch, n, n), symmetric positive semidefinite; a gradient of it is symmetric.
    q: (n,) or (batch, n).
    G, h: (m, n) and (m,), or with a batch dimension; None, None: no inequalities.
    A, b: (p, n) and (p,), or with a batch dimension; None, None: no equalities.
    full: return a `QPSolution`, with dual variables, slacks and statuses, instead of z alone.
    settings: see `quadcone.Settings`; all but callback.

    Any argument may have a batch dimension.  One without it, or with one of size 1, serves the
    whole batch, and its gradient is the sum over the batch.  z is (batch, n), or (n,) without any
    batch dimension.  `jax.vmap` over any of the arguments makes one batched call as well.

    Arrays may be of any real dtype: the computation is in float64, z is of the widest floating
    dtype among the arguments.

    A problem without a solution, or with values that make no sense, gives NaN for itself alone.
    With full=True its status says why, and where it is infeasible, nu and lam, or z and slack, are
    a certificate of it.  Gradients of its own arguments are NaN, or zero where its part of the
    loss's gradient is zero or on_failure is "zero_gradient"; to those of shared ones it contributes
    nothing.  With on_failure="raise" the program that contains the call fails when it runs.

    Raises ValueError or TypeError that name the argument that is wrong and what was expected.
    """
    choices = Settings(**settings)
    given = {"Q": Q, "q": q, "A": A, "b": b, "G": G, "h": h}
    arrays: dict[str, Any] = {
        name: as_array(name, value)
        for name, value in given.items()
        if value is not None or name in "Qq"
    }
    shapes = {name: tuple(array.shape) for name, array in arrays.items()}
    sizes = (shapes.get(name) for name in "GhAb")
    n, p, m = qp_sizes(shapes["Q"], *sizes)
    ones = {"Q": (n, n), "q": (n,), "A": (p, n), "b": (p,), "G": (m, n), "h": (m,)}
    if len(arrays) == 2:
        arrays |= {"A": np.zeros((0, n)), "b": np.zeros(0)}
    codes = linear_cones(p, m)
    family = Family(n, p + m, None, None, codes, choices.isa, choices.condense_code, choices.engine)
    z, y, s, *counts = solve(
        family,
        choices,
        list(arrays),
        list(arrays.values()),
        [ones[name] for name in arrays],
        certificates=full,
    )
    return QPSolution(z, y[..., :p], y[..., p:], s[..., p:], *counts) if full else z
