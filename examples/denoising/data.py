# SPDX-License-Identifier: Apache-2.0
"""Piecewise-constant signals with noise, as OptNet's code draws them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

LENGTH = 100
NOISE = 10.0


def signals(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Noisy and clean, (count, 100) each: 1 to 9 pieces of heights 10 to 99."""
    rng = np.random.default_rng(seed)
    clean = np.empty((count, LENGTH))
    for signal in clean:
        pieces = rng.integers(1, 10)
        ends = np.sort(rng.choice(LENGTH - 1, pieces - 1, replace=False) + 1)
        heights = rng.integers(10, 100, pieces)
        signal[:] = np.repeat(heights, np.diff(ends, prepend=0, append=LENGTH))
    noisy = clean + NOISE * rng.normal(size=clean.shape)
    return torch.from_numpy(noisy), torch.from_numpy(clean)
