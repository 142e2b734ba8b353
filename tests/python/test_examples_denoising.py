# SPDX-License-Identifier: Apache-2.0
"""Denoising: the layers are total variation, and one tuned from it denoises new signals better."""

from __future__ import annotations

import pytest
import torch

from examples.common.context import Context
from examples.denoising.data import signals
from examples.denoising.layers import TotalVariation, differences, full
from examples.denoising.models import LearnedDifferences, Tuned
from examples.denoising.run import Signals, draw, learn, speed, tune


@pytest.fixture(scope="module")
def data() -> Signals:
    return draw(train=3000, test=1000, length=30, seed=0)


def test_signals_are_the_papers():
    noisy, clean = signals(500, seed=0)
    jumps = (clean.diff(dim=1) != 0).sum(dim=1)
    assert jumps.max() <= 8 and jumps.min() == 0
    assert clean.min() >= 10 and clean.max() < 100
    assert 97 < (noisy - clean).square().mean() < 103


def test_a_large_weight_gives_the_mean_and_none_the_signal():
    x = signals(3, seed=1)[0]
    layer, D = TotalVariation(100), differences(100)
    flat = layer(x, torch.tensor(1e4, dtype=x.dtype), D)
    assert torch.allclose(flat, x.mean(dim=1, keepdim=True).expand(3, 100), atol=1e-3)
    assert torch.allclose(layer(x, torch.tensor(1e-6, dtype=x.dtype), D), x, atol=1e-3)


def test_sparse_and_dense_agree():
    found = speed(signals(32, seed=0)[0])
    assert found["difference"] < 1e-6
    assert found["gradient_difference"] < 1e-5


def test_the_tuned_layer_starts_as_total_variation():
    x = signals(8, seed=2, length=30)[0]
    layer = Tuned(30, weight=20.0)
    with torch.no_grad():
        layer.linear.weight[:30] = -torch.eye(30)
        layer.linear.weight[30:] = 0
    weight = torch.tensor(20.0, dtype=x.dtype)
    expected = TotalVariation(30)(x, weight, differences(30))
    assert (layer(x) - expected).abs().max() < 0.2  # Q is larger by 1e-4


def test_learned_differences_can_be_total_variation():
    x = signals(8, seed=2, length=30)[0]
    layer = LearnedDifferences(30)
    with torch.no_grad():
        layer.D[:] = full(differences(30))
    weight = torch.tensor(layer.WEIGHT, dtype=x.dtype)
    expected = TotalVariation(30)(x, weight, differences(30))
    assert (layer(x) - expected).abs().max() < 0.2


def test_the_weight_is_tuned_on_training_signals(data):
    tv = tune(data)
    assert tv["least_test"] <= tv["test"] < 14
    layer, D = TotalVariation(30), differences(30)
    for other in (tv["weight"] - 1, tv["weight"] + 1):
        answer = layer(data.train, torch.tensor(other, dtype=D.dtype), D)
        assert (answer - data.train_clean).square().mean() >= tv["train"]


def test_the_tuned_layer_beats_total_variation_on_new_signals(data):
    tv = tune(data)
    context = Context("denoising", quick=True)
    tuned = learn(context, data, "tuned", lambda: Tuned(30, tv["weight"]), epochs=6, rate=1e-4)
    assert tuned["test"] < 0.95 * tv["test"]
    assert tuned["train"] < tv["train"]
