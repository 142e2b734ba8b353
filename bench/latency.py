# SPDX-License-Identifier: Apache-2.0
"""One problem of two variables through each torch layer: the cost of everything but arithmetic."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import cvxpy as cp
import moreau
import numpy as np
import torch
from cvxpylayers.torch import CvxpyLayer
from moreau.torch import Solver
from proxsuite.torch.qplayer import QPFunction as QPLayer
from qpth.qp import QPFunction

from quadcone.torch import qp

from .families import Family, optnet_dense

Layer = Callable[[], torch.Tensor]


def latencies(seconds: float) -> dict[str, float]:
    """Median CPU time of forward and backward, microseconds, by layer."""
    family = optnet_dense(2, 1)
    Q, q, G, h, A, b = _tensors(family)
    dx = torch.tensor(family.dx)
    lower = torch.full_like(h, -1e20)
    qpth, proxsuite = QPFunction(verbose=-1), QPLayer()
    layers: dict[str, Layer] = {
        "quadcone.torch": lambda: qp(Q, q, G, h, A, b, num_threads=1),
        "QPLayer (proxsuite)": lambda: proxsuite(Q, q, A, b, G, lower, h)[0],
        "qpth": lambda: qpth(Q, q, G, h, A, b),
        "moreau.torch": _moreau(family, Q, q, G, h, A, b),
        "cvxpylayers (diffcp)": _cvxpylayer(family, Q, q, G, h, A, b),
    }
    arguments = [Q, q, G, h, A, b]
    times: dict[str, list[float]] = {name: [] for name in layers}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for name, layer in layers.items():
            for _ in range(5):  # the last of a few in a row: peers leave caches cold for each other
                elapsed = _step(layer, arguments, dx)
            times[name].append(elapsed)
    return {name: 1e6 * median(values) for name, values in times.items()}


def _step(layer: Layer, arguments: list[torch.Tensor], dx: torch.Tensor) -> float:
    for argument in arguments:
        argument.grad = None
    start = time.process_time()
    layer().backward(dx)
    return time.process_time() - start


def _tensors(family: Family) -> list[torch.Tensor]:
    parts = (family.P, family.q, family.G, family.h, family.E, family.e)
    return [torch.tensor(part, requires_grad=True) for part in parts]


def _moreau(family: Family, Q, q, G, h, A, b) -> Layer:
    n, m = family.n, family.m
    solver = Solver(
        n=n,
        m=m,
        P_row_offsets=torch.arange(0, n * n + 1, n),
        P_col_indices=torch.arange(n).repeat(n),
        A_row_offsets=torch.arange(0, m * n + 1, n),
        A_col_indices=torch.arange(n).repeat(m),
        cones=moreau.Cones(num_zero_cones=family.zero, num_nonneg_cones=m - family.zero),
        settings=moreau.Settings(solver="active_set", device="cpu", batch_size=1),
    )

    def layer() -> torch.Tensor:
        rows, sides = torch.cat([A, G], dim=1), torch.cat([b, h], dim=1)
        return solver.solve(Q.reshape(1, -1), rows.reshape(1, -1), q, sides).x

    return layer


def _cvxpylayer(family: Family, Q, q, G, h, A, b) -> Layer:
    n, z = family.n, family.zero
    root, p = cp.Parameter((n, n)), cp.Parameter(n)
    C, d = cp.Parameter((family.general - z, n)), cp.Parameter(family.general - z)
    E, e = cp.Parameter((z, n)), cp.Parameter(z)
    x = cp.Variable(n)
    objective = cp.Minimize(cp.sum_squares(root @ x) / 2 + p @ x)
    problem = cp.Problem(objective, [C @ x <= d, E @ x == e])
    layer = CvxpyLayer(problem, parameters=[root, p, C, d, E, e], variables=[x])
    upper = np.linalg.cholesky(family.P).transpose(0, 2, 1)
    factor = torch.tensor(upper, requires_grad=True)
    return lambda: layer(factor, q, G, h, A, b)[0]
