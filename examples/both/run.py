# SPDX-License-Identifier: Apache-2.0
"""Gradients and times of every way, and what the two tasks learn with each."""

from __future__ import annotations

import importlib.util
from dataclasses import asdict

from ..common.context import Context, Json
from .compare import TASKS, compare
from .train import ALL, Size, learn_denoising, learn_images

OURS = ("qp", "cone", "cone_lsqr", "qp_moved")
WITH_DIFFCP = (*OURS, "diffcp_scs")  # what it can afford is a small part of the data
LEARN = {"denoising": learn_denoising, "images": learn_images}
FULL = {
    "denoising": {"large": Size(2000, 500, 3, 2), "small": Size(750, 250, 3, 1)},
    "images": {"large": Size(60_000, 10_000, 3, 2), "small": Size(4000, 1000, 3, 1)},
}
QUICK = {
    "denoising": {"large": Size(150, 50, 2, 1), "small": Size(30, 10, 1, 1)},
    "images": {"large": Size(1000, 500, 2, 1), "small": Size(128, 64, 1, 1)},
}


def run(context: Context) -> Json:
    count, few = context.pick((256, 16), (16, 2))
    found: Json = {
        "compared": {
            task: context.part(f"compare-{task}", lambda task=task: compare(task, count, few))
            for task in TASKS
        }
    }
    for task, sizes in context.pick(FULL, QUICK).items():
        found[task] = {
            "large": _train(context, task, sizes["large"], OURS),
            "small": _train(context, task, sizes["small"], WITH_DIFFCP),
        }
    return found


def _train(context: Context, task: str, size: Size, ways: tuple[str, ...]) -> Json:
    """Histories by way and seed, with the same start and data for all ways."""
    found: Json = {**asdict(size), "ways": {}}
    for key in ways:
        if ALL[key].foreign and importlib.util.find_spec("diffcp") is None:
            continue
        found["ways"][key] = [
            context.part(
                f"{task}-{size.train}-{key}-{seed}",
                lambda key=key, seed=seed: LEARN[task](context, key, size, seed),
                size=size,
            )["history"]
            for seed in range(context.seed, context.seed + size.seeds)
        ]
    return found
