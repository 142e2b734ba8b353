# SPDX-License-Identifier: Apache-2.0
"""The pictures of speeds and their section of the page."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes

from ..common.context import Json
from ..common.experiment import Summary, table
from ..common.numbers import number
from ..common.plots import BLUE, GREEN, GREY, ORANGE, PURPLE, Panels
from .solvers import LAYERS

COLORS = {
    "linear layer": GREY,
    "quadcone": BLUE,
    "qpth": PURPLE,
    "Gurobi": ORANGE,
    "CPLEX": GREEN,
}


def plot(found: Json, folder: Path) -> None:
    sizes = sorted({row["n"] for row in found["rows"]})
    with Panels(folder / "speed.png", len(sizes), height=3.2, width=2.5 * len(sizes) + 1) as panels:
        for axes, n in zip(panels, sizes, strict=True):
            _lines(axes, [row for row in found["rows"] if row["n"] == n], "batch", "forward")
            axes.set(title=f"{n} variables, {n} inequalities", xlabel="batch", yscale="log")
        panels[0].set_ylabel("ms a batch, forward")
        panels[0].figure.legend(
            *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(COLORS)
        )
    largest = max(row["batch"] for row in found["rows"])
    rows = [row for row in found["rows"] if row["batch"] == largest]
    with Panels(folder / "speed_layers.png", 2, height=2.9, width=7.5) as (left, right):
        _lines(left, rows, "n", "forward", LAYERS)
        _lines(right, rows, "n", "backward", LAYERS)
        for axes, title in ((left, "Forward"), (right, "Backward")):
            axes.set(title=title, xlabel="variables", xscale="log", yscale="log")
            axes.set_xticks(sizes, [str(n) for n in sizes], minor=False)
            axes.minorticks_off()
        left.set_ylabel(f"ms for a batch of {largest}")
        left.legend()


def _lines(
    axes: Axes, rows: list[Json], along: str, key: str, names: tuple[str, ...] = tuple(COLORS)
) -> None:
    for name in names:
        times = [
            (row[along], row["solvers"][name][key]) for row in rows if key in row["solvers"][name]
        ]
        if times:
            axes.plot(*zip(*times, strict=True), "o-", color=COLORS[name], label=name)


def summary(found: Json) -> Summary:
    parts = []
    faster = True
    for other in ("Gurobi", "CPLEX", "qpth"):
        ratios = [ratio for row in found["rows"] if (ratio := _ratio(row, other)) is not None]
        if ratios:
            parts.append(
                f"{number(min(ratios), 2)} to {number(max(ratios), 2)} times that of {other}"
            )
            faster = faster and min(ratios) > 1
    claim = "Batches of QPs are solved faster than by Gurobi and CPLEX one by one."
    if not parts:
        return Summary(claim, "the other solvers are not installed", "not tried")
    verdict = "reproduced" if faster else "in part"
    return Summary(claim, "Our forward speed is " + ", ".join(parts), verdict)


def section(found: Json, pictures: str) -> str:
    header = ["variables, batch", *COLORS]
    rows = [
        [f"{row['n']}, {row['batch']}", *(_cell(row["solvers"][name]) for name in COLORS)]
        for row in found["rows"]
    ]
    return f"""
![Times by batch]({pictures}/speed.png)

Random dense QPs of the paper's distribution: n variables, n inequalities, nothing shared. Milliseconds a batch, of
the processor, forward + backward (with respect to q); Gurobi and CPLEX, in the editions of limited size that are free, have
no derivative and solve problem after problem, the time to build their models included. All are on one thread of the
CPU and in double precision, where the paper has a GPU and single precision.{_part(found)}

{table(header, rows)}

{_verdict(found)} The largest relative difference of an answer from ours: {_differences(found)}.

The paper's figure of a linear layer, y = Wx + w, beside the QP layer, here with qpth's:

![Linear and QP layers]({pictures}/speed_layers.png)

{_layers(found)}
"""


def _cell(solver: Json) -> str:
    if "unavailable" in solver:
        return f"— ({solver['unavailable']})"
    backward = f" + {number(solver['backward'])}" if "backward" in solver else ""
    return ("≈ " if "timed" in solver else "") + number(solver["forward"]) + backward


def _part(found: Json) -> str:
    """What ≈ means, where there is one."""
    timed = {s["timed"] for row in found["rows"] for s in row["solvers"].values() if "timed" in s}
    if not timed:
        return ""
    return f" ≈: from the time of {max(timed)} problems of the batch."


def _ratio(row: Json, other: str) -> float | None:
    solvers = row["solvers"]
    if "forward" not in solvers[other]:
        return None
    return solvers[other]["forward"] / solvers["quadcone"]["forward"]


def _verdict(found: Json) -> str:
    """The paper's claim: from some batch on, the batched solver is faster than the others."""
    words = []
    for other in ("Gurobi", "CPLEX", "qpth"):
        ratios = [ratio for row in found["rows"] if (ratio := _ratio(row, other)) is not None]
        if ratios:
            faster = sum(ratio > 1 for ratio in ratios)
            words.append(
                f"faster forward than {other} in {faster} of {len(ratios)} rows "
                f"({number(min(ratios), 2)} to {number(max(ratios), 2)} times)"
            )
    claim = "The paper's claim, that batches beat Gurobi and CPLEX from reasonable sizes on: quadcone is "
    return claim + "; ".join(words) + "." if words else ""


def _layers(found: Json) -> str:
    """How many times as long as a linear layer the QP takes, at the largest batch."""
    largest = max(row["batch"] for row in found["rows"])
    words = []
    for row in found["rows"]:
        if row["batch"] == largest:
            linear, ours = (
                row["solvers"][k]["forward"] + row["solvers"][k]["backward"]
                for k in ("linear layer", "quadcone")
            )
            words.append(f"{number(ours / linear, 2)} times with {row['n']}")
    return (
        "Forward and backward together, our QP layer takes as long as the linear one "
        + ", ".join(words)
        + " variables."
    )


def _differences(found: Json) -> str:
    worst: dict[str, float] = {}
    for row in found["rows"]:
        for name, solver in row["solvers"].items():
            if name != "quadcone" and "difference" in solver:
                worst[name] = max(worst.get(name, 0.0), solver["difference"])
    return ", ".join(f"{name} {value:.0e}" for name, value in worst.items()) or "none was there"
