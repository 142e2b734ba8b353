# SPDX-License-Identifier: Apache-2.0
"""proxsuite: its C++ batch of dense solvers, with the settings of its torch layer (QPLayer)."""

from __future__ import annotations

import numpy as np
import proxsuite

from ..families import Family
from .base import FailedError, Peer, UnsupportedError
from .two_sided import TwoSided

dense = proxsuite.proxqp.dense

RHO = 5e-5


class Proxsuite(Peer):
    """min 1/2 x'Hx + g'x, Ax = b, l <= Cx <= u; simple bounds are rows of C."""

    name = "proxsuite"
    reports_bounds = False

    def __init__(self, family: Family, threads: int = 1) -> None:
        super().__init__(family)
        if family.n > 500:
            raise UnsupportedError("dense only")
        form = TwoSided(family, bounds_as_rows=True)
        self.form, self.threads = form, threads
        self.loss = dense.VectorLossDerivatives()
        tail = np.zeros(family.zero + form.C.shape[1])
        for k in range(family.batch):
            self.loss.append(np.concatenate([family.dx[k], tail]))

    def forward(self) -> None:
        f = self.form
        # New objects each time, as its layer does: reused ones report false infeasibility.
        self.qps = dense.BatchQP()
        for k in range(self.family.batch):
            qp = self.qps.init_qp_in_place(self.family.n, self.family.zero, f.C.shape[1])
            qp.settings.eps_abs = 1e-9
            qp.settings.max_iter = 1000
            qp.settings.max_iter_in = 100
            qp.settings.default_rho = RHO
            qp.settings.refactor_rho_threshold = RHO
            qp.init(H=f.P[k], g=f.q[k], A=f.E[k], b=f.e[k], C=f.C[k], l=f.l[k], u=f.u[k], rho=RHO)
        dense.solve_in_parallel(num_threads=self.threads, qps=self.qps)
        self.solution = np.stack([self.qps.get(k).results.x for k in range(self.family.batch)])

    def backward(self) -> None:
        dense.solve_backward_in_parallel(
            num_threads=self.threads,
            qps=self.qps,
            loss_derivatives=self.loss,
            eps=1e-4,
            rho_backward=1e-6,
            mu_backward=1e-6,
        )
        data = [self.qps.get(k).model.backward_data for k in range(self.family.batch)]
        names = ("dL_dH", "dL_dg", "dL_dA", "dL_dC", "dL_db", "dL_du")
        self.out = {name: np.stack([getattr(d, name) for d in data]) for name in names}

    def check(self) -> None:
        status = [self.qps.get(k).results.info.status for k in range(self.family.batch)]
        bad = {str(s) for s in status if s != proxsuite.proxqp.PROXQP_SOLVED}
        if bad:
            raise FailedError(", ".join(bad))

    def x(self) -> np.ndarray:
        return self.solution

    def gradients(self) -> dict[str, np.ndarray]:
        return self.form.gradients(
            P=self.out["dL_dH"],
            q=self.out["dL_dg"],
            E=self.out["dL_dA"],
            e=self.out["dL_db"],
            C=self.out["dL_dC"],
            u=self.out["dL_du"],
        )
