# SPDX-License-Identifier: Apache-2.0
"""9x9 Sudoku: 729 variables, and 249 equations that are learned in several ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ..common.context import Context, Json
from ..common.train import Fit, fit, in_batches
from .boards import GAME, Large, prepare
from .game import Boards
from .report import row_space
from .rules import LearnedEquations, Unbounded, from_boards, independent, orthonormal

ANSWER = 2e-3  # Q of the answers: closer to the linear program than any training
EXACT = 1e-3
AFTER = {"relaxed": "tuned"}  # what goes on from where


@dataclass(frozen=True)
class Lesson:
    """How equations are learned.

    rates, Q: those of the first and of the last epoch.
    puzzles: from where to where in those to train on: 0 is the easiest, 1 the hardest.
    once: every epoch takes the next of them, and none comes again; or it takes them all.
    bounded: with z >= 0.
    """

    epochs: int
    batch: int
    rates: tuple[float, float]
    Q: tuple[float, float]
    puzzles: tuple[float, float]
    once: bool = False
    bounded: bool = True


def lessons(context: Context) -> dict[str, Lesson]:
    pick = context.pick
    return {
        "paper": Lesson(2, pick(150, 64), (1e-1, 1e-1), (0.1, 0.1), (0, 0.12), once=True),
        "dense": Lesson(pick(10, 1), 32, (8e-3, 1e-3), (1.0, 0.5), (0, pick(0.6, 0.1)), once=True),
        "relaxed": Lesson(pick(30, 24), 128, (1e-2, 1e-4), (1.0, 1.0), (0, 1), bounded=False),
        "tuned": Lesson(pick(2, 0), 64, (2e-4, 5e-5), (0.3, 0.1), (0.9, 1), once=True),
        "pattern": Lesson(pick(8, 2), 64, (2e-2, 1e-3), (1.0, 0.1), (0, 1), once=pick(True, False)),
        "hidden": Lesson(pick(8, 3), 64, (2e-2, 1e-3), (1.0, 0.1), (0, 1), once=pick(True, False)),
    }


def run_large(context: Context) -> Json:
    """Every way is a part of its own, so that a run that was stopped keeps what is done."""
    counts = context.pick((16000, 60, 60), (1600, 8, 4))
    large = prepare(context, *counts)
    school = School(context, large)
    found: Json = {"train": counts[0], "boards": large.describe(), "answer": ANSWER}
    ways: dict[str, Callable[[], Json]] = {
        "true": school.true, "components": school.components, "pattern": school.pattern,
        "hidden": school.hidden, "relaxed": school.relaxed, "paper": school.paper,
        "dense": school.dense,
    }  # fmt: skip
    for name, way in ways.items():
        plan = [school.lessons.get(lesson) for lesson in (name, AFTER.get(name))]
        found[name] = context.part(f"large-{name}", way, counts=counts, lessons=plan)
    return found


class School:
    """The ways of learning, and what they all need."""

    def __init__(self, context: Context, large: Large) -> None:
        self.context, self.large = context, large
        self.lessons = lessons(context)
        self.rules = independent(GAME.rules())
        self.space = row_space(self.rules)
        self.inputs = torch.from_numpy(GAME.one_hot(large.train.puzzle))
        self.targets = torch.from_numpy(GAME.one_hot(large.train.solution))

    def true(self) -> Json:
        """The true rules: what could be reached, and what the linear relaxation alone can do."""
        equations = LearnedEquations(self.rules, 1 / GAME.side, dense=False)
        found = {"solved": self.solved(equations), "overlap": 1.0}
        equations.Q = EXACT
        exact = {}
        for name, boards in self.large.held_out.items():
            off = answers(equations, boards) - GAME.one_hot(boards.solution)
            exact[name] = float((np.abs(off).max(axis=1) < EXACT).mean())
        return found | {"linear": exact}

    def components(self) -> Json:
        boards = self.large.train.solution
        A, mean = from_boards(GAME.one_hot(boards), len(self.rules))
        equations = LearnedEquations(A, 1 / GAME.side, dense=True)
        with torch.no_grad():
            equations.log_z0.copy_(torch.from_numpy(mean).log())
        return {"boards": len(boards), **self.result(equations)}

    def pattern(self) -> Json:
        """The pattern of the true rules is known, their values are random."""
        A = self.rules * self.rng("pattern").random(self.rules.shape)
        return self.learned("pattern", A, dense=False)

    def hidden(self) -> Json:
        """The pattern is hidden among as many entries again that should not be there."""
        rng = self.rng("hidden")
        extra = rng.random(self.rules.shape) < GAME.side / self.rules.shape[1]
        A = ((self.rules > 0) | extra) * rng.random(self.rules.shape)
        return {"extra": int(extra.sum()), **self.learned("hidden", A, dense=False)}

    def paper(self) -> Json:
        """What learns 4x4: entries uniform in [0, 1], z0 = 1, Q = 0.1 and a rate of 0.1."""
        A = self.rng("paper").random(self.rules.shape)
        return self.learned("paper", A, dense=True, z0=1.0)

    def dense(self) -> Json:
        return self.learned("dense", self.start(), dense=True)

    def relaxed(self) -> Json:
        """From the same random start without z >= 0; then the whole layer goes on from there."""
        equations = self.equations(self.start(), dense=True)
        history = self.teach(equations, "relaxed")
        found: Json = {"history": history, **self.result(equations)}
        if self.lessons["tuned"].epochs:
            tuning = self.teach(equations, "tuned")
            found["tuned"] = {"history": tuning, **self.result(equations)}
        return found

    def start(self) -> np.ndarray:
        return orthonormal(*self.rules.shape, self.rng("dense"))

    def rng(self, name: str) -> np.random.Generator:
        """Its own for every way, so that a run that goes on draws what a whole one would."""
        return np.random.default_rng([self.context.seed, *name.encode()])

    def learned(self, name: str, A: np.ndarray, dense: bool, z0: float | None = None) -> Json:
        equations = self.equations(A, dense, z0)
        return {"history": self.teach(equations, name), **self.result(equations)}

    def equations(self, A: np.ndarray, dense: bool, z0: float | None = None) -> LearnedEquations:
        return LearnedEquations(A, z0 or 1 / GAME.side, dense)

    def teach(self, equations: LearnedEquations, name: str) -> list[dict[str, float]]:
        lesson = self.lessons[name]
        how = Fit(
            nn.functional.mse_loss, lambda _: {"overlap": self.overlap(equations)},
            lesson.epochs, lesson.batch, lesson.rates[0], self.context.seed,
            checkpoint=self.context.checkpoint(f"large-{name}", lesson=lesson),
            label=name, begin=self.begin(lesson, equations),
        )  # fmt: skip
        model = equations if lesson.bounded else Unbounded(equations)
        history = fit(model, self.inputs, self.targets, how)
        for row in history:
            row["puzzles"] = row["epoch"] * self.part(lesson)
        return history

    def part(self, lesson: Lesson) -> int:
        """Puzzles of an epoch."""
        first, last = lesson.puzzles
        share = (last - first) / (lesson.epochs if lesson.once else 1)
        return round(share * len(self.inputs))

    def begin(
        self, lesson: Lesson, equations: LearnedEquations
    ) -> Callable[[int, nn.Module, Optimizer], slice]:
        def start(epoch: int, _: nn.Module, optimizer: Optimizer) -> slice:
            done = (epoch - 1) / max(lesson.epochs - 1, 1)
            equations.Q = between(lesson.Q, done)
            for group in optimizer.param_groups:
                high, low = lesson.rates
                group["lr"] = low + (high - low) * (1 + cos(pi * done)) / 2
            count = self.part(lesson)
            first = round(lesson.puzzles[0] * len(self.inputs))
            first += (epoch - 1) * count if lesson.once else 0
            return slice(first, first + count)

        return start

    def result(self, equations: LearnedEquations) -> Json:
        return {"solved": self.solved(equations), "overlap": self.overlap(equations)}

    def overlap(self, equations: LearnedEquations) -> float:
        """How much of the span of the true rules A spans: 1 if they say the same."""
        A = equations.matrix().detach().numpy()
        return float(np.trace(row_space(A) @ self.space) / len(A))

    def solved(self, equations: LearnedEquations) -> dict[str, float]:
        """The share of boards of which all 81 cells are those of the one solution."""
        equations.Q = ANSWER
        return {
            name: float((GAME.digits(answers(equations, part)) == part.solution).all(1).mean())
            for name, part in self.large.held_out.items()
        }


def answers(equations: LearnedEquations, boards: Boards) -> np.ndarray:
    puzzle: Tensor = torch.from_numpy(GAME.one_hot(boards.puzzle))
    return in_batches(equations, puzzle, 50).numpy()


def between(ends: tuple[float, float], done: float) -> float:
    """From the first to the last, by equal factors."""
    return ends[0] * (ends[1] / ends[0]) ** done
