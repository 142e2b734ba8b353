# SPDX-License-Identifier: Apache-2.0
"""Who solves a batch: forward and, for layers, backward.  A solver that cannot raises a reason."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from quadcone.torch import qp

Data = tuple[Tensor, Tensor, Tensor, Tensor]  # Q, q, G, h, all batched
Solve = Callable[[Data], Tensor]


class UnavailableError(Exception):
    """Why a solver does not take part."""


def random_qps(n: int, batch: int, seed: int) -> Data:
    """As in the paper: n variables, n inequalities, no equalities, nothing shared."""
    generator = torch.Generator().manual_seed(seed)
    make = {"generator": generator, "dtype": torch.float64}
    L, G = torch.rand(batch, n, n, **make), torch.randn(batch, n, n, **make)
    Q = L @ L.mT + 1e-3 * torch.eye(n, dtype=torch.float64)
    Q = (Q + Q.mT) / 2  # CPLEX minds rounding
    z0, s0 = torch.randn(batch, n, 1, **make), torch.rand(batch, n, **make)
    return Q, torch.randn(batch, n, **make), G, (G @ z0)[..., 0] + s0


def linear(n: int) -> Solve:
    layer = torch.nn.Linear(n, n, dtype=torch.float64)
    return lambda data: layer(data[1])


def quadcone(n: int) -> Solve:
    return lambda data: qp(*data)


def qpth(n: int) -> Solve:
    try:
        from qpth.qp import QPFunction
    except ImportError:
        raise UnavailableError("not installed") from None
    none = torch.empty(0, dtype=torch.float64)
    layer = QPFunction(verbose=-1)
    return lambda data: layer(*data, none, none)


def gurobi(n: int) -> Solve:
    try:
        import gurobipy
    except ImportError:
        raise UnavailableError("not installed") from None
    if n > 200:
        raise UnavailableError("over the size of the free edition")
    environment = gurobipy.Env(params={"OutputFlag": 0, "Threads": 1})

    def solve_one(Q: np.ndarray, q: np.ndarray, G: np.ndarray, h: np.ndarray) -> np.ndarray:
        with gurobipy.Model(env=environment) as model:
            z = model.addMVar(n, lb=-gurobipy.GRB.INFINITY)
            model.addMConstr(G, z, "<", h)
            model.setMObjective(Q / 2, q, 0.0)
            model.optimize()
            return z.X

    return one_by_one(solve_one)


def cplex(n: int) -> Solve:
    try:
        import cplex as library
    except ImportError:
        raise UnavailableError("not installed") from None
    columns = list(range(n))

    def solve_one(Q: np.ndarray, q: np.ndarray, G: np.ndarray, h: np.ndarray) -> np.ndarray:
        with library.Cplex() as model:
            model.set_log_stream(None)
            model.set_results_stream(None)
            model.set_warning_stream(None)
            model.parameters.threads.set(1)
            model.variables.add(obj=q.tolist(), lb=[-library.infinity] * n)
            rows = [[columns, row] for row in G.tolist()]
            model.linear_constraints.add(lin_expr=rows, senses="L" * n, rhs=h.tolist())
            model.objective.set_quadratic([[columns, row] for row in Q.tolist()])
            model.solve()
            return np.array(model.solution.get_values())

    return one_by_one(solve_one)


def one_by_one(solve_one: Callable[..., np.ndarray]) -> Solve:
    def solve(data: Data) -> Tensor:
        arrays = (tensor.detach().numpy() for tensor in data)
        return torch.from_numpy(np.stack([solve_one(*one) for one in zip(*arrays, strict=True)]))

    return solve


SOLVERS: dict[str, Callable[[int], Solve]] = {
    "linear layer": linear,
    "quadcone": quadcone,
    "qpth": qpth,
    "Gurobi": gurobi,
    "CPLEX": cplex,
}
# Those that solve whole batches, and have derivatives.
LAYERS = ("linear layer", "quadcone", "qpth")
