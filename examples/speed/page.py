# SPDX-License-Identifier: Apache-2.0
"""The picture of speeds and its section of the page."""

from __future__ import annotations

from pathlib import Path

from ..common.context import Json
from ..common.experiment import table
from ..common.plots import BLUE, GREEN, GREY, ORANGE, PURPLE, Panels

COLORS = {
    "linear layer": GREY,
    "quadcone": BLUE,
    "qpth": PURPLE,
    "Gurobi": ORANGE,
    "CPLEX": GREEN,
}


def plot(found: Json, folder: Path) -> None:
    sizes = sorted({row["n"] for row in found["rows"]})
    with Panels(folder / "speed.png", len(sizes), height=2.9, width=2.5 * len(sizes) + 1) as panels:
        for axes, n in zip(panels, sizes, strict=True):
            rows = [row for row in found["rows"] if row["n"] == n]
            for name, color in COLORS.items():
                times = [
                    (row["batch"], row["solvers"][name]["forward"])
                    for row in rows
                    if "forward" in row["solvers"][name]
                ]
                if times:
                    axes.plot(*zip(*times, strict=True), "o-", color=color, label=name)
            axes.set(title=f"{n} variables, {n} inequalities", xlabel="batch", yscale="log")
        panels[0].set_ylabel("ms a batch, forward")
        panels[0].legend()


def section(found: Json, pictures: str) -> str:
    header = ["variables, batch", *COLORS]
    rows = [
        [f"{row['n']}, {row['batch']}", *(_cell(row["solvers"][name]) for name in COLORS)]
        for row in found["rows"]
    ]
    largest = max(row["n"] for row in found["rows"])
    missing = "" if largest >= 500 else "The paper's 500 variables are not in this run (`--large`)."
    return f"""
![Times by batch]({pictures}/speed.png)

Random dense QPs of the paper's distribution: n variables, n inequalities, nothing shared. Milliseconds a batch,
forward + backward (with respect to q); Gurobi and CPLEX, in the editions of limited size that are free, have
no derivative and solve problem after problem, the time to build their models included. All are on one thread of the
CPU and in double precision, where the paper has a GPU and single precision. {missing}

{table(header, rows)}

{_verdict(found)} The largest relative difference of an answer from ours: {_differences(found)}.
"""


def _cell(solver: Json) -> str:
    if "unavailable" in solver:
        return f"— ({solver['unavailable']})"
    backward = f" + {solver['backward']:,.3g}" if "backward" in solver else ""
    return f"{solver['forward']:,.3g}{backward}"


def _verdict(found: Json) -> str:
    """The paper's claim: from some batch on, the batched solver is faster than the others."""
    words = []
    for other in ("Gurobi", "CPLEX", "qpth"):
        rows = [r for r in found["rows"] if "forward" in r["solvers"][other]]
        if not rows:
            continue
        ratios = [
            r["solvers"][other]["forward"] / r["solvers"]["quadcone"]["forward"] for r in rows
        ]
        faster = sum(ratio > 1 for ratio in ratios)
        words.append(
            f"faster forward than {other} in {faster} of {len(rows)} rows "
            f"({min(ratios):.2g} to {max(ratios):.3g} times)"
        )
    claim = "The paper's claim, that batches beat Gurobi and CPLEX from reasonable sizes on: quadcone is "
    return claim + "; ".join(words) + "." if words else ""


def _differences(found: Json) -> str:
    worst: dict[str, float] = {}
    for row in found["rows"]:
        for name, solver in row["solvers"].items():
            if name != "quadcone" and "difference" in solver:
                worst[name] = max(worst.get(name, 0.0), solver["difference"])
    return ", ".join(f"{name} {value:.0e}" for name, value in worst.items()) or "none was there"
