# SPDX-License-Identifier: Apache-2.0
"""Piecewise-constant signals with noise, as OptNet's code draws them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

NOISE = 10.0


def signals(count: int, seed: int, length: int = 100) -> tuple[Tensor, Tensor]:
    """Noisy and clean, (count, length) each: pieces of heights 10 to 99.

    Signals of 100 samples have 1 to 9 pieces, as in the paper; shorter ones have fewer.
    """
    rng = np.random.default_rng(seed)
    clean = np.empty((count, length))
    for signal in clean:
        pieces = rng.integers(1, max(length // 10, 2))
        ends = np.sort(rng.choice(length - 1, pieces - 1, replace=False) + 1)
        heights = rng.integers(10, 100, pieces)
        signal[:] = np.repeat(heights, np.diff(ends, prepend=0, append=length))
    noisy = clean + NOISE * rng.normal(size=clean.shape)
    return torch.from_numpy(noisy), torch.from_numpy(clean)
