# SPDX-License-Identifier: Apache-2.0
"""Who solves and differentiates: our engine, diffcp's, and linear equations with autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

import quadcone
from quadcone.torch import ConeLayer

from .program import ConeProgram

Solve = Callable[[Tensor, Tensor, Tensor], Tensor]  # A (nnz,), b (m,), c (batch, n) -> (batch, n)


def ours(program: ConeProgram, **settings: Any) -> Solve:
    A = program.pattern.astype(float)
    layer = ConeLayer(quadcone.Problem(None, A, cones=program.cones, **settings))
    return lambda A, b, c: layer(q=c, b=b, A=A)[0]


def diffcp(program: ConeProgram, **options: Any) -> Solve:
    """diffcp's own code, on one thread.  ImportError where it is not installed."""
    from diffcp import solve_and_derivative_batch

    pattern = program.pattern
    place = pattern.indices, np.repeat(np.arange(pattern.shape[1]), np.diff(pattern.indptr))
    options = {"n_jobs_forward": 1, "n_jobs_backward": 1, **options}

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, A: Tensor, b: Tensor, c: Tensor) -> Tensor:
            # diffcp drops zeros of A from the matrix that it is given.
            values = A.numpy().copy()
            matrix = sp.csc_matrix((values, pattern.indices, pattern.indptr), pattern.shape)
            count = len(c)
            ctx.zeros = [np.zeros(len(b))] * count
            xs, _, _, _, ctx.adjoint = solve_and_derivative_batch(
                [matrix] * count, [b.numpy()] * count, list(c.numpy()), [program.cones] * count,
                **options,
            )  # fmt: skip
            return torch.from_numpy(np.stack(xs))

        @staticmethod
        def backward(ctx: Any, dx: Tensor) -> tuple[Tensor, ...]:
            dA, db, dc = ctx.adjoint(list(dx.numpy()), ctx.zeros, ctx.zeros)
            A = np.asarray(sum(dA)[place]).ravel()
            return tuple(map(torch.from_numpy, (A, np.sum(db, axis=0), np.stack(dc))))

    return Function.apply


def active_rows(Q: Tensor, q: Tensor, G: Tensor, h: Tensor) -> Tensor:
    """The QP's solution (batch, n) by the equations of its active rows, and autograd through them.

    For q (batch, n) and one Q, G, h.  ArithmeticError where these do not give a solution: whoever
    guesses the rows, a feasible point with multipliers that are not negative is the solution.
    """
    guess = quadcone.Problem(Q.detach().numpy(), G.detach().numpy(), {"l": len(h)}).solve(
        q.detach().numpy(), h.detach().numpy()
    )
    solutions = []
    for one, rows in zip(q, torch.from_numpy(guess.y > guess.s), strict=True):
        active = G[rows]
        corner = torch.zeros(len(active), len(active), dtype=Q.dtype)
        matrix = torch.cat([torch.cat([Q, active.mT], 1), torch.cat([active, corner], 1)])
        answer = torch.linalg.solve(matrix, torch.cat([-one, h[rows]]))
        z, multipliers = answer.split([len(one), len(active)])
        if (G @ z - h).max() > 1e-8 * (1 + z.abs().max()) or (multipliers < 0).any():
            raise ArithmeticError("the rows that were guessed are not those of the solution")
        solutions.append(z)
    return torch.stack(solutions)
