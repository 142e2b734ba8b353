# SPDX-License-Identifier: Apache-2.0
"""A conformance suite for differentiable solvers: who is right?

>>> from quadcone import testing
>>> table = testing.check_layer(testing.quadcone_layer)
>>> print(table)

It runs cones x regular and degenerate problems x batched and shared arguments, and compares
solutions and gradients with what they must be.  A layer is any function

    x, vjp = layer(P, q, A, b, cones)

of NumPy arrays: P (n, n), q (n,), A (m, n), b (m,), each with or without a batch dimension, and
cones as `quadcone.Problem` takes them.  x is (n,), or (batch, n) where an argument has a batch
dimension.  vjp(dx) gives the gradients of P, q, A, b in the shapes of these.  A layer may raise
NotImplementedError for what it does not do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from . import cones as projections
from ._cones import count_rows, read_cones
from ._problem import Problem

Layer = Callable[..., tuple[Any, Callable[[Any], tuple[Any, ...]]]]
STEP = 1e-5
SCALES = (1.0, 1.5, 2.0)


class Case(NamedTuple):
    """A problem, and directions in which its solution has a derivative.

    directions: of P, q, A and b; a zero where that argument stays.
    """

    name: str
    kind: str  # "regular" or "degenerate"
    arguments: tuple[Any, Any, Any, Any]
    cones: dict[str, Any]
    directions: tuple[Any, Any, Any, Any]


class Row(NamedTuple):
    """What a layer did with a case."""

    case: str
    kind: str
    shape: str
    solution_error: float
    gradient_error: float
    verdict: str  # "right", "WRONG", "raises ..." or "not supported"


class Table(list[Row]):
    """The rows of a check; prints as a table."""

    @property
    def wrong(self) -> list[Row]:
        """The rows whose verdict is neither "right" nor "not supported"."""
        return [row for row in self if row.verdict not in ("right", "not supported")]

    def __str__(self) -> str:
        lines = [f"{'case':24} {'kind':10} {'shape':8} {'x error':>8} {'gradient':>8}  verdict"]
        lines += [
            f"{row.case:24} {row.kind:10} {row.shape:8} {row.solution_error:8.0e} "
            f"{row.gradient_error:8.0e}  {row.verdict}"
            for row in self
        ]
        return "\n".join([*lines, f"{len(self) - len(self.wrong)} of {len(self)} are not wrong"])


def quadcone_layer(P: Any, q: Any, A: Any, b: Any, cones: dict[str, Any], **settings: Any) -> Any:
    """quadcone, as a layer for `check_layer`."""
    one_P, one_A = (X[0] if X.ndim == 3 else X for X in (P, A))
    problem = Problem(one_P, one_A, cones, on_failure="raise", **settings)
    solution = problem.solve(q, b, P=P, A=A)
    return solution.x, solution.vjp


def check_layer(
    layer: Layer, tolerance: float = 1e-4, solution_tolerance: float = 1e-4, seed: int = 0
) -> Table:
    """A row for each case and shape.

    layer: see the top of this module.
    tolerance, solution_tolerance: relative errors of directional derivatives and solutions, above
        which a layer is wrong.
    seed: of the random problems.

    Truth is a central difference of solutions of quadcone, each of which is checked against the
    optimality conditions first: nobody needs to trust the solver.
    """
    table = Table()
    for case in _cases(np.random.default_rng(seed)):
        for shape in ("single", "shared", "batched"):
            table.append(_check(layer, case, shape, (solution_tolerance, tolerance)))
    return table


def _check(layer: Layer, case: Case, shape: str, tolerances: tuple[float, float]) -> Row:
    arguments, directions = _shaped(case.arguments, shape), _shaped(case.directions, shape)
    truth, slope = _solve(case.arguments, case.cones), _slope(case)
    if shape != "single":
        truth, slope = _scaled(truth), _scaled(slope)
    errors = (np.nan, np.nan)
    try:
        x, vjp = layer(*arguments, case.cones)
        weights = np.linspace(1.0, 2.0, x.size).reshape(x.shape)
        gradients = vjp(weights)
        errors = _errors(directions, (x, weights, gradients), truth, slope)
    except NotImplementedError:
        verdict = "not supported"
    except Exception as error:
        verdict = f"raises {type(error).__name__}"
    else:
        is_right = all(error <= most for error, most in zip(errors, tolerances, strict=True))
        verdict = "right" if is_right else "WRONG"
    return Row(case.name, case.kind, shape, *errors, verdict)


def _errors(directions: tuple[Any, ...], found: Any, truth: Any, slope: Any) -> tuple[float, float]:
    """Of the solution and of the derivative along the directions, relative; infinite where one has
    another shape, as the gradient of a shared argument that is not summed."""
    x, weights, gradients = found
    if np.shape(x) != truth.shape:
        return np.inf, np.inf
    solution_error = float(np.max(np.abs(x - truth)) / (1.0 + np.max(np.abs(truth))))
    if [np.shape(gradient) for gradient in gradients] != [d.shape for d in directions]:
        return solution_error, np.inf
    expected = float(np.sum(weights * slope))
    got = sum(
        float(np.sum(np.asarray(gradient) * direction))
        for gradient, direction in zip(gradients, directions, strict=True)
    )
    size = float(np.sum(np.abs(weights)) * np.max(np.abs(slope)))
    return solution_error, abs(got - expected) / (size + 1e-12)


def _shaped(values: tuple[Any, ...], shape: str) -> tuple[Any, ...]:
    """Arguments, or their directions, of one problem, of a batch that shares P and A, of one that
    shares nothing."""
    P, q, A, b = (X.copy() for X in values)  # a layer may write into what it gets
    if shape == "single":
        return P, q, A, b
    q, b = _scaled(q), _scaled(b)
    if shape == "batched":
        P, A = np.stack([P] * len(SCALES)), np.stack([A] * len(SCALES))
    return P, q, A, b


def _scaled(values: Any) -> Any:
    """A batch whose problems differ: solutions scale as q and b do together."""
    return np.multiply.outer(SCALES, values)


def _solve(arguments: tuple[Any, ...], cones: dict[str, Any]) -> Any:
    """x, once the optimality conditions say that it is the solution."""
    P, q, A, b = arguments
    found = Problem(P, A, cones, tolerance=1e-10, on_failure="raise").solve(q, b)
    x, y, s = found.x, found.y, found.s
    residuals = [
        P @ x + q + A.T @ y,
        A @ x + s - b,
        s - projections.project(s - y, cones),
    ]
    worst = max(float(np.max(np.abs(residual), initial=0.0)) for residual in residuals)
    if worst > 1e-8:
        raise AssertionError(f"the reference solution has a residual of {worst:.1e}")
    return x


def _slope(case: Case) -> Any:
    """The derivative of x along the directions."""
    ends = [
        _solve(
            tuple(
                X + sign * STEP * d for X, d in zip(case.arguments, case.directions, strict=True)
            ),
            case.cones,
        )
        for sign in (1.0, -1.0)
    ]
    return (ends[0] - ends[1]) / (2.0 * STEP)


_CONES: dict[str, dict[str, Any]] = {
    "z": {},
    "l": {"l": 6},
    "q": {"q": [4, 3]},
    "s": {"s": [3]},
    "ep": {"ep": 2},
    "ed": {"ed": 2},
    "p": {"p": [0.3, -0.6]},
}


def _cases(rng: np.random.Generator) -> Iterator[Case]:
    for name, cones in _CONES.items():
        yield _regular(rng, f"quadratic, {name}", {"z": 1, **cones})
    for n, seed in ((10, 0), (30, 1)):
        yield _program(np.random.default_rng(seed), f"linear, vertex, n={n}", n)
    yield _redundant(rng)
    yield _doubled(rng)


def _regular(rng: np.random.Generator, name: str, cones: dict[str, Any]) -> Case:
    """From a solution: s and y are the two parts of a random vector (Moreau).  There are more
    variables than rows, so that multipliers are unique whatever is active."""
    n, m = 10, count_rows(read_cones(cones))
    A, x = rng.standard_normal((m, n)), rng.standard_normal(n)
    P = _definite(rng, n)
    v = rng.standard_normal(m)
    s = projections.project(v, cones)
    y = s - v
    arguments = (P, -P @ x - A.T @ y, A, A @ x + s)
    return Case(name, "regular", arguments, cones, _directions(rng, n, m))


def _program(rng: np.random.Generator, name: str, n: int) -> Case:
    """A linear program with n active rows of 2 n, strictly complementary."""
    m = 2 * n
    A, x = rng.standard_normal((m, n)), rng.standard_normal(n)
    active = np.arange(m) < n
    y = np.where(active, rng.uniform(0.5, 1.5, m), 0.0)
    s = np.where(active, 0.0, rng.uniform(0.5, 1.5, m))
    arguments = (np.zeros((n, n)), -A.T @ y, A, A @ x + s)
    _, dq, dA, db = _directions(rng, n, m)
    return Case(name, "regular", arguments, {"l": m}, (np.zeros((n, n)), dq, dA, db))


def _redundant(rng: np.random.Generator) -> Case:
    """The third equality is the sum of the others, and stays so."""
    n = 5
    mix = np.vstack([np.eye(2), np.ones(2)])
    A, dA = (mix @ rng.standard_normal((2, n)) for _ in range(2))
    b, db = (mix @ rng.standard_normal(2) for _ in range(2))
    dP, dq = _directions(rng, n, 1)[:2]
    arguments = (_definite(rng, n), rng.standard_normal(n), A, b)
    return Case("redundant equalities", "degenerate", arguments, {"z": 3}, (dP, dq, dA, db))


def _doubled(rng: np.random.Generator) -> Case:
    """An active inequality that is there twice, and stays so: its multipliers are not unique."""
    n = 4
    a, da, x = (rng.standard_normal(n) for _ in range(3))
    P = _definite(rng, n)
    A, dA = np.stack([a, a]), np.stack([da, da])
    q = -P @ x - A.T @ np.array([0.7, 0.7])
    dP, dq = _directions(rng, n, 1)[:2]
    arguments = (P, q, A, A @ x)
    return Case("inequality twice", "degenerate", arguments, {"l": 2}, (dP, dq, dA, np.ones(2)))


def _definite(rng: np.random.Generator, n: int) -> Any:
    M = rng.standard_normal((n, n))
    return M @ M.T / n + np.eye(n)


def _directions(rng: np.random.Generator, n: int, m: int) -> tuple[Any, Any, Any, Any]:
    dP = rng.standard_normal((n, n))
    dq, dA, db = (rng.standard_normal(size) for size in (n, (m, n), m))
    return dP + dP.T, dq, dA, db
