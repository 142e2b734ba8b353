# SPDX-License-Identifier: Apache-2.0
"""The layer beside Sinkhorn, and costs learned from plans with and without capacities in mind."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor

from ..common.context import Context, Json
from .layer import Transport, sinkhorn

PLACES, EPSILON, CAPACITY = 6, 0.1, 0.06  # the mean of a plan's entries is 1 / 36
MARKETS, RATE = 32, 0.03
MOSTLY = 0.9  # an entry that is at capacity in more plans than that is hardly seen
Plan = Callable[[Tensor, Tensor, Tensor], Tensor]


def run(context: Context) -> Json:
    steps, seeds = context.pick((300, 3), (40, 1))
    found: Json = {
        "places": PLACES, "epsilon": EPSILON, "capacity": CAPACITY, "markets": MARKETS,
        "steps": steps, "sinkhorn": context.part("sinkhorn", lambda: beside_sinkhorn(context.seed)),
    }  # fmt: skip
    for name, trips in (("exact", None), ("counted", 2000)):
        found[name] = [
            context.part(f"{name}-{seed}", lambda t=trips, s=seed: learn(t, s, steps), steps=steps)
            for seed in range(context.seed, context.seed + seeds)
        ]
    return {**found, "trips": 2000}


def beside_sinkhorn(seed: int) -> Json:
    """Without capacities: plans, gradients of the cost, and milliseconds a plan, both ways."""
    C = true_cost(seed).requires_grad_()
    a, b = markets(MARKETS, seed)
    layer = Transport(PLACES, EPSILON)
    weight = markets(MARKETS, seed + 1)[0][:, :, None] * markets(MARKETS, seed + 2)[1][:, None]
    found, answers = {}, []
    for name, solve in (("layer", layer), ("sinkhorn", _sinkhorn)):
        solve(C, a, b)
        start = time.perf_counter()
        T = solve(C, a, b)
        (gradient,) = torch.autograd.grad((weight * T).sum(), C)
        found[f"{name}_ms"] = 1000 * (time.perf_counter() - start) / MARKETS
        answers.append((T.detach(), gradient))
    (T, gradient), (T_sinkhorn, gradient_sinkhorn) = answers
    found["plan"] = (T - T_sinkhorn).abs().max().item()
    off = (gradient - gradient_sinkhorn).norm() / gradient_sinkhorn.norm()
    return {**found, "gradient": off.item()}


def learn(trips: int | None, seed: int, steps: int) -> Json:
    """Both learners see the same plans, which keep to the capacities; one knows of these.

    trips: of each plan so many trips are counted; None: the plan itself is seen.
    """
    torch.manual_seed(seed)
    C = true_cost(seed)
    limited, raised = (Transport(PLACES, EPSILON, k * CAPACITY) for k in (1.0, 2.0))
    seen, held_out = markets(MARKETS, 2 * seed + 100), markets(MARKETS, 2 * seed + 101)
    with torch.no_grad():
        plans = limited(C, *seen)
        full = (plans > 0.999 * CAPACITY).double().mean(0)
        if trips is not None:
            counts = torch.distributions.Multinomial(trips, plans.flatten(1)).sample()
            plans = counts.reshape(plans.shape) / trips
    free = full < MOSTLY
    found: Json = {"full": full.mean().item(), "free": free.double().mean().item()}
    found["true"] = centred(C).tolist()
    for name, solve in (("layer", limited), ("sinkhorn", _sinkhorn)):
        learned = fit_cost(solve, seen, plans, steps)
        # With its capacities doubled, what becomes of the traffic?  Sinkhorn has nothing to double.
        more = raised if name == "layer" else _sinkhorn
        with torch.no_grad():
            found[name] = {
                "cost": _off(centred(learned), centred(C)),
                "cost_free": _off(centred(learned, free), centred(C, free)),
                "plans": _off(solve(learned, *held_out), limited(C, *held_out)),
                "raised": _off(more(learned, *held_out), raised(C, *held_out)),
                "learned": centred(learned).tolist(),
            }
    return found


def fit_cost(solve: Plan, seen: tuple[Tensor, Tensor], plans: Tensor, steps: int) -> Tensor:
    """The cost under which the plans are most likely, by Adam from zero."""
    C = torch.zeros(PLACES, PLACES, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([C], lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        (-(plans * solve(C, *seen).log()).sum() / len(plans)).backward()
        optimizer.step()
        schedule.step()
    return C.detach()


def true_cost(seed: int) -> Tensor:
    """(6, 6): distances from places to others, in a square of side 1."""
    generator = torch.Generator().manual_seed(seed)
    return torch.cdist(*torch.rand(2, PLACES, 2, generator=generator, dtype=torch.float64))


def markets(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Supplies and demands, (count, 6) each, of sum 1."""
    generator = torch.Generator().manual_seed(seed)
    sizes = 0.5 + torch.rand(2, count, PLACES, generator=generator, dtype=torch.float64)
    return tuple(sizes / sizes.sum(2, keepdim=True))


def _sinkhorn(C: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return sinkhorn(C, a, b, EPSILON)


def centred(C: Tensor, entries: Tensor | None = None) -> Tensor:
    """Less a number for each row and column, by least squares: such numbers change no plan.

    entries: (6, 6), which of them count; None: all.
    """
    one = torch.eye(PLACES, dtype=C.dtype)
    sums = torch.cat([one.repeat_interleave(PLACES, 0), one.repeat(PLACES, 1)], dim=1)
    rows = slice(None) if entries is None else entries.flatten()
    design, values = sums[rows], C.flatten()[rows]
    return (
        values - design @ torch.linalg.lstsq(design, values[:, None], driver="gelsd").solution[:, 0]
    )


def _off(plans: Tensor, wanted: Tensor) -> float:
    return ((plans - wanted).norm() / wanted.norm()).item()
