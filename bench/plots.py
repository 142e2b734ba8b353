# SPDX-License-Identifier: Apache-2.0
"""Two pictures of the results: how long, and how exact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

Results = dict[str, Any]

COLOURS = {
    "quadcone": "#c0392b",
    "quadcone.torch": "#e58e7f",
    "moreau (active set)": "#1f4e79",
    "moreau (interior point)": "#6fa0cc",
    "proxsuite": "#2e7d4f",
    "qpth": "#8a63b8",
    "osqp": "#b58a1b",
    "daqp": "#777777",
    "piqp": "#aaaaaa",
}


def plot_speed(results: Results, path: Path) -> None:
    """Bars of forward (solid) and backward (pale) times, a panel a family."""
    families = list(results["families"].values())
    columns = min(4, len(families))
    rows = -(-len(families) // columns)
    figure, panels = plt.subplots(rows, columns, figsize=(4.2 * columns, 2.6 * rows), squeeze=False)
    for axes, family in zip(panels.flat, families, strict=False):
        _speed_panel(axes, family)
    for axes in panels.flat[len(families) :]:
        axes.axis("off")
    figure.suptitle("µs a problem, one thread: forward, and backward paler; log scale")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _speed_panel(axes: Axes, family: Results) -> None:
    names = list(reversed(family["peers"]))
    for y, name in enumerate(names):
        row = family["peers"][name]
        forward, total = row["forward"], row["forward"] + row.get("backward", 0.0)
        axes.barh(y, total, color=COLOURS[name], alpha=0.45)
        axes.barh(y, forward, color=COLOURS[name])
        axes.text(total * 1.1, y, f"{total:,.{1 if total < 100 else 0}f}", va="center", fontsize=7)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_xscale("log")
    shortest = min(row["forward"] for row in family["peers"].values())
    axes.set_xlim(shortest / 3, axes.get_xlim()[1] * 3)
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_title(f"{family['title']}, batch {family['batch']}", fontsize=9)
    axes.tick_params(axis="x", labelsize=7)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def plot_accuracy(results: Results, path: Path) -> None:
    """The worst error of a gradient, by family and peer."""
    figure, axes = plt.subplots(figsize=(9, 4.2))
    families = {k: f for k, f in results["families"].items() if _errors(f)}
    for name, colour in COLOURS.items():
        points = [
            (x, _errors(f)[name]) for x, f in enumerate(families.values()) if name in _errors(f)
        ]
        if points:
            axes.plot(*zip(*points, strict=True), "o", color=colour, label=name, alpha=0.85)
    axes.set_xticks(range(len(families)), list(families))
    axes.set_yscale("log")
    axes.set_ylabel("worst relative error of a gradient")
    axes.grid(axis="y", alpha=0.3)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _errors(family: Results) -> dict[str, float]:
    peers = family["peers"].items()
    floor = 1e-17  # an exact zero has no logarithm
    return {n: max(floor, *row["gradients"].values()) for n, row in peers if "gradients" in row}
