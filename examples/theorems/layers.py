# SPDX-License-Identifier: Apache-2.0
"""The layers that the theorems and their proofs speak of."""

from __future__ import annotations

import torch
from torch import Tensor

from quadcone.torch import qp

RAYS = ((1.0, 0.0), (-0.5, 0.75**0.5), (-0.5, -(0.75**0.5)))


def project(x: Tensor, G: Tensor, h: Tensor) -> Tensor:
    """(batch, n) -> (batch, n): the nearest point with G z <= h."""
    return qp(torch.eye(x.shape[1], dtype=x.dtype), -x, G, h)


def relu(x: Tensor) -> Tensor:
    """(batch, n) -> (batch, n): min 1/2 |z - x|^2, z >= 0."""
    eye = torch.eye(x.shape[1], dtype=x.dtype)
    return project(x, -eye, torch.zeros(x.shape[1], dtype=x.dtype))


def piecewise_linear(x: Tensor, a: Tensor, b: Tensor, w: Tensor) -> Tensor:
    """(batch,) -> (batch,): sum_i w_i max(0, a_i x + b_i), with a, b, w (k,).

    The proof of theorem 2: min |t|^2 + (z - w't)^2 subject to a_i x + b_i <= t_i has the solution
    t_i = max(0, a_i x + b_i), z = w't.
    """
    k = len(a)
    row = torch.cat([torch.ones(1, dtype=x.dtype), -w])
    Q = 2 * (torch.diag(torch.cat([torch.zeros(1), torch.ones(k)])) + torch.outer(row, row))
    G = torch.cat([torch.zeros(k, 1), -torch.eye(k)], dim=1).to(x.dtype)
    h = -(x[:, None] * a + b)
    return qp(Q, torch.zeros(k + 1, dtype=x.dtype), G, h)[:, 0]


def largest(x: Tensor) -> Tensor:
    """(batch, 2) -> (batch,): max(0, a_1'x, a_2'x, a_3'x), by min z^2 subject to a_i'x <= z.

    The function of theorem 3.  Its kinks are three rays; those of a network are whole lines.
    """
    a = torch.tensor(RAYS, dtype=x.dtype)
    Q = 2 * torch.ones(1, 1, dtype=x.dtype)
    return qp(Q, torch.zeros(1, dtype=x.dtype), -torch.ones(3, 1, dtype=x.dtype), -x @ a.T)[:, 0]
