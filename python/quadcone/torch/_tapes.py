# SPDX-License-Identifier: Apache-2.0
"""Tapes of solves, found again by a tensor.

An operator takes and returns tensors alone, and its derivative needs the solver that it left
behind.  So it returns a handle as well: a tensor whose memory belongs to an array that holds the
tape.  The tape lives as long as this memory, whoever keeps it: autograd, a compiled graph, a user.

A copy of a handle, in this process or another, keeps nothing.  It finds the tape while the original
lives, and otherwise None; then the problem is to be solved again.
"""

from __future__ import annotations

import os
from itertools import count
from weakref import WeakValueDictionary

import numpy as np
import torch
from torch import Tensor

from .. import _core


class _Keeper(np.ndarray):
    """(process, number), and the tape."""

    tape: _core.Tape


class _Registry:
    """The tapes of this process, whose number tells its handles from those of others."""

    def __init__(self) -> None:
        self.process = int.from_bytes(os.urandom(7), "little")
        self.numbers = count(1)
        self.keepers: WeakValueDictionary[int, _Keeper] = WeakValueDictionary()


_registry = _Registry()


def _start_anew() -> None:
    """A forked child counts on where its parent does: the same number would mean two tapes."""
    global _registry
    _registry = _Registry()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)


def make_handle(tape: _core.Tape | None) -> Tensor:
    """(2,): a tensor that keeps the tape alive; one without meaning for None."""
    registry = _registry
    number = next(registry.numbers) if tape else 0
    keeper = np.array([registry.process, number]).view(_Keeper)
    if tape:
        keeper.tape = tape
        registry.keepers[number] = keeper
    return torch.from_numpy(keeper)


def find_tape(handle: Tensor) -> _core.Tape | None:
    """The tape of a handle, if it is alive."""
    process, number = handle.tolist()
    keeper = _registry.keepers.get(number) if process == _registry.process else None
    return None if keeper is None else keeper.tape
