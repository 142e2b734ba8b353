# SPDX-License-Identifier: Apache-2.0
"""The pictures of costs and the section of the page."""

from __future__ import annotations

from pathlib import Path
from statistics import mean

import numpy as np

from ..common.context import Json
from ..common.experiment import table
from ..common.plots import BLUE, GREY, ORANGE, Panels
from .run import centred

NAMES = {"layer": ("the layer, with capacities", BLUE), "sinkhorn": ("Sinkhorn, without", ORANGE)}
KINDS = {"exact": "plans", "counted": "trips"}
ERRORS = {"cost": "cost", "plans": "new plans", "raised": "plans, capacities doubled"}


def plot(found: Json, folder: Path) -> None:
    run = found["counted"][0]
    true = centred(np.array(run["true"]))
    with Panels(folder / "transport.png", 2, height=3.3) as (left, right):
        span = [true.min(), true.max()]
        left.plot(span, span, color=GREY, linewidth=1)
        for name, (label, color) in NAMES.items():
            learned = centred(np.array(run[name]["learned"]))
            left.plot(true.ravel(), learned.ravel(), "o", color=color, markersize=4, label=label)
        left.set(title=f"The cost, from {found['trips']:,} trips a plan", xlabel="true, centred", ylabel="learned, centred")
        left.legend()
        place = np.arange(len(ERRORS))
        for shift, (name, (label, color)) in zip((-0.2, 0.2), NAMES.items(), strict=True):
            values = [[one[name][error] for one in found["counted"]] for error in ERRORS]
            right.bar(place + shift, [mean(v) for v in values], 0.36, color=color, alpha=0.6, label=label)
            for at, dots in zip(place + shift, values, strict=True):
                right.plot([at] * len(dots), dots, ".", color=color)
        right.set(title="Relative errors, a dot a seed", xticks=place, xticklabels=list(ERRORS.values()))
        right.legend()


def section(found: Json, pictures: str) -> str:
    check = found["sinkhorn"]
    rows = [
        [f"{title}, from {seen}", *(_spread(found[kind], name, error) for error in ERRORS)]
        for kind, seen in KINDS.items()
        for name, (title, _) in NAMES.items()
    ]
    full = mean(run["full"] for kind in KINDS for run in found[kind])
    return f"""
![Costs and errors]({pictures}/transport.png)

From supplies a and demands b at {found["places"]} places each the layer makes a plan T of transport with entropy: min ⟨C, T⟩ + ε Σ T log T subject to T1 = a, T'1 = b, and
every T_ij at most a capacity; every T log T is an exponential cone, ε = {found["epsilon"]:g}. Without capacities Sinkhorn's iteration does the same: the layer's
plans differ from its by at most {check["plan"]:.0e}, the gradients of the cost by {check["gradient"]:.0e}, and take {check["layer_ms"]:.2g} ms a plan, forward and backward, Sinkhorn with autograd {check["sinkhorn_ms"]:.2g} ms.

With capacities, one more block of rows, Sinkhorn's iteration is no longer that of the problem. {found["markets"]} plans are observed under a true cost (distances between random
places), {full:.0%} of their entries at capacity: as they are, or as {found["trips"]:,} counted trips each. The cost under which they are most likely is learned
through the layer, and through Sinkhorn, which does not know of capacities. Relative errors, means over {len(found["exact"])} seeds: of the cost (less what is added to whole
rows and columns, which changes no plan), of plans for new supplies and demands, and of plans after the capacities are doubled:

{table(["learned through", *ERRORS.values()], rows)}

{_verdict(found)}
"""


def _spread(runs: list[Json], name: str, error: str) -> str:
    values = [run[name][error] for run in runs]
    return f"{mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def _verdict(found: Json) -> str:
    ratio = {
        error: mean(run["sinkhorn"][error] for run in found["counted"]) / mean(run["layer"][error] for run in found["counted"])
        for error in ERRORS
    }
    return (
        f"From counted trips, Sinkhorn's error is {ratio['cost']:.1f} times the layer's in the cost, {ratio['plans']:.0f} times in new plans, and "
        f"{ratio['raised']:.1f} times after the change. Where an entry is at capacity in nearly all plans, they say little about its cost: what is left of the layer's error, also from exact plans, is there."
    )
