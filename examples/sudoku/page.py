# SPDX-License-Identifier: Apache-2.0
"""One self-contained HTML page from a report."""

from __future__ import annotations

from pathlib import Path
from string import Template

import numpy as np

from . import pictures
from .data import rules
from .report import Report, Trained, row_space

SHOWN = 6


def render(report: Report) -> str:
    template = Template((Path(__file__).parent / "page.html").read_text(encoding="utf-8"))
    return template.substitute(
        _text(report),
        **_network("optnet", report.optnet),
        **_network("feed", report.feed_forward),
        wrong_chart=pictures.wrong_chart(report),
        loss_chart=pictures.loss_chart(report),
        boards=_boards(report),
        learned_matrix=pictures.matrix(report.learned.A, "the learned matrix A", full=2.5),
        true_matrix=pictures.matrix(rules(), "the true rules", full=1.0),
        learned_space=pictures.matrix(row_space(report.learned.A), "projection, learned", full=0.3),
        true_space=pictures.matrix(row_space(rules()), "projection, true", full=0.3),
    )


def _text(report: Report) -> dict[str, str]:
    learned = report.learned
    longer = report.feed_forward.schedule.epochs / report.optnet.schedule.epochs
    return {
        "trained": f"{len(report.boards):,}",
        "count": f"{len(report.held_out):,}",
        "batch": str(report.optnet.schedule.batch),
        "longer": f"{longer:.0f}",
        "boards_text": _boards_text(report),
        "overlap": f"{learned.overlap:.3%}",
        "random_overlap": f"{len(learned.A) / learned.A.shape[1]:.0%}",
        "z0": f"{learned.z0.min():.2f} and {learned.z0.max():.2f}",
        "distance": f"{learned.distance:.3f}",
        "seed": str(report.seed),
        "threads": f"{report.threads} threads" if report.threads > 1 else "1 thread",
    }


def _network(prefix: str, trained: Trained) -> dict[str, str]:
    values = {
        "wrong": str(trained.wrong),
        "parameters": f"{trained.parameters:,}",
        "steps": f"{len(trained.run.losses):,}",
        "ms": f"{trained.run.milliseconds_per_step:.1f}",
        "seconds": f"{trained.run.seconds:.1f}",
        "loss": f"{trained.run.scores[-1].loss:.5f}",
    }
    return {f"{prefix}_{key}": value for key, value in values.items()}


def _wrong(report: Report, trained: Trained) -> np.ndarray:
    return (trained.digits != report.held_out.solution).any(axis=1)


def _shown(report: Report) -> np.ndarray:
    """Boards to show: first those that OptNet has wrong, then the other network's, then any."""
    trouble = 2 * _wrong(report, report.optnet) + _wrong(report, report.feed_forward)
    return np.argsort(-trouble, kind="stable")[:SHOWN]


def _boards_text(report: Report) -> str:
    shown = _shown(report)
    optnet = int(_wrong(report, report.optnet)[shown].sum())
    feed_forward = int(_wrong(report, report.feed_forward)[shown].sum())
    return (
        f"{len(shown)} of the held-out boards, chosen for being answered wrongly: "
        f"{optnet} of them by OptNet, {feed_forward} by the feed-forward network."
    )


def _boards(report: Report) -> str:
    blocks = []
    for row in _shown(report):
        puzzle, solution = report.held_out.puzzle[row], report.held_out.solution[row]
        optnet = pictures.board(puzzle, report.optnet.digits[row], solution)
        feed_forward = pictures.board(puzzle, report.feed_forward.digits[row], solution)
        blocks.append(
            f'<div class="duo"><div><p class="optnet">OptNet</p>{optnet}</div>'
            f'<div><p class="feed">Feed-forward</p>{feed_forward}</div></div>'
        )
    return "\n".join(blocks)
