# SPDX-License-Identifier: Apache-2.0
"""Transport with entropy, as a layer of exponential cones and by Sinkhorn's iteration."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn

import quadcone
from quadcone.torch import ConeLayer


class Transport(nn.Module):
    """Cost (n, n), supplies and demands (batch, n) -> plans T (batch, n, n):

        min <C, T> + epsilon sum T log T   subject to  T 1 = a, T'1 = b, T <= capacity

    (-r, T, 1) in an exponential cone is r >= T log T.  Sinkhorn's iteration has no capacities.
    """

    def __init__(self, n: int, epsilon: float, capacity: float | None = None) -> None:
        super().__init__()
        self.n, self.epsilon = n, epsilon
        eye, one = sp.identity(n), np.ones((1, n))
        # The last demand follows from the others.
        sums = sp.vstack([sp.kron(eye, one), sp.kron(one, eye).tocsr()[:-1]])
        limits = sp.identity(n * n if capacity is not None else 0)
        # Of a cone with T and r: s = b - A x = (-r, T, 1).
        to_r, to_T = (sp.kron(sp.identity(n * n), e) for e in ([[1], [0], [0]], [[0], [-1], [0]]))
        blocks = [[sums, None], [to_T, to_r]]
        if capacity is not None:
            blocks.insert(1, [limits, None])
        cones = {"z": 2 * n - 1, "l": limits.shape[0], "ep": n * n}
        A = sp.bmat(blocks, format="csc")
        self.cone = ConeLayer(quadcone.Problem(None, A, cones=cones))
        limit = np.full(limits.shape[0], capacity or 0.0)
        self.end = torch.from_numpy(np.r_[limit, np.tile([0.0, 0.0, 1.0], n * n)])

    def forward(self, C: Tensor, a: Tensor, b: Tensor) -> Tensor:
        q = torch.cat([C.flatten(), torch.full((self.n**2,), self.epsilon, dtype=C.dtype)])
        right = torch.cat([a, b[:, :-1], self.end.expand(len(a), -1)], dim=1)
        x = self.cone(q=q, b=right)[0]
        return x[:, : self.n**2].reshape(-1, self.n, self.n)


def sinkhorn(C: Tensor, a: Tensor, b: Tensor, epsilon: float, iterations: int = 100) -> Tensor:
    """The same without capacities, by iterations that autograd goes back through."""
    f, g = torch.zeros_like(a), torch.zeros_like(b)
    M = -C / epsilon
    for _ in range(iterations):
        f = a.log() - torch.logsumexp(M + g[:, None, :], dim=2)
        g = b.log() - torch.logsumexp(M + f[:, :, None], dim=1)
    return (M + f[:, :, None] + g[:, None, :]).exp()
