# SPDX-License-Identifier: Apache-2.0
"""Shapes of the arguments of a quadratic program, as `proxsuite.torch.utils` reads them."""

from __future__ import annotations

from torch import Tensor

from ..qpth.util import bdiag as bdiag
from ..qpth.util import bger as bger
from ..qpth.util import expandParam as expandParam
from ..qpth.util import get_sizes as get_sizes
from ..qpth.util import print_header as print_header
from ..qpth.util import to_np as to_np

RANKS = (3, 2, 3, 2, 3, 2, 2)


def extract_nBatch(
    Q: Tensor, p: Tensor, A: Tensor, b: Tensor, G: Tensor, low: Tensor, high: Tensor
) -> int:
    """The batch of the first argument that has one, else 1."""
    for X, rank in zip((Q, p, A, b, G, low, high), RANKS, strict=True):
        if X.nelement() and X.dim() == rank:
            return X.size(0)
    return 1
