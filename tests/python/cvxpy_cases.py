# SPDX-License-Identifier: Apache-2.0
"""CVXPY problems with parameters, one or more for each cone and each kind of parameter."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cvxpy as cp
import numpy as np


@dataclass
class Case:
    problem: cp.Problem
    parameters: list[cp.Parameter]
    variables: list[cp.Variable]  # primal ones, then dual ones
    sample: Callable[[np.random.Generator], list[Any]]  # values for which there is a solution
    gp: bool = False

    def duals(self) -> list[cp.Variable]:
        return [dual for c in self.problem.constraints for dual in c.dual_variables]

    def solve(self, values: list[Any]) -> list[Any]:
        """The values of the variables, by Clarabel."""
        with warnings.catch_warnings():
            # CVXPY warns of what it does itself with sparse parameters.
            warnings.simplefilter("ignore", RuntimeWarning)
            for parameter, value in zip(self.parameters, values, strict=True):
                parameter.value = value
            self.problem.solve(solver=cp.CLARABEL, gp=self.gp)
        assert self.problem.status == cp.OPTIMAL
        return [variable.value for variable in self.variables]


def quadratic() -> Case:
    """Least squares over the simplex, with a scalar, a vector and a matrix parameter."""
    x = cp.Variable(4, name="x")
    A, b = cp.Parameter((3, 4), name="A"), cp.Parameter(3, name="b")
    weight = cp.Parameter(nonneg=True, name="weight")
    constraints = [cp.sum(x) == 1, x >= 0]
    objective = cp.sum_squares(A @ x - b) + weight * cp.sum_squares(x)
    problem = cp.Problem(cp.Minimize(objective), constraints)
    duals = [c.dual_variables[0] for c in constraints]
    return Case(
        problem,
        [A, b, weight],
        [x, *duals],
        lambda rng: [rng.normal(size=(3, 4)), rng.normal(size=3), rng.uniform(0.5, 1.0)],
    )


def linear() -> Case:
    """A linear program, maximized, in two variables, with a matrix on the right-hand side."""
    x, z = cp.Variable((2, 3), name="x"), cp.Variable(2, name="z")
    c, h = cp.Parameter((2, 3), name="c"), cp.Parameter((2, 3), name="h")
    constraints = [x <= h, cp.sum(x, axis=1) == z, z <= 1, x >= -1]
    problem = cp.Problem(cp.Maximize(cp.sum(cp.multiply(c, x)) - cp.norm_inf(z)), constraints)
    return Case(
        problem,
        [c, h],
        [x, z, constraints[0].dual_variables[0]],
        lambda rng: [rng.uniform(1.1, 2.0, size=(2, 3)), rng.uniform(0.1, 1.0, size=(2, 3))],
    )


def quadratic_form() -> Case:
    """A parameter that is positive semidefinite, and P is it."""
    x = cp.Variable(3, name="x")
    P, q = cp.Parameter((3, 3), PSD=True, name="P"), cp.Parameter(3, name="q")
    problem = cp.Problem(cp.Minimize(0.5 * cp.quad_form(x, P) + q @ x), [x >= -1, x <= 1])

    def sample(rng: np.random.Generator) -> list[Any]:
        L = rng.normal(size=(3, 3))
        return [L @ L.T + np.eye(3), rng.normal(size=3)]

    return Case(problem, [P, q], [x], sample)


def attributes() -> Case:
    """Symmetric, diagonal and bounded variables, symmetric and diagonal parameters."""
    S, D = cp.Variable((3, 3), symmetric=True, name="S"), cp.Variable((2, 2), diag=True, name="D")
    y = cp.Variable(2, bounds=[-1, 0.5], name="y")
    C = cp.Parameter((3, 3), symmetric=True, name="C")
    E = cp.Parameter((2, 2), diag=True, name="E")
    constraints = [S >= -1, cp.trace(S) == cp.sum(y)]
    objective = cp.sum_squares(S - C) + cp.sum_squares(D - 2 * E) + cp.sum_squares(y - 1)
    problem = cp.Problem(cp.Minimize(objective), constraints)

    def sample(rng: np.random.Generator) -> list[Any]:
        L = rng.normal(size=(3, 3))
        return [L + L.T, np.diag(rng.normal(size=2))]

    return Case(problem, [C, E], [S, D, y, constraints[0].dual_variables[0]], sample)


def sparse() -> Case:
    """A sparse parameter: most of a matrix is zero for good."""
    x = cp.Variable(3, name="x")
    W = cp.Parameter((2, 3), sparsity=[(0, 1, 1), (2, 0, 1)], name="W")
    b = cp.Parameter(2, name="b")
    problem = cp.Problem(cp.Minimize(cp.sum_squares(x) + cp.sum(x)), [W @ x == b])

    def sample(rng: np.random.Generator) -> list[Any]:
        value = np.zeros((2, 3))
        value[(0, 1, 1), (2, 0, 1)] = rng.uniform(1.0, 2.0, size=3)
        return [value, rng.normal(size=2)]

    return Case(problem, [W, b], [x], sample)


def second_order() -> Case:
    """A norm in the objective, and cones side by side in the columns of a matrix."""
    x, X = cp.Variable(4, name="x"), cp.Variable((3, 2), name="X")
    A, b, p = (
        cp.Parameter((3, 4), name="A"),
        cp.Parameter(3, name="b"),
        cp.Parameter(4, name="p"),
    )
    constraints = [
        cp.SOC(A[0] @ x + 8, A @ x - b),
        cp.norm(x - p) <= 3,
        cp.SOC(X[0, :], X[1:, :] + 0.1, axis=0),
        X[0] <= 1 + x[:2],
    ]
    objective = cp.norm(A @ x) + cp.sum_squares(x) + p @ x - cp.sum(X) + 0.5 * cp.sum_squares(X)
    problem = cp.Problem(cp.Minimize(objective), constraints)
    duals = [dual for c in constraints for dual in c.dual_variables]
    return Case(
        problem,
        [A, b, p],
        [x, X, *duals],
        lambda rng: [rng.normal(size=shape) for shape in ((3, 4), 3, 4)],
    )


def semidefinite() -> Case:
    """Matrices between others, and one that is a variable of its own kind."""
    X = cp.Variable((3, 3), PSD=True, name="X")
    Y = cp.Variable((2, 2), symmetric=True, name="Y")
    C, D = cp.Parameter((3, 3), symmetric=True, name="C"), cp.Parameter((2, 2), name="D")
    constraints = [cp.trace(X) == 1, np.eye(2) << Y, Y + D + D.T << 8 * np.eye(2)]
    objective = cp.trace(C @ X) + cp.sum_squares(X) + cp.sum(cp.multiply(D, Y)) + cp.sum_squares(Y)
    problem = cp.Problem(cp.Minimize(objective), constraints)
    duals = [c.dual_variables[0] for c in constraints]

    def sample(rng: np.random.Generator) -> list[Any]:
        L = rng.normal(size=(3, 3))
        return [L + L.T, rng.normal(size=(2, 2))]

    return Case(problem, [C, D], [X, Y, *duals], sample)


def exponential() -> Case:
    """Entropy, a log-sum-exp, and cones written out."""
    x = cp.Variable(3, name="x")
    a, B = cp.Parameter(3, name="a"), cp.Parameter((4, 3), name="B")
    constraints = [cp.sum(x) == 1, cp.log_sum_exp(B @ x) <= 3, cp.ExpCone(x, np.ones(3), x + 2)]
    problem = cp.Problem(cp.Maximize(a @ x + cp.sum(cp.entr(x))), constraints)
    return Case(
        problem,
        [a, B],
        [x, constraints[0].dual_variables[0], *constraints[2].dual_variables],
        lambda rng: [rng.normal(size=3), rng.normal(size=(4, 3))],
    )


def power() -> Case:
    """Power cones in three dimensions and in four."""
    x = cp.Variable(3, name="x")
    a = cp.Parameter(3, name="a")
    weights = np.array([0.2, 0.3, 0.4, 0.1])
    constraints = [
        cp.sum(x) <= 3,
        cp.PowCone3D(x[0], x[1], x[2], 0.3),
        cp.PowConeND(cp.hstack([x, 1]), x[0] - 1, weights),
    ]
    problem = cp.Problem(cp.Maximize(a @ x - cp.sum_squares(x)), constraints)
    duals = [dual for c in constraints[:2] for dual in c.dual_variables]
    return Case(
        problem, [a], [x, *duals], lambda rng: [np.array([0.3, 0.2, 2.0]) + rng.uniform(size=3)]
    )


def geometric() -> Case:
    """A geometric program; one parameter is an exponent, the others are coefficients."""
    u, v = cp.Variable(pos=True, name="u"), cp.Variable(pos=True, name="v")
    w = cp.Variable(2, pos=True, name="w")
    g, k = cp.Parameter(2, pos=True, name="g"), cp.Parameter(pos=True, name="k")
    e = cp.Parameter(name="e")
    constraints = [u * v * w[0] >= k, u <= w[1], v**e <= g[0], w[1] * g[1] <= 5]
    objective = u * v + g[0] * w[0] ** 2 / u + v + w[0] / w[1]
    problem = cp.Problem(cp.Minimize(objective), constraints)
    return Case(
        problem,
        [g, k, e],
        [u, v, w, constraints[0].dual_variables[0]],
        lambda rng: [rng.uniform(0.7, 1.2, size=2), rng.uniform(1.5, 2.0), rng.uniform(0.8, 1.0)],
        gp=True,
    )


CASES = [
    quadratic,
    linear,
    quadratic_form,
    attributes,
    sparse,
    second_order,
    semidefinite,
    exponential,
    power,
    geometric,
]
