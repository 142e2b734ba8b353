# SPDX-License-Identifier: Apache-2.0
"""The network with OptNet's layer learns to classify as well as the one without."""

from __future__ import annotations

import gzip
from statistics import mean

import numpy as np
import pytest
import torch

from examples.common.context import Context
from examples.digits import page
from examples.digits.data import Images, load
from examples.digits.run import learn

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def images() -> Images:
    torch.manual_seed(0)
    classes = torch.arange(1200) % 10
    pixels = torch.randn(10, 784)[classes] + 2 * torch.randn(1200, 784)
    return Images(pixels[:1000], classes[:1000], pixels[1000:], classes[1000:], "made up")


def test_the_layer_classifies_about_as_well(images, tmp_path):
    context = Context("mnist", quick=True)
    found = {
        kind: [learn(context, images, kind, seed, epochs) for seed in range(2)]
        for kind, epochs in (("plain", 4), ("optnet", 20))
    }
    first = [run["history"][0]["error"] for runs in found.values() for run in runs]
    assert min(first) > 70
    plain, optnet = page.errors(found, "plain"), page.errors(found, "optnet")
    assert max(plain + optnet) < 10
    assert mean(optnet) < mean(plain) + 3
    found |= {"epochs": 4, "source": "made up", "train": 1000, "test": 200}
    page.plot("mnist", found, tmp_path)
    assert (tmp_path / "mnist.png").exists()
    assert f"{mean(optnet):.1f} ± " in page.section("mnist", found, "pictures")


def test_errors_are_compared_with_their_chance():
    assert page.Difference.of([6.0, 6.2, 6.4], [6.1, 6.3, 6.4]).word == "similar"
    assert page.Difference.of([6.0, 6.2, 6.4], [8.1, 8.3, 8.4]).word == "higher"
    assert page.Difference.of([6.0, 6.2, 6.4], [4.1, 4.3, 4.4]).word == "lower"


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
