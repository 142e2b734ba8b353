# SPDX-License-Identifier: Apache-2.0
"""Three primitives: a solve, its derivative, and the adjoint of that.

    solve    P, q, A, b[, G, h]                    -> x, y, s, status
    tangent  P, q, A, b[, G, h], solved, dq, db    -> dx, dy, ds        linear in dq, db
    adjoint  P, q, A, b[, G, h], solved, dx, dy, ds -> dq, db           its transpose

With J the Jacobian of the optimality conditions (docs/numerics.md, "Derivatives"), a tangent is
dw = -J^-1 (dq, -db), or what derivative_mode makes of that.  Tangents of P and A enter through dq
and db, by products that JAX knows how to differentiate.  On zero and nonnegative cones J depends on
P and A, and on nothing else between kinks.  So the derivative of J dw = -(dq, -db) is
J ddw = -(ddq, -ddb) - dJ dw, and a second derivative is the same primitive again.  On other cones
it would need that of the projection.

x, y, s are (batch, n) and (batch, m), where the batch is 1 if no operand has a batch dimension.
Linear operands of a derivative, and its results, have one more dimension in front: so many
right-hand sides belong to one solve.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from .. import _core
from ._layout import Layout, call_words, family_words, is_polyhedral
from ._products import fold, is_tangent, right_side

SOLVED, SOLVED_INACCURATE = 1, 2


def _primitive(name: str) -> Primitive:
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


solve_p = _primitive("quadcone_solve")
tangent_p = _primitive("quadcone_tangent")
adjoint_p = _primitive("quadcone_adjoint")


def is_solved(status: jax.Array) -> jax.Array:
    """Which problems have a solution."""
    return (status == SOLVED) | (status == SOLVED_INACCURATE)


# --------------------------------------------------------------------------------------------------
# Shapes


def _outputs(layout: Layout, dtype: Any, *first: int) -> list[ShapedArray]:
    n, m = layout.family.n, layout.family.m
    return [ShapedArray((*first, layout.size, length), dtype) for length in (n, m, m)]


def _solve_shapes(*operands: Any, layout: Layout, derivatives: bool) -> list[ShapedArray]:
    status = ShapedArray((layout.size,), np.dtype(np.int32))
    return [*_outputs(layout, operands[1].dtype), status]


def _tangent_shapes(*operands: Any, layout: Layout) -> list[ShapedArray]:
    return _outputs(layout, operands[1].dtype, operands[-1].shape[0])


def _adjoint_shapes(*operands: Any, layout: Layout) -> list[ShapedArray]:
    return _outputs(layout, operands[1].dtype, operands[-1].shape[0])[:2]


solve_p.def_abstract_eval(_solve_shapes)
tangent_p.def_abstract_eval(_tangent_shapes)
adjoint_p.def_abstract_eval(_adjoint_shapes)


# --------------------------------------------------------------------------------------------------
# Handlers

for _name, _handler in _core.ffi_handlers().items():
    jax.ffi.register_ffi_target(_name, _handler, platform="cpu")


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
    return _unfold(outputs, 0, size), [0] * 4


def _batch_derivative(primitive: Primitive, args: Any, dims: Any, *, layout: Layout) -> Any:
    """More problems where the solve is mapped, else more right-hand sides for the same."""
    size, count = _mapped_size(args, dims), len(layout.own)
    solve, solve_dims = args[:count], dims[:count]
    solved, solved_dim = args[count], dims[count]
    linear = [
        jnp.broadcast_to(arg[None], (size, *arg.shape))
        if dim is None
        else jnp.moveaxis(arg, dim, 0)
        for arg, dim in zip(args[count + 1 :], dims[count + 1 :], strict=True)
    ]
    if all(dim is None for dim in dims[: count + 1]):
        linear = [arg.reshape(size * arg.shape[1], *arg.shape[2:]) for arg in linear]
        outputs = primitive.bind(*solve, solved, *linear, layout=layout)
        return _unfold(outputs, 0, size), [0] * len(outputs)
    wide, operands = _fold_operands(layout, solve, solve_dims, size)
    solved = fold(solved, solved_dim, size, True, layout.size)
    linear = [
        jnp.moveaxis(arg, 0, 1).reshape(arg.shape[1], wide.size, arg.shape[-1]) for arg in linear
    ]
    outputs = primitive.bind(*operands, solved, *linear, layout=wide)
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
    x, y, s, status = solve_p.bind(*operands, layout=layout, derivatives=True)
    solved = is_solved(status)
    c_x, c_y = right_side(layout, _given(tangents), x, y, solved)
    dw = tangent_p.bind(*operands, solved, c_x[None], c_y[None], layout=layout)
    zero = ad.Zero(ShapedArray(status.shape, jax.dtypes.float0))
    return [x, y, s, status], [*(part[0] for part in dw), zero]


# Of which J is that of the optimality conditions, which is constant between kinks.
_PIECEWISE = ("exact", "lsmr", "lsqr")


def _matrix_tangents(layout: Layout, tangents: Any) -> list[jax.Array | None]:
    """Those that the derivative depends on: of P and A."""
    given = _given(tangents)
    if any(t is not None for t in given):
        mode = layout.choices.derivative_mode
        if not is_polyhedral(layout.family):
            raise NotImplementedError(
                "second derivatives of problems with other cones than 'z' and 'l' are not "
                "implemented"
            )
        if mode not in _PIECEWISE:
            raise NotImplementedError(
                f"second derivatives are not implemented for derivative_mode={mode!r}"
            )
    return [t if k % 2 == 0 else None for k, t in enumerate(given)]


def _differentiate_tangent(args: Any, tangents: Any, *, layout: Layout) -> Any:
    """J ddw = -(ddq + dP dx + dA'dy, -(ddb - dA dx))."""
    count = len(layout.own)
    dw = tangent_p.bind(*args, layout=layout)
    c_x, c_y = _whole(tangents[count + 1 :])
    matrices = _matrix_tangents(layout, tangents[:count])
    if any(t is not None for t in matrices):
        more_x, more_y = right_side(layout, matrices, dw[0], dw[1], args[count])
        c_x, c_y = c_x + more_x, c_y + more_y
    return dw, tangent_p.bind(*args[: count + 1], c_x, c_y, layout=layout)


def _differentiate_adjoint(args: Any, tangents: Any, *, layout: Layout) -> Any:
    """J'du = dg - dJ'u, with u = (-dq, db)."""
    count = len(layout.own)
    u = adjoint_p.bind(*args, layout=layout)
    g_x, g_y, g_s = _whole(tangents[count + 1 :])
    matrices = _matrix_tangents(layout, tangents[:count])
    if any(t is not None for t in matrices):
        more_x, more_y = right_side(layout, matrices, u[0], -u[1], args[count])
        g_x, g_y = g_x + more_x, g_y - more_y
    return u, adjoint_p.bind(*args[: count + 1], g_x, g_y, g_s, layout=layout)


ad.primitive_jvps[solve_p] = _differentiate_solve
ad.primitive_jvps[tangent_p] = _differentiate_tangent
ad.primitive_jvps[adjoint_p] = _differentiate_adjoint


def _transpose(other: Primitive, cotangents: Any, *args: Any, layout: Layout) -> list[Any]:
    count = len(layout.own) + 1
    results = other.bind(*args[:count], *_whole(cotangents), layout=layout)
    wanted = [ad.is_undefined_primal(arg) for arg in args[count:]]
    return [None] * count + [
        result if want else None for result, want in zip(results, wanted, strict=True)
    ]


ad.primitive_transposes[tangent_p] = partial(_transpose, adjoint_p)
ad.primitive_transposes[adjoint_p] = partial(_transpose, tangent_p)
