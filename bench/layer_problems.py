# SPDX-License-Identifier: Apache-2.0
"""The CVXPY problems on which layers are timed, with a batch of values for their parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cvxpy as cp
import numpy as np

BATCH = 64


def nonnegative(x: cp.Variable) -> cp.Constraint:
    """x >= 0, in rows that CVXPY does not take for bounds: cvxpylayers loses those with moreau."""
    return 2 * x >= 0


@dataclass
class LayerProblem:
    """A problem with parameters.  A value is [batch, *shape of its parameter]."""

    title: str
    problem: cp.Problem
    parameters: list[cp.Parameter]
    values: list[np.ndarray]
    x: cp.Variable
    dx: np.ndarray = field(init=False)  # the cotangent of x
    directions: list[np.ndarray] = field(init=False)  # along which gradients are checked

    def __post_init__(self) -> None:
        rng = np.random.default_rng(1000)
        self.dx = rng.standard_normal((self.batch, *self.x.shape))
        self.directions = [rng.standard_normal(value.shape) for value in self.values]

    @property
    def batch(self) -> int:
        return self.values[0].shape[0]


def portfolio(assets: int = 50, factors: int = 10) -> LayerProblem:
    """Mean and variance in a factor model, without short positions."""
    rng = np.random.default_rng(11)
    x, mean, loadings = cp.Variable(assets), cp.Parameter(assets), cp.Parameter((factors, assets))
    own = 0.1 + rng.random(assets)
    risk = cp.sum_squares(loadings @ x) + cp.sum_squares(cp.multiply(own, x))
    return LayerProblem(
        f"CVXPY layer: portfolio, {assets} assets, {factors} factors",
        cp.Problem(cp.Maximize(mean @ x - risk), [cp.sum(x) == 1, nonnegative(x)]),
        [mean, loadings],
        [
            0.1 * rng.standard_normal((BATCH, assets)),
            rng.standard_normal((BATCH, factors, assets)),
        ],
        x,
    )


def robust_program(n: int = 20, rows: int = 5) -> LayerProblem:
    """A linear program whose rows are uncertain in ellipsoids: second-order cones."""
    rng = np.random.default_rng(12)
    x, cost = cp.Variable(n), cp.Parameter(n)
    a, b = cp.Parameter((rows, n)), cp.Parameter(rows)
    shapes = [rng.standard_normal((n, n)) / np.sqrt(n) for _ in range(rows)]
    robust = [cp.norm(shape @ x) <= b[k] - a[k] @ x for k, shape in enumerate(shapes)]
    return LayerProblem(
        f"CVXPY layer: robust linear program, n {n}, {rows} second-order cones",
        cp.Problem(cp.Minimize(cost @ x), [*robust, cp.norm(x) <= 10]),
        [cost, a, b],
        [
            rng.standard_normal((BATCH, n)),
            rng.standard_normal((BATCH, rows, n)) / np.sqrt(n),
            1 + rng.random((BATCH, rows)),
        ],
        x,
    )


def nearest_correlation(k: int = 10) -> LayerProblem:
    """A semidefinite program."""
    rng = np.random.default_rng(13)
    X, C = cp.Variable((k, k), PSD=True), cp.Parameter((k, k))
    noise = rng.standard_normal((BATCH, k, k))
    return LayerProblem(
        f"CVXPY layer: nearest correlation matrix, {k}x{k}",
        cp.Problem(cp.Minimize(cp.sum_squares(X - C)), [cp.diag(X) == 1]),
        [C],
        [np.eye(k) + (noise + noise.transpose(0, 2, 1)) / 4],
        X,
    )


def logistic_regression(features: int = 20, samples: int = 50) -> LayerProblem:
    """The data as parameters, each sample times its label: exponential cones."""
    rng = np.random.default_rng(14)
    w, data = cp.Variable(features), cp.Parameter((samples, features))
    truth = rng.standard_normal((BATCH, features, 1)) / np.sqrt(features)
    values = rng.standard_normal((BATCH, samples, features))
    values *= np.sign(values @ truth + 0.5 * rng.standard_normal((BATCH, samples, 1)))
    loss = cp.sum(cp.logistic(-data @ w)) + cp.sum_squares(w) / 2
    return LayerProblem(
        f"CVXPY layer: logistic regression, {features} features, {samples} samples",
        cp.Problem(cp.Minimize(loss)),
        [data],
        [values],
        w,
    )


def many_parameters(n: int = 39, rows: int = 50) -> LayerProblem:
    """Nonnegative least squares with 39 * 50 + 50 = 2,000 parameters."""
    rng = np.random.default_rng(15)
    x, A, b = cp.Variable(n), cp.Parameter((rows, n)), cp.Parameter(rows)
    return LayerProblem(
        f"CVXPY layer: nonnegative least squares, {rows * (n + 1):,} parameters",
        cp.Problem(cp.Minimize(cp.sum_squares(A @ x - b)), [nonnegative(x)]),
        [A, b],
        [rng.standard_normal((BATCH, rows, n)), rng.standard_normal((BATCH, rows))],
        x,
    )


LAYER_PROBLEMS: dict[str, Callable[[], LayerProblem]] = {
    "layer-portfolio": portfolio,
    "layer-soc": robust_program,
    "layer-sdp": nearest_correlation,
    "layer-logistic": logistic_regression,
    "layer-2000": many_parameters,
}
