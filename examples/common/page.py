# SPDX-License-Identifier: Apache-2.0
"""The page of all experiments, from their JSON results alone."""

from __future__ import annotations

import json
from pathlib import Path

from .context import Json
from .experiment import Experiment
from .numbers import duration

HEAD = """# Experiments

The experiments of OptNet (Amos & Kolter, 2017), with its data, networks and hyper-parameters, the numbers of the
paper beside ours. `make experiments` runs them and writes this page; every number that is ours comes
from the results in `examples/results/`. Where an experiment differs from the paper's, it says so.
"""


def write_page(experiments: list[Experiment], results: Path, page: Path) -> None:
    """Write the page and, in a folder of its name beside it, the pictures."""
    pictures = page.parent / page.stem
    stored = {
        experiment.name: json.loads(path.read_text(encoding="utf-8"))
        for experiment in experiments
        if (path := results / f"{experiment.name}.json").exists()
    }
    parts = [HEAD, _summary(experiments, stored)]
    for experiment in experiments:
        parts.append(f"## {experiment.title}\n")
        if experiment.name not in stored:
            parts.append(f"Not run yet: `python -m examples {experiment.name}`.\n")
            continue
        found, run = stored[experiment.name]["found"], stored[experiment.name]["run"]
        experiment.plot(found, pictures)
        parts.append(experiment.section(found, page.stem).strip() + "\n")
        parts.append(_footer(experiment.name, run))
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(parts), encoding="utf-8")


def _summary(experiments: list[Experiment], stored: Json) -> str:
    """Every experiment in a line, and how long all of them took."""
    lines = ["| experiment | claim | what came out | |", "| --- | --- | --- | --- |"]
    for experiment in experiments:
        name, title = experiment.name, experiment.title
        link = f"[{title}](#{_anchor(title)})"
        if name not in stored:
            lines.append(f"| {link} | | not run yet | |")
        elif experiment.summary is not None:
            told = experiment.summary(stored[name]["found"])
            verdict = "(reduced size)" if stored[name]["run"]["quick"] else told.verdict
            lines.append("| " + " | ".join((link, told.claim, told.outcome, verdict)) + " |")
        else:
            lines.append(f"| {link} | | see there | |")
    total = sum(one["run"]["seconds"] for one in stored.values())
    return "\n".join(lines) + f"\n\nAll of them took {duration(total)}.\n"


def _anchor(title: str) -> str:
    """The place of a heading, as mkdocs names it."""
    kept = "".join(c for c in title.lower() if c.isascii() and (c.isalnum() or c in " -_"))
    return "-".join(kept.split())


def _footer(name: str, run: Json) -> str:
    size = "**reduced (`--quick`)**, not the full experiment" if run["quick"] else "full"
    threads = f"{run['threads']} thread" + ("s" if run["threads"] > 1 else "")
    return (
        f"`python -m examples {name}`. Size of this run: {size}. Took {duration(run['seconds'])} on "
        f"{run['processor']} ({run['cores']} cores, load {run['load']}), {threads}, "
        f"seed {run['seed']}, {run['date']}.\n{{ .run }}\n"
    )
