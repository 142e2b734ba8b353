# SPDX-License-Identifier: Apache-2.0
"""Any `quadcone.Problem` as a function in JAX."""

from __future__ import annotations

from typing import Any, NamedTuple

from jax import Array
from jax.typing import ArrayLike

from .._problem import Problem
from ._arrays import as_array, solve


class ConeSolution(NamedTuple):
    """x: (n,) or (batch, n), y and s: (m,) or (batch, m), status: () or (batch,), int32."""

    x: Array
    y: Array
    s: Array
    status: Array


class ConeLayer:
    """The solution of a problem as a differentiable function of its values.

        minimize    1/2 x'P x + q'x        subject to    A x + s = b,  s in K

    >>> layer = ConeLayer(quadcone.Problem(P, A, cones={"z": 3, "l": 5}))
    >>> x, y, s = layer(q=q, b=b)

    Sizes, sparsity and cones are those of the problem, and so are settings, P and A where no others
    are given.  settings: see `quadcone.Settings`; all but callback, isa,
    condense and engine.
    """

    def __init__(self, problem: Problem, **settings: Any) -> None:
        if not isinstance(problem, Problem):
            kind = type(problem).__name__
            raise TypeError(f"problem is of type {kind}, expected a quadcone.Problem")
        self.problem = problem
        self.settings = problem._override(settings)

    def __call__(
        self,
        q: ArrayLike,
        b: ArrayLike,
        P: ArrayLike | None = None,
        A: ArrayLike | None = None,
    ) -> tuple[Array, Array, Array]:
        """x, y and s; all are differentiable with respect to all arguments.

        q: (n,) or (batch, n).
        b: (m,) or (batch, m).
        P, A: (n, n) and (m, n), or (nnz,) where the problem's is sparse, the values of its pattern
            by compressed columns; with or without a batch dimension.

        Without any batch dimension x is (n,) and y, s are (m,), else (batch, n) and (batch, m).
        Dtypes, failures and errors are as for `qp`.
        """
        x, y, s, _ = self._solve(q, b, P, A, certificates=False)
        return x, y, s

    def with_status(
        self,
        q: ArrayLike,
        b: ArrayLike,
        P: ArrayLike | None = None,
        A: ArrayLike | None = None,
    ) -> ConeSolution:
        """As a call, and what became of each problem: list(quadcone.Status)[status].

        Where the status is "primal_infeasible", y is a certificate of it, and where it is
        "dual_infeasible", x and s are one.
        """
        return ConeSolution(*self._solve(q, b, P, A, certificates=True))

    def _solve(
        self, q: Any, b: Any, P: Any, A: Any, certificates: bool
    ) -> tuple[Array, Array, Array, Array]:
        problem = self.problem
        arrays = [
            problem._P.values if P is None else as_array("P", P),
            as_array("q", q),
            problem._A.values if A is None else as_array("A", A),
            as_array("b", b),
        ]
        found = solve(problem._family, self.settings, "PqAb", arrays, problem._shapes, certificates)
        return found[:4]

    def __repr__(self) -> str:
        return f"ConeLayer({self.problem!r})"
