# SPDX-License-Identifier: Apache-2.0
"""Second derivatives, and the transforms of torch.func."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from support import feasible
from test_torch_qp import NAMES, arguments, everything, learned, symmetric
from torch.autograd import gradgradcheck
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vjp, vmap

import quadcone as qc
from quadcone.torch import ConeLayer, qp

MIXTURES = [(), NAMES, ("q",), ("Q", "h"), ("G", "b"), ("A", "q"), ("q", "G", "h", "A", "b")]


def cone_values(batched=(), sparse=False):
    """A layer and its P, q, A, b near one problem."""
    data = feasible(np.random.default_rng(7), 4, 1, 3, ridge=1.0).one(0)
    P, A = data.P, data.A
    q, b = data.q, data.b
    problem = data.problem()
    if sparse:
        rng = np.random.default_rng(0)
        P = np.where(np.eye(4) + np.eye(4, k=3) + np.eye(4, k=-3) > 0, data.P + 4 * np.eye(4), 0.0)
        A = np.where(rng.random(A.shape) < 0.7, A, 0.0)
        q, b = -P @ data.x - A.T @ data.y, A @ data.x + data.s
        P, A = sp.csc_array(P), sp.csc_array(A)
        problem = qc.Problem(P, A, data.cones)
        P, A = P.data, A.data
    values = []
    for name, value in zip("PqAb", (P, q, A, b), strict=True):
        one = torch.tensor(value, dtype=torch.float64)
        values.append(torch.stack([one, 1.01 * one]) if name in batched else one)
    return ConeLayer(problem), values


def mirrored(P):
    """By the values of a sparse P, those across the diagonal."""
    numbered = sp.csc_array((np.arange(P.nnz), P.indices, P.indptr), P.shape)
    return torch.tensor(numbered.toarray().T[P.indices, np.repeat(range(4), np.diff(P.indptr))])


@pytest.mark.parametrize("batched", MIXTURES, ids="".join)
def test_gradgradcheck(batched):
    """All arguments, all outputs; forward over reverse too."""
    tensors = learned(arguments(n=3, p=1, m=2, batch=2, batched=batched))
    assert gradgradcheck(everything, tensors, check_fwd_over_rev=True)


@pytest.mark.parametrize("absent", ["Gh", "Ab", "GhAb"])
def test_gradgradcheck_without_constraints(absent):
    pairs = zip(NAMES, arguments(n=3, p=1, m=2), strict=True)
    tensors = learned([None if name in absent else t for name, t in pairs])
    assert gradgradcheck(everything, tensors, check_fwd_over_rev=True)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("batched", ["", "PqAb", "q", "PA"])
def test_gradgradcheck_of_a_layer(batched, sparse):
    layer, values = cone_values(batched, sparse)

    mirror = mirrored(layer.problem.P) if sparse else None

    def run(P, q, A, b):
        return layer(q, b, (P + P[..., mirror]) / 2 if sparse else symmetric(P), A)

    assert gradgradcheck(run, learned(values), check_fwd_over_rev=True)


@pytest.mark.parametrize("order", [2, 3])
def test_all_mixtures_of_modes_agree(order):
    Q, q, G, h, A, b = arguments(n=3, p=1, m=2, batched=())

    def derivative(A, G, b):
        return sum(part.pow(3).sum() for part in everything(Q, q, G, h, A, b))

    results = []
    for modes in product((jacfwd, jacrev), repeat=order):
        function = derivative
        for mode in modes:
            function = mode(function, argnums=(0, 1, 2))
        results.append(torch.cat([t.flatten() for t in leaves(function(A, G, b))]))
    for other in results[1:]:
        assert torch.allclose(other, results[0], rtol=1e-10, atol=1e-10)


def leaves(tree):
    return [tree] if isinstance(tree, torch.Tensor) else [t for part in tree for t in leaves(part)]


def test_third_derivative_by_differences():
    Q, q, G, h, A, b = arguments(n=3, p=1, m=2, batched=())

    def loss(A, b):
        return qp(Q, q, G, h, A, b).pow(3).sum()

    third = jacrev(hessian(loss))(A, b)
    assert third.shape == (1, 3, 1, 3, 1, 3)
    move = torch.linspace(-1.0, 1.5, 3, dtype=torch.float64)[None]
    upper, lower = (hessian(loss)(A + step * move, b) for step in (1e-5, -1e-5))
    assert torch.allclose((third * move).sum((-2, -1)), (upper - lower) / 2e-5, rtol=1e-6)


def test_jacobians_agree():
    Q, q, G, h, A, b = arguments(batched=())

    def layer(q):
        return qp(Q, q, G, h, A, b)

    expected = torch.autograd.functional.jacobian(layer, q)
    assert torch.allclose(torch.autograd.functional.jacobian(layer, q, vectorize=True), expected)
    for transform in (jacrev, jacfwd):
        assert torch.allclose(transform(layer)(q), expected, atol=1e-12)
    assert torch.allclose(grad(lambda q: layer(q).sum())(q), expected.sum(0), atol=1e-12)
    value, tangent = jvp(layer, (q,), (torch.ones_like(q),))
    assert torch.equal(value, layer(q))
    assert torch.allclose(tangent, expected.sum(1), atol=1e-12)
    (cotangent,) = vjp(layer, q)[1](torch.ones_like(q))
    assert torch.allclose(cotangent, expected.sum(0), atol=1e-12)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("batched", ["", "q", "PA"])
def test_many_cotangents_at_once(batched, sparse):
    """is_grads_batched=True maps by an older vmap, which knows fewer operations of torch."""
    layer, (P, q, A, b) = cone_values(batched, sparse)
    values = learned([q, b, P, A])
    x = layer(*values)[0]
    sides = torch.eye(x.numel(), dtype=torch.float64).reshape(-1, *x.shape)
    many = torch.autograd.grad(x, values, sides, retain_graph=True, is_grads_batched=True)
    for k, side in enumerate(sides):
        one = torch.autograd.grad(x, values, side, retain_graph=True)
        for gradients, gradient in zip(many, one, strict=True):
            assert torch.allclose(gradients[k], gradient, rtol=1e-9, atol=1e-12)


def test_derivatives_of_no_rows():
    Q, q, *_ = arguments(batched=("q",))
    G = torch.zeros(0, 4, dtype=torch.float64, requires_grad=True)
    x = qp(Q, q, G, torch.zeros(0, dtype=torch.float64))
    (gradient,) = torch.autograd.grad(x.sum(), G, create_graph=True)
    assert gradient.shape == G.shape


MAPPED = [NAMES, ("q",), ("Q",), ("A", "h"), ("G", "b", "q"), ("Q", "q", "G", "h")]


def mapped_arguments(mapped, count=3, batched=()):
    """Arguments of which some have a dimension to be mapped, in front."""
    tensors = arguments(batch=2, batched=batched)
    for k, name in enumerate(NAMES):
        if name in mapped:
            noise = 1.0 + 0.01 * torch.arange(count, dtype=torch.float64)
            tensors[k] = noise.view(-1, *[1] * tensors[k].dim()) * tensors[k]
    return tensors, tuple(0 if name in mapped else None for name in NAMES)


def one_of(tensors, dims, k):
    return [t if dim is None else t[k] for t, dim in zip(tensors, dims, strict=True)]


@pytest.mark.parametrize("batched", [(), ("q", "G"), NAMES], ids="".join)
@pytest.mark.parametrize("mapped", MAPPED, ids="".join)
def test_vmap(mapped, batched):
    """As a loop, with a batch inside or none, and with gradients."""
    tensors, dims = mapped_arguments(mapped, batched=batched)

    def loss(*tensors):
        return sum(part.square().sum() for part in everything(*tensors))

    every = tuple(range(6))
    outputs = vmap(everything, dims)(*tensors)
    gradients = vmap(grad(loss, every), dims)(*tensors)
    together = grad(lambda *ts: vmap(loss, dims)(*ts).sum(), every)(*tensors)
    sums = [0.0] * 6
    for k in range(3):
        one = one_of(tensors, dims, k)
        for ours, expected in zip(outputs, everything(*one), strict=True):
            assert torch.allclose(ours[k], expected, rtol=1e-10, atol=1e-10)
        for j, (ours, expected) in enumerate(zip(gradients, grad(loss, every)(*one), strict=True)):
            assert torch.allclose(ours[k], expected, rtol=1e-8, atol=1e-8)
            sums[j] = sums[j] + (expected if dims[j] is None else 0.0)
    for ours, each, total, dim in zip(together, gradients, sums, dims, strict=True):
        assert torch.allclose(ours, total if dim is None else each, rtol=1e-8, atol=1e-8)


def test_vmap_is_one_call_of_the_solver(monkeypatch):
    calls = []
    run_solve = qc.torch._operators.run_solve

    def spy(call, *rest):
        calls.append(call.layout.batch)
        return run_solve(call, *rest)

    monkeypatch.setattr(qc.torch._operators, "run_solve", spy)
    tensors, dims = mapped_arguments(("q",), count=4)
    vmap(jacrev(qp, 1), dims)(*tensors)
    vmap(vmap(qp, dims), dims)(tensors[0], tensors[1].expand(5, 4, 4), *tensors[2:])
    assert calls == [4, 20]


def test_nested_vmap_over_other_dimensions():
    tensors = arguments(batched=())
    tensors[1] = tensors[1][:, None] + 0.1 * torch.randn(4, 3, dtype=torch.float64)
    tensors[3] = tensors[3] + torch.arange(2, dtype=torch.float64)[:, None]

    def second(q, h):
        return hessian(lambda q: qp(tensors[0], q, tensors[2], h, *tensors[4:]).pow(3).sum())(q)

    found = vmap(vmap(second, (1, None)), (None, 0))(tensors[1], tensors[3])
    assert found.shape == (2, 3, 4, 4)
    for i in range(2):
        for j in range(3):
            expected = second(tensors[1][:, j], tensors[3][i])
            assert torch.allclose(found[i, j], expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("sparse", [False, True])
def test_vmap_of_a_layer(sparse):
    layer, (P, q, A, b) = cone_values("Aq", sparse)
    found = vmap(layer, (0, None, None, 0))(q, b, P, A)
    for ours, expected in zip(found, layer(q, b, P, A), strict=True):
        assert torch.allclose(ours, expected)
    assert layer.last_status == ["solved", "solved"]
    jacobian = vmap(jacrev(lambda A, q: layer(q, b, P, A)[0]))(A, q)
    expected = jacfwd(lambda A: layer(q, b, P, A)[0])(A)
    for k in range(2):
        assert torch.allclose(jacobian[k], expected[k, :, k], rtol=1e-8, atol=1e-8)


def test_other_dtypes():
    tensors = arguments(n=3, p=1, m=2, batched=(), dtype=torch.float32)

    def loss(q):
        return qp(tensors[0], q, *tensors[2:]).pow(2).sum()

    second = hessian(loss)(tensors[1])
    assert second.dtype is torch.float32
    q = tensors[1].clone().requires_grad_()
    (first,) = torch.autograd.grad(loss(q), q, create_graph=True)
    (row,) = torch.autograd.grad(first[0], q)
    assert row.dtype is torch.float32
    assert torch.allclose(row, second[0], rtol=1e-4)


def test_a_gradient_penalty():
    """Training through a gradient, after the first gradient's graph has been used."""
    tensors = learned(arguments())
    z = qp(*tensors)
    (first,) = torch.autograd.grad(z.sum(), tensors[1], create_graph=True)
    (z.sum() + first.square().sum()).backward()
    assert all(t.grad.isfinite().all() for t in tensors)
    expected = torch.autograd.grad(qp(*tensors).sum(), tensors[1])[0]
    assert torch.allclose(first, expected, atol=1e-12)


def test_inputs_that_changed_are_an_error_of_second_derivatives():
    tensors = learned(arguments())
    z = qp(*tensors)
    with torch.no_grad():
        tensors[1].add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(z.sum(), tensors[1], create_graph=True)


def unsolvable():
    """A batch of three of which the middle one has no solution."""
    values = ([[1.0]], [-3.0], [[1.0], [-1.0]], [[1.0, 1.0], [1.0, -2.0], [0.5, 1.0]])
    return [torch.tensor(value, dtype=torch.float64) for value in values]


@pytest.mark.parametrize(("on_failure", "expected"), [("nan", np.nan), ("zero_gradient", 0.0)])
def test_problems_without_a_solution(on_failure, expected):
    """Transforms and second derivatives treat them as a plain backward does."""
    tensors = unsolvable()

    def loss(*tensors):
        return qp(*tensors, on_failure=on_failure).square().sum()

    plain = learned(tensors)
    loss(*plain).backward()
    for ours, t in zip(grad(loss, (0, 1, 2, 3))(*tensors), plain, strict=True):
        assert torch.allclose(ours, t.grad, equal_nan=True)
        assert ours.numel() > 2 or ours.isfinite().all()
    second = learned(tensors)
    first = torch.autograd.grad(loss(*second), second, create_graph=True)
    for ours, t in zip(first, plain, strict=True):
        assert torch.allclose(ours, t.grad, equal_nan=True)
    torch.autograd.grad(first[3].nansum(), second)[3]
    assert np.array_equal(plain[3].grad[1], [expected] * 2, equal_nan=True)


def test_a_masked_problem_has_no_second_derivative():
    tensors = learned(unsolvable())
    z = qp(*tensors)
    masked = torch.where(z.isnan(), 0.0, z)
    first = torch.autograd.grad(masked.square().sum(), tensors, create_graph=True)
    second = torch.autograd.grad(sum(part.square().sum() for part in first), tensors)
    assert all(part.isfinite().all() for part in (*first, *second))
    assert second[3][1].tolist() == [0.0, 0.0]


def test_raise_below_a_transform():
    with pytest.raises(qc.SolveError, match="1 of 3 problems"):
        grad(lambda h: qp(*unsolvable()[:3], h, on_failure="raise").sum())(unsolvable()[3])


def test_no_callback_below_a_transform():
    tensors = arguments(batched=())
    with pytest.raises(NotImplementedError, match="callback is set"):
        grad(lambda q: qp(tensors[0], q, callback=print).sum())(tensors[1])


def test_derivatives_that_are_switched_off():
    Q, q, *_ = arguments(batched=())
    assert grad(lambda q: (qp(Q, q, derivatives=False) + q).sum())(q).tolist() == [1.0] * 4


def test_errors_below_a_transform():
    Q, q, *_ = arguments(batched=())
    with pytest.raises(ValueError, match=r"q has shape \(3,\), expected \(4,\)"):
        vmap(lambda q: qp(Q, q))(q[None, :3])
    with pytest.raises(TypeError, match="Q is of type NoneType"):
        vmap(lambda q: qp(None, q))(q[None])
    with pytest.raises(ValueError, match="a dimension of size 0, expected at least 1 problem"):
        vmap(lambda q: qp(Q, q))(q[None][:0])
