# SPDX-License-Identifier: Apache-2.0
"""The picture of denoising and its section of the page."""

from __future__ import annotations

from pathlib import Path

from ..common.context import Json
from ..common.experiment import table
from ..common.plots import BLUE, GREY, ORANGE, PURPLE, Panels, curve


def plot(found: Json, folder: Path) -> None:
    with Panels(folder / "denoising.png", 2) as (left, right):
        left.axhline(found["tv"]["test"], color=GREY, linestyle="--", label="total variation")
        for name, color in (("network", PURPLE), ("learned", ORANGE), ("tuned", BLUE)):
            curve(left, found[name]["history"], "test", color, name)
        left.set(xlabel="epoch", ylabel="test MSE", yscale="log", title="Learning curves")
        left.legend()
        signal = found["tuned"]["signal"]
        right.plot(signal["noisy"], ".", color=GREY, markersize=3, label="noisy")
        right.step(range(len(signal["clean"])), signal["clean"], color=ORANGE, label="clean")
        right.plot(signal["answer"], color=BLUE, label="tuned layer")
        right.set(title="A test signal")
        right.legend()


def section(found: Json, pictures: str) -> str:
    paper = {
        "network": (18.5, 29.8),
        "learned": (52.9, 53.3),
        "tv": (16.3, 16.5),
        "tuned": (13.8, 14.4),
    }
    names = {
        "network": "fully connected network",
        "learned": "learned D, from random",
        "tv": f"total variation, λ = {found['tv']['weight']:g}",
        "tuned": "tuned from total variation",
    }
    rows = [
        [title, *(f"{found[key][part]:.2f}" for part in ("train", "test")), *map(str, paper[key])]
        for key, title in names.items()
    ]
    header = ["approach", "train MSE", "test MSE", "paper, train", "paper, test"]
    speed = found["speed"]
    return f"""
![Denoising]({pictures}/denoising.png)

{found["train"]:,} signals to train on and {found["held_out"]:,} others to test, of 100 samples with 1 to 9 pieces
and noise of deviation 10 (MSE of the noisy test signals: {found["noise"]:.1f}).

{table(header, rows)}

The tuned layer changes the test error of total variation by {-found["improvement"]:+.1%}; in the paper by −12%. Ours
differ: λ is tuned on training signals, where the paper's code used the test set; D and the layer keep the
sparsity of differences (two entries a row), where the paper's are dense; the tuned layer learns D, a
correction of the signal and a weight of every jump, both linear in the signal (the weight's logarithm).

The sparse layer takes {speed["sparse"]:.2f} ms a signal, forward and backward, the same layer with dense matrices
{speed["dense"]:.2f} ms: {speed["dense"] / speed["sparse"]:.0f} times as long. Their answers differ by
{speed["difference"]:.0e}, their gradients by {speed["gradient_difference"]:.0e} of the largest.
"""
