# SPDX-License-Identifier: Apache-2.0
"""Denoising: the sparse layer is total variation, and tuning it fits the signals better."""

from __future__ import annotations

import torch

from examples.common.context import Context
from examples.denoising.data import LENGTH, signals
from examples.denoising.models import Learned, TotalVariation, differences
from examples.denoising.run import learn, speed, tune


def test_signals_are_the_papers():
    noisy, clean = signals(500, seed=0)
    jumps = (clean.diff(dim=1) != 0).sum(dim=1)
    assert jumps.max() <= 8 and jumps.min() == 0
    assert clean.min() >= 10 and clean.max() < 100
    assert 97 < (noisy - clean).square().mean() < 103


def test_a_large_weight_gives_the_mean_and_none_the_signal():
    x = signals(3, seed=1)[0]
    layer, D = TotalVariation(), differences()
    flat = layer(x, torch.tensor(1e4, dtype=x.dtype), D)
    assert torch.allclose(flat, x.mean(dim=1, keepdim=True).expand(3, LENGTH), atol=1e-3)
    assert torch.allclose(layer(x, torch.tensor(1e-6, dtype=x.dtype), D), x, atol=1e-3)


def test_sparse_and_dense_agree():
    found = speed(signals(32, seed=0)[0])
    assert found["difference"] < 1e-6
    assert found["gradient_difference"] < 1e-5


def test_tuning_fits_better_than_total_variation():
    x, y = signals(2200, seed=0)
    data = x[:2000], y[:2000], x[2000:], y[2000:]
    tv = tune(data)
    assert 14 <= tv["weight"] <= 28
    assert tv["test"] < 25
    context = Context("denoising", quick=True)
    tuned = learn(context, data, "tuned", lambda: Learned(tv["weight"], tuned=True), 4, 1e-3)
    assert tuned["train"] < tv["train"]
