# SPDX-License-Identifier: Apache-2.0
"""Calls whose tensors are read in C, where this torch lets C look into tensors.

A frame does for tensors that need no conversion what `_engine` does for all, in one call: Python
takes longer to ask six tensors for their dtypes, devices, strides and addresses than a small
problem takes to solve.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import Parameter

from .. import _core
from .._shapes import Shape

# Of DLPack; older versions of torch have none.
_TABLE = getattr(Tensor, "__dlpack_c_exchange_api__", None)


def make_frame(
    plan: _core.Plan,
    batch: int,
    rows: int | None,
    arguments: Sequence[Shape | None],
    outputs: Sequence[Shape],
) -> _core.Frame | None:
    """A frame for arguments P, q, A, b, G, h and outputs x, y, s of these shapes.

    rows: of A, where [A; G] and [b; h] are what the solver sees.
    """
    if _TABLE is None:
        return None
    models = [
        None if shape is None else torch.empty(shape, dtype=torch.float64, device="cpu")
        for shape in (*arguments, *outputs)
    ]
    torch_functions = (_TABLE, Tensor, Parameter, Tensor.is_neg, torch.empty_like)
    frame = _core.Frame(plan, batch, rows, tuple(models[:6]), tuple(models[6:]), torch_functions)
    for model in models:
        if model is not None:
            model.untyped_storage().resize_(0)  # a layout is kept: its models shall not need memory
    return frame
