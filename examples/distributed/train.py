# SPDX-License-Identifier: Apache-2.0
"""Learn to allocate: costs from features, and the best allocation at these costs.

    minimize    1/2 z'diag(risk)z + costs(features)'z        subject to    sum z = 1,  z >= 0

Every process solves its share of the batch, and DistributedDataParallel averages the gradients: the
parameters are the same in all, and the same as if one process had solved everything.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from quadcone.torch import qp

FEATURES, ASSETS, SAMPLES = 8, 5, 64


class Allocation(nn.Module):
    """features (batch, FEATURES) -> allocations (batch, ASSETS)."""

    def __init__(self) -> None:
        super().__init__()
        self.costs = nn.Linear(FEATURES, ASSETS, dtype=torch.float64)
        self.log_risk = nn.Parameter(torch.zeros(ASSETS, dtype=torch.float64))
        self.register_buffer("nonnegative", -torch.eye(ASSETS, dtype=torch.float64))
        self.register_buffer("total", torch.ones(1, ASSETS, dtype=torch.float64))

    def forward(self, features: Tensor) -> Tensor:
        risk = torch.diag(self.log_risk.exp())
        zeros = features.new_zeros(ASSETS)
        one = features.new_ones(1)
        return qp(risk, self.costs(features), self.nonnegative, zeros, self.total, one)


def examples() -> tuple[Tensor, Tensor]:
    """Features, and the allocations of an unknown model."""
    torch.manual_seed(0)
    teacher = Allocation()
    with torch.no_grad():
        teacher.log_risk.normal_()
        features = torch.randn(SAMPLES, FEATURES, dtype=torch.float64)
        return features, teacher(features)


def train(model: nn.Module, features: Tensor, wanted: Tensor, steps: int) -> list[float]:
    """Losses of all steps, on this process's share."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (model(features) - wanted).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def fresh_model() -> Allocation:
    """The same one in every process."""
    torch.manual_seed(1)
    return Allocation()


def work(rank: int, processes: int, folder: str, steps: int) -> None:
    """What process `rank` does; the first one leaves the losses and the model in the folder."""
    torch.set_num_threads(1)
    rendezvous = f"file://{Path(folder).resolve() / 'rendezvous'}"
    dist.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=processes)
    features, wanted = examples()
    model = DistributedDataParallel(fresh_model())
    losses = train(model, features[rank::processes], wanted[rank::processes], steps)
    mean = torch.tensor(losses, dtype=torch.float64)
    dist.all_reduce(mean)
    if rank == 0:
        result = {"losses": mean / processes, "model": model.module.state_dict()}
        torch.save(result, Path(folder) / "result.pt")
    dist.destroy_process_group()
    os._exit(0)  # gloo's threads may still run, and abort an interpreter that ends in order


def train_together(processes: int, folder: str, steps: int) -> dict[str, object]:
    """Losses, (steps,), and the state of the model, by so many processes."""
    mp.spawn(work, (processes, folder, steps), nprocs=processes)
    result: dict[str, object] = torch.load(Path(folder) / "result.pt")
    return result
