# SPDX-License-Identifier: Apache-2.0
"""The form of two-sided peers: Ex = e, l <= Cx <= u, simple bounds apart or as rows of C."""

from __future__ import annotations

import numpy as np

from ..families import Family
from .base import dense_batch, on_pattern, summed

UNBOUNDED = 1e20


class TwoSided:
    """Dense arrays of a family, each with a batch axis: views where the batch shares them."""

    def __init__(self, family: Family, bounds_as_rows: bool) -> None:
        self.family, batch = family, family.batch
        self.P = dense_batch(family.P, 2, batch)
        self.q = dense_batch(family.q, 1, batch)
        self.E = dense_batch(family.E, 2, batch)
        self.e = dense_batch(family.e, 1, batch)
        self.bounded = family.lower is not None or family.upper is not None
        n = family.n
        self.lower = np.full(n, -UNBOUNDED) if family.lower is None else family.lower
        self.upper = np.full(n, UNBOUNDED) if family.upper is None else family.upper
        rows = family.general - family.zero
        C = np.zeros((batch, 0, n)) if family.G is None else dense_batch(family.G, 2, batch)
        u = np.zeros((batch, 0)) if family.h is None else dense_batch(family.h, 1, batch)
        self.l = np.full((batch, rows), -UNBOUNDED)
        if bounds_as_rows and self.bounded:
            C = np.concatenate([C, np.broadcast_to(np.eye(n), (batch, n, n))], axis=1)
            self.l = np.hstack([self.l, np.tile(self.lower, (batch, 1))])
            u = np.hstack([u, np.tile(self.upper, (batch, 1))])
        self.C, self.u = C, u

    def gradients(self, P, q, E, e, C, u) -> dict[str, np.ndarray]:
        """From gradients of this form to those of the family, without the rows of simple bounds."""
        f = self.family
        rows = f.general - f.zero
        A = np.concatenate([E, C[:, :rows]], axis=1)
        b = np.concatenate([e, u[:, :rows]], axis=1)
        general = f.A[: f.general] if f.sparse else f.A
        return {
            "P": summed(on_pattern(P, f.P), f.P, 2),
            "q": summed(q, f.q, 1),
            "A": summed(on_pattern(A, general), f.A, 2),
            "b": summed(b, f.b, 1),
        }
