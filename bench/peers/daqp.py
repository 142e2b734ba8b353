# SPDX-License-Identifier: Apache-2.0
"""DAQP: a dual active-set method for small dense problems, one at a time; solves only."""

from __future__ import annotations

import daqp
import numpy as np

from ..families import Family
from .base import FailedError, Peer, UnsupportedError
from .two_sided import TwoSided

EQUALITY = 5


class Daqp(Peer):
    """min 1/2 x'Hx + f'x, simple bounds first, then l <= Ax <= u with equalities marked."""

    name = "daqp"
    differentiable = False

    def __init__(self, family: Family) -> None:
        super().__init__(family)
        if family.n > 500:
            raise UnsupportedError("dense only")
        form = TwoSided(family, bounds_as_rows=False)
        batch = family.batch
        bounds = family.n if form.bounded else 0
        lower, upper = (np.tile(v, (batch, 1))[:, :bounds] for v in (form.lower, form.upper))
        self.H, self.f = (np.ascontiguousarray(v) for v in (form.P, form.q))
        self.A = np.concatenate([form.E, form.C], axis=1)
        self.upper = np.hstack([upper, form.e, form.u])
        self.lower = np.hstack([lower, form.e, form.l])
        self.sense = np.zeros(self.upper.shape[1], np.intc)
        self.sense[bounds : bounds + family.zero] = EQUALITY
        self.models = []
        if family.fixed_matrices:
            for k in range(batch):
                self.models.append(daqp.Model())
                self.models[-1].setup(*self.data(k))

    def data(self, k: int):
        return self.H[k], self.f[k], self.A[k], self.upper[k], self.lower[k], self.sense

    def forward(self) -> None:
        if self.models:
            results = [self.resolve(k) for k in range(self.family.batch)]
        else:
            results = [daqp.solve(*self.data(k)) for k in range(self.family.batch)]
        self.flags = {result[2] for result in results}
        self.solution = np.stack([result[0] for result in results])

    def resolve(self, k: int):
        """A cold solve that keeps what depends on the matrices alone."""
        model = self.models[k]
        model.update(f=self.f[k], bupper=self.upper[k], blower=self.lower[k], sense=self.sense)
        return model.solve()

    def check(self) -> None:
        if min(self.flags) <= 0:
            raise FailedError(f"flag {min(self.flags)}")

    def x(self) -> np.ndarray:
        return self.solution
