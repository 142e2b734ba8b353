# SPDX-License-Identifier: Apache-2.0
"""The picture of the errors and its section of the page."""

from __future__ import annotations

from pathlib import Path
from statistics import mean, median, pstdev

from ..common.context import Json
from ..common.experiment import table
from ..common.plots import BLUE, ORANGE, Panels

NAMES = {"plain": "FC600-FC10-FC10", "optnet": "FC600-FC10-OptNet10"}


def plot(name: str, found: Json, folder: Path) -> None:
    with Panels(folder / f"{name}.png", 2) as (left, right):
        for kind, color in (("plain", ORANGE), ("optnet", BLUE)):
            for k, run in enumerate(found[kind]):
                rows = run["history"][1:]
                epochs, label = [row["epoch"] for row in rows], NAMES[kind] if k == 0 else None
                left.plot(epochs, [row["error"] for row in rows], color=color, label=label)
                right.plot(epochs, [row["loss"] for row in rows], color=color, label=label)
        left.set(title="Test error, a curve a seed", xlabel="epoch", ylabel="%")
        right.set(title="Training loss", xlabel="epoch", yscale="log")
        left.legend()


def section(name: str, found: Json, pictures: str) -> str:
    rows = []
    for kind, title in NAMES.items():
        errors = [run["history"][-1]["error"] for run in found[kind]]
        seconds = median(row["seconds"] for run in found[kind] for row in run["history"][1:])
        spread = f"{mean(errors):.2f} ± {pstdev(errors):.2f}"
        rows.append([title, spread, f"{min(errors):.2f}", f"{max(errors):.2f}", f"{seconds:.2f}"])
    header = ["network", "test error, %", "least", "largest", "seconds an epoch"]
    paper = {
        "mnist": "The paper shows curves alone: with the layer similar, slightly lower, less spread. "
        "Its data are all 60,000 digits: `--mnist FOLDER`.",
        "fashion_mnist": "The data set is not in the paper; networks and hyper-parameters are those "
        "for its digits.",
    }[name]
    return f"""
![Errors]({pictures}/{name}.png)

{found["source"]}; batches of 64, Adam with rate 1e-3, {found["epochs"]} epochs, {len(found["plain"])} seeds: mean and
standard deviation after the last epoch. {paper}

{table(header, rows)}

{_comparison(found)}
"""


def _comparison(found: Json) -> str:
    plain, optnet = (mean(run["history"][-1]["error"] for run in found[k]) for k in NAMES)
    word = "lower" if optnet < plain else "higher"
    return f"With the layer, the mean error is {abs(optnet - plain):.2f} points {word}."
