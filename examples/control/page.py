# SPDX-License-Identifier: Apache-2.0
"""The pictures of paths and costs, and the section of the page."""

from __future__ import annotations

from pathlib import Path
from statistics import mean

import numpy as np

from ..common.context import Json
from ..common.experiment import Summary, table
from ..common.plots import BLUE, GREEN, GREY, ORANGE, PURPLE, Panels

NAMES = {
    "before": ("plan of 3 steps, before", GREY),
    "clipped": ("LQR, clipped to the limit", ORANGE),
    "riccati": ("plan, with LQR's terminal cost", PURPLE),
    "tuned": ("plan, tuned", BLUE),
    "optimum": ("optimum", GREEN),
}


def plot(found: Json, folder: Path) -> None:
    run = found["limited"][0]
    with Panels(folder / "control.png", 2, height=3.4) as (left, right):
        for name, (label, color) in NAMES.items():
            path = np.array(run["paths"][name])
            style = (
                {"linewidth": 4, "alpha": 0.4}
                if name == "optimum"
                else {"marker": ".", "markersize": 4}
            )
            left.plot(path[:, 0], path[:, 1], color=color, label=label, **style)
        left.plot(0, 0, "+", color="black", markersize=10)
        best = np.array(run["paths"]["optimum"])
        low, high = best.min(0) - 0.5, best.max(0) + 0.5
        left.set(
            xlim=(low[0], high[0]),
            ylim=(low[1], high[1]),
            xlabel="away from the planet",
            ylabel="along the orbit",
        )
        left.set_title("From the hardest start, limited thrust")
        left.legend(loc="best", fontsize=7)
        for k, run in enumerate(found["limited"]):
            steps, cost = np.array(run["curve"]).T
            right.plot(steps, cost, color=BLUE, label="limited" if k == 0 else None)
        for k, run in enumerate(found["unlimited"]):
            steps, cost = np.array(run["curve"]).T
            right.plot(steps, cost, color=ORANGE, label="unlimited" if k == 0 else None)
        right.set(
            title="Cost of closed loops while tuning, a curve a seed",
            xlabel="step of Adam",
            yscale="log",
        )
        right.legend()


def summary(found: Json) -> Summary:
    tuned, riccati = (
        mean(run[name] / run["optimum"] - 1 for run in found["limited"])
        for name in ("tuned", "riccati")
    )
    return Summary(
        "A controller with limited thrust can be tuned through its plans, to the optimum that is known.",
        f"{tuned:.2%} above the optimum, {riccati:.1%} with the terminal cost of LQR",
        "confirmed" if tuned < riccati else "not confirmed",
    )


def section(found: Json, pictures: str) -> str:
    rows = []
    for name, (label, _) in NAMES.items():
        means = [mean(run[name] for run in found[kind]) for kind in ("unlimited", "limited")]
        extra = [
            mean(run[name] / run["optimum"] - 1 for run in found[kind])
            for kind in ("unlimited", "limited")
        ]
        rows.append(
            [label, f"{means[0]:.4g}", f"{extra[0]:+.2%}", f"{means[1]:.4g}", f"{extra[1]:+.2%}"]
        )
    header = [
        "controller",
        "cost, unlimited",
        "above the optimum",
        "cost, limited",
        "above the optimum",
    ]
    free, seeds = found["unlimited"], len(found["limited"])
    gains = [mean(run[f"gain_{name}"] for run in free) for name in ("before", "tuned")]
    return f"""
![Closed loops]({pictures}/control.png)

A spacecraft goes to another one on a circular orbit (Clohessy–Wiltshire). In every step the layer plans the thrusts of the next {found["horizon"]} steps,
each within a disc, ‖u‖ ≤ limit, a second-order cone; the first is done. So short a plan does not see what comes after it:
that is what a terminal cost x'FF'x is for. F is tuned by {found["iterations"]} steps of Adam on the cost of whole closed loops of {found["steps"]} steps,
differentiated through all their plans. Costs are means over {found["test"]} starts that the tuning did not see and {seeds} seeds. Nothing is random, so the optimum
is one plan of all {found["steps"]} steps; without a limit, that is LQR.

{table(header, rows)}

{_verdict(found)} Without a limit the answer is known, LQR: the controller's gain near the target is
{gains[0]:.1%} from LQR's before and {gains[1]:.1%} after.
"""


def _verdict(found: Json) -> str:
    runs = found["limited"]
    tuned, riccati, clipped = (
        mean(run[name] / run["optimum"] - 1 for run in runs)
        for name in ("tuned", "riccati", "clipped")
    )
    better = sum(run["tuned"] < run["riccati"] for run in runs)
    return (
        f"With a limit, LQR's terminal cost is{' no longer' if tuned < riccati else ''} the right one: it is {riccati:.1%} above the optimum, the tuned one {tuned:.2%}, and better "
        f"with {better} of {len(runs)} seeds; clipping LQR's thrust, which needs no plan, costs {1 + clipped:.0f} times the optimum."
    )
