# SPDX-License-Identifier: Apache-2.0
"""Calls that torch traces or transforms: torch.compile, torch.export, torch.func, forward mode.

They consist of torch's own operations and of the solver's operators, and of nothing that a tracer
could not follow: no caches, no addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.compiler import is_compiling

from .._shapes import Shape, find_batch
from . import _operators as operators
from ._tensors import CPU, DOUBLE, Tensors, common_place

# Looked up once: is_traced is asked at every call.
are_transforms_active = torch._C._are_functorch_transforms_active
_count_dispatch_modes = torch._C._len_torch_dispatch_stack
_tracing_state = torch._C._get_tracing_state  # of torch.jit


def evaluate_while_tracing(function: Callable[..., object]) -> None:
    """Have torch.compile call a function, and take its result as a constant, as
    torch.compiler.assume_constant_result does; that loads the compiler, which takes seconds."""
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]


def is_traced() -> bool:
    """Whether someone looks into this call: a compiler, a transform, forward-mode autograd."""
    return (
        is_compiling()
        or are_transforms_active()
        or forward_ad._current_level >= 0
        or _count_dispatch_modes() > 0
        or _tracing_state() is not None
    )


def prepare(names: Sequence[str], ones: Sequence[Shape], tensors: Tensors) -> Tensors:
    """Arguments as the operators take them: float64 on the CPU, no batch of 1 beside a larger one.

    ones: the shape of each for one problem.
    """
    given = [k for k in range(len(tensors)) if tensors[k] is not None]
    shapes = [tuple(t.shape) for t in tensors if t is not None]
    batch = find_batch([names[k] for k in given], shapes, [ones[k] for k in given])
    prepared: list[Tensor | None] = []
    for t, one in zip(tensors, ones, strict=True):
        if t is not None and batch > 1 and t.dim() > len(one) and t.shape[0] == 1:
            t = t[0]
        prepared.append(None if t is None else t.to(CPU, DOUBLE))
    return tuple(prepared)


def solve_traced(
    spec: str, derivatives: bool, given: Sequence[tuple[str, Tensor]], tensors: Tensors
) -> tuple[Tensor, Tensor, Tensor]:
    """x, y and s of prepared tensors, in the dtype and on the device of what was given."""
    dtype, device = common_place(given)
    if not derivatives:
        tensors = tuple(None if t is None else t.detach() for t in tensors)
    keep = derivatives and (not is_compiling() or torch.is_grad_enabled())
    x, y, s, _, _ = operators.solve(spec, *tensors, keep)
    return x.to(device, dtype), y.to(device, dtype), s.to(device, dtype)
