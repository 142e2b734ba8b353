# SPDX-License-Identifier: Apache-2.0
"""What a peer looks like on a conic family; timed and untimed parts are as in bench.peers.base."""

from __future__ import annotations

import numpy as np

from ...peers.base import FailedError, Peer, UnsupportedError
from ..families import ConeFamily

__all__ = ["TOLERANCE", "ConePeer", "FailedError", "UnsupportedError"]

TOLERANCE = 1e-8  # of everybody: residuals and gap


class ConePeer(Peer):
    """One solver on one family.  A gradient is shaped as its argument, that of A by columns."""

    family: ConeFamily

    def __init__(self, family: ConeFamily) -> None:
        self.family = family

    def reported(self, name: str) -> np.ndarray:
        """Which entries of an argument's gradient the peer reports, in the last axis."""
        return np.ones(self.family.A.nnz if name == "A" else self.family.m, bool)

    def summed(self, gradients: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """From a gradient a problem to the sum where the batch shares the argument."""
        f = self.family
        shared = {"P": True, "q": False, "A": f.fixed_matrices, "b": f.b.ndim == 1}
        return {k: g.sum(axis=0) if shared[k] else g for k, g in gradients.items()}
