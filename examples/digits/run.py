# SPDX-License-Identifier: Apache-2.0
"""Both networks, with several seeds."""

from __future__ import annotations

import torch
from torch import nn

from ..common.context import Context, Json
from ..common.train import Fit, fit, in_batches
from .data import Images, load
from .models import classifier

EPOCHS = {"mnist": 60, "fashion_mnist": 10}
SEEDS = {"mnist": 5, "fashion_mnist": 3}
QUICK = 2000  # images


def run(name: str, context: Context) -> Json:
    epochs = context.pick(EPOCHS[name], 10)
    found: Json = {"epochs": epochs, "plain": [], "optnet": []}
    for seed in range(context.seed, context.seed + context.pick(SEEDS[name], 2)):
        images = load(name, context.options.get(name), seed)
        if context.quick:
            images = few(images)
        found |= {"source": images.source, "train": len(images.train), "test": len(images.test)}
        for kind in ("plain", "optnet"):
            part = context.part(
                f"{kind}-{seed}",
                lambda i=images, k=kind, s=seed: learn(context, i, k, s, epochs),
                epochs=epochs,
                source=images.source,
            )
            found[kind].append(part)
    return found


def few(images: Images) -> Images:
    return Images(
        images.train[:QUICK], images.train_class[:QUICK],
        images.test[:QUICK], images.test_class[:QUICK], f"a part; {images.source}",
    )  # fmt: skip


def learn(context: Context, images: Images, kind: str, seed: int, epochs: int) -> Json:
    torch.manual_seed(seed)
    model = classifier(kind == "optnet")

    def score(model: nn.Module) -> dict[str, float]:
        answer = in_batches(model, images.test).argmax(dim=1)
        return {"error": 100 * (answer != images.test_class).double().mean().item()}

    how = Fit(
        nn.functional.nll_loss, score, epochs, 64, 1e-3, seed,
        checkpoint=context.checkpoint(f"{kind}-{seed}"), label=f"{kind} {seed}",
    )  # fmt: skip
    history = fit(model, images.train, images.train_class, how)
    return {"history": history, "resumed": how.resumed}
