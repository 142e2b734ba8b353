# SPDX-License-Identifier: Apache-2.0
"""qpth: OptNet's own layer, one-sided rows, batched dense PyTorch."""

from __future__ import annotations

import numpy as np
import torch
from qpth.qp import QPFunction

from ..families import Family, as_dense
from .base import Peer, UnsupportedError
from .one_sided import RANKS, as_family, one_sided

SEMIDEFINITE = 1e-8  # added where P is singular: qpth needs a Cholesky factor of it


class Qpth(Peer):
    """min 1/2 z'Qz + p'z, Gz <= h, Az = b."""

    name = "qpth"

    def __init__(self, family: Family) -> None:
        super().__init__(family)
        if family.n + family.m > 500:
            raise UnsupportedError("dense only")
        if family.degenerate:
            raise UnsupportedError("redundant equalities")
        singular = np.linalg.eigvalsh(as_dense(family.P)).min() <= 0
        self.arguments = one_sided(family, SEMIDEFINITE if singular else 0.0)
        self.given = [a if a.numel() else torch.empty(0, dtype=a.dtype) for a in self.arguments]
        self.wanted = [a for a in self.given if a.requires_grad]
        self.dx = torch.from_numpy(family.dx)
        self.layer = QPFunction(verbose=-1)

    def forward(self) -> None:
        self.z = self.layer(*self.given)

    def backward(self) -> None:
        self.out = torch.autograd.grad(self.z, self.wanted, self.dx)

    def x(self) -> np.ndarray:
        return self.z.detach().numpy()

    def gradients(self) -> dict[str, np.ndarray]:
        # qpth averages the gradient of a shared argument over the batch.
        gradients = [
            g.numpy() * (self.family.batch if g.ndim == rank else 1)
            for g, rank in zip(self.out, RANKS, strict=False)
        ]
        empty = [a.detach().numpy() for a in self.arguments[len(gradients) :]]
        return as_family(self.family, gradients + empty)
