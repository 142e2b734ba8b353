# SPDX-License-Identifier: Apache-2.0
"""What other processes import: they find it by its name, which a test module has not."""

from __future__ import annotations

import torch
from torch.utils.data import Dataset

from quadcone.torch import ConeLayer, qp


class Solutions(Dataset):
    """Solutions of problems that differ in q, solved by who asks, with a layer that was shipped."""

    def __init__(self, layer: ConeLayer, q: torch.Tensor, b: torch.Tensor) -> None:
        self.layer, self.q, self.b = layer, q, b

    def __len__(self) -> int:
        return len(self.q)

    def __getitem__(self, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """x and the gradient of its sum, by the layer and by qp without constraints."""
        q = self.q[k].clone().requires_grad_()
        x, _, _ = self.layer(q, self.b)
        free = qp(torch.eye(len(q), dtype=q.dtype), q)
        (gradient,) = torch.autograd.grad(x.sum() + free.sum(), q)
        return x.detach(), gradient
