# SPDX-License-Identifier: Apache-2.0
"""Pictures for the page, as text that goes into its HTML.

They have no colours of their own: ink, lines and curves name the page's CSS variables, so that one
picture serves a light and a dark screen.
"""

from __future__ import annotations

import base64
import io

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from .data import CELLS
from .report import Report, Trained

# Placeholders that matplotlib accepts as colours, and the CSS variable that replaces each.
INK, LINE, OPTNET, FEED_FORWARD = "#010101", "#020202", "#030303", "#040404"
VARIABLES = {INK: "--ink-2", LINE: "--line", OPTNET: "--optnet", FEED_FORWARD: "--feed"}
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "quadcone",
    "font.family": "sans-serif",
    "font.size": 11,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": LINE,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 2,
}


def loss_chart(report: Report) -> str:
    """Training loss (thin) and held-out loss (dots) by epoch."""

    def draw(axes: Axes, trained: Trained, color: str) -> None:
        epochs = trained.schedule.epochs
        losses = np.array(trained.run.losses).reshape(epochs, -1)
        held_out = [score.loss for score in trained.run.scores]
        steps = np.arange(losses.size) / losses.shape[1]
        axes.plot(steps, losses.ravel(), color=color, linewidth=0.6, alpha=0.45)
        axes.plot(range(epochs + 1), held_out, color=color, marker="o", markersize=3.5)

    return _chart(report, draw, "log", "mean squared error")


def wrong_chart(report: Report) -> str:
    """Held-out boards that are wrong, by epoch: linear up to 1, then logarithmic."""

    def draw(axes: Axes, trained: Trained, color: str) -> None:
        wrong = [score.wrong for score in trained.run.scores]
        axes.plot(range(len(wrong)), wrong, color=color, marker="o", markersize=3.5, clip_on=False)
        longest = trained is report.feed_forward  # its label does not fit right of its end
        axes.annotate(
            f"{trained.name}: {trained.wrong}",
            (len(wrong) - 1, wrong[-1]),
            xytext=(0, 8) if longest else (8, 3),
            textcoords="offset points",
            ha="right" if longest else "left",
            color=color,
            fontweight="bold",
        )

    return _chart(report, draw, "symlog", f"boards wrong, of {len(report.held_out)}")


def matrix(values: np.ndarray, label: str, full: float) -> str:
    """A matrix as an image: positive and negative entries in two hues, from transparent at zero to
    opaque at `full`."""
    strength = np.clip(np.abs(values) / full, 0, 1)
    pixels = np.empty((*values.shape, 4))
    pixels[..., :3] = np.where(values[..., None] > 0, [0.10, 0.52, 0.66], [0.86, 0.42, 0.12])
    pixels[..., 3] = strength
    file = io.BytesIO()
    plt.imsave(file, pixels, format="png")
    data = base64.b64encode(file.getvalue()).decode()
    return f'<img class="matrix" alt="{label}" src="data:image/png;base64,{data}">'


def board(puzzle: np.ndarray, answer: np.ndarray, solution: np.ndarray) -> str:
    """A board: clues in bold, the other cells marked right or wrong."""
    cells = []
    for clue, digit, true in zip(puzzle, answer, solution, strict=True):
        kind = "wrong" if digit != true else "clue" if clue else "right"
        title = f' title="should be {true}"' if kind == "wrong" else ""
        cells.append(f'<i class="{kind}"{title}>{digit}</i>')
    wrong = int((answer != solution).sum())
    verdict = f"{wrong} of {CELLS} cells wrong" if wrong else "right"
    return f'<div class="board" role="img" aria-label="{verdict}">{"".join(cells)}</div>'


def _chart(report: Report, draw, scale: str, ylabel: str) -> str:
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(4.7, 3.3), layout="constrained")
        draw(axes, report.feed_forward, FEED_FORWARD)
        draw(axes, report.optnet, OPTNET)
        axes.set_yscale(scale)
        axes.set(xlabel="epoch", ylabel=ylabel, xlim=(0, None))
        if scale == "symlog":
            axes.set_ylim(0, 1500)
            axes.set_yticks([0, 1, 10, 100, 1000], ["0", "1", "10", "100", "1000"])
            axes.minorticks_off()
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
        plt.close(figure)
    svg = file.getvalue()
    for placeholder, variable in VARIABLES.items():
        svg = svg.replace(placeholder, f"var({variable})")
    return svg[svg.index("<svg") :]
