# SPDX-License-Identifier: Apache-2.0
"""The picture of the errors and its section of the page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median, pstdev

from ..common.context import Json
from ..common.experiment import Summary, table
from ..common.numbers import number
from ..common.plots import BLUE, ORANGE, Panels

NAMES = {"plain": "FC600-FC10-FC10", "optnet": "FC600-FC10-OptNet10"}


def errors(found: Json, kind: str) -> list[float]:
    """After the last epoch, of every seed."""
    return [run["history"][-1]["error"] for run in found[kind]]


def plot(name: str, found: Json, folder: Path) -> None:
    with Panels(folder / f"{name}.png", 2) as (left, right):
        for kind, color in (("plain", ORANGE), ("optnet", BLUE)):
            for k, run in enumerate(found[kind]):
                rows = run["history"][1:]
                epochs, label = [row["epoch"] for row in rows], NAMES[kind] if k == 0 else None
                line = {"color": color, "label": label, "linewidth": 1}
                left.plot(epochs, [row["error"] for row in rows], **line)
                right.plot(epochs, [row["loss"] for row in rows], **line)
        left.set(title="Test error, a curve a seed", xlabel="epoch", ylabel="%")
        left.set_ylim(top=_ceiling(found))
        right.set(title="Training loss", xlabel="epoch", yscale="log")
        left.legend()


def _ceiling(found: Json) -> float:
    """Above most of the curves: the first epochs would flatten all that comes later."""
    last = [error for kind in NAMES for error in errors(found, kind)]
    return 2.5 * max(last)


@dataclass(frozen=True)
class Difference:
    """Mean error with the layer, less that without, and the standard error of this."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, plain: list[float], optnet: list[float]) -> Difference:
        variances = (pstdev(plain) ** 2 + pstdev(optnet) ** 2) / max(len(plain) - 1, 1)
        return cls(mean(optnet) - mean(plain), variances**0.5)

    @property
    def word(self) -> str:
        if abs(self.mean) <= 2 * self.deviation:
            return "similar"
        return "lower" if self.mean < 0 else "higher"


def summary(name: str, found: Json) -> Summary:
    plain, optnet = (errors(found, kind) for kind in NAMES)
    outcome = f"{_spread(optnet)} % with the layer, {_spread(plain)} % without"
    word = Difference.of(plain, optnet).word
    if name == "fashion_mnist":
        return Summary("The same on harder images, which are not in the paper.", outcome, word)
    all_of_it = pstdev(optnet) < pstdev(plain) and mean(optnet) < mean(plain)
    verdict = "not reproduced" if word == "higher" else "reproduced" if all_of_it else "in part"
    claim = "With the layer, the error is similar, slightly lower, and varies less."
    return Summary(claim, outcome, verdict)


def _spread(values: list[float]) -> str:
    return f"{mean(values):.1f} ± {pstdev(values):.1f}"


def section(name: str, found: Json, pictures: str) -> str:
    rows = []
    for kind, title in NAMES.items():
        last = errors(found, kind)
        seconds = median(row["seconds"] for run in found[kind] for row in run["history"][1:])
        rows.append(
            [title, _spread(last), f"{min(last):.1f}", f"{max(last):.1f}", number(seconds, 2)]
        )
    header = ["network", "test error, %", "least", "largest", "seconds an epoch"]
    paper = {
        "mnist": "The paper shows curves alone, of all 60,000 digits (`--mnist FOLDER`): with the layer a "
        "similar, slightly lower error, that varies less.",
        "fashion_mnist": "These images are not in the paper; networks and hyper-parameters are those for its "
        "digits.",
    }[name]
    return f"""
![Errors]({pictures}/{name}.png)

{found["train"]:,} images to train on and {found["test"]:,} others to test: {found["source"]}. Batches of 64, Adam with rate
10⁻³, {found["epochs"]} epochs, {len(found["plain"])} seeds: mean and standard deviation after the last epoch. {paper}

{table(header, rows)}

{_comparison(found).strip()}
"""


def _comparison(found: Json) -> str:
    plain, optnet = (errors(found, kind) for kind in NAMES)
    difference = Difference.of(plain, optnet)
    word = "lower" if difference.mean < 0 else "higher"
    early = max(found["epochs"] // 10, 1)
    before = {kind: mean(run["history"][early]["error"] for run in found[kind]) for kind in NAMES}
    return f"""
With the layer, the mean error is {abs(difference.mean):.2f} points {word}, with a standard error of {difference.deviation:.2f}: {difference.word}.
The layer, the paper's, is min ½z'(LL' + 10⁻⁴I)z + x'z subject to Gz ≤ Gz₀ + s₀ with 50 inequalities, and its z goes straight
into the softmax. It learns later: at first z is confined to a polytope, Gz ≤ 1, whose boundary is within 1 of zero in most directions,
and so are the logits; with Adam's rate s₀ grows by 10⁻³ a step. After {early} epoch{"s" * (early > 1)} the errors are
{before["optnet"]:.1f}% with the layer and {before["plain"]:.1f}% without.
"""
