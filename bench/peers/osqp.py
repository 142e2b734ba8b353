# SPDX-License-Identifier: Apache-2.0
"""OSQP with its adjoint derivative: sparse, one solver object a problem."""

from __future__ import annotations

import numpy as np
import osqp
import scipy.sparse as sp

from ..families import Family, per_problem
from .base import Peer, UnsupportedError, summed


class Osqp(Peer):
    """min 1/2 x'Px + q'x, l <= Ax <= u; equalities and simple bounds are rows."""

    name = "osqp"
    reports_bounds = False

    def __init__(self, family: Family) -> None:
        super().__init__(family)
        if not family.fixed_matrices or family.degenerate:
            raise UnsupportedError("sparse only")
        f = family
        blocks = [f.E, f.G, sp.identity(f.n) if f.lower is not None else None]
        self.A = sp.vstack([block for block in blocks if block is not None], format="csc")
        self.q = np.ascontiguousarray(per_problem(f.q, 1, f.batch))
        e = per_problem(f.e, 1, f.batch)
        h = per_problem(np.zeros(0) if f.h is None else f.h, 1, f.batch)
        bounds = [
            np.tile(np.zeros(0) if v is None else v, (f.batch, 1)) for v in (f.lower, f.upper)
        ]
        self.l = np.hstack([e, np.full_like(h, -np.inf), bounds[0]])
        self.u = np.hstack([e, h, bounds[1]])
        self.solvers = [self.new_solver(k) for k in range(f.batch)]

    def new_solver(self, k: int) -> osqp.OSQP:
        solver = osqp.OSQP()
        solver.setup(
            sp.triu(self.family.P, format="csc"),
            self.q[k],
            self.A,
            self.l[k],
            self.u[k],
            verbose=False,
            eps_abs=1e-8,
            eps_rel=1e-8,
            max_iter=20000,
            polishing=True,
            warm_starting=False,
        )
        return solver

    def forward(self) -> None:
        solutions = []
        for k, solver in enumerate(self.solvers):
            solver.update(q=self.q[k], l=self.l[k], u=self.u[k])
            solutions.append(solver.solve(raise_error=True).x)
        self.solution = np.stack(solutions)

    def backward(self) -> None:
        vectors, matrices = [], []
        for k, solver in enumerate(self.solvers):
            solver.adjoint_derivative_compute(dx=self.family.dx[k])
            vectors.append(solver.adjoint_derivative_get_vec())
            matrices.append(solver.adjoint_derivative_get_mat(as_dense=False))
        self.out = vectors, matrices

    def x(self) -> np.ndarray:
        return self.solution

    def gradients(self) -> dict[str, np.ndarray]:
        f, (vectors, matrices) = self.family, self.out
        dq, dl, du = (np.stack(part) for part in zip(*vectors, strict=True))
        b = np.hstack([(dl + du)[:, : f.zero], du[:, f.zero : f.general]])
        keep = self.A.indices < f.general
        A = np.stack([dA.x for _, dA in matrices])[:, keep]
        P = np.stack([self.both_triangles(dP) for dP, _ in matrices])
        return {
            "P": summed(P, f.P, 2),
            "q": summed(dq, f.q, 1),
            "A": summed(A, f.A, 2),
            "b": summed(b, f.b, 1),
        }

    def both_triangles(self, dP) -> np.ndarray:
        upper = sp.csc_matrix((dP.x, dP.i, dP.p), self.family.P.shape).toarray()
        full = np.triu(upper) + np.triu(upper, 1).T
        pattern = self.family.P
        columns = np.repeat(np.arange(pattern.shape[1]), np.diff(pattern.indptr))
        return full[pattern.indices, columns]
