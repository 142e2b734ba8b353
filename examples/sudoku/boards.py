# SPDX-License-Identifier: Apache-2.0
"""9x9 puzzles with one solution each, from the easiest to minimal ones."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..common.context import Context, Json
from .game import Boards, Game

GAME = Game(3)
MOST, LEAST = 60, 36  # clues of the puzzles to train on
SYMMETRIES = 8  # puzzles to train on by solved board that is searched


@dataclass(frozen=True)
class Large:
    """train: from 60 clues to 36.  held_out: by kind; their solutions are in no other set."""

    train: Boards
    held_out: dict[str, Boards]

    def describe(self) -> Json:
        """How many puzzles of each kind, with how many clues."""
        parts = {"train": self.train, **self.held_out}
        return {
            name: {
                "count": len(part), "least": int(part.clues.min()),
                "mean": float(part.clues.mean()), "most": int(part.clues.max()),
            }
            for name, part in parts.items()
        }  # fmt: skip


def prepare(context: Context, train: int, held_out: int, minimal: int) -> Large:
    """The boards of this run: made once, then read from the folder of checkpoints."""
    path = context.checkpoint("boards", counts=(train, held_out, minimal))
    if path is not None and path.exists():
        return _read(path)
    large = generate(train, held_out, minimal, context.seed)
    if path is not None:
        _write(path, large)
    return large


def generate(train: int, held_out: int, minimal: int, seed: int) -> Large:
    rng, draw = np.random.default_rng(seed), random.Random(seed)
    solved = [solution(draw) for _ in range(-(-train // SYMMETRIES) + held_out)]
    apart = np.array(solved[:held_out])
    own = GAME.shuffle(np.repeat(np.array(solved[held_out:]), SYMMETRIES, axis=0), rng)
    own = rng.permutation(own)[:train]
    clues = np.linspace(MOST, LEAST, train).round().astype(int)
    kinds = {"60": GAME.blank(apart, rng, 60), "45": GAME.blank(apart, rng, 45)}
    kinds["deduced"] = GAME.blank(apart, rng)
    kinds["minimal"] = np.array([GAME.minimal(board, draw) for board in apart[:minimal]])
    return Large(
        Boards(GAME.blank(own, rng, clues), own),
        {name: Boards(puzzle, apart[: len(puzzle)]) for name, puzzle in kinds.items()},
    )


def solution(draw: random.Random) -> np.ndarray:
    """A random solved board, (81,)."""
    return np.array(GAME.solve(np.zeros(GAME.cells, dtype=int), 1, draw)[0])


def _write(path: Path, large: Large) -> None:
    parts = {"train": large.train, **large.held_out}
    stacked = {name: torch.from_numpy(_stack(part)) for name, part in parts.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    torch.save(stacked, draft)
    draft.replace(path)


def _stack(boards: Boards) -> np.ndarray:
    return np.stack([boards.puzzle, boards.solution]).astype(np.uint8)


def _read(path: Path) -> Large:
    stacked = torch.load(path, weights_only=True)
    parts = {name: Boards(*part.numpy().astype(int)) for name, part in stacked.items()}
    return Large(parts.pop("train"), parts)
