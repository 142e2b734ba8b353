# SPDX-License-Identifier: Apache-2.0
"""What an experiment is: something that runs, and pictures and a section of the page from that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .context import Context, Json


@dataclass(frozen=True)
class Summary:
    """A line of the table at the top of the page.

    claim: of the paper, or the question.
    outcome: ours, with its numbers.
    verdict: "reproduced", "in part", "not reproduced", or what else is true.
    """

    claim: str
    outcome: str
    verdict: str


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    name: of its folder, results and pictures.
    title: its heading on the page.
    run: what is computed, as JSON.
    plot: pictures from that JSON into a folder.
    section: Markdown from that JSON; `pictures` is the path of the folder as the page sees it.
    summary: its line at the top of the page, from that JSON.
    parallel: its layers use all cores (`context.threads`), unless --threads says otherwise.
    """

    name: str
    title: str
    run: Callable[[Context], Json]
    plot: Callable[[Json, Path], None]
    section: Callable[[Json, str], str]
    summary: Callable[[Json], Summary] | None = None
    parallel: bool = False


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---", *["--:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
