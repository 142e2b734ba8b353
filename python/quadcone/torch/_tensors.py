# SPDX-License-Identifier: Apache-2.0
"""Dtypes and devices: the solver takes contiguous float64 on the CPU, callers have anything."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ._layout import Slot

CPU = torch.device("cpu")
DOUBLE = torch.float64
STRIDED = torch.strided

Tensors = tuple[Tensor | None, ...]
Place = tuple[torch.dtype, torch.device]


def output_place(
    slots: Sequence[Slot | None], tensors: Tensors, own: Sequence[Tensor]
) -> Place | None:
    """Where outputs go; None where all arguments are as the solver takes them."""
    for t in tensors:
        if t is None:
            continue
        if t.dtype is not DOUBLE or not t.is_cpu or t.layout is not STRIDED:
            break
        if not t.is_contiguous() or t.is_neg():
            break
    else:
        return None
    return common_place(
        [
            (slot.name, t)
            for slot, t in zip(slots, tensors, strict=True)
            if slot and t is not None and not any(t is other for other in own)
        ]
    )


def common_place(given: Sequence[tuple[str, Tensor]]) -> Place:
    """The widest floating dtype of named tensors, and the device that they are all on."""
    _check_places(given)
    dtypes = [t.dtype for _, t in given if t.dtype.is_floating_point]
    dtype = dtypes[0] if dtypes else torch.get_default_dtype()
    for other in dtypes:
        dtype = torch.promote_types(dtype, other)
    return dtype, given[0][1].device


def _check_places(given: Sequence[tuple[str, Tensor]]) -> None:
    first_name, first = given[0]
    for name, t in given:
        if t.layout is not STRIDED:
            raise TypeError(f"{name} has layout {t.layout}, expected a dense (strided) tensor")
        if t.dtype.is_complex:
            raise TypeError(f"{name} has dtype {t.dtype}, expected real numbers")
        if t.device != first.device:
            raise ValueError(f"{name} is on {t.device}, but {first_name} is on {first.device}")


def as_doubles(tensor: Tensor) -> Tensor:
    """As the solver takes it; a copy only where that is another."""
    plain = tensor.dtype is DOUBLE and tensor.is_cpu and tensor.is_contiguous()
    if plain and not tensor.is_neg():
        return tensor
    # Views such as z.conj().imag have a bit instead of the sign.
    return tensor.detach().resolve_neg().to(CPU, DOUBLE).contiguous()


def as_arguments(
    gradients: Tensors, types: Sequence[torch.dtype | None], device: torch.device
) -> Tensors:
    """Gradients in the dtypes and on the device of the arguments."""
    return tuple(
        None if gradient is None else gradient.to(device, dtype)
        for gradient, dtype in zip(gradients, types, strict=True)
    )
