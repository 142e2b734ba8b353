# SPDX-License-Identifier: Apache-2.0
"""Layers that want the report of a solve, wherever it runs.

A solve in a compiled graph or below torch.func.vmap cannot hand a report to its caller, who sees
tensors alone.  So it names the layer by a token, and the report is left there.
"""

from __future__ import annotations

from typing import Protocol
from uuid import uuid4
from weakref import WeakValueDictionary

from .._report import Report


class Owner(Protocol):
    """What has a report."""

    report: Report | None


_owners: WeakValueDictionary[str, Owner] = WeakValueDictionary()


def register(owner: Owner) -> str:
    """A token for a layer."""
    token = uuid4().hex
    _owners[token] = owner
    return token


def deliver(token: str, report: Report) -> None:
    """Leave a report with the layer of a token, if it lives in this process."""
    owner = _owners.get(token)
    if owner is not None:
        owner.report = report
