# SPDX-License-Identifier: Apache-2.0
"""CVXPY layers in PyTorch, forward and backward, on the same CVXPY problems, batch 64.

Solutions are held against Clarabel's in tight tolerances, and gradients against central
differences of those, along one random direction of all parameters, for a few problems of the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import cvxpy as cp
import cvxpylayers.torch
import numpy as np
import torch

from .cones.peers import MODES, TOLERANCE
from .cones.suite import CORRECT, Candidates, choose, with_ratios
from .layer_problems import LAYER_PROBLEMS, LayerProblem
from .peers.base import FailedError
from .reference import error
from .timing import Timing, measure

Results = dict[str, Any]

CHECKED = 3  # problems of a batch whose gradients are checked
STEP = 1e-4  # of the central differences
TIGHT = {f"tol_{name}": 1e-12 for name in ("gap_abs", "gap_rel", "feas")}
SCS = {"solve_method": "SCS", "eps": TOLERANCE}
CLARABEL = {"solve_method": "Clarabel"}


class Layer:
    """One layer on one problem, all parameters batched and requiring gradients."""

    differentiable = True

    def __init__(self, problem: LayerProblem) -> None:
        self.problem = problem
        self.values = [torch.tensor(value, requires_grad=True) for value in problem.values]
        self.dx = torch.from_numpy(problem.dx)
        self.layer = self.compile()

    def compile(self) -> Callable[..., tuple[torch.Tensor, ...]]:
        raise NotImplementedError

    def forward(self) -> None:
        self.x = self.layer(*self.values)[0]

    def backward(self) -> None:
        self.gradients = torch.autograd.grad(self.x, self.values, self.dx)

    def check(self) -> None:
        if not torch.isfinite(self.x).all():
            raise FailedError("not finite")


class QuadconeLayer(Layer):
    """quadcone.torch.CvxpyLayer."""

    def compile(self) -> Callable[..., tuple[torch.Tensor, ...]]:
        from quadcone.torch import CvxpyLayer

        p = self.problem
        return CvxpyLayer(p.problem, parameters=p.parameters, variables=[p.x], num_threads=1)


class CvxpylayersLayer(Layer):
    """cvxpylayers with one of its solvers."""

    def __init__(self, problem: LayerProblem, solver: str, options: Results) -> None:
        self.solver, self.options = solver, options
        super().__init__(problem)

    def compile(self) -> Callable[..., tuple[torch.Tensor, ...]]:
        p = self.problem
        return cvxpylayers.torch.CvxpyLayer(
            p.problem, p.parameters, [p.x], solver=self.solver, solver_args=self.options
        )


def _diffcp(**options: Any) -> Candidates:
    options |= {"n_jobs_forward": 1, "n_jobs_backward": 1}
    return {
        mode: partial(CvxpylayersLayer, solver="DIFFCP", options={"mode": mode, **options})
        for mode in MODES
    }


PEERS: dict[str, Candidates] = {
    "quadcone": {"": QuadconeLayer},
    "cvxpylayers + moreau": {
        method: partial(CvxpylayersLayer, solver="MOREAU", options={"solver": method})
        for method in ("auto", "ipm")
    },
    "cvxpylayers + diffcp, SCS": _diffcp(**SCS),
    "cvxpylayers + diffcp, Clarabel": _diffcp(**CLARABEL),
}


def measure_layer(name: str, seconds: float) -> Results:
    """One problem; the ratios are of a peer's time over quadcone's."""
    problem = LAYER_PROBLEMS[name]()
    x = np.stack([_solved(problem, k, 0.0) for k in range(CHECKED)])
    slopes = [_slope(problem, k) for k in range(CHECKED)]
    peers, failures = {}, {}
    for label, candidates in PEERS.items():
        try:
            peers[label] = choose(candidates, problem, partial(_worst, slopes=slopes))
        except Exception as reason:
            failures[label] = f"failed: {type(reason).__name__} {reason}".strip()
    layers = [peer for _, peer in peers.values()]
    timings = dict(zip(peers, measure(layers, seconds), strict=True))
    rows = {
        label: _row(variant, peer, timings[label], x, slopes)
        for label, (variant, peer) in peers.items()
    }
    return {
        "title": problem.title,
        "batch": problem.batch,
        "size": {"parameters": sum(value[0].size for value in problem.values)},
        "peers": with_ratios(rows, timings),
        "failures": failures,
    }


def _row(variant: str, peer: Layer, timing: Timing, x: np.ndarray, slopes: list[float]) -> Results:
    microseconds = 1e6 / peer.problem.batch
    worst = _worst(peer, slopes)
    return {
        "variant": variant,
        "forward": median(timing.forward.cpu) * microseconds,
        "backward": median(timing.backward.cpu) * microseconds,
        "x": error(peer.x.detach().numpy()[:CHECKED], x),
        "gradients": {"along one direction": worst},
        "correct": bool(worst <= CORRECT),
        "rounds": len(timing.forward.cpu),
    }


def _worst(peer: Layer, slopes: list[float]) -> float:
    """The error of gradient times direction, relative to their usual product or to the slope."""
    worst = 0.0
    directions = peer.problem.directions
    for k, slope in enumerate(slopes):
        g = np.concatenate([gradient[k].numpy().ravel() for gradient in peer.gradients])
        d = np.concatenate([direction[k].ravel() for direction in directions])
        usual = np.linalg.norm(g) * np.linalg.norm(d) / np.sqrt(d.size)
        worst = max(worst, abs(g @ d - slope) / max(abs(slope), usual))
    return worst if np.isfinite(worst) else float("inf")


def _slope(problem: LayerProblem, k: int) -> float:
    """The derivative of dx'x along the direction, by central differences."""
    ahead, behind = (_solved(problem, k, step) for step in (STEP, -STEP))
    return float((problem.dx[k] * (ahead - behind)).sum() / (2 * STEP))


def _solved(problem: LayerProblem, k: int, step: float) -> np.ndarray:
    """x of problem k with its parameters moved along the direction."""
    for parameter, value, way in zip(
        problem.parameters, problem.values, problem.directions, strict=True
    ):
        parameter.value = value[k] + step * way[k]
    problem.problem.solve(solver=cp.CLARABEL, **TIGHT)
    return problem.x.value
