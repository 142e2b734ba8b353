# SPDX-License-Identifier: Apache-2.0
"""The network with OptNet's layer learns to classify as the one without does."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
import torch

from examples.common.context import Context
from examples.digits.data import Images, load
from examples.digits.run import learn


@pytest.fixture
def images() -> Images:
    torch.manual_seed(0)
    classes = torch.arange(1200) % 10
    pixels = torch.randn(10, 784)[classes] + 2 * torch.randn(1200, 784)
    return Images(pixels[:1000], classes[:1000], pixels[1000:], classes[1000:], "made up")


@pytest.mark.parametrize("kind", ["plain", "optnet"])
def test_both_networks_learn(images, kind):
    history = learn(Context("mnist", quick=True), images, kind, seed=0, epochs=6)["history"]
    assert history[0]["error"] > 70
    assert history[-1]["error"] < 10


def test_a_training_goes_on_where_it_was(images, tmp_path):
    whole = learn(Context("mnist"), images, "optnet", seed=0, epochs=3)["history"]
    context = Context("mnist", folder=tmp_path)
    learn(context, images, "optnet", seed=0, epochs=2)
    resumed = learn(context, images, "optnet", seed=0, epochs=3)["history"]
    assert [row.get("loss") for row in resumed] == [row.get("loss") for row in whole]


def test_idx_files_are_read(tmp_path):
    rng = np.random.default_rng(0)
    for part, count in (("train", 12), ("t10k", 5)):
        header = bytes([0, 0, 8, 3]) + b"".join(k.to_bytes(4, "big") for k in (count, 28, 28))
        pixels = rng.integers(256, size=(count, 784), dtype=np.uint8)
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(header + pixels.tobytes())
        header = bytes([0, 0, 8, 1]) + count.to_bytes(4, "big")
        labels = gzip.compress(header + bytes(range(count)))
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(labels)
    images = load("fashion_mnist", tmp_path, seed=0)
    assert images.train.shape == (12, 784) and images.test.shape == (5, 784)
    assert images.test_class.tolist() == [0, 1, 2, 3, 4]
    assert abs(images.train.mean()) < 1e-5


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte"):
        load("fashion_mnist", tmp_path, seed=0)
