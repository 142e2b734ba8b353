# SPDX-License-Identifier: Apache-2.0
"""Any `quadcone.Problem` as a PyTorch module."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .._problem import Problem
from .._report import Report
from ._autograd import solve
from ._layout import cone_layout
from ._optnet import check_tensors


class ConeLayer(nn.Module):
    """The solution of a problem as a differentiable function of its values.

        minimize    1/2 x'P x + q'x        subject to    A x + s = b,  s in K

    >>> layer = ConeLayer(quadcone.Problem(P, A, cones={"z": 3, "l": 5}))
    >>> x, y, s = layer(q=q, b=b)
    >>> layer.report.status

    Sizes, sparsity and cones are those of the problem, and so are settings, P and A where no others
    are given.  `report` says what became of every problem of the last call, and after backward, how
    its derivative was computed.
    """

    report: Report | None = None

    def __init__(self, problem: Problem, **settings: Any) -> None:
        if not isinstance(problem, Problem):
            kind = type(problem).__name__
            raise TypeError(f"problem is of type {kind}, expected a quadcone.Problem")
        super().__init__()
        self.problem = problem
        self.settings = problem._override(settings)

    def forward(
        self, q: Tensor, b: Tensor, P: Tensor | None = None, A: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """x, y and s; all are differentiable with respect to all arguments.

        q: (n,) or (batch, n).
        b: (m,) or (batch, m).
        P, A: (n, n) and (m, n), or (nnz,) where the problem's is sparse, the values of its pattern
            by compressed columns; with or without a batch dimension.

        Without any batch dimension x is (n,) and y, s are (m,), else (batch, n) and (batch, m).
        Dtypes, devices, failures and errors are as for `qp`.
        """
        problem = self.problem
        own = []
        if P is None:
            own.append(P := torch.from_numpy(problem._P.values))
        if A is None:
            own.append(A := torch.from_numpy(problem._A.values))
        check_tensors("", P=P, q=q, A=A, b=b)
        layout = cone_layout(
            problem._family,
            problem.cones.get("z", 0),
            problem._shapes,
            P.shape,
            q.shape,
            A.shape,
            b.shape,
        )
        (x, y, s), report = solve(layout, self.settings, True, (P, q, A, b, None, None), own)
        self.report = Report(report, layout.single)
        return x, y, s

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "report": None}  # of a call that is not to come along

    def extra_repr(self) -> str:
        return repr(self.problem)
