# SPDX-License-Identifier: Apache-2.0
"""What the front ends cost beside the solver: Python, memory that stays, an import, compiling.

    python -m bench.frontends growth

prints by how many megabytes 10,000 calls make a process grow.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.autograd import Function

import quadcone as qc
from quadcone.cvxpy import QUADCONE
from quadcone.torch import CvxpyLayer, qp

from .claims import NOTHING
from .families import Family, optnet_dense
from .layers import LAYER_PROBLEMS
from .memory import resident

Call = Callable[[], object]
RUN = 200  # calls in a row, as a training loop has them


def overheads(seconds: float) -> dict[str, float]:
    """Microseconds, forward and backward, at nz 2 and batch 1: the best of many runs of calls."""
    family = optnet_dense(2, 1)
    calls = {**_numpy_calls(family), **_torch_calls(family)}
    best = dict.fromkeys(calls, float("inf"))
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for name, call in calls.items():
            call()
            start = time.perf_counter()
            for _ in range(RUN):
                call()
            best[name] = min(best[name], (time.perf_counter() - start) / RUN)
    return {name: 1e6 * value for name, value in best.items()}


def _numpy_calls(family: Family) -> dict[str, Call]:
    P, q, A, b, dx = (v[0].copy() for v in (family.P, family.q, family.A, family.b, family.dx))
    cones = {"z": family.zero, "l": family.m - family.zero}
    problem = qc.Problem(P, A, cones, num_threads=1)
    plan = qc._plan.plan_for(problem._family, 0)
    settings = problem.settings.to_core(1, True)
    outputs = [np.empty(length) for length in (family.n, family.m, family.m)]
    gradients = [np.empty_like(value) for value in (P, q, A, b)]

    def alone() -> None:
        _, tape = plan.solve(1, settings, P, q, A, b, None, None, None, *outputs)
        tape.vjp(dx, None, None, *gradients)

    return {
        "the C calls": alone,
        "quadcone.Problem": lambda: problem.solve(q, b, P=P, A=A).vjp(dx),
    }


def _torch_calls(family: Family) -> dict[str, Call]:
    parts = (family.P, family.q, family.A, family.b)
    Q, q, A, b = leaves = [torch.tensor(part, requires_grad=True) for part in parts]
    E, G = A[:, : family.zero].detach().clone(), A[:, family.zero :].detach().clone()
    e, h = b[:, : family.zero].detach().clone(), b[:, family.zero :].detach().clone()
    leaves = [Q, q, *(t.requires_grad_() for t in (G, h, E, e))]
    dx = torch.tensor(family.dx)

    class Nothing(Function):
        @staticmethod
        def forward(ctx: Any, *tensors: torch.Tensor) -> torch.Tensor:
            return torch.empty_like(tensors[1])

        @staticmethod
        def backward(ctx: Any, cotangent: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return tuple(torch.empty_like(leaf) for leaf in leaves)

    def train(layer: Callable[..., torch.Tensor]) -> Call:
        def call() -> None:
            for leaf in leaves:
                leaf.grad = None
            layer(*leaves).backward(dx)

        return call

    return {
        NOTHING: train(Nothing.apply),
        "quadcone.torch.qp": train(lambda *tensors: qp(*tensors, num_threads=1)),
    }


def compile_times(rounds: int = 9) -> dict[str, float]:
    """Percent that a CvxpyLayer takes to compile over CVXPY's own canonicalization."""
    return {name: _compile_time(name, rounds) for name in LAYER_PROBLEMS}


def _compile_time(name: str, rounds: int) -> float:
    ours, theirs = [], []
    for _ in range(rounds):
        p = LAYER_PROBLEMS[name]()  # anew, as CVXPY keeps what it has compiled
        ours.append(_seconds(lambda p=p: CvxpyLayer(p.problem, p.parameters, [p.x])))
        p = LAYER_PROBLEMS[name]()
        theirs.append(_seconds(lambda p=p: p.problem.get_problem_data(QUADCONE)))
    return 100.0 * (min(ours) / min(theirs) - 1.0)


def _seconds(call: Call) -> float:
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of CVXPY, that parameters have no values yet
        call()
    return time.process_time() - start


def growth() -> dict[str, float]:
    """Megabytes by which 10,000 calls, forward and backward, make a process grow."""
    command = [sys.executable, "-m", "bench.frontends", "growth"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {name: float(value) for name, value in (line.split() for line in printed.splitlines())}


def _grown() -> Iterator[tuple[str, float]]:
    family = optnet_dense(2, 1)
    calls = {**_numpy_calls(family), **_torch_calls(family)}
    for name in ("quadcone.Problem", "quadcone.torch.qp"):
        for _ in range(1000):
            calls[name]()
        gc.collect()
        before = resident("VmRSS")
        for _ in range(10_000):
            calls[name]()
        gc.collect()
        yield name, (resident("VmRSS") - before) / 1e6


IMPORT = """
import numpy, time
start = time.perf_counter()
import quadcone
print(time.perf_counter() - start)
"""


def import_time(rounds: int = 5) -> dict[str, float]:
    """Milliseconds over NumPy's."""
    command = [sys.executable, "-c", IMPORT]
    runs = [subprocess.run(command, check=True, capture_output=True) for _ in range(rounds)]
    return {"import quadcone": 1e3 * min(float(run.stdout) for run in runs)}


if __name__ == "__main__":
    for label, grown in _grown():
        print(label, grown)
