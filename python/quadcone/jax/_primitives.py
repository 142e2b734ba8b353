# SPDX-License-Identifier: Apache-2.0
"""Three primitives: a solve, its derivative, and the adjoint of that.

    solve    P, q, A, b[, G, h]                    -> x, y, s, status, iterations
    tangent  P, q, A, b[, G, h], solved, v, dq, db    -> dx, dy, ds     linear in dq, db
    adjoint  P, q, A, b[, G, h], solved, v, dx, dy, ds -> dq, db        its transpose

With J the Jacobian of the optimality conditions (docs/numerics.md, "Derivatives"), a tangent is
dw = -J^-1 (dq, -db), or what derivative_mode makes of that.  Tangents of P and A enter through dq
and db, by products that JAX knows how to differentiate.  On zero and nonnegative cones J depends on
P and A, and on nothing else between kinks.  So the derivative of J dw = -(dq, -db) is
J ddw = -(ddq, -ddb) - dJ dw, and a second derivative is the same primitive again.  On other cones J
also has the derivative D of the projection at v = s - y, in its row (I - D) ds + D dy = 0.  That
adds e = D'[dv] (ds - dy), or D'[dv] a for the third part a of an adjoint, once: see `_curvature`.

x, y, s are (batch, n) and (batch, m), where the batch is 1 if no operand has a batch dimension.
Linear operands of a derivative, and its results, have one more dimension in front: so many
right-hand sides belong to one solve.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from .._cones import are_polyhedral
from .._curvature import check_mode
from .._report import SOLVED_CODES
from ._binding import make_primitive
from ._curvature import bend
from ._layout import Layout, call_words, family_words
from ._products import as_numbers, fold, is_tangent, right_side

solve_p = make_primitive("quadcone_solve")
tangent_p = make_primitive("quadcone_tangent")
adjoint_p = make_primitive("quadcone_adjoint")


def is_solved(status: jax.Array) -> jax.Array:
    """Which problems have a solution."""
    first, second = SOLVED_CODES
    return (status == first) | (status == second)


# --------------------------------------------------------------------------------------------------
# Shapes


def _outputs(layout: Layout, dtype: Any, *first: int) -> list[ShapedArray]:
    n, m = layout.family.n, layout.family.m
    return [ShapedArray((*first, layout.size, length), dtype) for length in (n, m, m)]


def _solve_shapes(*operands: Any, layout: Layout, derivatives: bool) -> list[ShapedArray]:
    count = ShapedArray((layout.size,), np.dtype(np.int32))
    return [*_outputs(layout, operands[1].dtype), count, count]


def _tangent_shapes(*operands: Any, layout: Layout) -> list[ShapedArray]:
    return _outputs(layout, operands[1].dtype, operands[-1].shape[0])


def _adjoint_shapes(*operands: Any, layout: Layout) -> list[ShapedArray]:
    return _outputs(layout, operands[1].dtype, operands[-1].shape[0])[:2]


solve_p.def_abstract_eval(_solve_shapes)
tangent_p.def_abstract_eval(_tangent_shapes)
adjoint_p.def_abstract_eval(_adjoint_shapes)


# --------------------------------------------------------------------------------------------------
# Handlers


def _lower(name: str, ctx: Any, *operands: Any, layout: Layout, derivatives: bool = True) -> Any:
    repeats = 1 if name == solve_p.name else ctx.avals_in[-1].shape[0]
    return jax.ffi.ffi_lowering(name)(
        ctx,
        *operands,
        call=call_words(layout, repeats, derivatives),
        family=family_words(layout.family, layout.shared),
    )


for _p in (solve_p, tangent_p, adjoint_p):
    mlir.register_lowering(_p, partial(_lower, _p.name), platform="cpu")


# --------------------------------------------------------------------------------------------------
# vmap: a larger batch, in one call


def _mapped_size(args: Any, dims: Any) -> Any:
    size = next(arg.shape[dim] for arg, dim in zip(args, dims, strict=True) if dim is not None)
    if size == 0:
        raise ValueError("vmap maps over a dimension of size 0, expected at least 1 problem")
    return size


def _fold_operands(
    layout: Layout, args: Any, dims: Any, size: int
) -> tuple[Layout, list[jax.Array]]:
    """The operands of a solve for size * batch problems; what all share stays shared."""
    operands, owns = [], []
    for arg, dim, own in zip(args, dims, layout.own, strict=True):
        if own or dim is not None:
            arg = fold(arg, dim, size, own, layout.size)
        operands.append(arg)
        owns.append(own or dim is not None)
    return layout._replace(own=tuple(owns), batch=size * layout.size), operands


def _unfold(values: Any, axis: int, size: int) -> list[jax.Array]:
    """The dimension at `axis` in two, of which the first has `size`."""
    shapes = [(*v.shape[:axis], size, v.shape[axis] // size, *v.shape[axis + 1 :]) for v in values]
    return [value.reshape(shape) for value, shape in zip(values, shapes, strict=True)]


def _batch_solve(args: Any, dims: Any, *, layout: Layout, derivatives: bool) -> Any:
    size = _mapped_size(args, dims)
    layout, operands = _fold_operands(layout, args, dims, size)
    outputs = solve_p.bind(*operands, layout=layout, derivatives=derivatives)
    return _unfold(outputs, 0, size), [0] * len(outputs)


def _batch_derivative(primitive: Primitive, args: Any, dims: Any, *, layout: Layout) -> Any:
    """More problems where the solve is mapped, else more right-hand sides for the same."""
    size, count = _mapped_size(args, dims), len(layout.own)
    solve, solve_dims = args[:count], dims[:count]
    (solved, v), vector_dims = args[count : count + 2], dims[count : count + 2]
    linear = [
        jnp.broadcast_to(arg[None], (size, *arg.shape))
        if dim is None
        else jnp.moveaxis(arg, dim, 0)
        for arg, dim in zip(args[count + 2 :], dims[count + 2 :], strict=True)
    ]
    if all(dim is None for dim in dims[: count + 2]):
        linear = [arg.reshape(size * arg.shape[1], *arg.shape[2:]) for arg in linear]
        outputs = primitive.bind(*solve, solved, v, *linear, layout=layout)
        return _unfold(outputs, 0, size), [0] * len(outputs)
    wide, operands = _fold_operands(layout, solve, solve_dims, size)
    solved, v = (
        fold(vector, dim, size, True, layout.size)
        for vector, dim in zip((solved, v), vector_dims, strict=True)
    )
    linear = [
        jnp.moveaxis(arg, 0, 1).reshape(arg.shape[1], wide.size, arg.shape[-1]) for arg in linear
    ]
    outputs = primitive.bind(*operands, solved, v, *linear, layout=wide)
    return _unfold(outputs, 1, size), [1] * len(outputs)


batching.primitive_batchers[solve_p] = _batch_solve
for _p in (tangent_p, adjoint_p):
    batching.primitive_batchers[_p] = partial(_batch_derivative, _p)


# --------------------------------------------------------------------------------------------------
# Derivatives


def _given(tangents: Any) -> list[jax.Array | None]:
    """Tangents, None where they are zero."""
    return [None if isinstance(t, ad.Zero) or not is_tangent(t) else t for t in tangents]


def _whole(tangents: Any) -> list[jax.Array]:
    return [ad.instantiate_zeros(tangent) for tangent in tangents]


def _differentiate_solve(operands: Any, tangents: Any, *, layout: Layout, derivatives: bool) -> Any:
    x, y, s, *counts = solve_p.bind(*operands, layout=layout, derivatives=True)
    solved = is_solved(counts[0])
    c_x, c_y = right_side(layout, _given(tangents), x, y, solved)
    v = jnp.where(solved[:, None], s - y, 0)
    dw = tangent_p.bind(*operands, solved, v, c_x[None], c_y[None], layout=layout)
    zero = ad.Zero(ShapedArray(solved.shape, jax.dtypes.float0))
    return [x, y, s, *counts], [*(part[0] for part in dw), zero, zero]


class _Changes:
    """Of J, as what it depends on changes: P and A, and v where the projection is curved."""

    def __init__(self, layout: Layout, args: Any, tangents: Any) -> None:
        count = len(layout.own)
        self.layout, self.solved, self.v = layout, args[count], args[count + 1]
        given = _given(tangents[:count])
        (self.dv,) = _given([tangents[count + 1]])
        if any(t is not None for t in (*given, self.dv)):
            check_mode(layout.choices.derivative_mode)
        self.matrices = [t if k % 2 == 0 else None for k, t in enumerate(given)]
        self.rows = [
            as_numbers(arg) if k % 2 == 0 and k else None for k, arg in enumerate(args[:count])
        ]

    def products(self, x: Any, y: Any) -> Any:
        """(dP x + dA'y, -dA x)"""
        return right_side(self.layout, self.matrices, x, y, self.solved)

    def rows_times(self, x: Any, like: Any) -> Any:
        """A x"""
        return -right_side(self.layout, self.rows, x, jnp.zeros_like(like), self.solved)[1]

    def rows_transposed_times(self, y: Any, like: Any) -> Any:
        """A'y"""
        return right_side(self.layout, self.rows, jnp.zeros_like(like), y, self.solved)[0]

    @property
    def bends(self) -> bool:
        """Whether D changes."""
        return self.dv is not None and not are_polyhedral(self.layout.family.cones)

    def bend(self, a: Any) -> Any:
        """D'[dv] a"""
        a = jnp.where(self.solved[:, None], a, 0)
        return bend(self.layout.family.cones, self.v, self.dv, a)


def _differentiate_tangent(args: Any, tangents: Any, *, layout: Layout) -> Any:
    """J ddw = -(ddq + dP dx + dA'dy, -(ddb - dA dx)), and what a change of D adds."""
    count = len(layout.own) + 2
    dw = tangent_p.bind(*args, layout=layout)
    c_x, c_y = _whole(tangents[count:])
    changes = _Changes(layout, args, tangents)
    if any(t is not None for t in changes.matrices):
        more_x, more_y = changes.products(dw[0], dw[1])
        c_x, c_y = c_x + more_x, c_y + more_y
    if not changes.bends:
        return dw, tangent_p.bind(*args[:count], c_x, c_y, layout=layout)
    e = changes.bend(dw[2] - dw[1])
    c_x, c_y = c_x + changes.rows_transposed_times(e, c_x), c_y - e
    ddx, ddy, dds = tangent_p.bind(*args[:count], c_x, c_y, layout=layout)
    return dw, [ddx, ddy + e, dds + e]


def _differentiate_adjoint(args: Any, tangents: Any, *, layout: Layout) -> Any:
    """J'du = dg - dJ'u, with u = (-dq, db), and what a change of D adds."""
    count = len(layout.own) + 2
    u = adjoint_p.bind(*args, layout=layout)
    g_x, g_y, g_s = _whole(tangents[count:])
    changes = _Changes(layout, args, tangents)
    if any(t is not None for t in changes.matrices):
        more_x, more_y = changes.products(u[0], -u[1])
        g_x, g_y = g_x + more_x, g_y - more_y
    if changes.bends:
        _, y, s = args[count:]
        e = changes.bend(y + s - u[1] + changes.rows_times(u[0], u[1]))
        g_y, g_s = g_y - e, g_s + e
    return u, adjoint_p.bind(*args[:count], g_x, g_y, g_s, layout=layout)


ad.primitive_jvps[solve_p] = _differentiate_solve
ad.primitive_jvps[tangent_p] = _differentiate_tangent
ad.primitive_jvps[adjoint_p] = _differentiate_adjoint


def _transpose(other: Primitive, cotangents: Any, *args: Any, layout: Layout) -> list[Any]:
    count = len(layout.own) + 2
    results = other.bind(*args[:count], *_whole(cotangents), layout=layout)
    wanted = [ad.is_undefined_primal(arg) for arg in args[count:]]
    return [None] * count + [
        result if want else None for result, want in zip(results, wanted, strict=True)
    ]


ad.primitive_transposes[tangent_p] = partial(_transpose, adjoint_p)
ad.primitive_transposes[adjoint_p] = partial(_transpose, tangent_p)
