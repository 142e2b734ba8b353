# SPDX-License-Identifier: Apache-2.0
"""quadcone through its public Python interfaces: NumPy and PyTorch."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch

import quadcone
from quadcone.torch import qp

from ..families import Family
from .base import FailedError, Peer, UnsupportedError
from .one_sided import as_family, one_sided


class Quadcone(Peer):
    """quadcone.Problem: NumPy arrays in, NumPy arrays out."""

    name = "quadcone"

    def __init__(self, family: Family, threads: int = 1) -> None:
        super().__init__(family)
        P, A = (m if sp.issparse(m) or m.ndim == 2 else m[0] for m in (family.P, family.A))
        cones = {"z": family.zero, "l": family.m - family.zero}
        self.problem = quadcone.Problem(P, A, cones=cones, num_threads=threads)
        self.changes = {}
        if not family.fixed_matrices:
            self.changes = {"A": family.A.data if family.sparse else family.A}
            if not family.sparse:
                self.changes["P"] = family.P

    def forward(self) -> None:
        self.solution = self.problem.solve(self.family.q, self.family.b, **self.changes)

    def backward(self) -> None:
        self.out = self.solution.vjp(self.family.dx)

    def check(self) -> None:
        if not self.solution.solved.all():
            raise FailedError(", ".join(set(self.solution.status)))

    def x(self) -> np.ndarray:
        return self.solution.x

    def gradients(self) -> dict[str, np.ndarray]:
        return {name: values(getattr(self.out, name)) for name in ("P", "q", "A", "b")}


class QuadconeTorch(Peer):
    """quadcone.torch.qp, OptNet's layer: dense tensors, all of which require gradients."""

    name = "quadcone.torch"

    def __init__(self, family: Family, threads: int = 1) -> None:
        super().__init__(family)
        if family.fixed_matrices:
            raise UnsupportedError("the layer for dense matrices")
        self.arguments = one_sided(family)
        self.dx = torch.from_numpy(family.dx)
        self.threads = threads

    def forward(self) -> None:
        self.z = qp(*self.arguments, num_threads=self.threads)

    def backward(self) -> None:
        self.out = torch.autograd.grad(self.z, self.arguments, self.dx)

    def x(self) -> np.ndarray:
        return self.z.detach().numpy()

    def gradients(self) -> dict[str, np.ndarray]:
        return as_family(self.family, [gradient.numpy() for gradient in self.out])


def values(gradient) -> np.ndarray:
    """Entries of a gradient on a pattern, in CSC order."""
    return gradient.data if sp.issparse(gradient) else np.asarray(gradient)
