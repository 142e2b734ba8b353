# SPDX-License-Identifier: Apache-2.0
"""The pictures of times, gradients and curves, and the section of the page."""

from __future__ import annotations

from pathlib import Path
from statistics import mean

import numpy as np
from matplotlib.axes import Axes

from ..common.context import Json
from ..common.experiment import Summary, table
from ..common.plots import BLUE, GREEN, GREY, ORANGE, PURPLE, Panels
from .ways import CONTROL, WAYS

TASKS = {"denoising": "denoising", "images": "Fashion-MNIST"}
PLAIN = "denoising_plain"
COLORS = {"denoising": BLUE, "images": ORANGE, PLAIN: PURPLE}
SCORES = {"denoising": "test MSE", "images": "test error, %"}
ALL = WAYS | CONTROL


def plot(found: Json, folder: Path) -> None:
    compared = {task: _there(part) for task, part in found["compared"].items()}
    place = {key: k for k, key in enumerate(compared["denoising"])}
    with Panels(folder / "both.png", 3, height=3.4, width=11) as (times, errors, curves):
        for k, task in enumerate(TASKS):
            ways = compared[task]
            at = [place[key] + 0.38 * k - 0.19 for key in ways]
            forward = [way["forward"] for way in ways.values()]
            total = [way["forward"] + way["backward"] for way in ways.values()]
            times.barh(at, total, 0.36, color=COLORS[task], alpha=0.45)
            times.barh(at, forward, 0.36, color=COLORS[task])
        for task, label in (*TASKS.items(), (PLAIN, "denoising, a = 1")):
            error = [max(way["gradient"], 1e-16) for way in compared[task].values()]
            at = [place[key] for key in compared[task]]
            errors.plot(error, at, "o", color=COLORS[task], label=label)
        times.set(title="Forward, and backward (pale)", xlabel="ms a problem", xscale="log")
        errors.set(title="Error of gradients", xlabel="relative", xscale="log")
        titles = [WAYS[key].title for key in place]
        for axes, labels in ((times, titles), (errors, [""] * len(place))):
            axes.set(yticks=list(place.values()), yticklabels=labels)
            axes.invert_yaxis()
        errors.legend(loc="upper right")
        _curves(curves, found["images"]["large"])


def _curves(axes: Axes, part: Json) -> None:
    colors = dict(zip(ALL, (BLUE, GREY, ORANGE, GREEN, GREY, GREY, PURPLE), strict=True))
    for key in ALL:
        for k, history in enumerate(part["ways"].get(key, [])):
            label = ALL[key].title if k == 0 else None
            score = [row["score"] for row in history[1:]]
            style = "--" if key in CONTROL else "-"
            axes.plot(np.arange(1, len(history)), score, style, color=colors[key], label=label)
    axes.set(title="Fashion-MNIST: test error, a curve a seed", xlabel="epoch", ylabel="%")
    axes.set_xticks(range(1, part["epochs"] + 1))
    axes.legend()


def summary(found: Json) -> Summary:
    compared = found["compared"]
    worst = max(
        way["gradient"]
        for task in TASKS
        for key, way in _there(compared[task]).items()
        if not WAYS[key].foreign
    )
    ratios = [_total(compared[task], "cone") for task in TASKS]
    return Summary(
        "Inside OptNet's layer, a cone program with its derivative does what the QP does.",
        f"Gradients agree to {worst:.0e}, and what is learned; the cone program takes "
        f"{min(ratios):.2g} to {max(ratios):.2g} times as long",
        "confirmed, slower" if _same(found) and worst < 1e-6 else "not confirmed",
    )


def _total(part: Json, key: str) -> float:
    """Forward and backward, in units of the QP's time."""
    mine, qp = (sum(part["ways"][k][way] for way in ("forward", "backward")) for k in (key, "qp"))
    return mine / qp


def section(found: Json, pictures: str) -> str:
    compared = found["compared"]
    count, few = compared["denoising"]["problems"], compared["denoising"]["few"]
    return f"""
![Times, gradients, curves]({pictures}/both.png)

OptNet's QP can be handed to a solver of linear cone programs, as diffcp and cvxpylayers do: Q = F'F, and
½|Fz|² ≤ r becomes the second-order cone (r/a + a/2, r/a − a/2, F z). Then the derivative is that of a cone program,
by LSQR. Here the layers of two experiments above are solved in all ways: as QPs and as cone programs by our engine, with
the exact derivative and by LSQR; and as cone programs by diffcp's own code, by LSQR, with SCS (to 1e-8) and with Clarabel
(with its own tolerances). All are on one thread.

**Same gradients?** {_gradients(compared)}

Times are of batches of {count} problems (diffcp: {few}). Errors are relative, on {few} problems; the reference is the
solution of the linear equations of the active constraints, and the gradients that PyTorch finds through these; of
several gradients (of inputs and all parameters), the largest error counts.

{_compared(compared)}

{_plain(compared)}

**Same accuracy?** {_accuracy(found)}

{_trained(found)}

**Speed?** {_speed(compared)}
"""


def _there(part: Json) -> Json:
    """The ways that took part, in their order."""
    ways = part["ways"]
    return {key: ways[key] for key in WAYS if key in ways and "unavailable" not in ways[key]}


def _compared(compared: Json) -> str:
    header = ["way"]
    for title in TASKS.values():
        header += [f"{title}: forward + backward, ms", "answer", "gradients"]
    rows = []
    for key, way in WAYS.items():
        rows.append([way.title])
        for task in TASKS:
            rows[-1] += _cells(compared[task]["ways"][key])
    return table(header, rows)


def _cells(way: Json) -> list[str]:
    if "unavailable" in way:
        return ["not installed", "—", "—"]
    times = f"{way['forward']:.3g} + {way['backward']:.2g}"
    return [times, f"{way['answer']:.0e}", f"{way['gradient']:.0e}"]


def _gradients(compared: Json) -> str:
    ways = [item for task in TASKS for item in _there(compared[task]).items()]
    worst = max(way["gradient"] for key, way in ways if not WAYS[key].foreign)
    text = f"{'Yes' if worst < 1e-6 else 'No'}: our four ways differ from the reference by at most {worst:.0e}."
    foreign = [way for key, way in ways if WAYS[key].foreign]
    if foreign:
        gradient, answer = (max(way[name] for way in foreign) for name in ("gradient", "answer"))
        text += f" diffcp's gradients are off by up to {gradient:.0e}, its answers by up to {answer:.0e}."
    return text


def _plain(compared: Json) -> str:
    parts = [
        f"{WAYS[key].title} {way['forward']:.3g} + {way['backward']:.2g} ms, gradients off by {way['gradient']:.0e}"
        for key, way in _there(compared[PLAIN]).items()
    ]
    return (
        "A QP has no scale a. A cone program of denoising, where |Fz| is about 500, is well scaled with that a; with the "
        f"textbook's a = 1: {'; '.join(parts)}."
    )


def _accuracy(found: Json) -> str:
    answer = "Yes, up to what rounding does to a training" if _same(found) else "No"
    parts = [_accuracy_of(title, found[task]) for task, title in TASKS.items()]
    return f"{answer}. {' '.join(parts)}"


def _same(found: Json) -> bool:
    """Whether cone programs learn what the QP does, as far as a moved start does."""
    return all(
        _gap(part, key) <= max(2 * _gap(part, "qp_moved"), 1e-6)
        for part in (found[task]["large"] for task in TASKS)
        for key in ("cone", "cone_lsqr")
    )


def _accuracy_of(title: str, parts: Json) -> str:
    large, small = parts["large"], parts["small"]
    gap = max(_gap(large, key) for key in ("cone", "cone_lsqr"))
    off = max(_off(part, key) for part in (large, small) for key in ("cone", "cone_lsqr"))
    text = (
        f"{title[0].upper()}{title[1:]}: over all epochs and seeds, a test score of the cone programs differs from the QP's by at most {gap:.2g}, and that "
        f"of the QP itself, its start moved by 1e-7, by {_gap(large, 'qp_moved'):.2g}; at the same parameters, gradients "
        f"of the loss differ by at most {off:.0e}."
    )
    if "diffcp_scs" in small["ways"]:
        text += (
            f" On the smaller set, diffcp's scores differ by at most {_gap(small, 'diffcp_scs'):.2g} (moved start: "
            f"{_gap(small, 'qp_moved'):.2g}), its gradients by {_off(small, 'diffcp_scs'):.0e}."
        )
    return text


def _gap(part: Json, key: str) -> float:
    """The largest difference of a score from the QP's, over all epochs and seeds."""
    pairs = zip(part["ways"][key], part["ways"]["qp"], strict=True)
    rows = (row for mine, qp in pairs for row in zip(mine, qp, strict=True))
    return max(abs(a["score"] - b["score"]) for a, b in rows)


def _off(part: Json, key: str) -> float:
    """The largest difference of a gradient from the QP's at the same parameters."""
    return max(row["gradient"] for history in part["ways"][key] for row in history)


def _trained(found: Json) -> str:
    keys = [key for key in ALL if key in found["images"]["small"]["ways"]]
    header = ["after the last epoch", "data, epochs, seeds", *(ALL[key].title for key in keys)]
    rows = []
    for task, title in TASKS.items():
        for part in found[task].values():
            sizes = f"{part['train']:,}, {part['epochs']}, {len(part['ways']['qp'])}"
            rows.append([f"{title}: {SCORES[task]}", sizes, *(_last(part, key) for key in keys)])
    return table(header, rows)


def _last(part: Json, key: str) -> str:
    runs = part["ways"].get(key)
    return f"{mean(history[-1]['score'] for history in runs):.3f}" if runs else "—"


def _speed(compared: Json) -> str:
    words = []
    for task, title in TASKS.items():
        total = {
            key: way["forward"] + way["backward"] for key, way in _there(compared[task]).items()
        }
        parts = [
            f"{WAYS[key].title} {time / total['qp']:.2g}"
            for key, time in total.items()
            if key != "qp"
        ]
        words.append(
            f"On {title}, forward and backward, in units of the QP's time: {', '.join(parts)}."
        )
    return " ".join(words)
