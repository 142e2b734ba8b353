# SPDX-License-Identifier: Apache-2.0
"""Trains a network on solved boards, and counts what it gets wrong on boards it has never seen."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.utils.data import DataLoader, TensorDataset
from tqdm import tqdm

from .data import Boards, one_hot
from .models import digits


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: Adam, with a rate that falls along a cosine."""

    epochs: int
    batch: int
    rate: float
    last_rate: float
    # Where a board is nearly degenerate its derivative is huge.  A single one would outweigh all
    # others of its batch, and Adam would carry it for many steps.
    clip: float


OPTNET = Schedule(epochs=13, batch=125, rate=1e-1, last_rate=1e-3, clip=2e-2)
FEED_FORWARD = Schedule(epochs=39, batch=125, rate=3e-3, last_rate=3e-5, clip=2e-2)


@dataclass(frozen=True)
class Score:
    """How a network does on held-out boards."""

    loss: float
    wrong: int


@dataclass(frozen=True)
class Run:
    """One training: the loss of every step, and the score before it and after every epoch."""

    losses: list[float]
    scores: list[Score]
    seconds: float  # spent in steps: forward, backward and update

    @property
    def milliseconds_per_step(self) -> float:
        return 1000 * self.seconds / len(self.losses)


def tensors(boards: Boards) -> tuple[Tensor, Tensor]:
    """Puzzles and solutions as the networks see them, (count, 64) each."""
    return torch.from_numpy(one_hot(boards.puzzle)), torch.from_numpy(one_hot(boards.solution))


@torch.no_grad()
def predict(model: nn.Module, boards: Boards) -> Tensor:
    """What the network answers, as numbers (count, 64)."""
    return model(tensors(boards)[0])


def score(model: nn.Module, boards: Boards) -> Score:
    """A board is right only if all of its 16 cells are those of its one true solution."""
    output = predict(model, boards)
    wrong = (digits(output).numpy() != boards.solution).any(axis=1)
    return Score(nn.functional.mse_loss(output, tensors(boards)[1]).item(), int(wrong.sum()))


def train(
    model: nn.Module, boards: Boards, held_out: Boards, schedule: Schedule, *, seed: int, label: str
) -> Run:
    """Fits the model to `boards` in place.  `held_out` is only ever scored."""
    order = torch.Generator().manual_seed(seed)
    dataset = TensorDataset(*tensors(boards))
    batches = DataLoader(dataset, batch_size=schedule.batch, shuffle=True, generator=order)
    optimizer = Adam(model.parameters(), lr=schedule.rate)
    steps = schedule.epochs * len(batches)
    cosine = CosineAnnealingLR(optimizer, steps, schedule.last_rate)

    losses: list[float] = []
    scores = [score(model, held_out)]
    seconds = 0.0
    with tqdm(total=steps, desc=label, unit="step", mininterval=0.5) as bar:
        for _ in range(schedule.epochs):
            for puzzle, solution in batches:
                start = time.perf_counter()
                losses.append(_step(model, optimizer, puzzle, solution, schedule.clip))
                seconds += time.perf_counter() - start
                cosine.step()
                bar.update()
            scores.append(score(model, held_out))
            bar.set_postfix(wrong=f"{scores[-1].wrong}/{len(held_out)}", loss=f"{losses[-1]:.4f}")
    return Run(losses, scores, seconds)


def _step(
    model: nn.Module, optimizer: Adam, puzzle: Tensor, solution: Tensor, clip: float
) -> float:
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(puzzle), solution)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), clip, error_if_nonfinite=True)
    optimizer.step()
    return loss.item()
