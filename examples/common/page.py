# SPDX-License-Identifier: Apache-2.0
"""The page of all experiments, from their JSON results alone."""

from __future__ import annotations

import json
from pathlib import Path

from .context import Json
from .experiment import Experiment

HEAD = """# Experiments

The experiments of OptNet (Amos & Kolter, 2017), with its data, networks and hyper-parameters, the numbers of the
paper beside ours. `make experiments` runs them and writes this page; every number that is ours comes
from the results in `examples/results/`. Where an experiment differs from the paper's, it says so.
"""


def write_page(experiments: list[Experiment], results: Path, page: Path) -> None:
    """Write the page and, in a folder of its name beside it, the pictures."""
    pictures = page.parent / page.stem
    parts = [HEAD]
    for experiment in experiments:
        path = results / f"{experiment.name}.json"
        parts.append(f"## {experiment.title}\n")
        if not path.exists():
            parts.append(f"Not run yet: `python -m examples {experiment.name}`.\n")
            continue
        stored = json.loads(path.read_text(encoding="utf-8"))
        experiment.plot(stored["found"], pictures)
        parts.append(experiment.section(stored["found"], page.stem).strip() + "\n")
        parts.append(_footer(experiment.name, stored["run"]))
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(parts), encoding="utf-8")


def _footer(name: str, run: Json) -> str:
    size = "**reduced (`--quick`)**, not the full experiment" if run["quick"] else "full"
    threads = f"{run['threads']} thread" + ("s" if run["threads"] > 1 else "")
    return (
        f"`python -m examples {name}`. Size of this run: {size}. Took {run['seconds']:,.0f} s on "
        f"{run['processor']} ({run['cores']} cores, load {run['load']}), {threads}, "
        f"seed {run['seed']}, {run['date']}.\n{{ .run }}\n"
    )
