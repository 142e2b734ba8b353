# SPDX-License-Identifier: Apache-2.0
"""Any `quadcone.Problem` as a PyTorch module."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .._problem import Problem
from .._report import Report
from .._status import Status
from ._autograd import solve
from ._layout import cone_layout
from ._optnet import check_tensors
from ._owners import register
from ._spec import write_spec
from ._tensors import CPU
from ._traced import is_traced, prepare, solve_traced

NAMES = ("P", "q", "A", "b")


class ConeLayer(nn.Module):
    """The solution of a problem as a differentiable function of its values.

        minimize    1/2 x'P x + q'x        subject to    A x + s = b,  s in K

    >>> layer = ConeLayer(quadcone.Problem(P, A, cones={"z": 3, "l": 5}))
    >>> x, y, s = layer(q=q, b=b)
    >>> layer.last_status

    Sizes, sparsity and cones are those of the problem, and so are settings, P and A where no others
    are given.  `report` says what became of every problem of the last call, and after backward, how
    its derivative was computed.

    It has no parameters, so its state_dict is empty.  It can be pickled and copied; the report
    stays behind.
    """

    report: Report | None

    def __init__(self, problem: Problem, **settings: Any) -> None:
        if not isinstance(problem, Problem):
            kind = type(problem).__name__
            raise TypeError(f"problem is of type {kind}, expected a quadcone.Problem")
        super().__init__()
        self.problem = problem
        self.settings = problem._override(settings)
        self._prepare()

    def _prepare(self) -> None:
        """What follows from the problem and the settings."""
        problem = self.problem
        self.report = None
        self._P = torch.from_numpy(problem._P.values)
        self._A = torch.from_numpy(problem._A.values)
        self._derivatives = self.settings.derivatives
        self._token = register(self)
        self._spec = ""
        if self.settings.callback is None:
            self._spec = write_spec(problem._family, self.settings, self._token)

    @property
    def last_status(self) -> Status | list[Status] | None:
        """What became of the problem of the last call, or of each; None before the first."""
        return None if self.report is None else self.report.status

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
        if is_traced():
            return self._forward_traced(q, b, P, A)
        problem = self.problem
        own = []
        if P is None:
            own.append(P := self._P)
        if A is None:
            own.append(A := self._A)
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

    def _forward_traced(
        self, q: Tensor, b: Tensor, P: Tensor | None, A: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        named = [("P", P), ("q", q), ("A", A), ("b", b)]
        given = [(name, t) for name, t in named if t is not None]
        P = _own(self._P) if P is None else P
        A = _own(self._A) if A is None else A
        check_tensors("", P=P, q=q, A=A, b=b)
        spec = self._spec or write_spec(self.problem._family, self.settings)
        prepared = prepare(NAMES, self.problem._shapes, (P, q, A, b))
        return solve_traced(spec, self._derivatives, given, (*prepared, None, None))

    def __getstate__(self) -> dict[str, Any]:
        mine = ("report", "_P", "_A", "_derivatives", "_token", "_spec")
        return {name: value for name, value in self.__dict__.items() if name not in mine}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._prepare()

    def extra_repr(self) -> str:
        return repr(self.problem)


def _own(values: Tensor) -> Tensor:
    """Values of the problem; torch.export cannot save a constant that has none."""
    return values if values.numel() else torch.zeros(values.shape, dtype=values.dtype, device=CPU)
