# SPDX-License-Identifier: Apache-2.0
"""The four approaches on the same signals, and the sparse layer beside the dense one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..common.context import Context, Json
from ..common.train import Fit, fit, in_batches
from .data import signals
from .layers import TotalVariation, dense, differences
from .models import LearnedDifferences, Network, SparseTuned, Tuned

mse = nn.functional.mse_loss


@dataclass(frozen=True)
class Signals:
    """Noisy and clean, (count, length) each."""

    train: Tensor
    train_clean: Tensor
    test: Tensor
    test_clean: Tensor

    @property
    def length(self) -> int:
        return self.train.shape[1]


def draw(train: int, test: int, length: int, seed: int) -> Signals:
    noisy, clean = signals(train + test, seed, length)
    return Signals(noisy[:train], clean[:train], noisy[train:], clean[train:])


def run(context: Context) -> Json:
    train, test, length = context.pick((9000, 1000, 100), (3000, 500, 30))
    data = draw(train, test, length, context.seed)
    threads = context.threads
    tv = context.part("tv", lambda: tune(data, threads), weights=[WEIGHTS[0], WEIGHTS[-1]])
    plan: list[tuple[str, Callable[[], nn.Module], int, float]] = [
        ("network", lambda: Network(length), context.pick(50, 10), 1e-3),
        ("tuned", lambda: Tuned(length, tv["weight"], threads), context.pick(50, 10), 1e-4),
        ("sparse", lambda: SparseTuned(length, tv["weight"], threads), context.pick(50, 10), 1e-4),
        ("learned", lambda: LearnedDifferences(length, threads), context.pick(50, 10), 1e-2),
    ]
    found: Json = {
        name: context.part(
            name,
            lambda n=name, m=make, e=epochs, r=rate: learn(context, data, n, m, e, r),
            epochs=epochs,
        )
        for name, make, epochs, rate in plan
    }
    found |= {"sizes": {"train": train, "test": test, "length": length}, "tv": tv}
    found["noise"] = mse(data.test, data.test_clean).item()
    found["speed"] = context.part("speed", lambda: speed(data.train[:32]))
    return found


REPEATS = 5  # of what is timed: the shortest counts
WEIGHTS = [float(weight) for weight in range(10, 41)]


def tune(data: Signals, threads: int = 1) -> Json:
    """The weight with the least error on the training signals, and, as the paper, on the others."""
    layer, D = TotalVariation(data.length, threads), differences(data.length)

    def error(weight: float, x: Tensor, y: Tensor) -> float:
        with torch.no_grad():
            return mse(layer(x, torch.tensor(weight, dtype=x.dtype), D), y).item()

    train = [error(weight, data.train, data.train_clean) for weight in WEIGHTS]
    test = [error(weight, data.test, data.test_clean) for weight in WEIGHTS]
    best, lucky = train.index(min(train)), test.index(min(test))
    return {
        "weight": WEIGHTS[best], "train": train[best], "test": test[best],
        "test_weight": WEIGHTS[lucky], "least_test": test[lucky],
    }  # fmt: skip


def learn(
    context: Context,
    data: Signals,
    name: str,
    make: Callable[[], nn.Module],
    epochs: int,
    rate: float,
) -> Json:
    torch.manual_seed(context.seed)
    model = make()

    def loss(answer: Tensor, clean: Tensor) -> Tensor:
        error = mse(answer, clean)
        return error + model.penalty() if isinstance(model, LearnedDifferences) else error

    def score(model: nn.Module) -> dict[str, float]:
        return {"test": mse(in_batches(model, data.test), data.test_clean).item()}

    how = Fit(
        loss, score, epochs, 150, rate, context.seed,
        checkpoint=context.checkpoint(name), label=name,
    )  # fmt: skip
    history = fit(model, data.train, data.train_clean, how)
    answer = in_batches(model, data.test[:1])[0]
    return {
        "history": history,
        "train": mse(in_batches(model, data.train), data.train_clean).item(),
        "test": history[-1]["test"],
        "resumed": how.resumed,
        "signal": {
            "noisy": data.test[0].tolist(),
            "clean": data.test_clean[0].tolist(),
            "answer": answer.tolist(),
        },
    }


def speed(x: Tensor) -> Json:
    """Milliseconds a signal, forward and backward, on one thread, and how far the two are apart."""
    length, found, answers = x.shape[1], {}, []
    for name, layer in (("sparse", TotalVariation(length)), ("dense", dense)):
        D, weight = differences(length).requires_grad_(), torch.tensor(20.0, dtype=x.dtype)
        seconds = []
        for _ in range(REPEATS):
            start = time.perf_counter()
            y = layer(x, weight, D)
            (gradient,) = torch.autograd.grad(y.square().mean(), D)
            seconds.append(time.perf_counter() - start)
        found[name] = 1000 * min(seconds) / len(x)
        answers.append((y.detach(), gradient))
    (y, gradient), (dense_y, dense_gradient) = answers
    found["difference"] = (y - dense_y).abs().max().item()
    off = (gradient - dense_gradient).abs().max() / dense_gradient.abs().max()
    return {**found, "gradient_difference": off.item()}
