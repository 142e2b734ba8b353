# SPDX-License-Identifier: Apache-2.0
"""The pictures of both sizes and their section of the page of experiments."""

from __future__ import annotations

from pathlib import Path

from ..common.context import Json
from ..common.experiment import Summary, table
from ..common.plots import BLUE, GREEN, GREY, ORANGE, PURPLE, Panels

NETWORKS = {
    "network": ("fully connected, 4 × 100", GREY),
    "wide": ("fully connected, 2 × 512", PURPLE),
    "convolution": ("convolutional", ORANGE),
    "optnet": ("OptNet", BLUE),
}
CURVES = {
    "pattern": ("pattern known", GREEN),
    "hidden": ("pattern hidden", PURPLE),
    "relaxed": ("random, relaxed layer", ORANGE),
    "dense": ("random, whole layer", BLUE),
    "paper": ("random, as in 4×4", GREY),
}
KINDS = {"60": "60 clues", "45": "45 clues", "deduced": "deducible", "minimal": "minimal"}


def plot(found: Json, folder: Path) -> None:
    small, large = found["small"], found["large"]
    with Panels(folder / "sudoku.png", 2) as (left, right):
        for name, (label, color) in NETWORKS.items():
            history = small[name]["history"]
            epochs = [row["epoch"] for row in history]
            for axes, score, unit in ((left, "wrong", 100), (right, "mse", 1)):
                for part, line in (("test", "-"), ("train", ":")):
                    values = [unit * row[f"{part}_{score}"] for row in history]
                    axes.plot(epochs, values, line, color=color, label=label if line == "-" else "")
        left.set(xlabel="epoch", ylabel="boards not solved, %", title="4×4: test (—), train (···)")
        left.legend()
        right.set(xlabel="epoch", ylabel="MSE", yscale="log", title="Mean squared error")
    with Panels(folder / "sudoku_large.png", 2) as (left, right):
        for name, (label, color) in CURVES.items():
            points = [(row["puzzles"], row["overlap"]) for row in large[name]["history"][1:]]
            left.plot(*zip(*points, strict=True), color=color, label=label, marker=".")
        left.set(xlabel="puzzles seen", ylabel="span of the true rules found", xscale="log")
        left.set(title="9×9: what is learned", ylim=(0.2, 1.02))
        left.legend(loc="lower right")
        _bars(large, right)


def _bars(large: Json, axes) -> None:
    for place, (name, (label, color)) in enumerate(CURVES.items()):
        heights = [100 * large[name]["solved"][kind] for kind in KINDS]
        axes.bar(
            [k + 0.16 * (place - 2) for k in range(4)], heights, 0.15, color=color, label=label
        )
    true = [100 * large["true"]["solved"][kind] for kind in KINDS]
    axes.hlines(true, [k - 0.42 for k in range(4)], [k + 0.42 for k in range(4)], color="black")
    axes.set_xticks(range(4), KINDS.values())
    axes.set(ylabel="held-out boards solved, %", title="9×9: solved (line: the true rules)")


def summary(found: Json) -> Summary:
    small, large = found["small"], found["large"]
    wrong = {name: small[name]["history"][-1]["test_wrong"] for name in NETWORKS}
    optnet, relaxed = wrong.pop("optnet"), large["relaxed"]["solved"]["deduced"]
    return Summary(
        "OptNet learns the rules of 4×4 Sudoku, where other networks overfit; and 9×9?",
        f"OptNet leaves {optnet:.1%} of 4×4 boards unsolved, other networks "
        f"{min(wrong.values()):.1%} or more; of deducible 9×9 boards, {relaxed:.0%} are solved by "
        "an A learned from random without z ≥ 0",
        "reproduced" if optnet < 0.01 < min(wrong.values()) else "not reproduced",
    )


def section(found: Json, pictures: str) -> str:
    small, large = found["small"], found["large"]
    return f"""
![4×4: learning curves]({pictures}/sudoku.png)

### 4×4, as in the paper

{_setup(small)}

{table(["network", "parameters", "epochs", "train", "test", "test, paper's error"], _small(small))}

{_finding(small)}

![9×9: what is learned, and what is solved]({pictures}/sudoku_large.png)

### 9×9, which the paper could not do

{_boards(large["boards"])}

{table(["A learned", "span", "puzzles", *KINDS.values()], _large(large))}

{_verdict(large)}
"""


def _setup(small: Json) -> str:
    return (
        f"{small['train']:,} boards to train on, {small['held_out']:,} others to test; all puzzles "
        "differ (in the paper's data, 72 of 1,000 test boards are trained on, too). Batches of "
        "150, Adam at the paper's rates (0.1 for OptNet, 0.001 else), Q = 0.1, a random A of 40 × "
        "64. Boards not solved after the last epoch: *train* (of the first 1,000) and *test* want "
        "the one true solution; the paper counts a board as an error only if a row, a column or a "
        "block is not a permutation. Differences: the paper trains 100 epochs; its convolutional "
        f"network has 512 channels, ours {small['channels']} in its ten layers, for the sake of "
        "time; OptNet's gradients are clipped; and there is a second, wider fully connected "
        "network."
    )


def _small(small: Json) -> list[list[str]]:
    rows = []
    for name, (title, _) in NETWORKS.items():
        last = small[name]["history"][-1]
        scores = [f"{last[key]:.1%}" for key in ("train_wrong", "test_wrong", "test_invalid")]
        rows.append([title, f"{small[name]['parameters']:,}", str(last["epoch"]), *scores])
    return rows


def _finding(small: Json) -> str:
    history = small["optnet"]["history"]
    third = history[min(3, len(history) - 1)]
    wide, best = small["wide"]["history"][-1], min(row["test_wrong"] for row in history)
    conv, last = small["convolution"]["history"][-1], history[-1]
    return (
        f"After {third['epoch']} epochs OptNet leaves {third['test_wrong']:.1%} of the test boards "
        f"unsolved (at best {best:.1%}), after the last {last['test_wrong']:.1%}; its rows span "
        f"{small['optnet']['overlap']:.2%} of the true rules. It does on new boards as on those "
        "that it was trained on, which is the paper's finding. The wider network leaves "
        f"{wide['train_wrong']:.1%} of what it was trained on and {wide['test_wrong']:.1%} of the "
        f"rest, the convolutional one {conv['train_wrong']:.1%} and {conv['test_wrong']:.1%}. The "
        "paper's own fully connected network has a ReLU before its softmax too, and units of it "
        "die."
    )


def _boards(boards: Json) -> str:
    def clues(name: str) -> str:
        part = boards[name]
        return f"{part['count']}, with {part['least']} to {part['most']} clues"

    return (
        "729 variables, and A has 249 rows, the rank of the true rules. To train on: "
        f"{boards['train']['count']:,} puzzles, from {boards['train']['most']} clues down to "
        f"{boards['train']['least']} (mean {boards['train']['mean']:.0f}). Held out, of other "
        f"solved boards: with 60 clues ({boards['60']['count']}) and 45; *deducible* "
        f"({clues('deduced')}), from which no cell can be blanked whose digit a row, a column or a "
        f"block still gives away; and *minimal* ({clues('minimal')}), every clue of which is "
        "needed. All have one solution, by construction or by search. A board is solved if all 81 "
        "cells are right. *Span*: how much of the space of the true rules the learned rows span; "
        "34% at random."
    )


def _large(large: Json) -> list[list[str]]:
    def row(title: str, part: Json, puzzles: float) -> list[str]:
        solved = [f"{part['solved'][kind]:.0%}" for kind in KINDS]
        return [title, f"{part['overlap']:.1%}", f"{puzzles:,.0f}" if puzzles else "", *solved]

    rows = [row("*the true rules*", large["true"], 0)]
    rows.append(row("*principal components*", large["components"], large["components"]["boards"]))
    for name, (title, _) in CURVES.items():
        rows.append(row(title, large[name], large[name]["history"][-1]["puzzles"]))
        if "tuned" in large[name]:
            tuned = large[name]["tuned"]
            rows.append(row("— then the whole layer", tuned, tuned["history"][-1]["puzzles"]))
    return rows


def _verdict(large: Json) -> str:
    linear, hidden = large["true"]["linear"], large["hidden"]
    relaxed, dense, paper = large["relaxed"], large["dense"], large["paper"]
    faster = _seconds(dense) / _seconds(relaxed)
    return f"""
With the true rules the linear relaxation itself solves {linear["deduced"]:.0%} of the deducible
and {linear["minimal"]:.0%} of the minimal boards. They are all equations that hold on every board,
so no others do better.

* **Sparse starts.** With the pattern of the true rules and random values, the layer learns the
  values and solves {large["pattern"]["solved"]["deduced"]:.0%} of the deducible boards; with the
  pattern hidden among {hidden["extra"]:,} more entries, {hidden["solved"]["deduced"]:.0%}.
* **Dense and random, relaxed first.** Without z ≥ 0 the layer is a projection, and trains
  {faster:,.0f} times as fast. With z ≥ 0 back, the A that it found solves
  {relaxed["solved"]["45"]:.0%} of the boards with 45 clues and {relaxed["solved"]["deduced"]:.0%}
  of the deducible ones{_tuned(relaxed)}.
* **Dense and random, the whole layer from the start.** A turns towards the rules, to
  {dense["overlap"]:.0%} of their span with {dense["history"][-1]["puzzles"]:,.0f} puzzles, each
  seen once. It then solves {dense["solved"]["60"]:.0%} of the boards with 60 clues and
  {dense["solved"]["45"]:.0%} of those with 45.
* **As 4×4 learns** (uniform entries, Q = 0.1, rate 0.1): {paper["overlap"]:.0%} of the span with
  {paper["history"][-1]["puzzles"]:,.0f} puzzles, {paper["solved"]["60"]:.0%} of 60 clues solved.

Minimal boards forgive no error in A: of those, the best learned A solves {_best(large):.0%}.

What helps is a large Q to learn with and a small one to answer with. The answer is the point of
the polytope nearest to puzzle / Q. With Q = 0.1 that is almost a vertex, which hardly moves with A;
with Q = 1 few of z ≥ 0 are active, and each puzzle says something about all rules. Many clues help,
too. All answers here are with Q = {large["answer"]:g}.

No training is needed to find linear rules: they are the directions in which solved boards do not
vary, so principal components of the solutions give them to rounding. What the layer shows is that
they can be found by the gradient of the answers' error.
"""


def _tuned(relaxed: Json) -> str:
    if "tuned" not in relaxed:
        return ""
    tuned = relaxed["tuned"]
    share, puzzles = tuned["solved"]["deduced"], tuned["history"][-1]["puzzles"]
    return f", and after {puzzles:,.0f} puzzles more in the whole layer {share:.0%}"


def _best(large: Json) -> float:
    """Of the minimal boards."""
    learned = [large[name] for name in CURVES]
    return max(part["solved"]["minimal"] for part in learned)


def _seconds(part: Json) -> float:
    """Of training, by puzzle."""
    history = part["history"]
    return sum(row["seconds"] for row in history) / history[-1]["puzzles"]
