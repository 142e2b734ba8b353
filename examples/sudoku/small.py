# SPDX-License-Identifier: Apache-2.0
"""4x4 Sudoku as in the paper: OptNet beside a fully connected and a convolutional network."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from ..common.context import Context, Json
from ..common.train import Fit, fit, in_batches
from .data import GAME, Boards, generate
from .models import Convolution, FeedForward, OptNet, PaperNetwork, parameter_count
from .report import LearnedRules
from .train import tensors

SCORED = 1000  # of the boards to train on, for their error


def run_small(context: Context) -> Json:
    train, held_out = context.pick((9000, 1000), (1500, 300))
    channels = context.pick(128, 32)
    boards = generate(train, held_out, context.seed)
    found: Json = {"train": train, "held_out": held_out, "channels": channels}
    for name, make, epochs, rate in (
        ("network", PaperNetwork, context.pick(100, 10), 1e-3),
        ("wide", FeedForward, context.pick(60, 10), 1e-3),
        ("convolution", lambda: Convolution(channels), context.pick(15, 2), 1e-3),
        ("optnet", OptNet, context.pick(30, 10), 1e-1),
    ):
        settings = {"epochs": epochs, "channels": channels}
        found[name] = context.part(
            f"small-{name}",
            lambda n=name, m=make, e=epochs, r=rate: learn(context, boards, n, m, e, r),
            **settings,
        )
    return found


def learn(
    context: Context, boards: tuple[Boards, Boards], name: str, make, epochs: int, rate: float
) -> Json:
    """Train as the paper does: Adam at a constant rate, batches of 150, mean squared error."""
    torch.manual_seed(context.seed)
    model = make()
    parts = {"train": boards[0][:SCORED], "test": boards[1]}
    how = Fit(
        nn.functional.mse_loss, lambda model: errors(model, parts), epochs, 150, rate,
        context.seed, clip=CLIP if name == "optnet" else None,
        checkpoint=context.checkpoint(f"small-{name}", epochs=epochs), label=name,
    )  # fmt: skip
    history = fit(model, *tensors(boards[0]), how)
    found = {"history": history, "parameters": parameter_count(model), "rate": rate}
    if isinstance(model, OptNet):
        rules = LearnedRules(model.A.detach().numpy(), model.log_z0.detach().exp().numpy())
        found |= {"overlap": rules.overlap, "distance": rules.distance}
    return found


# A board that is nearly degenerate has a huge derivative, which would outweigh its batch.
CLIP = 2e-2


def errors(model: nn.Module, parts: dict[str, Boards]) -> dict[str, float]:
    """Shares of boards, by part: `_wrong`, not the one solution; `_invalid`, the paper's error, in
    which some unit has a digit twice; and the mean squared error `_mse`."""
    found = {}
    for part, boards in parts.items():
        puzzle, solution = tensors(boards)
        output = in_batches(model, puzzle)
        digits = GAME.digits(output.numpy())
        found[f"{part}_wrong"] = float((digits != boards.solution).any(axis=1).mean())
        found[f"{part}_invalid"] = float(1 - np.mean(GAME.is_valid(digits)))
        found[f"{part}_mse"] = nn.functional.mse_loss(output, solution).item()
    return found
