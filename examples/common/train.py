# SPDX-License-Identifier: Apache-2.0
"""A training loop that shows its progress and goes on where it was stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from tqdm import tqdm

Loss = Callable[[Tensor, Tensor], Tensor]
Score = Callable[[nn.Module], dict[str, float]]
Begin = Callable[[int, nn.Module, Optimizer], slice]


@dataclass
class Fit:
    """How to train: Adam, with the data in an order that depends on seed and epoch alone."""

    loss: Loss
    score: Score
    epochs: int
    batch: int
    rate: float
    seed: int = 0
    clip: float | None = None  # of the norm of the gradient
    checkpoint: Path | None = None
    label: str = ""
    begin: Begin | None = None  # of an epoch: changes what it likes, and says what rows to train on
    history: list[dict[str, float]] = field(default_factory=list)
    resumed: float = 0.0  # seconds that earlier runs took, up to the checkpoint


def fit(model: nn.Module, inputs: Tensor, targets: Tensor, how: Fit) -> list[dict[str, float]]:
    """Train, and return the score before training (epoch 0) and after every epoch."""
    start = time.perf_counter()
    optimizer = Adam(model.parameters(), lr=how.rate)
    _resume(model, optimizer, how)
    if not how.history:
        how.history.append({"epoch": 0, "seconds": 0.0, **how.score(model)})
    epochs = range(len(how.history), how.epochs + 1)
    with tqdm(epochs, desc=how.label, unit="epoch", disable=not how.label) as bar:
        for epoch in bar:
            seconds, loss = _epoch(model, optimizer, inputs, targets, how, epoch)
            score = {"epoch": epoch, "seconds": seconds, "loss": loss, **how.score(model)}
            how.history.append(score)
            bar.set_postfix({k: f"{v:.4g}" for k, v in score.items() if k != "epoch"})
            _keep(model, optimizer, how, how.resumed + time.perf_counter() - start)
    return how.history


def _epoch(
    model: nn.Module, optimizer: Optimizer, inputs: Tensor, targets: Tensor, how: Fit, epoch: int
) -> tuple[float, float]:
    generator = torch.Generator().manual_seed(1000 * how.seed + epoch)
    if how.begin is not None:
        rows = how.begin(epoch, model, optimizer)
        inputs, targets = inputs[rows], targets[rows]
    order = torch.randperm(len(inputs), generator=generator)
    start, total = time.perf_counter(), 0.0
    model.train()
    for rows in order.split(how.batch):
        optimizer.zero_grad()
        loss = how.loss(model(inputs[rows]), targets[rows])
        loss.backward()
        if how.clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), how.clip, error_if_nonfinite=True)
        optimizer.step()
        total += loss.item() * len(rows)
    return time.perf_counter() - start, total / len(inputs)


def _resume(model: nn.Module, optimizer: Optimizer, how: Fit) -> None:
    """Go on where the checkpoint is, unless that is beyond the last epoch."""
    if how.checkpoint is None or not how.checkpoint.exists():
        return
    state: dict[str, Any] = torch.load(how.checkpoint, weights_only=True)
    if len(state["history"]) > how.epochs + 1:
        return
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    how.history, how.resumed = state["history"], state["seconds"]


def _keep(model: nn.Module, optimizer: Optimizer, how: Fit, seconds: float) -> None:
    if how.checkpoint is None:
        return
    how.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "history": how.history,
        "seconds": seconds,
    }
    draft = how.checkpoint.with_suffix(".draft")
    torch.save(state, draft)
    draft.replace(how.checkpoint)


def in_batches(model: nn.Module, inputs: Tensor, batch: int = 500) -> Tensor:
    """The model's answers, without derivatives."""
    model.eval()
    with torch.no_grad():
        return torch.cat([model(part) for part in inputs.split(batch)])
