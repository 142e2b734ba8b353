# SPDX-License-Identifier: Apache-2.0
"""A linear predictor by least squares, and the same predictor trained through the portfolio."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ..common.context import Context, Json
from ..common.train import Fit, fit, in_batches
from .layer import Portfolio
from .market import ASSETS, FEATURES, RISK, make_market

DEGREES = (1, 8, 16)
TRAIN, TEST, EPOCHS, RATE = 400, 1000, 20, 3e-3


def run(context: Context) -> Json:
    degrees, seeds, *size = context.pick(
        (DEGREES, 5, TRAIN, TEST, EPOCHS), ((1, 16), 2, 200, 200, 5)
    )
    runs = {
        str(degree): [
            context.part(f"{degree}-{seed}", lambda d=degree, s=seed: learn(d, s, *size), size=size)
            for seed in range(context.seed, context.seed + seeds)
        ]
        for degree in degrees
    }
    facts = {"assets": ASSETS, "features": FEATURES, "risk": RISK}
    return {**facts, "train": size[0], "test": size[1], "epochs": size[2], "degrees": runs}


def learn(degree: int, seed: int, train: int, test: int, epochs: int) -> Json:
    """Regrets on the test's true means, relative to the return of who knows them."""
    rng = np.random.default_rng([seed, degree])
    market = make_market(rng, degree)
    x, returns, _ = market.draw(rng, train)
    x_test, _, mean = market.draw(rng, test)
    layer = Portfolio(market)
    best = (in_batches(layer, mean) * mean).sum(1)

    def regret(model: nn.Module) -> dict[str, float]:
        got = (in_batches(model, x_test) * mean).sum(1)
        return {"regret": ((best - got).sum() / best.sum()).item()}

    predictor = least_squares(x, returns)
    error = (predictor(x_test) - mean).square().mean().sqrt().item()
    model = nn.Sequential(predictor, layer)
    how = Fit(
        lambda w, r: -(w * r).sum(1).mean(), regret, epochs, 50, RATE, seed,
        label=f"degree {degree}, seed {seed}",
    )  # fmt: skip
    history = fit(model, x, returns, how)
    equal = 1 - (mean.mean(1).sum() / best.sum()).item()
    after = (predictor(x_test) - mean).square().mean().sqrt().item()
    risk = (in_batches(model, x_test) @ torch.from_numpy(market.root).T).norm(dim=1)
    return {
        "history": history, "two_stage": history[0]["regret"], "end_to_end": history[-1]["regret"],
        "equal_weights": equal, "error_before": error, "error_after": after,
        "largest_risk": (risk.max() / market.limit).item(),
    }  # fmt: skip


def least_squares(x: Tensor, returns: Tensor) -> nn.Linear:
    """The linear predictor, with a constant, of least mean square error."""
    with_one = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], dim=1)
    solution = torch.linalg.lstsq(with_one, returns).solution
    predictor = nn.Linear(x.shape[1], returns.shape[1], dtype=x.dtype)
    with torch.no_grad():
        predictor.weight.copy_(solution[:-1].T)
        predictor.bias.copy_(solution[-1])
    return predictor
