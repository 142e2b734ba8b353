# SPDX-License-Identifier: Apache-2.0
"""QPLayer with the interface of proxsuite.torch.qplayer 0.8.

    minimize    1/2 x'Q x + p'x        subject to    A x = b,  l <= G x <= u

What is different: outputs and gradients have the dtype of the arguments (proxsuite rounds gradients
to float32) and are on their device; in the mode of the closest feasible problem G may be batched
and A, b empty; a problem without a solution is NaN.  As in proxsuite, that mode gives the *mean* of
the gradients of an argument that the whole batch shares; broadcast_reduction="sum" makes it their
sum, which is the derivative, and what the other mode gives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...torch import qp
from .._choices import check_reduction, usable_tolerance
from .._gradients import average_gradient
from .utils import RANKS, extract_nBatch

_INFINITE = 1e20  # what stands for no bound where there is no infinity
_FEASIBLE = 1e-7  # shifts below it, relative to the bounds, are rounding


def QPFunction(
    eps: float = 1e-9,
    maxIter: int = 1000,
    eps_backward: float = 1e-4,
    rho_backward: float = 1e-6,
    mu_backward: float = 1e-6,
    omp_parallel: bool = False,
    structural_feasibility: bool = True,
    *,
    broadcast_reduction: str = "mean",
) -> Callable[..., tuple[Tensor, ...]]:
    """A function x, y, z = f(Q, p, A, b, G, l, u), or x, y, z, s_e, s_i = f(...).

    structural_feasibility: every problem has feasible points.  Otherwise each is replaced by the
        closest one that has, A x = b + s_e and l + s_i <= G x <= u + s_i, where the norm of s_e and
        s_i is least.
    broadcast_reduction: "mean", as proxsuite, or "sum", of gradients in that mode.
    omp_parallel: False for one thread.

    Q (n, n), p (n,), A (k, n), b (k,), G (m, n), l, u (m,), each with or without a batch in front;
    empty tensors for no constraints; bounds of 1e20 and beyond are none, as infinite ones are.
    x is (batch, n), y of the equalities (batch, k), z of the inequalities (batch, m): negative at
    l, positive at u.
    """
    del maxIter, eps_backward, rho_backward, mu_backward
    check_reduction(broadcast_reduction)
    settings = {"tolerance": usable_tolerance(eps)}
    if not omp_parallel:
        settings["num_threads"] = 1

    def solve(
        Q: Tensor, p: Tensor, A: Tensor, b: Tensor, G: Tensor, low: Tensor, high: Tensor
    ) -> tuple[Tensor, ...]:
        low = torch.where(low <= -_INFINITE, -torch.inf, low)
        high = torch.where(high >= _INFINITE, torch.inf, high)
        arguments: tuple[Tensor, ...] = (Q, p, A, b, G, low, high)
        batch = _batch(arguments)
        if not structural_feasibility and broadcast_reduction == "mean":
            arguments = tuple(
                average_gradient(X, rank, batch) for X, rank in zip(arguments, RANKS, strict=True)
            )
        problem = _expanded(arguments, batch)
        if structural_feasibility:
            return _solve(problem, settings)
        s_e, s_i = _shifts(problem, settings)
        # On a row that has to give way, G x stays at its shifted bound.
        lower, upper = problem.low + s_i, problem.high + s_i
        closest = problem._replace(
            b=problem.b + s_e,
            low=torch.where(s_i > 0, upper, lower),
            high=torch.where(s_i < 0, lower, upper),
        )
        return (*_solve(closest, settings), s_e, s_i)

    return solve


class Batch(NamedTuple):
    """Problems, each argument with its batch dimension."""

    Q: Tensor
    p: Tensor
    A: Tensor
    b: Tensor
    G: Tensor
    low: Tensor
    high: Tensor


def _batch(arguments: tuple[Tensor, ...]) -> int:
    """The batch of the first argument that has one, else 1."""
    for X, rank in zip(arguments, RANKS, strict=True):
        if X.nelement() and X.dim() not in (rank, rank - 1):
            raise RuntimeError("Unexpected number of dimensions.")
    return extract_nBatch(*arguments)


def _expanded(arguments: tuple[Tensor, ...], batch: int) -> Batch:
    p = arguments[1]
    n = p.size(-1)
    whole = []
    for X, rank in zip(arguments, RANKS, strict=True):
        if not X.nelement():
            X = p.new_zeros((0, n) if rank == 3 else (0,))
        whole.append(X.expand(batch, *X.shape[X.dim() - rank + 1 :]))
    return Batch(*whole)


def _shifts(problem: Batch, settings: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """s_e and s_i, of least norm, with which the problem has feasible points; 0 where it has some.

    They are variables beside x, of a problem that has always feasible points.
    """
    batch, neq, n = problem.A.shape
    m = problem.G.size(1)
    p = problem.p
    eye_e, eye_i = (torch.eye(size, dtype=p.dtype, device=p.device) for size in (neq, m))
    free = p.new_zeros(batch, n)
    phase = Batch(
        torch.diag_embed(torch.cat([free, p.new_ones(batch, neq + m)], 1)),
        p.new_zeros(batch, n + neq + m),
        _beside(problem.A, -eye_e, p.new_zeros(neq, m)),
        problem.b,
        _beside(problem.G, p.new_zeros(m, neq), -eye_i),
        problem.low,
        problem.high,
    )
    x, _, _ = _solve(phase, settings)
    shift = x[:, n:]
    scale = 1 + torch.cat([problem.b, problem.low, problem.high], 1).detach().abs().nan_to_num(
        posinf=0.0
    ).amax(1, keepdim=True)
    shift = torch.where(shift.detach().abs() > _FEASIBLE * scale, shift, 0.0)
    return shift[:, :neq], shift[:, neq:]


def _beside(matrix: Tensor, *blocks: Tensor) -> Tensor:
    return torch.cat([matrix, *(block.expand(len(matrix), *block.shape) for block in blocks)], 2)


def _solve(problem: Batch, settings: dict[str, Any]) -> tuple[Tensor, ...]:
    """x, y, z.  Rows whose bounds meet are equalities; problems with the same such rows are solved
    together."""
    fixed = problem.low == problem.high
    if torch.equal(fixed, fixed[:1].expand_as(fixed)):
        return _solve_alike(problem, fixed[0], settings)
    kinds, kind = torch.unique(fixed, dim=0, return_inverse=True)
    places = [torch.nonzero(kind == k).ravel() for k in range(len(kinds))]
    parts = [
        _solve_alike(Batch(*(X[place] for X in problem)), rows, settings)
        for place, rows in zip(places, kinds, strict=True)
    ]
    order = torch.argsort(torch.cat(places))
    return tuple(torch.cat(part)[order] for part in zip(*parts, strict=True))


def _solve_alike(problem: Batch, fixed: Tensor, settings: dict[str, Any]) -> tuple[Tensor, ...]:
    Q, p, A, b, G, low, high = problem
    free = ~fixed
    found = qp(
        Q,
        p,
        *_or_none(
            torch.cat([-G[:, free], G[:, free]], 1), torch.cat([-low[:, free], high[:, free]], 1)
        ),
        *_or_none(torch.cat([A, G[:, fixed]], 1), torch.cat([b, high[:, fixed]], 1)),
        full=True,
        **settings,
    )
    neq, m = b.size(1), int(free.sum())
    z = p.new_zeros(low.shape)
    z[:, fixed] = found.nu[:, neq:]
    z[:, free] = found.lam[:, m:] - found.lam[:, :m]
    return found.z, found.nu[:, :neq], z


def _or_none(matrix: Tensor, side: Tensor) -> tuple[Tensor | None, Tensor | None]:
    return (matrix, side) if side.size(1) else (None, None)
