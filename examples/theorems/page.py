# SPDX-License-Identifier: Apache-2.0
"""The theorems' pictures and their section of the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..common.context import Json
from ..common.experiment import Summary, table
from ..common.plots import BLUE, GREEN, GREY, ORANGE, Panels


def plot(found: Json, folder: Path) -> None:
    with Panels(folder / "theorems.png", 3) as (first, second, third):
        kink, shown, rays = found["kink"], found["piecewise"]["shown"], found["rays"]
        first.plot(kink["x"], kink["z"], color=BLUE, label="layer z(x)")
        first.plot(kink["x"], kink["slope"], ".", color=ORANGE, label="its derivative")
        first.set(title="1. Derivatives, and one at the kink", xlabel="x")
        first.legend()
        second.plot(shown["x"], shown["wanted"], color=GREY, linewidth=4, alpha=0.5, label="given")
        second.plot(shown["x"], shown["z"], color=BLUE, linewidth=1.2, label="layer")
        second.set(title="2. A piecewise-linear function", xlabel="x")
        second.legend()
        angle = np.linspace(0, 360, len(rays["values"]), endpoint=False)
        widest = rays["networks"][-1]
        third.plot(angle, rays["values"], color=BLUE, label="layer")
        third.plot(angle, widest["values"], color=GREEN, label=f"network, width {widest['width']}")
        third.plot(angle, rays["remainder"], color=ORANGE, label="what no network can have")
        third.set(title="3. max(0, a₁'x, a₂'x, a₃'x) on the circle", xlabel="angle of x")
        third.set(xticks=range(0, 361, 90), ylim=(-0.3, 1.75))
        third.legend(loc="upper center")


def summary(found: Json) -> Summary:
    derivatives, piecewise, rays = found["derivatives"], found["piecewise"], found["rays"]
    least = rays["least_error"]
    holds = (
        derivatives["agree"] >= 0.999 * derivatives["points"]
        and piecewise["worst_error"] < 1e-10
        and all(network["error"] >= least - 1e-12 for network in rays["networks"])
    )
    return Summary(
        "Layers have derivatives almost everywhere, can be any piecewise-linear function, and what "
        "no network with one hidden layer is.",
        f"Derivatives agree at {derivatives['agree']:,} of {derivatives['points']:,} points; functions to "
        f"{piecewise['worst_error']:.0e}; networks are off by {least:.2f} or more",
        "confirmed" if holds else "not confirmed",
    )


def section(found: Json, pictures: str) -> str:
    derivatives, piecewise, rays = found["derivatives"], found["piecewise"], found["rays"]
    rows = [
        [f"{n['width']}", f"{n['error']:.4f}", f"{n['worst']:.4f}", f"{n['remainder']:.0e}"]
        for n in rays["networks"]
    ]
    header = ["width of the network", "RMS error", "largest error", "its remainder"]
    return f"""
![The three theorems]({pictures}/theorems.png)

**1. The solution is differentiable almost everywhere, and has a subgradient where it is not.** The projection on a
random polytope in four dimensions: at {derivatives["agree"]:,} of {derivatives["points"]:,} random points, of which {derivatives["constrained"]:,} lie
outside the polytope, the derivative agrees with finite differences, with a median error of {derivatives["median_error"]:.0e}. At the kink of the layer that is ReLU, the layer
answers {found["kink"]["at_zero"]:.2g}; any number in [0, 1] is a subgradient.

**2. A layer can be any piecewise-linear function, and ReLU.** By the construction of the proof, the largest relative
error over {piecewise["functions"]} random functions of six pieces is {piecewise["worst_error"]:.0e};
for ReLU it is {piecewise["relu_error"]:.0e}.

**3. A layer can be what no network with one hidden layer of ReLUs is.** The kinks of max(0, a₁'x, a₂'x, a₃'x) are
rays from the origin, those of a ReLU unit whole lines. As numbers: max(0, v'x) − max(0, −v'x) = v'x, so the odd
part of a network without biases is linear, of any width. (Biases do not help: the layer's function f has f(tx) = t
f(x), and the biases vanish from N(tx)/t as t grows.) The odd part of f has a remainder after the nearest
linear function, and its size, {rays["least_error"]:.4f}, is a lower bound on the RMS error on the circle of
all networks without biases. Those that we trained respect it:

{table(header, rows)}
"""
