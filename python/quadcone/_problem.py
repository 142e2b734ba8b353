# SPDX-License-Identifier: Apache-2.0
"""A family of problems in NumPy and SciPy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ._cones import Cones, read_cones
from ._errors import SolveError, failure_message, fault_message, value_fault
from ._plan import Family, plan_for
from ._settings import Settings, default_threads
from ._solution import Solution
from ._values import (
    Argument,
    Form,
    as_doubles,
    common_batch,
    empty_form,
    is_absent,
    is_shared,
    matrix_form,
    matrix_size,
    shape_text,
)

if TYPE_CHECKING:
    from ._values import Array


class Problem:
    """What a batch of problems has in common: sizes, sparsity, cones, and usually P and A.

        minimize    1/2 x'P x + q'x        subject to    A x + s = b,  s in K

    P: (n, n), symmetric positive semidefinite, a NumPy array or a SciPy sparse matrix with both
        triangles; None stands for 0.
    A: (m, n), an array or a sparse matrix; None where there are no constraints, which needs P.
    cones: rows of A, in order: {"z": number of equalities, "l": number of inequalities, "q": sizes
        of second-order cones, "s": orders of PSD matrices, "ep", "ed": numbers of exponential
        and dual exponential cones, "p": exponents of power cones}.
    settings: see `Settings`; `solve` may override them.

    Dense P and A may have a batch dimension in front.  A sparse one fixes a pattern, and other
    values for it are (nnz,) or (batch, nnz), in its order by compressed columns.

    ValueError and TypeError name the argument that is wrong and what was expected.
    """

    def __init__(self, P: Any, A: Any, cones: Cones, **settings: Any) -> None:
        (P_form, self._P), (A_form, self._A) = _read_matrices(P, A)
        # What the caller does to these arrays later is not to change the problem.
        self._P = self._P._replace(values=self._P.values.copy())
        self._A = self._A._replace(values=self._A.values.copy())
        self.m, self.n = matrix_size(A_form)
        cone_codes = read_cones(cones, self.m)
        self.cones = dict(cones)
        self.settings = Settings(**settings)
        self._forms = (P_form, Form("q", (self.n,)), A_form, Form("b", (self.m,)))
        P_shape, q_shape, A_shape, b_shape = (form.shape for form in self._forms)
        self._shapes = (P_shape, q_shape, A_shape, b_shape)  # of one problem
        self._family = Family(
            self.n,
            self.m,
            P_form.pattern,
            A_form.pattern,
            cone_codes,
            self.settings.isa,
            self.settings.condense_code,
            self.settings.engine,
        )

    @property
    def P(self) -> Any:
        """P in the form that it was given in."""
        return self._forms[0].give(self._P, self._P.values.copy())

    @property
    def A(self) -> Any:
        """A in the form that it was given in."""
        return self._forms[2].give(self._A, self._A.values.copy())

    def solve(
        self,
        q: Any,
        b: Any,
        P: Any = None,
        A: Any = None,
        warm_start: Any = None,
        **overrides: Any,
    ) -> Solution:
        """Solve one problem or a batch.

        q: (n,) or (batch, n).
        b: (m,) or (batch, m).
        P, A: other values for those of the Problem, of the same shape or pattern, with or without
            a batch dimension.
        warm_start: a Solution or (x, y, s) near the one that is sought.
        overrides: settings for this call; see `Settings`.

        An argument without a batch dimension, or with one of size 1, serves the whole batch.
        Without any batch dimension x is (n,) and y, s are (m,), else (batch, n) and (batch, m).

        Raises ValueError or TypeError for an argument that is wrong, and SolveError where a problem
        has no solution and on_failure is "raise".
        """
        settings = self._override(overrides)
        arguments = self._read(q, b, P, A)
        batch = common_batch(arguments)
        shared = 0  # a bit for each argument; none where there is no batch dimension
        if batch:
            shared = sum([is_shared(argument, batch) << k for k, argument in enumerate(arguments)])
        plan = plan_for(self._family, shared)
        size = (batch,) if batch else ()
        x, y, s = np.empty((*size, self.n)), np.empty((*size, self.m)), np.empty((*size, self.m))
        core, tape = plan.solve(
            batch or 1,
            settings.to_core(settings.num_threads or default_threads(), settings.derivatives),
            arguments[0].values,
            arguments[1].values,
            arguments[2].values,
            arguments[3].values,
            *self._read_warm_start(warm_start, batch),
            x,
            y,
            s,
        )
        solution = Solution(core, batch == 0, x, y, s)
        if core.invalid >= 0:
            raise ValueError(_blame(solution, core.invalid, arguments, batch))
        solution._attach(tape, self._forms, arguments, settings)
        if core.failed and settings.on_failure == "raise":
            raise SolveError(failure_message(solution), solution)
        return solution

    def _override(self, overrides: dict[str, Any]) -> Settings:
        for name in ("isa", "condense", "engine"):
            if name in overrides:
                raise TypeError(f"{name} is a choice of Problem, and solve cannot change it")
        return replace(self.settings, **overrides) if overrides else self.settings

    def _read(self, q: Any, b: Any, P: Any, A: Any) -> tuple[Argument, ...]:
        P_form, q_form, A_form, b_form = self._forms
        return (
            self._P if P is None else P_form.read(P),
            q_form.read(q),
            self._A if A is None else A_form.read(A),
            b_form.read(b),
        )

    def _read_warm_start(
        self, warm_start: Any, batch: int
    ) -> tuple[Array | None, Array | None, Array | None]:
        if warm_start is None:
            return (None, None, None)
        if isinstance(warm_start, Solution):
            warm_start = (warm_start.x, warm_start.y, warm_start.s)
        if not isinstance(warm_start, tuple) or len(warm_start) != 3:
            raise TypeError("warm_start is neither a Solution nor a tuple (x, y, s)")
        x, y, s = warm_start
        return (
            _stretch("warm_start x", x, self.n, batch),
            _stretch("warm_start y", y, self.m, batch),
            _stretch("warm_start s", s, self.m, batch),
        )

    def __getstate__(self) -> dict[str, Any]:
        return {
            "P": None if is_absent(self._forms[0], self._P) else self.P,
            "A": None if is_absent(self._forms[2], self._A) else self.A,
            "cones": self.cones,
            "settings": self.settings,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        settings = state["settings"]
        names = type(settings).__slots__
        keywords = {name: getattr(settings, name) for name in names}
        self.__init__(state["P"], state["A"], state["cones"], **keywords)  # type: ignore[misc]

    def __repr__(self) -> str:
        kinds = ["sparse" if form.pattern else "dense" for form in self._forms[::2]]
        return f"<Problem: n={self.n}, m={self.m}, {kinds[0]} P, {kinds[1]} A, cones={self.cones}>"


def solve(
    P: Any,
    q: Any,
    A: Any,
    b: Any,
    cones: Cones,
    **settings: Any,
) -> Solution:
    """Solve one problem, or a batch, in one call; see `Problem` and `Problem.solve`.

    Raises SolveError where a problem has no solution, unless on_failure says otherwise.
    """
    return Problem(P, A, cones, **{"on_failure": "raise", **settings}).solve(q, b)


def _read_matrices(P: Any, A: Any) -> tuple[tuple[Form, Argument], tuple[Form, Argument]]:
    if P is None and A is None:
        raise ValueError("P and A are both None, so the number of variables is unknown")
    if P is None:
        A_read = matrix_form("A", A)
        n = matrix_size(A_read[0])[1]
        P_read = empty_form("P", n, n)
    else:
        P_read = matrix_form("P", P)
        n = matrix_size(P_read[0])[1]
        A_read = matrix_form("A", A) if A is not None else empty_form("A", 0, n)
    _check_sizes(P_read[0], A_read[0])
    return P_read, A_read


def _check_sizes(P: Form, A: Form) -> None:
    rows, n = matrix_size(P)
    if rows != n:
        raise ValueError(f"P has shape ({rows}, {n}), expected a square matrix")
    if n == 0:
        raise ValueError("P and A have no columns, expected at least one variable")
    columns = matrix_size(A)[1]
    if columns != n:
        raise ValueError(f"A has {columns} columns, expected {n} as P")


def _blame(solution: Solution, problem: int, arguments: tuple[Argument, ...], batch: int) -> str:
    """What is wrong with the values of a problem that the solver would not take."""
    name, fault = value_fault(int(solution.codes[problem]))
    argument = next(argument for argument in arguments if argument.name == name)
    return fault_message(
        name, fault, None if solution.single or is_shared(argument, batch) else problem
    )


def _stretch(name: str, value: Any, length: int, batch: int) -> Array:
    values = as_doubles(name, value)
    shape = (batch, length) if batch else (length,)
    if values.shape == shape:
        return values
    if values.shape == (length,):
        return np.ascontiguousarray(np.broadcast_to(values, shape))
    raise ValueError(f"{name} has shape {values.shape}, expected {shape_text(shape)}")
