# SPDX-License-Identifier: Apache-2.0
"""One look for all pictures."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

BLUE, ORANGE, GREEN, PURPLE, GREY = "#1f6f9c", "#d9722b", "#3a8f5c", "#8a63b8", "#8a8a8a"
STYLE = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "savefig.dpi": 130,
    "savefig.facecolor": "white",
}


class Panels:
    """A row of axes that is written to a file at the end.

    >>> with Panels(path, 2) as (left, right):
    ...     left.plot(x, y)
    """

    def __init__(self, path: Path, count: int, height: float = 3.0, width: float = 9.0) -> None:
        self.path, self.count, self.size = path, count, (width, height)

    def __enter__(self) -> np.ndarray:
        self._style = plt.rc_context(STYLE)
        self._style.__enter__()
        self.figure, axes = plt.subplots(
            1, self.count, figsize=self.size, layout="constrained", squeeze=False
        )
        return axes[0]

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.figure.savefig(self.path, metadata={"Software": None})
        plt.close(self.figure)
        self._style.__exit__(None, None, None)


def curve(axes: Axes, history: list[dict[str, float]], key: str, color: str, label: str) -> None:
    """A score by epoch."""
    points = [(row["epoch"], row[key]) for row in history if key in row]
    axes.plot(*zip(*points, strict=True), color=color, label=label, marker="o", markersize=2.5)
