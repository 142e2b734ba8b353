# SPDX-License-Identifier: Apache-2.0
"""Times every solver on the paper's sizes, and compares what they answer."""

from __future__ import annotations

import time
from statistics import median

import torch

from ..common.context import Context, Json
from .solvers import SOLVERS, Data, Solve, UnavailableError, random_qps

TRIALS = 10
SECONDS = 4.0  # after these, no more trials; the first is dropped where there is a second


def run(context: Context) -> Json:
    sizes = context.pick((10, 50, 100), (10, 50))
    if context.options.get("large"):
        sizes = (*sizes, 500)
    batches = context.pick((1, 64, 128), (1, 64))
    rows = [
        context.part(f"{n}-{batch}", lambda n=n, batch=batch: measure(n, batch, context.seed))
        for n in sizes
        for batch in batches
    ]
    return {"rows": rows}


def measure(n: int, batch: int, seed: int) -> Json:
    """Milliseconds a batch, forward and backward, and the distance from our answer."""
    data = random_qps(n, batch, seed)
    data[1].requires_grad_()
    ours = SOLVERS["quadcone"](n)(data).detach()
    solvers: Json = {}
    for name, make in SOLVERS.items():
        try:
            solve = make(n)
            solvers[name] = _time(solve, data)
            answer = solve(data).detach()
        except UnavailableError as reason:
            solvers[name] = {"unavailable": str(reason)}
            continue
        if name != "linear layer":
            off = (answer - ours).abs().max() / ours.abs().max()
            solvers[name]["difference"] = off.item()
    return {"n": n, "batch": batch, "solvers": solvers}


def _time(solve: Solve, data: Data) -> Json:
    forward: list[float] = []
    backward: list[float] = []
    end = time.perf_counter() + SECONDS
    while not forward or (len(forward) <= TRIALS and time.perf_counter() < end):
        start = time.perf_counter()
        z = solve(data)
        middle = time.perf_counter()
        forward.append(1000 * (middle - start))
        if z.requires_grad:
            torch.autograd.grad(z.sum(), data[1])
            backward.append(1000 * (time.perf_counter() - middle))
    found: Json = {"forward": median(forward[1:] or forward)}
    if backward:
        found["backward"] = median(backward[1:] or backward)
    return found
