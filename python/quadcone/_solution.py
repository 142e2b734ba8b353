# SPDX-License-Identifier: Apache-2.0
"""Solutions and their derivatives, in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ._derivative import Linear, Operators, jacobian
from ._embedding import Embedding, embed, values_of
from ._report import Report
from ._values import as_doubles, shape_text

if TYPE_CHECKING:
    from . import _core
    from ._derivative import Name, Operator, Output
    from ._settings import Settings
    from ._values import Argument, Array, Form


class Gradients(NamedTuple):
    """Of a loss, each in the shape and form of the argument that it belongs to."""

    P: Any
    q: Array
    A: Any
    b: Array


class Tangents(NamedTuple):
    """Of the solution: (n,), (m,), (m,), or with the batch dimension in front."""

    dx: Array
    dy: Array
    ds: Array


class Solution(Report):
    """x, y and s, what became of every problem, and the derivatives.

    x: (n,) or (batch, n), y and s: (m,) or (batch, m).  NaN where there is no solution; where the
    status is "primal_infeasible", y is a certificate of it, and where it is "dual_infeasible",
    x and s are one.

    It keeps the memory that its derivatives need for as long as it lives; derivatives=False spares
    it.
    """

    __slots__ = ("_arguments", "_forms", "_settings", "_tape", "s", "x", "y")

    _tape: _core.Tape | None
    _forms: tuple[Form, ...]
    _arguments: tuple[Argument, ...]
    _settings: Settings

    def __init__(self, core: _core.Report, single: bool, x: Array, y: Array, s: Array) -> None:
        super().__init__(core, single)
        self.x = x
        self.y = y
        self.s = s

    def _attach(
        self,
        tape: _core.Tape | None,
        forms: tuple[Form, ...],
        arguments: tuple[Argument, ...],
        settings: Settings,
    ) -> None:
        self._tape = tape
        self._forms = forms
        self._arguments = arguments
        self._settings = settings

    def vjp(self, dx: Any, dy: Any = None, ds: Any = None) -> Gradients:
        """Gradients of a loss whose gradients with respect to x, y and s are dx, dy and ds.

        dx, dy, ds: in the shapes of x, y and s; None is zero.
        The gradient of an argument that serves the whole batch is the sum over the batch, without
        the problems that have no solution.  Gradients of such a problem's own arguments are NaN, or
        zero where on_failure is "zero_gradient" or its part of dx, dy and ds is all zero.
        """
        tape = self._need_tape()
        gradients = [np.empty(argument.values.shape) for argument in self._arguments]
        tape.vjp(
            read_like("dx", dx, self.x),
            read_like("dy", dy, self.y),
            read_like("ds", ds, self.s),
            *gradients,
        )
        if self._settings.on_failure == "zero_gradient" and self._core.failed:
            self._mask(gradients)
        return give_gradients(self._forms, self._arguments, gradients)

    def jvp(self, dP: Any = None, dq: Any = None, dA: Any = None, db: Any = None) -> Tangents:
        """Tangents of x, y and s for tangents of the arguments.

        dP, dq, dA, db: in the shape or form of the argument; None is zero.  dP is symmetric.
        """
        tape = self._need_tape()
        tangents = [
            read_tangent(*one)
            for one in zip(self._forms, self._arguments, (dP, dq, dA, db), strict=True)
        ]
        outputs = [np.empty_like(like) for like in (self.x, self.y, self.s)]
        tape.jvp(*tangents, *outputs)
        return Tangents(*outputs)

    @property
    def derivative(self) -> Operator | Operators:
        """The derivative as a SciPy LinearOperator, (n + 2m, size of P + n + size of A + m).

        It takes dP, dq, dA and db, one after the other, to dx, dy and ds, one after the other.  A
        dense matrix is stacked row after row, a sparse one by its values, in the order of
        compressed columns.  Of dP the symmetric part (dP + dP')/2 counts.  Columns of a matrix are
        served with one factor: derivative @ V.  derivative.H is the adjoint.

        Of a batch it is a sequence of such operators, one for each problem; each is of the problem
        alone, also where an argument serves the whole batch.
        """
        tape = self._need_tape()
        n, m = self.x.shape[-1], self.y.shape[-1]

        def make(index: int) -> Operator:
            return Linear(tape, self._forms, n, m, index).operator()

        return make(0) if self.single else Operators(self._core.batch, make)

    @property
    def adjoint(self) -> Operator | Operators:
        """The adjoint of `derivative`: from dx, dy, ds to gradients of P, q, A, b, so stacked."""
        operators = self.derivative
        if isinstance(operators, Operators):
            return Operators(len(operators), lambda index: operators[index].H)
        return operators.H

    def jacobian(self, wrt: Name, of: Output = "x") -> Array:
        """All derivatives of one output with respect to one argument: (n or m, *shape), with the
        batch dimension in front.

        wrt: "P", "q", "A" or "b".  shape is that of the argument for one problem, (n, n), (n,),
            (m, n) or (m,), or (nnz,), the values of its pattern.  The entry of P[i, j] is that of
            its gradient: half of what moving P[i, j] and P[j, i] together does.
        of: "x", "y" or "s".

        There is one factorization for each problem.  Of a batch, these are the derivatives of each
        problem by itself, also where an argument serves the whole batch.
        """
        tape = self._need_tape()
        n, m = self.x.shape[-1], self.y.shape[-1]
        result = jacobian(tape, self._forms, n, m, wrt, of)
        return result[0] if self.single else result

    def embedding(self, problem: int | None = None) -> Embedding:
        """The homogeneous self-dual embedding: u, v, tau, kappa and Q; see `Embedding`.

        problem: which of a batch; ValueError where it is missing, or where that problem has neither
            a solution nor a certificate.

        Q has the values that the arrays of P, q, A and b have now, which may have changed since.
        """
        if problem is None and not self.single:
            raise ValueError("problem is None, expected the index of a problem of the batch")
        k = range(self._core.batch)[problem or 0]
        x, y, s = (np.atleast_2d(output)[k] for output in (self.x, self.y, self.s))
        solved = bool(np.atleast_1d(self.solved)[k])
        return embed(self._forms, values_of(self._arguments, k), x, y, s, solved)

    def _need_tape(self) -> _core.Tape:
        if self._tape is None:
            raise RuntimeError("there are no derivatives: it was solved with derivatives=False")
        return self._tape

    def _mask(self, gradients: list[Array]) -> None:
        """Zeros instead of NaN for problems without a solution."""
        failed = ~np.atleast_1d(self.solved)
        for gradient, argument in zip(gradients, self._arguments, strict=True):
            if self.single:
                gradient[...] = 0.0
            elif argument.batch == self._core.batch:
                gradient[failed] = 0.0


def give_gradients(
    forms: Sequence[Form], arguments: Sequence[Argument], gradients: Sequence[Array]
) -> Gradients:
    """Each in the form that its argument was given in."""
    given = zip(forms, arguments, gradients, strict=True)
    return Gradients(*(form.give(argument, gradient) for form, argument, gradient in given))


def read_tangent(form: Form, argument: Argument, value: Any) -> Array | None:
    """A tangent in the shape of the argument that it belongs to."""
    if value is None:
        return None
    tangent = form._replace(name=f"d{form.name}").read(value).values
    if tangent.shape != argument.values.shape:
        expected = shape_text(argument.values.shape)
        raise ValueError(f"d{form.name} has shape {tangent.shape}, expected {expected}")
    return tangent


def read_like(name: str, value: Any, like: Array) -> Array | None:
    """A cotangent in the shape of the output that it belongs to."""
    if value is None:
        return None
    values = as_doubles(name, value)
    if values.shape != like.shape:
        raise ValueError(f"{name} has shape {values.shape}, expected {shape_text(like.shape)}")
    return values
