# SPDX-License-Identifier: Apache-2.0
"""Primitives of JAX, and their handlers in C."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import jax
from jax.extend.core import Primitive

from .. import _core

for _name, _handler in _core.ffi_handlers().items():
    jax.ffi.register_ffi_target(_name, _handler, platform="cpu")


def make_primitive(name: str) -> Primitive:
    """With several results, as the handler of this name has."""
    primitive = Primitive(name)
    primitive.multiple_results = True
    primitive.def_impl(partial(_run, primitive))
    return primitive


def _run(primitive: Primitive, *operands: Any, **params: Any) -> Any:
    with jax.disable_jit(False):
        return _compiled(primitive, tuple(params.items()))(*operands)


@lru_cache(maxsize=64)
def _compiled(primitive: Primitive, params: tuple[tuple[str, Any], ...]) -> Any:
    return jax.jit(partial(primitive.bind, **dict(params)))
