# SPDX-License-Identifier: Apache-2.0
"""The pictures of times, gradients and curves, and the section of the page."""

from __future__ import annotations

from pathlib import Path
from statistics import mean

import numpy as np

from ..common.context import Json
from ..common.experiment import table
from ..common.plots import BLUE, GREEN, GREY, ORANGE, PURPLE, Panels
from .ways import WAYS

TASKS = {"denoising": "denoising", "images": "Fashion-MNIST"}
COLORS = {"denoising": BLUE, "images": ORANGE, "denoising_plain": PURPLE}
SCORES = {"denoising": "test MSE", "images": "test error, %"}


def plot(found: Json, folder: Path) -> None:
    compared = found["compared"]
    with Panels(folder / "both.png", 3, height=3.4, width=11) as (times, errors, curves):
        keys = [key for key in WAYS if any(key in _there(part) for part in compared.values())]
        place = np.arange(len(keys))
        for k, task in enumerate(TASKS):
            ways = _there(compared[task])
            at = [p + 0.38 * k - 0.19 for p, key in zip(place, keys, strict=True) if key in ways]
            forward = [ways[key]["forward"] for key in keys if key in ways]
            total = [f + ways[key]["backward"] for f, key in zip(forward, (k for k in keys if k in ways), strict=True)]
            times.barh(at, total, 0.36, color=COLORS[task], alpha=0.45)
            times.barh(at, forward, 0.36, color=COLORS[task], label=TASKS[task])
        times.set(title="ms a problem: forward, and backward (pale)", xscale="log")
        for task, label in (*TASKS.items(), ("denoising_plain", "denoising, a = 1")):
            ways = _there(compared[task])
            at = [p for p, key in zip(place, keys, strict=True) if key in ways]
            error = [max(ways[key]["gradient"], 1e-16) for key in keys if key in ways]
            errors.plot(error, at, "o", color=COLORS[task], label=label)
        errors.set(title="relative error of gradients", xscale="log")
        for axes in (times, errors):
            axes.set(yticks=place, yticklabels=[WAYS[key].title for key in keys])
            axes.invert_yaxis()
            axes.legend(loc="lower right" if axes is times else "upper right")
        errors.set_yticklabels([])
        _curves(curves, found["images"]["large"])


def _curves(axes, part: Json) -> None:
    for (key, histories), color, width in zip(part["ways"].items(), (GREY, BLUE, GREEN), (6, 3, 1), strict=True):
        for k, history in enumerate(histories):
            rows = history[1:]
            axes.plot([r["epoch"] for r in rows], [r["score"] for r in rows], color=color,
                      linewidth=width, label=WAYS[key].title if k == 0 else None)  # fmt: skip
    axes.set(title="Fashion-MNIST: test error, a curve a seed", xlabel="epoch", ylabel="%")
    axes.set_xticks(range(1, part["epochs"] + 1))
    axes.legend()


def section(found: Json, pictures: str) -> str:
    compared = found["compared"]
    count, few = compared["denoising"]["problems"], compared["denoising"]["few"]
    return f"""
![Times, gradients, curves]({pictures}/both.png)

OptNet's QP can be handed to a solver of linear cone programs, as diffcp and cvxpylayers do: Q = F'F, and
½|Fz|² ≤ r becomes the second-order cone (r/a + a/2, r/a − a/2, F z). Then the derivative is that of a cone program,
by LSQR. Here the layers of two experiments above are solved in all ways: as QPs and as cone programs by our engine, with
the exact derivative and by LSQR; and as cone programs by diffcp's own code, with SCS (to 1e-8) and with Clarabel (as it is set). All are on one thread.

**Same answers and gradients?** {_gradients(found)} Times are of batches of {count} problems (diffcp: {few}); errors are relative, on {few} problems, from the
solution and the gradients that PyTorch finds through the linear equations of the active constraints; of several
gradients (of inputs and all parameters), the largest.

{_compared(compared)}

{_plain(compared)}

**Same accuracy?** {_accuracy(found)}

{_trained(found)}

**Speed?** {_speed(compared)}
"""


def _there(part: Json) -> Json:
    return {key: way for key, way in part["ways"].items() if "unavailable" not in way}


def _compared(compared: Json) -> str:
    header = ["way"]
    for title in TASKS.values():
        header += [f"{title}: forward + backward, ms", "answer", "gradients"]
    rows = []
    for key, way in WAYS.items():
        row = [way.title]
        for task in TASKS:
            cell = compared[task]["ways"][key]
            if "unavailable" in cell:
                row += ["not installed", "", ""]
            else:
                row += [f"{cell['forward']:.3g} + {cell['backward']:.2g}", f"{cell['answer']:.0e}", f"{cell['gradient']:.0e}"]
        rows.append(row)
    return table(header, rows)


def _gradients(found: Json) -> str:
    ours = [way for task in TASKS for key, way in _there(found["compared"][task]).items() if not WAYS[key].foreign]
    theirs = [way for task in TASKS for key, way in _there(found["compared"][task]).items() if WAYS[key].foreign]
    worst = max(way["gradient"] for way in ours)
    text = f"With our engine, {'yes' if worst < 1e-6 else 'no'}: all four differ from the reference by at most {worst:.0e}."
    if theirs:
        text += f" diffcp's gradients are off by up to {max(way['gradient'] for way in theirs):.0e}, with answers that are off by up to {max(way['answer'] for way in theirs):.0e}."
    return text


def _plain(compared: Json) -> str:
    ways = _there(compared["denoising_plain"])
    parts = [
        f"{WAYS[key].title} {way['forward']:.3g} + {way['backward']:.2g} ms, gradients off by {way['gradient']:.0e}"
        for key, way in ways.items()
    ]
    return (
        "The scale a matters where |Fz| is far from one, as in denoising, where it is 500 and so is a. With the textbook's a = 1: "
        + "; ".join(parts) + ". A QP has no such scale to get wrong."
    )  # fmt: skip


def _largest_gap(part: Json, key: str) -> float:
    """Of scores from the QP's, over all epochs and seeds."""
    pairs = zip(part["ways"][key], part["ways"]["qp"], strict=True)
    return max(abs(a["score"] - b["score"]) for mine, qp in pairs for a, b in zip(mine, qp, strict=True))


def _accuracy(found: Json) -> str:
    words = []
    for task, title in TASKS.items():
        for size in ("large", "small"):
            part = found[task][size]
            for key in part["ways"]:
                if key != "qp" and (size == "large" or WAYS[key].foreign):
                    words.append(f"{title}, {WAYS[key].title}: {_largest_gap(part, key):.2g}")
    return "The largest difference of a test score from the QP's, over all epochs and seeds: " + "; ".join(words) + "."


def _trained(found: Json) -> str:
    header = ["after the last epoch", "data, epochs, seeds", *(WAYS[key].title for key in found["images"]["small"]["ways"])]
    rows = []
    for task, title in TASKS.items():
        for size in ("large", "small"):
            part = found[task][size]
            cells = []
            for key in found["images"]["small"]["ways"]:
                if key in part["ways"]:
                    cells.append(f"{mean(history[-1]['score'] for history in part['ways'][key]):.3f}")
                else:
                    cells.append("—")
            rows.append([f"{title}: {SCORES[task]}", f"{part['train']:,}, {part['epochs']}, {len(part['ways']['qp'])}", *cells])
    return table(header, rows)


def _speed(compared: Json) -> str:
    words = []
    for task, title in TASKS.items():
        ways = _there(compared[task])
        total = {key: way["forward"] + way["backward"] for key, way in ways.items()}
        parts = [f"{WAYS[key].title} {total[key] / total['qp']:.2g}" for key in total if key != "qp"]
        words.append(f"On {title}, forward and backward takes, in units of the QP's time: " + ", ".join(parts) + ".")
    return " ".join(words)
