# SPDX-License-Identifier: Apache-2.0
"""OptNet's quadratic program (Amos & Kolter, 2017) as a function of tensors."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal, NamedTuple, overload

from torch import Tensor

from .._report import Report
from .._settings import OnFailure, Settings
from ._autograd import solve
from ._layout import QP_NAMES, qp_layout, qp_shapes
from ._spec import write_spec
from ._traced import evaluate_while_tracing, is_traced, prepare, solve_traced


class QPSolution(NamedTuple):
    """Everything that a call of `qp` found.  All tensors are differentiable.

    z: (n,) or (batch, n).
    nu: (p,) or (batch, p), dual variables of A z = b.
    lam: (m,) or (batch, m), dual variables of G z <= h; at least 0.
    slack: (m,) or (batch, m), h - G z; at least 0.
    report: what became of every problem, and after backward, how its derivative was computed; None
        below torch.compile, torch.export and transforms of torch.func, which return tensors alone.
    """

    z: Tensor
    nu: Tensor
    lam: Tensor
    slack: Tensor
    report: Report | None


@overload
def qp(
    Q: Tensor,
    q: Tensor,
    G: Tensor | None = ...,
    h: Tensor | None = ...,
    A: Tensor | None = ...,
    b: Tensor | None = ...,
    *,
    full: Literal[False] = ...,
    on_failure: OnFailure = ...,
    callback: Callable[[int, int, float], object] | None = ...,
    **settings: Any,
) -> Tensor: ...
@overload
def qp(
    Q: Tensor,
    q: Tensor,
    G: Tensor | None = ...,
    h: Tensor | None = ...,
    A: Tensor | None = ...,
    b: Tensor | None = ...,
    *,
    full: Literal[True],
    on_failure: OnFailure = ...,
    callback: Callable[[int, int, float], object] | None = ...,
    **settings: Any,
) -> QPSolution: ...
def qp(
    Q: Tensor,
    q: Tensor,
    G: Tensor | None = None,
    h: Tensor | None = None,
    A: Tensor | None = None,
    b: Tensor | None = None,
    *,
    full: bool = False,
    **settings: Any,
) -> Tensor | QPSolution:
    """The z that solves a quadratic program, or each of a batch, as a differentiable function.

        minimize    1/2 z'Q z + q'z        subject to    A z = b,  G z <= h

    Q: (n, n) or (batch, n, n), symmetric positive semidefinite; a gradient of it is symmetric.
    q: (n,) or (batch, n).
    G, h: (m, n) and (m,), or with a batch dimension; None, None: no inequalities.
    A, b: (p, n) and (p,), or with a batch dimension; None, None: no equalities.
    full: return a `QPSolution`, with dual variables, slacks and a report, instead of z alone.
    settings: see `quadcone.Settings`.  num_threads follows torch.get_num_threads() unless given.

    Any argument may have a batch dimension.  One without it, or with one of size 1, serves the
    whole batch, and its gradient is the sum over the batch.  z is (batch, n), or (n,) without any
    batch dimension.

    Tensors may be of any real dtype, strides and device: the computation is in float64 on the CPU,
    z is of the widest floating dtype among the arguments and on their device, and a gradient is of
    the dtype of its argument.

    A problem without a solution gives NaN for itself alone, and NaN for the gradients of its own
    arguments; see on_failure.

    Raises ValueError or TypeError that name the argument that is wrong and what was expected:
    shapes, values that are not finite, a Q that is not symmetric or has a negative eigenvalue.
    """
    if is_traced():
        return _qp_traced(Q, q, G, h, A, b, full, settings)
    choices = read_settings(settings) if settings else DEFAULT
    try:
        layout = qp_layout(
            Q.shape,
            q.shape,
            None if G is None else G.shape,
            None if h is None else h.shape,
            None if A is None else A.shape,
            None if b is None else b.shape,
            choices.isa,
            choices.condense_code,
            choices.engine,
        )
        outputs, report = solve(layout, choices, full, (Q, q, A, b, G, h))
    except AttributeError:
        check_tensors("GhAb", Q=Q, q=q, G=G, h=h, A=A, b=b)
        raise
    if not full:
        return outputs[0]
    z, y, s = outputs
    p = layout.rows
    return QPSolution(z, y[..., :p], y[..., p:], s[..., p:], Report(report, layout.single))


def _qp_traced(
    Q: Tensor,
    q: Tensor,
    G: Tensor | None,
    h: Tensor | None,
    A: Tensor | None,
    b: Tensor | None,
    full: bool,
    settings: dict[str, Any],
) -> Tensor | QPSolution:
    check_tensors("GhAb", Q=Q, q=q, G=G, h=h, A=A, b=b)
    tensors = (Q, q, A, b, G, h)
    G_shape, h_shape, A_shape, b_shape = (None if t is None else t.shape for t in (G, h, A, b))
    ones = qp_shapes(Q.shape, G_shape, h_shape, A_shape, b_shape)
    given = [(name, t) for name, t in zip(QP_NAMES, tensors, strict=True) if t is not None]
    spec = qp_spec(**settings)
    derivatives = settings.get("derivatives", True)
    x, y, s = solve_traced(spec, derivatives, given, prepare(QP_NAMES, ones, tensors))
    if not full:
        return x
    p = 0 if b is None else b.shape[-1]
    return QPSolution(x, y[..., :p], y[..., p:], s[..., p:], None)


def qp_spec(**settings: Any) -> str:
    """What the operators must know."""
    return write_spec(None, read_settings(settings))


evaluate_while_tracing(qp_spec)

DEFAULT = Settings()


def read_settings(settings: dict[str, Any]) -> Settings:
    """Settings by keywords, kept where they have no callback: it may hold on to much."""
    if settings.get("callback") is not None:
        return Settings(**settings)
    try:
        return _cached_settings(**settings)
    except TypeError:  # of the cache, for what cannot be hashed, or of Settings
        return Settings(**settings)


_cached_settings = lru_cache(maxsize=64)(Settings)


def check_tensors(optional: str, **arguments: Any) -> None:
    """TypeError for the first argument that is not a tensor; the optional ones may be None."""
    for name, value in arguments.items():
        if not isinstance(value, Tensor) and (value is not None or name not in optional):
            kind = type(value).__name__
            raise TypeError(f"{name} is of type {kind}, expected a torch.Tensor")
