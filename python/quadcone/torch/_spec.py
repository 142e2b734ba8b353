# SPDX-License-Identifier: Apache-2.0
"""What an operator must know besides its tensors, as text.

A graph that torch.compile or torch.export records holds tensors, numbers and text, and an exported
one is loaded by another process: so the text says everything, sparsity patterns included.
"""

from __future__ import annotations

import json
import zlib
from base64 import b85decode, b85encode
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from torch import Tensor

from .._cones import ZERO, are_polyhedral
from .._plan import Family, Pattern
from .._settings import Settings
from .._shapes import Shape
from ._layout import Layout, cone_layout, qp_layout
from ._tensors import Tensors


class Spec(NamedTuple):
    """A family of problems and how to solve it.

    family: None for OptNet's problem, which is dense and as large as its tensors say.
    owner: token of the layer that wants the report; see `_owners`.
    """

    family: Family | None
    settings: Settings
    owner: str

    @property
    def ranks(self) -> tuple[int, ...]:
        """Dimensions of one P, q, A, b, G and h."""
        P, A = (self.family.P, self.family.A) if self.family else (None, None)
        return (1 if P else 2, 1, 1 if A else 2, 1, 2, 1)

    @property
    def is_polyhedral(self) -> bool:
        """Whether all cones are zero or nonnegative, where a projection is piecewise linear."""
        return self.family is None or are_polyhedral(self.family.cones)

    def layout(self, tensors: Tensors) -> Layout:
        """That of a call with these P, q, A, b, G and h."""
        P, q, A, b, G, h = (None if t is None else t.shape for t in tensors)
        assert P is not None and q is not None
        if self.family is None:
            choices = self.settings
            isa, condense, engine = choices.isa, choices.condense_code, choices.engine
            return qp_layout(P, q, G, h, A, b, isa, condense, engine)
        assert A is not None and b is not None
        family = self.family
        return cone_layout(family, _equalities(family), _shapes(family), P, q, A, b)


def _equalities(family: Family) -> int:
    return int(family.cones[1]) if family.cones and family.cones[0] == ZERO else 0


def _shapes(family: Family) -> tuple[Shape, Shape, Shape, Shape]:
    """Of one P, q, A and b."""
    n, m = family.n, family.m
    P = (family.P.entries,) if family.P else (n, n)
    A = (family.A.entries,) if family.A else (m, n)
    return P, (n,), A, (m,)


@lru_cache(maxsize=64)
def write_spec(family: Family | None, settings: Settings, owner: str = "") -> str:
    """The text of a Spec."""
    if settings.callback is not None:
        raise NotImplementedError(
            "callback is set, and cannot be called from code that torch traces or transforms"
        )
    names = [name for name in Settings.__slots__ if name != "callback"]
    content = {
        "family": family and _write_family(family),
        "settings": {name: getattr(settings, name) for name in names},
        "owner": owner,
    }
    return json.dumps(content)


@lru_cache(maxsize=64)
def read_spec(text: str) -> Spec:
    """A Spec by its text."""
    content = json.loads(text)
    family = content["family"]
    return Spec(family and _read_family(family), Settings(**content["settings"]), content["owner"])


def _write_family(family: Family) -> dict[str, object]:
    content = family._asdict()
    for name in ("P", "A"):
        if content[name] is not None:
            content[name] = [b85encode(zlib.compress(part)).decode() for part in content[name]]
    return content


def _read_family(content: dict[str, object]) -> Family:
    for name in ("P", "A"):
        parts = content[name]
        if isinstance(parts, list):
            content[name] = Pattern(*(zlib.decompress(b85decode(part)) for part in parts))
    cones = content["cones"]
    assert isinstance(cones, list)
    return Family(**{**content, "cones": tuple(cones)})  # type: ignore[arg-type]


def batch_of(ranks: Sequence[int], tensors: Sequence[Tensor | None]) -> tuple[int, ...]:
    """(batch,), or () where no tensor has a batch dimension."""
    for rank, tensor in zip(ranks, tensors, strict=True):
        if tensor is not None and tensor.dim() > rank:
            return (tensor.shape[0],)
    return ()
