# SPDX-License-Identifier: Apache-2.0
"""The picture of regrets and the section of the page."""

from __future__ import annotations

from pathlib import Path
from statistics import mean, pstdev

import numpy as np

from ..common.context import Json
from ..common.experiment import Summary, table
from ..common.plots import BLUE, GREY, ORANGE, PURPLE, Panels

SHADES = (GREY, PURPLE, BLUE)


def plot(found: Json, folder: Path) -> None:
    degrees = _degrees(found)
    with Panels(folder / "portfolio.png", 2) as (left, right):
        place = np.arange(len(degrees))
        for shift, key, color, label in (
            (-0.2, "two_stage", ORANGE, "least squares"),
            (0.2, "end_to_end", BLUE, "end to end"),
        ):
            values = [_regrets(runs, key) for runs in degrees.values()]
            left.bar(
                place + shift, [mean(v) for v in values], 0.36, color=color, label=label, alpha=0.6
            )
            for at, dots in zip(place + shift, values, strict=True):
                left.plot([at] * len(dots), dots, ".", color=color, markersize=5)
        left.set(title="Regret, a dot a seed", ylabel="% of what is possible")
        left.set(xticks=place, xticklabels=[f"degree {degree}" for degree in degrees])
        left.legend()
        for (degree, runs), color in zip(degrees.items(), SHADES[-len(degrees) :], strict=True):
            for k, run in enumerate(runs):
                curve = [100 * row["regret"] for row in run["history"]]
                label = f"degree {degree}" if k == 0 else None
                right.plot(curve, color=color, linewidth=1, label=label)
        right.set(title="While training through the portfolio", xlabel="epoch", yscale="log")
        right.xaxis.get_major_locator().set_params(integer=True)
        right.legend()


def summary(found: Json) -> Summary:
    (right, easy), *_, (wrong, hard) = _degrees(found).items()
    first, last = (
        [mean(_regrets(runs, key)) for key in ("two_stage", "end_to_end")] for runs in (easy, hard)
    )
    return Summary(
        "A predictor that cannot be right chooses better portfolios if it is trained through them.",
        f"Degree {wrong}: regret {last[0]:.2f}% before, {last[1]:.2f}% after; degree {right}, where the "
        f"predictor can be right: {first[0]:.2f}% and {first[1]:.2f}%",
        "confirmed" if last[1] < last[0] else "not confirmed",
    )


def section(found: Json, pictures: str) -> str:
    degrees = _degrees(found)
    rows = [
        [
            degree,
            *(_spread(_regrets(runs, key)) for key in ("equal_weights", "two_stage", "end_to_end")),
            f"{sum(run['end_to_end'] < run['two_stage'] for run in runs)} of {len(runs)}",
            *(f"{mean(run[key] for run in runs):.4f}" for key in ("error_before", "error_after")),
        ]
        for degree, runs in degrees.items()
    ]
    header = ["degree", "equal weights", "least squares", "end to end", "end to end is better",
              "its RMS error before", "after"]  # fmt: skip
    worst = max(run["largest_risk"] for runs in degrees.values() for run in runs)
    return f"""
![Regret]({pictures}/portfolio.png)

The layer chooses {found["assets"]} weights: the greatest predicted return with ‖F w‖ ≤ σ, 1'w = 1, w ≥ 0, where F'F is the
covariance; the limit of risk is a second-order cone, σ is {found["risk"]:g} times the risk of equal weights. Returns are made in the
manner of Elmachtoub & Grigas (2022): their means are a linear function of {found["features"]} features, to the power of a degree, so at degree 1 a
linear predictor is right, and the higher the degree the more it is wrong. *Least squares* fits the linear predictor to {found["train"]} observed returns;
*end to end* goes on from there for {found["epochs"]} epochs, with the realised return of the layer's portfolio as its gain. The regret is
what is lost to a portfolio that knows the true means, on {found["test"]:,} new days, in % of its return; mean and deviation.

{table(header, rows)}

{_verdict(degrees)} The largest risk
of a portfolio is {worst:.9f} of the limit.
"""


def _degrees(found: Json) -> dict[str, list[Json]]:
    return {degree: found["degrees"][degree] for degree in sorted(found["degrees"], key=int)}


def _regrets(runs: list[Json], key: str) -> list[float]:
    return [100 * run[key] for run in runs]


def _spread(values: list[float]) -> str:
    return f"{mean(values):.2f} ± {pstdev(values):.2f}"


def _verdict(degrees: dict[str, list[Json]]) -> str:
    words, gains = [], []
    for degree, runs in degrees.items():
        before, after = (mean(_regrets(runs, key)) for key in ("two_stage", "end_to_end"))
        gains.append(before / after)
        verb, ratio = ("lowers", before / after) if after < before else ("raises", after / before)
        words.append(f"at degree {degree} it {verb} the regret {ratio:.1f} times")
    text = "Training through the layer: " + ", ".join(words) + "."
    if gains[0] < 1 < gains[-1]:
        text += " It pays where the predictor cannot be right, and costs where it is."
    if all(run["error_after"] > run["error_before"] for runs in degrees.values() for run in runs):
        text += " It makes predictions worse everywhere: what is learned are not means any more, but what leads to good portfolios."
    return text
