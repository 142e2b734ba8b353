# SPDX-License-Identifier: Apache-2.0
"""Both networks, with several seeds."""

from __future__ import annotations

import torch
from torch import nn

from ..common.context import Context, Json
from ..common.train import Fit, fit, in_batches
from .data import Images, load
from .models import classifier

SEEDS = 3
QUICK = 2000  # images


def run(name: str, context: Context) -> Json:
    images = load(name, context.options.get(name), context.seed)
    if context.quick:
        images = Images(
            images.train[:QUICK], images.train_class[:QUICK],
            images.test[:QUICK], images.test_class[:QUICK], f"{QUICK:,} of {images.source}",
        )  # fmt: skip
    epochs = context.pick(20 if name == "mnist" else 10, 4)
    found: Json = {"source": images.source, "epochs": epochs}
    for kind in ("plain", "optnet"):
        found[kind] = [
            context.part(
                f"{kind}-{seed}", lambda k=kind, s=seed: learn(context, images, k, s, epochs)
            )
            for seed in range(context.seed, context.seed + context.pick(SEEDS, 2))
        ]
    return found


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
    return {"history": fit(model, images.train, images.train_class, how)}
