# SPDX-License-Identifier: Apache-2.0
"""The operators as functions that torch can differentiate, forward and backward, and map.

With w = (x, y, s) the solution, K the matrix of its optimality conditions (include/quadcone.h), T
the tangent K^-1 r, T' its adjoint and push, pull the products of `_products`:

    solve       wd = T(-(qd + Pd x + Ad'y), bd - Ad x)
                u = T'(g),  gradients  q: -u_x,  b: u_v,  P, A: pull(u, w)
    z = T(r)    zd = T(rd - push(Pd, Ad; z))
                u = T'(g),  gradients  r: u,  P, A: pull(u, z)
    u = T'(g)   ud = T'(gd - (push(Pd, Ad; u), 0))
                z = T(h),   gradients  g: z,  P, A: pull(z, u)

On zero and nonnegative cones K depends on P and A alone, wherever the solution is smooth, so these
three are closed under differentiation: derivatives of any order.  On other cones the third row of
K, (I - D) sd + D yd = 0, changes with the solution, for D is the derivative of the projection at
v = s - y.  The operators T and T' take D as it is.  What moves with v is added to what they are
given, as a term e whose value is zero and whose derivative along vd is D'[vd] a:

    T'(gx, gy - e, gs + e)                   a = the third part of T'(g), gy + gs - u_v - A u_x
    T(r1 - A'e, r2 - e) + (0, e, e)          a = sd - yd

D' is in `_curvature`.  Derivatives of e are not differentiated again: second derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any

import torch
from torch import Tensor
from torch._functorch.utils import enable_single_level_autograd_function
from torch.autograd import Function, forward_ad
from torch.library import register_vmap

from .._curvature import PIECEWISE
from .._report import SOLVED_CODES
from . import _operators as operators
from ._folding import (
    fold_batch,
    fold_problem,
    fold_sides,
    fold_vectors,
    unfold_batch,
    unfold_vectors,
)
from ._products import Pair, hide, pull, push
from ._spec import read_spec
from ._tensors import Tensors
from ._traced import are_transforms_active


def gradients(
    spec: str,
    problem: Tensors,
    solution: tuple[Tensor, Tensor, Tensor, Tensor, Tensor],
    cotangents: Sequence[Tensor | None],
    needs: Sequence[bool],
) -> list[Tensor | None]:
    """Of P, q, A, b, G and h, where the solution is (x, y, s, status, handle)."""
    x, y, s, *state = solution
    gx, gy, gs = (
        (torch.zeros_like(like) if g is None else g)[None]
        for g, like in zip(cotangents, (x, y, s), strict=True)
    )
    solved = _is_solved(state[0])
    u = operators.adjoint(spec, *problem, *state, gx, gy, gs)
    if _is_curved(spec):
        third = gy + gs - u[1] - _times_A(spec, problem, u[0], gy)
        e = operators.curvature(spec, *hide(solved, (s - y, third)))
        u = operators.adjoint(spec, *problem, *state, gx, gy - e, gs + e)
    if read_spec(spec).settings.on_failure == "zero_gradient":
        u = hide(solved, u)
    w = hide(solved, (x[None], y[None]))
    found = pull(spec, problem, needs, solved, u, w)
    ux, uv = (part[0] for part in u)
    b = problem[3]
    rows = 0 if b is None else b.shape[-1]
    above, below = uv.split((rows, uv.shape[-1] - rows), -1)
    for k, part in ((1, -ux), (3, above), (5, below)):
        argument = problem[k]
        if argument is not None and needs[k]:
            shared = argument.dim() < part.dim()
            found[k] = torch.where(solved, part, 0.0).sum(0) if shared else part
    return found


def _is_curved(spec: str) -> bool:
    """Whether K changes with the solution, and someone may ask how."""
    known = read_spec(spec)
    if known.is_polyhedral and known.settings.derivative_mode in PIECEWISE:
        return False
    return (
        torch.is_grad_enabled()
        or are_transforms_active()
        or forward_ad._current_level >= 0  # of dual numbers
    )


def _times_A(spec: str, problem: Tensors, x: Tensor, like: Tensor) -> Tensor:
    """[A; G] x, shaped as `like`."""
    return push(spec, problem, _rows_alone(problem), (x, torch.zeros_like(like)))[1]


def _rows_alone(problem: Tensors) -> Tensors:
    """A and G, without P: tangents for `push` that make it multiply with these."""
    _, _, A, _, G, _ = problem
    return None, None, A, None, G, None


def _is_solved(status: Tensor) -> Tensor:
    """(batch, 1), or (1,) for a single problem."""
    first, second = SOLVED_CODES
    return ((status == first) | (status == second)).unsqueeze(-1)


def _below(run: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Tensor, ...]:
    """Call an operator, and not what differentiates it here; outer transforms still do."""
    with (
        torch._C._AutoDispatchBelowAutograd(),
        torch.enable_grad(),
        forward_ad._set_fwd_grad_enabled(True),
    ):
        found: tuple[Tensor, ...] = run(*args)
    return found


Rule = Callable[..., Any]


def forward_rule(rule: Rule) -> Rule:
    """A jvp that may itself be differentiated forward.

    torch calls it with forward mode off, in all levels and not just in that of the rule, and the
    products in it would be constants of the outer ones.  So it is switched on again, and tangents
    of the rule's own level are taken off by `_primals`.
    """

    @wraps(rule)
    def run(ctx: Any, *tangents: Any) -> Any:
        with forward_ad._set_fwd_grad_enabled(True):
            return rule(ctx, *tangents)

    return run


def _primals(tensors: Sequence[Any]) -> list[Any]:
    unpack: Callable[..., Any] = forward_ad.unpack_dual
    return [t if t is None else unpack(t, level=0).primal for t in tensors]


class Solve(Function):
    """(spec, P, q, A, b, G, h, keep) -> x, y, s, status, handle."""

    @staticmethod
    def forward(*args: Any) -> tuple[Tensor, ...]:
        return _below(operators.solve, args)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.set_materialize_grads(False)
        ctx.spec = inputs[0]
        ctx.mark_non_differentiable(*output[3:])
        ctx.save_for_backward(*inputs[1:7], *output)
        ctx.save_for_forward(*inputs[1:7], *output)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        if all(g is None for g in cotangents[:3]):
            return (None,) * 8
        problem, solution = ctx.saved_tensors[:6], ctx.saved_tensors[6:]
        needs = ctx.needs_input_grad[1:7]
        return (None, *gradients(ctx.spec, problem, solution, cotangents[:3], needs), None)

    @staticmethod
    @forward_rule
    def jvp(ctx: Any, _: None, *tangents: Any) -> tuple[Tensor | None, ...]:
        *problem, x, y, s, status, handle = _primals(ctx.saved_tensors)
        top, bottom = push(ctx.spec, tuple(problem), tangents, (x[None], y[None]))
        _, q, _, b, _, h, _ = tangents
        r1 = -top if q is None else -(top + q)
        r2 = _stack_sides(tuple(problem), b, h, bottom) - bottom
        parts = operators.tangent(ctx.spec, *problem, status, handle, r1, r2)
        if _is_curved(ctx.spec):
            vectors = hide(_is_solved(status), (s - y, parts[2] - parts[1]))
            e = operators.curvature(ctx.spec, *vectors)
            zero = torch.zeros_like(r1)
            r1 = r1 - push(ctx.spec, tuple(problem), _rows_alone(tuple(problem)), (zero, e))[0]
            xd, yd, sd = operators.tangent(ctx.spec, *problem, status, handle, r1, r2 - e)
            parts = xd, yd + e, sd + e
        return (*(part[0] for part in parts), None, None)


def _stack_sides(problem: Tensors, b: Tensor | None, h: Tensor | None, like: Tensor) -> Tensor:
    """(bd, hd), shaped as `like`, (1, m) or (1, batch, m); an absent tangent is zero."""
    parts = [
        torch.zeros_like(side) if part is None else part
        for part, side in ((b, problem[3]), (h, problem[5]))
        if side is not None
    ]
    if not parts:
        return torch.zeros_like(like)
    return torch.cat([part.expand(*like.shape[:-1], -1) for part in parts], -1)


class Tangent(Function):
    """(spec, P, q, A, b, G, h, status, handle, r1, r2) -> xd, yd, sd."""

    @staticmethod
    def forward(*args: Any) -> tuple[Tensor, ...]:
        return _below(operators.tangent, args)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        x, y, _ = output
        _save(ctx, inputs, (x, y))

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        problem, state, z = _restore(ctx.saved_tensors)
        u = operators.adjoint(ctx.spec, *problem, *state, *cotangents)
        return (None, *_pull_again(ctx, problem, state, u, z), None, None, *u)

    @staticmethod
    @forward_rule
    def jvp(ctx: Any, _: None, *tangents: Any) -> tuple[Tensor | None, ...]:
        problem, state, z = _restore(_primals(ctx.saved_tensors))
        top, bottom = push(ctx.spec, problem, tangents[:6], z)
        r1, r2 = _differences(tangents[8:], (top, bottom))
        return operators.tangent(ctx.spec, *problem, *state, r1, r2)  # type: ignore[no-any-return]


class Adjoint(Function):
    """(spec, P, q, A, b, G, h, status, handle, gx, gy, gs) -> u_x, u_v."""

    @staticmethod
    def forward(*args: Any) -> tuple[Tensor, ...]:
        return _below(operators.adjoint, args)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        _save(ctx, inputs, output)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        problem, state, u = _restore(ctx.saved_tensors)
        z = operators.tangent(ctx.spec, *problem, *state, *cotangents)
        return (None, *_pull_again(ctx, problem, state, z[:2], u), None, None, *z)

    @staticmethod
    @forward_rule
    def jvp(ctx: Any, _: None, *tangents: Any) -> tuple[Tensor | None, ...]:
        problem, state, u = _restore(_primals(ctx.saved_tensors))
        top, bottom = push(ctx.spec, problem, tangents[:6], u)
        gx, gy = _differences(tangents[8:10], (top, bottom))
        gs = torch.zeros_like(gy) if tangents[10] is None else tangents[10]
        return operators.adjoint(ctx.spec, *problem, *state, gx, gy, gs)  # type: ignore[no-any-return]


def _save(ctx: Any, inputs: tuple[Any, ...], outputs: tuple[Tensor, ...]) -> None:
    ctx.spec = inputs[0]
    ctx.save_for_backward(*inputs[1:9], *outputs)
    ctx.save_for_forward(*inputs[1:9], *outputs)


def _restore(saved: Sequence[Tensor]) -> tuple[Tensors, Pair, Pair]:
    """The problem, its (status, handle), and the outputs."""
    *problem, status, handle, first, second = saved
    return tuple(problem), (status, handle), (first, second)


def _pull_again(
    ctx: Any, problem: Tensors, state: Pair, asked: Pair, found: Pair
) -> list[Tensor | None]:
    """Gradients of P, A and G; where a problem has no solution, what was found is no factor."""
    solved = _is_solved(state[0])
    needs = ctx.needs_input_grad[1:7]
    return pull(ctx.spec, problem, needs, solved, asked, hide(solved, found))


def _differences(tangents: Sequence[Tensor | None], products: Pair) -> Pair:
    first, second = (
        -product if tangent is None else tangent - product
        for tangent, product in zip(tangents, products, strict=True)
    )
    return first, second


class Curvature(Function):
    """(spec, v, a) -> e."""

    @staticmethod
    def forward(*args: Any) -> Tensor:
        return _below(operators.curvature, args)  # type: ignore[return-value]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.spec = inputs[0]
        ctx.save_for_backward(*inputs[1:])
        ctx.save_for_forward(*inputs[1:])

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[None, Tensor, None]:
        v, a = ctx.saved_tensors
        return None, operators.bend(ctx.spec, v, cotangent, a).sum_to_size(v.shape), None

    @staticmethod
    @forward_rule
    def jvp(ctx: Any, _: None, *tangents: Tensor | None) -> Any:
        v, a = _primals(ctx.saved_tensors)
        if tangents[0] is None:
            return torch.zeros_like(a)
        return operators.bend(ctx.spec, v, tangents[0], a)


class Bend(Function):
    """(spec, v, b, a) -> D'[b] a."""

    @staticmethod
    def forward(*args: Any) -> Tensor:
        return _below(operators.bend, args)  # type: ignore[return-value]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> Any:
        raise NotImplementedError("third derivatives are implemented for the cones z and l alone")

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        raise NotImplementedError("third derivatives are implemented for the cones z and l alone")


Run = Callable[..., Any]


def _map_solve(run: Run, info: Any, in_dims: Any, spec: str, *args: Any) -> Any:
    """Map solve over problems."""
    *tensors, keep = args
    if info.batch_size == 0:
        raise ValueError("vmap maps over a dimension of size 0, expected at least 1 problem")
    count, ranks = info.batch_size, read_spec(spec).ranks
    problem, size = fold_problem(ranks, count, in_dims[1:7], tuple(tensors))
    *parts, handle = run(spec, *problem, keep)
    return (*(unfold_batch(count, size, part) for part in parts), handle), (0, 0, 0, 0, None)


def _map_sides(run: Run, info: Any, in_dims: Any, spec: str, *args: Any) -> Any:
    """Map tangent or adjoint: over problems where these are mapped, else over right-hand sides."""
    count, dims = info.batch_size, in_dims[1:]
    problem, (status, handle), given = args[:6], args[6:8], args[8:]
    if all(dim is None for dim in dims[:6]):
        vectors = [fold_sides(count, d, v) for d, v in zip(dims[8:], given, strict=True)]
        parts = run(spec, *problem, status, handle, *vectors)
        return tuple(part.unflatten(0, (count, -1)) for part in parts), (0,) * len(parts)
    problem, size = fold_problem(read_spec(spec).ranks, count, dims[:6], problem)
    status = fold_batch(count, dims[6], status)
    vectors = [fold_vectors(count, d, v) for d, v in zip(dims[8:], given, strict=True)]
    parts = run(spec, *problem, status, handle, *vectors)
    return tuple(unfold_vectors(count, size, part) for part in parts), (1,) * len(parts)


def _map_vectors(run: Run, info: Any, in_dims: Any, spec: str, *vectors: Tensor) -> Any:
    """Map what acts on vectors alone, each for itself."""
    pairs = list(zip(vectors, in_dims[1:], strict=True))
    rank = max(v.dim() - (dim is not None) for v, dim in pairs)
    ready = []
    for v, dim in pairs:
        moved = v if dim is None else v.movedim(dim, 0)
        missing = rank - (v.dim() - (dim is not None))
        ready.append(moved if dim is None else moved[(slice(None), *(None,) * missing)])
    return run(spec, *ready), 0


def _apply(function: type[Function]) -> Callable[..., Any]:
    """Call a function at one level of the transforms of torch.func, as torch calls its own."""

    def apply(*args: Any) -> Any:
        with enable_single_level_autograd_function():
            return super(Function, function).apply(*args)  # type: ignore[misc]

    return apply


for _name, _function, _map in (
    ("solve", Solve, _map_solve),
    ("tangent", Tangent, _map_sides),
    ("adjoint", Adjoint, _map_sides),
    ("curvature", Curvature, _map_vectors),
    ("bend", Bend, _map_vectors),
):
    _kernel = _apply(_function)
    operators.LIBRARY.impl(_name, _kernel, "Autograd")  # type: ignore[no-untyped-call]
    register_vmap(f"quadcone::{_name}", partial(_map, getattr(operators, _name)))
