# SPDX-License-Identifier: Apache-2.0
"""Results as JSON, a page of Markdown tables, and plots."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .claims import claims
from .plots import plot_accuracy, plot_speed

Results = dict[str, Any]
DIGITS = {"threads": 2, "overhead": 1, "growth": 2}  # after the point, in small tables

HOW = """\
One thread unless said, float64. Times are CPU microseconds a problem, medians of interleaved
repetitions in one process; a ratio is the median over the repetitions of peer over quadcone.
Compilation, and factors of matrices that stay, are outside of the times where a peer can keep them.
Errors are against a reference of extended precision: the worst of the batch, relative, in the
maximum norm of the problem's solution or gradient; where a gradient is exactly zero, of the largest
of the batch. `make bench` reproduces this page.

Of conic programs and CVXPY layers, a peer of several modes shows the fastest whose gradients are
right, to 1e-2, or the fastest where none are; a peer that is wrong is no rival of a claim."""


def write(results: Results, folder: Path) -> str:
    """Write everything; returns the Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    if results["families"]:
        plot_speed(results, folder / "speed.png")
        plot_accuracy(results, folder / "accuracy.png")
    text = "\n".join(_page(results)) + "\n"
    (folder / "README.md").write_text(text)
    return text


def _page(results: Results) -> Iterator[str]:
    machine = results["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    yield "# Benchmarks"
    yield ""
    yield f"quadcone {machine['quadcone']}, {machine['date']}, {machine['processor']},"
    yield f"Python {machine['python']}, {packages}."
    yield ""
    yield from [HOW, "", "## What it must show", ""]
    yield from _claims(results)
    if results["families"]:
        yield from ["", "![speed](speed.png)", "", "![accuracy](accuracy.png)"]
    for family in results["families"].values():
        yield from _family(family)
    for family in results["cones"].values():
        yield from _cones(family)
    for problem in results["layers"].values():
        yield from _cones(problem)
    yield from _small_table(results, "latency", "Latency of a layer, nz 2, one problem", "us")
    yield from _small_table(results, "overhead", "Front ends, nz 2, forward + backward", "us")
    yield from _small_table(results, "compile", "Compiling a CvxpyLayer, over CVXPY alone", "%")
    yield from _small_table(results, "growth", "Growth of a process over 10,000 calls", "MB")
    yield from _small_table(results, "import", "Import, over NumPy's", "ms")
    yield from _small_table(results, "threads", "Two threads over one, nz 50, batch 128", "x")
    yield from _small_table(results, "memory", "Peak memory, nz 100, batch 512", "MB")


def _claims(results: Results) -> Iterator[str]:
    yield "| | must reach | reached | |"
    yield "|---|---|---|---|"
    for claim in claims(results):
        verdict = "yes" if claim.holds else "**no**"
        yield f"| {claim.what} | {claim.must} | {claim.got} | {verdict} |"


def _family(family: Results) -> Iterator[str]:
    yield from _peers(family, "worst error of P, q, A, b", _errors_of_values)


def _cones(family: Results) -> Iterator[str]:
    yield from _peers(family, "worst errors of gradients", _errors_of_gradients)
    ours = family["peers"].get("quadcone", {})
    if "residuals" in ours:
        residuals = ", ".join(f"{name} {value:.0e}" for name, value in ours["residuals"].items())
        yield from ["", f"Worst residuals of quadcone, relative: {residuals}."]


def _peers(family: Results, errors: str, errors_of: Callable[[Results], str]) -> Iterator[str]:
    """A row for every peer; the last column is headed `errors`."""
    size = ", ".join(f"{key} {value}" for key, value in family["size"].items())
    yield from ["", f"## {family['title']}", "", f"Batch {family['batch']}, {size}.", ""]
    yield f"| | forward | backward | total / quadcone | error of x | {errors} |"
    yield "|---|---|---|---|---|---|"
    for name, row in family["peers"].items():
        variant = f", {row['variant']}" if row.get("variant") else ""
        backward = f"{row['backward']:.1f}" if "backward" in row else "–"
        times = f"{row['total_ratio']:.2f}x" if "total_ratio" in row else "–"
        if "backward" not in row and "forward_ratio" in row:
            times = f"{row['forward_ratio']:.2f}x (forward)"
        numbers = (f"{row['forward']:.1f}", backward, times, f"{row['x']:.0e}")
        yield f"| {' | '.join((name + variant, *numbers, errors_of(row)))} |"
    for name, reason in family["failures"].items():
        yield f"| {name} | {reason} | | | | |"


def _errors_of_values(row: Results) -> str:
    gradients = row.get("gradients")
    return ", ".join(f"{gradients[k]:.0e}" for k in "PqAb") if gradients else "–"


def _errors_of_gradients(row: Results) -> str:
    errors = ", ".join(f"{k} {v:.0e}" for k, v in row.get("gradients", {}).items()) or "–"
    return errors + (": **wrong**" if row.get("correct") is False else "")


def _small_table(results: Results, key: str, title: str, unit: str) -> Iterator[str]:
    if key not in results:
        return
    yield from ["", f"## {title}", "", f"| | {unit} |", "|---|---|"]
    digits = DIGITS.get(key, 0)
    for name, value in results[key].items():
        yield f"| {name} | {value:.{digits}f} |"
