# SPDX-License-Identifier: Apache-2.0
"""How J changes with the solution, on cones other than zero and nonnegative ones.

    bend    v, b, a -> D'[b] a      linear in b, where it is its own transpose

D is the derivative of the projection at v = s - y, and D' that of D; see `quadcone._curvature`.
Vectors are (..., m), those of v may be of size 1 where others are not.  It is the last derivative
that there is: v and a are constants.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import ShapedArray
from jax.interpreters import ad, batching, mlir

from .._cones import Codes
from .._curvature import bend_projection
from ._binding import make_primitive

if TYPE_CHECKING:
    from numpy.typing import NDArray

bend_p = make_primitive("quadcone_bend")


def bend(cones: Codes, v: Any, b: Any, a: Any) -> Any:
    """D'[b] a, (sides, batch, m); v and b are (batch, m), a is (sides, batch, m)."""
    (found,) = bend_p.bind(v[None], jnp.broadcast_to(b, a.shape), a, cones=cones)
    return found


# --------------------------------------------------------------------------------------------------
# The handler


def _lower(ctx: Any, *operands: Any, cones: Codes) -> Any:
    v, _, a = ctx.avals_in
    call = _call_words(a.dtype.itemsize, v.shape, a.shape, cones)
    return jax.ffi.ffi_lowering(bend_p.name)(ctx, *operands, call=call)


def _call_words(itemsize: int, v: Any, a: Any, cones: Codes) -> NDArray[np.int64]:
    """What run_bend reads: the size of a number, the shapes of v and a, and the cones."""
    alphas = np.array(cones[2::3], np.float64).view(np.int64)
    codes = np.stack([np.array(cones[::3]), np.array(cones[1::3]), alphas], 1)
    return np.array([itemsize, len(a), *v, *a, *codes.ravel()], np.int64)


def run_bend(call: bytes, *buffers: memoryview) -> None:
    """Called by python/ext/ffi_bend.c, with memory of v, b, a and the result."""
    words = np.frombuffer(call, np.int64)
    itemsize, rank = words[:2]
    small, large, codes = np.split(words[2:], [rank, 2 * rank])
    codes = codes.reshape(-1, 3)
    alphas = np.ascontiguousarray(codes[:, 2]).view(np.float64)
    cones = zip(codes[:, 0].tolist(), codes[:, 1].tolist(), alphas.tolist(), strict=True)
    shapes = (small, large, large, large)
    v, b, a, out = (
        np.frombuffer(buffer, f"f{itemsize}").reshape(shape)
        for buffer, shape in zip(buffers, shapes, strict=True)
    )
    doubles = (vector.astype(np.float64, copy=False) for vector in (v, b, a))
    out[...] = bend_projection(tuple(chain.from_iterable(cones)), *doubles)


# --------------------------------------------------------------------------------------------------
# Transforms


def _shapes(v: Any, b: Any, a: Any, *, cones: Codes) -> list[ShapedArray]:
    return [ShapedArray(a.shape, a.dtype)]


def _batch(args: Any, dims: Any, *, cones: Codes) -> Any:
    """One more dimension in front, of size 1 where v alone is not mapped."""
    v, b, a = (
        arg[None] if dim is None else jnp.moveaxis(arg, dim, 0)
        for arg, dim in zip(args, dims, strict=True)
    )
    shape = jnp.broadcast_shapes(v.shape, b.shape, a.shape)
    b, a = (jnp.broadcast_to(vector, shape) for vector in (b, a))
    return bend_p.bind(v, b, a, cones=cones), [0]


def _differentiate(args: Any, tangents: Any, *, cones: Codes) -> Any:
    v, b, a = args
    if not (isinstance(tangents[0], ad.Zero) and isinstance(tangents[2], ad.Zero)):
        raise NotImplementedError("third derivatives are implemented for the cones z and l alone")
    return bend_p.bind(v, b, a, cones=cones), bend_p.bind(v, tangents[1], a, cones=cones)


def _transpose(cotangents: Any, v: Any, b: Any, a: Any, *, cones: Codes) -> Any:
    (cotangent,) = cotangents
    (found,) = bend_p.bind(v, ad.instantiate_zeros(cotangent), a, cones=cones)
    return None, found, None


bend_p.def_abstract_eval(_shapes)
mlir.register_lowering(bend_p, _lower, platform="cpu")
batching.primitive_batchers[bend_p] = _batch
ad.primitive_jvps[bend_p] = _differentiate
ad.primitive_transposes[bend_p] = _transpose
