# SPDX-License-Identifier: Apache-2.0
"""The pictures of costs and the section of the page."""

from __future__ import annotations

from pathlib import Path
from statistics import mean

import numpy as np

from ..common.context import Json
from ..common.experiment import Summary, table
from ..common.plots import BLUE, GREY, ORANGE, Panels
from .run import MOSTLY

NAMES = {"layer": ("the layer, with capacities", BLUE), "sinkhorn": ("Sinkhorn, without", ORANGE)}
KINDS = {"exact": "plans", "counted": "trips"}
ERRORS = {
    "cost": "cost",
    "cost_free": "cost where seen",
    "plans": "new plans",
    "raised": "plans, double capacities",
}


def plot(found: Json, folder: Path) -> None:
    run = found["counted"][0]
    true = run["true"]
    with Panels(folder / "transport.png", 2, height=3.3) as (left, right):
        span = [min(true), max(true)]
        left.plot(span, span, color=GREY, linewidth=1)
        for name, (label, color) in NAMES.items():
            left.plot(true, run[name]["learned"], "o", color=color, markersize=4, label=label)
        left.set(
            title=f"The cost, from {found['trips']:,} trips a plan",
            xlabel="true, centred",
            ylabel="learned, centred",
        )
        left.legend()
        place = np.arange(len(ERRORS))
        for shift, (name, (label, color)) in zip((-0.2, 0.2), NAMES.items(), strict=True):
            values = [[one[name][error] for one in found["counted"]] for error in ERRORS]
            right.bar(
                place + shift, [mean(v) for v in values], 0.36, color=color, alpha=0.6, label=label
            )
            for at, dots in zip(place + shift, values, strict=True):
                right.plot([at] * len(dots), dots, ".", color=color)
        right.set(
            title="Relative errors, a dot a seed",
            xticks=place,
            xticklabels=[e.replace(" ", "\n", 1) for e in ERRORS.values()],
        )
        right.legend()


def summary(found: Json) -> Summary:
    layer, other = (mean(run[name]["cost"] for run in found["counted"]) for name in NAMES)
    return Summary(
        "The cost of a transport with capacities is learned through exponential cones.",
        f"Relative error {layer:.2f}, {other:.2f} through Sinkhorn, which knows no capacities",
        "confirmed" if layer < other else "not confirmed",
    )


def section(found: Json, pictures: str) -> str:
    check = found["sinkhorn"]
    rows = [
        [f"{title}, from {seen}", *(_spread(found[kind], name, error) for error in ERRORS)]
        for kind, seen in KINDS.items()
        for name, (title, _) in NAMES.items()
    ]
    full = mean(run["full"] for kind in KINDS for run in found[kind])
    hidden = 1 - mean(run["free"] for kind in KINDS for run in found[kind])
    return f"""
![Costs and errors]({pictures}/transport.png)

From supplies a and demands b at {found["places"]} places each the layer makes a plan T of transport with entropy: min ⟨C, T⟩ + ε Σ T log T subject to T1 = a, T'1 = b, and
every T_ij at most a capacity; every T log T is an exponential cone, ε = {found["epsilon"]:g}. Without capacities Sinkhorn's iteration does the same: the layer's
plans differ from its by at most {check["plan"]:.0e}, the gradients of the cost by {check["gradient"]:.0e}, and take {check["layer_ms"]:.2g} ms a plan, forward and backward, Sinkhorn with autograd {check["sinkhorn_ms"]:.2g} ms.

With capacities, one more block of rows, Sinkhorn's iteration is no longer that of the problem. {found["markets"]} plans are observed under a true cost (distances between random
places), {full:.0%} of their entries at capacity: as they are, or as {found["trips"]:,} counted trips each. The cost under which they are most likely is learned
through the layer, and through Sinkhorn, which does not know of capacities. Relative errors, means over {len(found["exact"])} seeds: of the cost (less what is added to whole
rows and columns, which changes no plan), of the cost without those {hidden:.0%} of entries that are at capacity in over {MOSTLY:.0%} of plans, which say little about it, of plans for new supplies and demands, and of plans after the capacities are doubled:

{table(["learned through", *ERRORS.values()], rows)}

{_verdict(found)}
"""


def _spread(runs: list[Json], name: str, error: str) -> str:
    values = [run[name][error] for run in runs]
    return f"{mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def _verdict(found: Json) -> str:
    layer, other = (
        {error: mean(run[name][error] for run in found["counted"]) for error in ERRORS}
        for name in NAMES
    )
    return (
        f"From counted trips, Sinkhorn's error is {other['cost'] / layer['cost']:.1f} times the layer's in the cost, {other['plans'] / layer['plans']:.0f} times "
        f"in new plans, and {other['raised'] / layer['raised']:.1f} times after the change. The layer's own error in the cost is {layer['cost']:.3f} with the entries that are nearly always at "
        f"capacity, and {layer['cost_free']:.3f} without them."
    )
