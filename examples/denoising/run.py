# SPDX-License-Identifier: Apache-2.0
"""The four approaches on the same signals, and the sparse layer beside the dense one."""

from __future__ import annotations

import time

import torch
from torch import Tensor, nn

from ..common.context import Context, Json
from ..common.train import Fit, fit, in_batches
from .data import signals
from .models import Learned, TotalVariation, dense, differences, network

mse = nn.functional.mse_loss


def run(context: Context) -> Json:
    train, held_out = context.pick((9000, 1000), (1200, 300))
    x, y = signals(train + held_out, context.seed)
    data = (x[:train], y[:train], x[train:], y[train:])
    tv = context.part("tv", lambda: tune(data))
    parts = {}
    for name, make, epochs, rate in (
        ("network", network, context.pick(50, 10), 1e-3),
        ("learned", lambda: Learned(13.0, tuned=False), context.pick(25, 3), 1e-2),
        ("tuned", lambda: Learned(tv["weight"], tuned=True), context.pick(25, 6), 1e-3),
    ):
        parts[name] = context.part(
            name, lambda n=name, m=make, e=epochs, r=rate: learn(context, data, n, m, e, r)
        )
    return {
        "train": train, "held_out": held_out, "tv": tv, **parts,
        "noise": mse(data[2], data[3]).item(), "speed": context.part("speed", lambda: speed(x)),
        "improvement": 1 - parts["tuned"]["test"] / tv["test"],
    }  # fmt: skip


def tune(data: tuple[Tensor, ...]) -> Json:
    """The weight with the least error on (some of) the training signals; the test has no say."""
    x, y = data[0][:2000], data[1][:2000]
    layer, D = TotalVariation(), differences()

    def error(weight: float, x: Tensor, y: Tensor) -> float:
        with torch.no_grad():
            return mse(layer(x, torch.tensor(weight, dtype=x.dtype), D), y).item()

    weights = [float(w) for w in range(4, 42, 2)]
    errors = [error(weight, x, y) for weight in weights]
    best = weights[errors.index(min(errors))]
    return {
        "weights": weights, "errors": errors, "weight": best,
        "train": error(best, data[0], data[1]), "test": error(best, data[2], data[3]),
    }  # fmt: skip


def learn(context: Context, data: tuple[Tensor, ...], name: str, make, epochs, rate) -> Json:
    torch.manual_seed(context.seed)
    model = make()
    how = Fit(
        mse,
        lambda model: {"test": mse(in_batches(model, data[2]), data[3]).item()},
        epochs, 150, rate, context.seed, clip=None if name == "network" else 10.0,
        checkpoint=context.checkpoint(name), label=name,
    )  # fmt: skip
    history = fit(model, data[0], data[1], how)
    shown = in_batches(model, data[2][:1])[0].tolist()
    train = mse(in_batches(model, data[0]), data[1]).item()
    found = {"history": history, "train": train, "test": history[-1]["test"]}
    signal = {"noisy": data[2][0].tolist(), "clean": data[3][0].tolist(), "answer": shown}
    return {**found, "signal": signal}


def speed(x: Tensor) -> Json:
    """Milliseconds a signal, forward and backward, and how far the two are apart."""
    x, found, answers = x[:32], {}, []
    for name, layer in (("sparse", TotalVariation()), ("dense", dense)):
        D, weight = differences().requires_grad_(), torch.tensor(20.0, dtype=x.dtype)
        layer(x[:8], weight, D)
        start = time.perf_counter()
        y = layer(x, weight, D)
        (gradient,) = torch.autograd.grad(y.square().mean(), D)
        found[name] = 1000 * (time.perf_counter() - start) / len(x)
        answers.append((y.detach(), gradient))
    (y, gradient), (dense_y, dense_gradient) = answers
    found["difference"] = (y - dense_y).abs().max().item()
    off = (gradient - dense_gradient).abs().max() / dense_gradient.abs().max()
    return {**found, "gradient_difference": off.item()}
