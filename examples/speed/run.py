# SPDX-License-Identifier: Apache-2.0
"""Times every solver on the paper's sizes, and compares what they answer."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

from ..common.context import Context, Json
from .solvers import LAYERS, SOLVERS, Data, Solve, UnavailableError, random_qps


@dataclass(frozen=True)
class Effort:
    """How often a batch is solved.

    trials: at most, after the first, which is dropped where there are others.
    seconds: after these, no more.
    single: problems that solvers without batches solve at most; they take that much of the whole.
    """

    trials: int = 10
    seconds: float = 4.0
    single: int = 128


LONG = 200  # variables: from here on, seconds a batch


def run(context: Context) -> Json:
    sizes = context.pick((10, 50, 100, 500), (10, 50))
    batches = context.pick((1, 64, 128), (1, 64))

    def effort(n: int) -> Effort:
        if context.quick:
            return Effort(3, 0.5)
        return Effort(3, 5.0, 4) if n > LONG else Effort()

    rows = [
        context.part(
            f"{n}-{batch}", lambda n=n, batch=batch: measure(n, batch, context.seed, effort(n))
        )
        for n in sizes
        for batch in batches
    ]
    return {"rows": rows}


def measure(n: int, batch: int, seed: int, effort: Effort) -> Json:
    """Milliseconds of the processor a batch, and the distance from our answer."""
    data = random_qps(n, batch, seed)
    data[1].requires_grad_()
    ours, solvers = torch.empty(0), {}
    for name, make in SOLVERS.items():
        count = batch if name in LAYERS else min(batch, effort.single)
        part = tuple(values[:count] for values in data)
        try:
            times, answer = _time(make(n), part, effort)
        except UnavailableError as reason:
            solvers[name] = {"unavailable": str(reason)}
            continue
        solvers[name] = {key: value * batch / count for key, value in times.items()}
        if count < batch:
            solvers[name]["timed"] = count
        if name == "quadcone":
            ours = answer
        elif name != "linear layer":
            off = (answer - ours[:count]).abs().max() / ours[:count].abs().max()
            solvers[name]["difference"] = off.item()
    return {"n": n, "batch": batch, "solvers": solvers}


def _time(solve: Solve, data: Data, effort: Effort) -> tuple[dict[str, float], Tensor]:
    """Of the processor and not of the clock: others on the machine have less of a say."""
    forward: list[float] = []
    backward: list[float] = []
    end = time.process_time() + effort.seconds
    while not forward or (len(forward) <= effort.trials and time.process_time() < end):
        start = time.process_time()
        z = solve(data)
        middle = time.process_time()
        forward.append(1000 * (middle - start))
        if z.requires_grad:
            torch.autograd.grad(z.sum(), data[1])
            backward.append(1000 * (time.process_time() - middle))
    found = {"forward": median(forward[1:] or forward)}
    if backward:
        found["backward"] = median(backward[1:] or backward)
    return found, z.detach()
