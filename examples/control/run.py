# SPDX-License-Identifier: Apache-2.0
"""Closed loops before and after tuning, beside the best that there is."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from tqdm import tqdm

from ..common.context import Context, Json
from .controller import Controller, closed_loop
from .plant import Plant, spacecraft, starts

LIMITED, UNLIMITED = 2.0, 1e3  # the second is never reached
HORIZON, STEPS, RADIUS, BATCH, RATE = 3, 30, 1.0, 32, 0.05


def run(context: Context) -> Json:
    iterations, seeds, test = context.pick((150, 3, 300), (25, 1, 50))
    found: Json = {"horizon": HORIZON, "steps": STEPS, "iterations": iterations, "test": test}
    for name, limit in (("unlimited", UNLIMITED), ("limited", LIMITED)):
        found[name] = [
            context.part(
                f"{name}-{seed}", lambda v=limit, s=seed: learn(v, s, iterations, test),
                iterations=iterations, test=test,
            )
            for seed in range(context.seed, context.seed + seeds)
        ]  # fmt: skip
    return found


def learn(limit: float, seed: int, iterations: int, test: int) -> Json:
    """Mean costs of closed loops from the same starts, that the tuning has not seen."""
    plant = spacecraft(limit)
    x = starts(test, seed, RADIUS)
    tuned = Controller(plant, HORIZON, plant.Q)
    policies = {
        "before": Controller(plant, HORIZON, plant.Q),
        "clipped": clipped(plant),
        "riccati": Controller(plant, HORIZON, plant.riccati()),
    }
    curve = tune(tuned, seed, iterations, x)
    found: Json = {"curve": curve, "paths": {}}
    with torch.no_grad():
        for name, policy in {**policies, "tuned": tuned}.items():
            cost, states = closed_loop(plant, _first(policy), x, STEPS)
            found[name] = cost.mean().item()
            found["paths"][name] = states[:, _hardest(x), :2].tolist()
        cost, states = closed_loop(plant, planned(plant, x), x, STEPS)
        found["optimum"] = cost.mean().item()
        found["paths"]["optimum"] = states[:, _hardest(x), :2].tolist()
        gain = plant.gain()
        for name, controller in (("before", policies["before"]), ("tuned", tuned)):
            off = (controller.gain() - gain).norm() / gain.norm()
            found[f"gain_{name}"] = off.item()
    return found


def tune(controller: Controller, seed: int, iterations: int, test: Tensor) -> list[list[float]]:
    """Adam on the mean cost of closed loops from random starts; the test's cost on the way."""
    optimizer = torch.optim.Adam(controller.parameters(), lr=RATE)
    curve = []
    for k in tqdm(range(iterations + 1), desc="control", unit="step"):
        if k % 5 == 0:
            with torch.no_grad():
                cost = closed_loop(controller.plant, _first(controller), test[:50], STEPS)[0]
                curve.append([k, cost.mean().item()])
        x = starts(BATCH, 10_000 * (seed + 1) + k, RADIUS)
        optimizer.zero_grad()
        closed_loop(controller.plant, _first(controller), x, STEPS)[0].mean().backward()
        nn.utils.clip_grad_norm_(controller.parameters(), 1.0, error_if_nonfinite=True)
        optimizer.step()
    return curve


def clipped(plant: Plant) -> Callable[[Tensor], Tensor]:
    """LQR, shortened to the limit."""
    gain = plant.gain()

    def thrust(x: Tensor) -> Tensor:
        u = -x @ gain.T
        size = u.norm(dim=1, keepdim=True).clamp(min=1e-12)
        return u * (plant.limit / size).clamp(max=1.0)

    return thrust


def planned(plant: Plant, x: Tensor) -> Callable[[Tensor], Tensor]:
    """All thrusts at once from x, the optimum of the whole closed loop: nothing is random."""
    last = 1e-12 * torch.eye(len(plant.A), dtype=plant.A.dtype)  # the last state costs nothing
    thrusts = iter(Controller(plant, STEPS, last)(x).unbind(1))
    return lambda x: next(thrusts)


def _first(policy: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Of the thrusts that a controller plans, the first is what it does."""
    return (lambda x: policy(x)[:, 0]) if isinstance(policy, Controller) else policy


def _hardest(x: Tensor) -> int:
    """The start that is farthest out along the axis in which the orbit pulls away."""
    return int(x[:, 0].abs().argmax())
