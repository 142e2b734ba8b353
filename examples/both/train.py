# SPDX-License-Identifier: Apache-2.0
"""The two tasks, learned with any way; data and starts depend on the seed alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from ..common.context import Context, Json
from ..common.train import Fit, Loss, fit, in_batches
from ..denoising.data import signals
from ..digits.data import load
from .compare import WEIGHT
from .ways import CONTROL, WAYS, denoiser, images_classifier

mse, nll = nn.functional.mse_loss, nn.functional.nll_loss
load_once = cache(load)
ALL = WAYS | CONTROL


@dataclass(frozen=True)
class Size:
    train: int
    held_out: int
    epochs: int
    seeds: int


def learn_denoising(context: Context, key: str, size: Size, seed: int) -> Json:
    """The layer that is tuned from total variation; the score is the test MSE."""
    x, y = signals(size.train + size.held_out, seed)
    x_test, y_test = x[size.train :], y[size.train :]
    torch.manual_seed(seed)
    model, twin = (denoiser(ALL[k], WEIGHT) for k in (key, "qp"))

    def score(model: nn.Module) -> dict[str, float]:
        error = mse(in_batches(model, x_test), y_test).item()
        return {"score": error, "gradient": beside(twin, model, mse, x_test[:8], y_test[:8])}

    how = Fit(
        mse, score, size.epochs, 150, 1e-4, seed, label=f"denoising {key} {seed}",
        checkpoint=context.checkpoint(f"denoising-{size.train}-{key}-{seed}", size=size),
    )  # fmt: skip
    history = fit(model, x[: size.train], y[: size.train], how)
    return {"history": history, "resumed": how.resumed}


def learn_images(context: Context, key: str, size: Size, seed: int) -> Json:
    """FC600-FC10-OptNet10 on Fashion-MNIST; the score is the test error in percent."""
    images = load_once("fashion_mnist", context.options.get("fashion_mnist"), seed)
    x, y = images.train[: size.train], images.train_class[: size.train]
    x_test, y_test = images.test[: size.held_out], images.test_class[: size.held_out]
    torch.manual_seed(seed)
    model, twin = (images_classifier(ALL[k]) for k in (key, "qp"))

    def score(model: nn.Module) -> dict[str, float]:
        wrong = in_batches(model, x_test).argmax(dim=1) != y_test
        error = 100 * wrong.double().mean().item()
        return {"score": error, "gradient": beside(twin, model, nll, x_test[:64], y_test[:64])}

    how = Fit(
        nll, score, size.epochs, 64, 1e-3, seed, label=f"images {key} {seed}",
        checkpoint=context.checkpoint(f"images-{size.train}-{key}-{seed}", size=size),
    )  # fmt: skip
    return {"history": fit(model, x, y, how), "resumed": how.resumed}


def beside(twin: nn.Module, model: nn.Module, loss: Loss, x: Tensor, y: Tensor) -> float:
    """How far a model's gradient is, relative, from that of its twin at the same parameters."""
    twin.load_state_dict({k: v for k, v in model.state_dict().items() if k in twin.state_dict()})
    mine, other = (
        torch.cat([
            gradient.double().flatten()
            for gradient in torch.autograd.grad(loss(one(x), y), list(one.parameters()))
        ])
        for one in (model, twin)
    )  # fmt: skip
    return ((mine - other).norm() / other.norm()).item()
