# SPDX-License-Identifier: Apache-2.0
"""Second derivatives of layers whose cones are not polyhedral."""

from __future__ import annotations

from functools import partial
from itertools import product

import numpy as np
import pytest
import torch
from regular import regular
from test_torch_qp import learned
from torch.autograd import gradcheck, gradgradcheck
from torch.func import grad, hessian, jacfwd, jacrev, vmap

import quadcone as qc
from quadcone.torch import ConeLayer, qp

DOUBLE = torch.float64


def ball() -> ConeLayer:
    """The closest point of the unit ball to -q."""
    A = np.vstack([np.zeros((1, 3)), -np.eye(3)])
    return ConeLayer(qc.Problem(np.eye(3), A, {"q": [4]}))


@pytest.mark.parametrize(
    ("cones", "n"), [({"z": 1, "l": 2, "q": [1, 3, 3, 4]}, 6), ({"z": 1, "q": [3], "s": [2, 3]}, 9)]
)
def test_second_derivatives_of_curved_cones(cones, n):
    """Of the solution, its dual and its slack, for all arguments, in every mixture of modes."""
    rng = np.random.default_rng(0)
    m = 14 if n == 6 else 13
    A = rng.standard_normal((m, n))
    v, x = rng.standard_normal((2, m)), rng.standard_normal((2, n))
    if n == 6:
        v[:, [4, 7, 10]] *= 0.1  # so that s and y are on the boundaries of the cones
    s = qc.cones.project(v, cones)
    layer = ConeLayer(qc.Problem(np.eye(n), A, cones))
    values = (-x - (s - v) @ A, x @ A.T + s, np.eye(n), A)
    q, b, P, A = learned([torch.tensor(value) for value in values])
    assert torch.allclose(layer(q, b)[0], torch.tensor(x))

    def solve(q, b, P, A):
        return layer(q, b, (P + P.mT) / 2, A)

    # Third derivatives enter the differences that are compared with.
    assert gradgradcheck(solve, (q, b, P, A), atol=1e-4, check_fwd_over_rev=True)
    values = tuple(t.detach() for t in (q[0], b[0], P, A))

    def loss(q, b):
        x, y, _ = solve(q, b, *values[2:])
        return x.square().sum() + y.sin().sum()

    expected = jacrev(jacrev(loss, (0, 1)), (0, 1))(*values[:2])
    for outer, inner in ((jacrev, jacfwd), (jacfwd, jacrev), (jacfwd, jacfwd)):
        found = outer(inner(loss, (0, 1)), (0, 1))(*values[:2])
        for pair in zip(found, expected, strict=True):
            for ours, other in zip(*pair, strict=True):
                assert torch.allclose(ours, other, atol=1e-9)
    mapped = vmap(hessian(loss), (0, 0))(q.detach(), b.detach())
    assert torch.allclose(mapped[0], expected[0][0], atol=1e-9)


@pytest.mark.parametrize(
    "cones", [{"l": 1, "ep": 1}, {"z": 1, "ed": 1}, {"p": [0.4, -0.7]}], ids=str
)
def test_second_derivatives_of_cones_that_are_not_symmetric(cones):
    """Of all outputs, for all arguments."""
    data = regular(np.random.default_rng(0), 4, cones)
    layer = ConeLayer(qc.Problem(data.P, data.A, cones))
    P, q, A, b = learned([torch.tensor(value) for value in data.values])

    def solve(q, b, P, A):
        return layer(q, b, (P + P.mT) / 2, A)

    assert gradgradcheck(solve, (q, b, P, A), atol=1e-4, check_fwd_over_rev=True)


# Layers whose solution is known in closed form: the layer, that form, and its argument.


def entropy():
    """min c'x + sum x log x, sum x = 1:  softmax(-c)."""
    n = 3
    one, none = np.eye(n), np.zeros((n, n))
    rows = np.stack([np.hstack([none, one]), np.hstack([-one, none]), np.zeros((n, 2 * n))], 1)
    A = np.vstack([np.r_[np.ones(n), np.zeros(n)], rows.reshape(3 * n, 2 * n)])
    b = torch.tensor([1.0, *[0.0, 0.0, 1.0] * n], dtype=DOUBLE)
    layer = ConeLayer(qc.Problem(None, A, {"z": 1, "ep": n}))

    def solve(c):
        return layer(torch.cat([c, torch.ones(n, dtype=DOUBLE)]), b)[0][:n]

    return solve, lambda c: torch.softmax(-c, 0), [0.3, -0.5, 1.0]


def geometric_mean():
    """max (x1 x2 x3)^1/3, a'x <= 1:  1 / 3a.  With t <= x1^1/2 x2^1/2, u <= t^2/3 x3^1/3."""
    A = np.zeros((7, 5))
    A[[1, 2, 3, 4, 5, 6], [0, 1, 3, 3, 2, 4]] = -1.0
    q, b = torch.tensor([0.0] * 4 + [-1.0]).double(), torch.tensor([1.0] + [0.0] * 6).double()
    layer = ConeLayer(qc.Problem(None, A, {"l": 1, "p": [0.5, 2.0 / 3.0]}))
    below = torch.tensor(A[1:])

    def solve(a):
        above = torch.cat([a, torch.zeros(2, dtype=DOUBLE)])
        return layer(q, b, A=torch.cat([above[None], below]))[0][:3]

    return solve, lambda a: 1.0 / (3.0 * a), [0.5, 1.0, 3.0]


def p_norm(p):
    """max c'x, |x|_p <= 1:  the gradient of |c|_q, 1/p + 1/q = 1.  With |x_i| <= r_i^1/p."""
    n = 3
    one, none = np.eye(n), np.zeros((n, n))
    rows = np.stack([np.hstack([none, -one]), np.zeros((n, 2 * n)), np.hstack([-one, none])], 1)
    A = np.vstack([np.r_[np.zeros(n), np.ones(n)], rows.reshape(3 * n, 2 * n)])
    b = torch.tensor([1.0, *[0.0, 1.0, 0.0] * n], dtype=DOUBLE)
    layer = ConeLayer(qc.Problem(None, A, {"l": 1, "p": [1.0 / p] * n}))

    def solve(c):
        return layer(torch.cat([-c, torch.zeros(n, dtype=DOUBLE)]), b)[0][:n]

    power = p / (p - 1.0)
    return solve, grad(lambda c: c.abs().pow(power).sum().pow(1.0 / power)), [0.7, -1.2, 0.4]


CASES = {
    "entropy": entropy,
    "geometric mean": geometric_mean,
    "1.5-norm": partial(p_norm, 1.5),
    "3-norm": partial(p_norm, 3.0),
}


@pytest.mark.parametrize("case", CASES)
def test_second_derivatives_are_those_of_a_closed_form(case):
    """Every entry of the solution, in every mixture of modes, and mapped."""
    solve, form, at = CASES[case]()
    at = torch.tensor(at, dtype=DOUBLE)
    assert torch.allclose(solve(at), form(at), atol=1e-11)
    expected = jacrev(jacrev(form))(at)
    assert expected.abs().max() > 0.05
    for outer, inner in product((jacrev, jacfwd), repeat=2):
        assert torch.allclose(outer(inner(solve))(at), expected, rtol=1e-9, atol=1e-9)
    points = torch.stack([at, 1.1 * at])
    assert torch.allclose(vmap(hessian(solve))(points), vmap(hessian(form))(points), atol=1e-8)
    assert gradgradcheck(solve, learned([at]), atol=1e-4, fast_mode=True)


def test_hessian_of_logistic_regression():
    """min sum log(1 + exp a_i'x) + |x|^2 / 2, by its optimality condition and by differences."""
    samples, features = 4, 2
    n = features + 3 * samples  # x, t and u, v with u >= exp(-t), v >= exp(a'x - t), u + v <= 1
    A = np.zeros((7 * samples, n))
    b = np.zeros(7 * samples)
    for i in range(samples):
        t, u, v = features + i + samples * np.arange(3)
        first, second = samples + 6 * i + np.array([0, 3])
        A[i, [u, v]], b[i] = 1.0, 1.0
        A[first, t], A[first + 2, u], b[first + 1] = 1.0, -1.0, 1.0
        A[second, t], A[second + 2, v], b[second + 1] = 1.0, -1.0, 1.0
    P, q = np.zeros((n, n)), np.zeros(n)
    P[:features, :features], q[features : features + samples] = np.eye(features), 1.0
    layer = ConeLayer(qc.Problem(P, A, {"l": samples, "ep": 2 * samples}))
    q, b, A = torch.tensor(q), torch.tensor(b), torch.tensor(A)
    places = torch.zeros(7 * samples, samples, dtype=DOUBLE)
    places[samples + 3 :: 6] = torch.eye(samples, dtype=DOUBLE)

    def solve(data):
        move = torch.nn.functional.pad(places @ data, (0, n - features))
        return layer(q, b, A=A - move)[0][:features]

    data = torch.tensor(np.random.default_rng(0).standard_normal((samples, features)))
    x = solve(data)
    assert torch.allclose(x, -data.mT @ torch.sigmoid(data @ x), atol=1e-11)

    def loss(data):
        return solve(data).pow(3).sum()

    second = hessian(loss)(data)
    assert torch.allclose(jacrev(jacrev(loss))(data), second, rtol=1e-9, atol=1e-10)
    step = 1e-5
    for i, j in product(range(samples), range(features)):
        move = torch.zeros_like(data)
        move[i, j] = step
        difference = (grad(loss)(data + move) - grad(loss)(data - move)) / (2 * step)
        assert torch.allclose(second[i, j], difference, atol=1e-8)
    assert gradgradcheck(solve, learned([data]), atol=1e-4, fast_mode=True)


def test_second_derivatives_beside_a_problem_without_a_solution():
    layer = ball()
    q = torch.tensor([[-3.0, 1.0, 0.5]] * 2, dtype=torch.float64, requires_grad=True)
    b = torch.tensor([[1.0, 0.0, 0.0, 0.0], [-1.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
    first = []
    for k in (slice(None), slice(1)):
        x = layer(q[k], b[k])[0]
        x = torch.where(x.isnan(), 0.0, x)
        (gradient,) = torch.autograd.grad(x.square().sum() + x.sum(), q, create_graph=True)
        first.append(torch.autograd.grad(gradient.square().sum(), q)[0])
    assert torch.allclose(*first, atol=1e-12)


def test_what_a_curved_cone_has_no_derivatives_of():
    layer = ball()
    q = torch.tensor([-3.0, 1.0, 0.5], dtype=torch.float64)
    b = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    assert gradcheck(layer, learned([q, b]), check_forward_ad=True)
    first = jacrev(layer)(q, b)[0]
    assert torch.allclose(jacfwd(layer)(q, b)[0], first, atol=1e-12)
    batch = torch.stack([q, 2.0 * q])
    assert torch.allclose(vmap(jacrev(layer), (0, None))(batch, b)[0][0], first, atol=1e-12)
    modes = (jacrev, jacfwd)
    for third, second, mode in product(modes, repeat=3):
        with pytest.raises(NotImplementedError, match="third derivatives"):
            third(second(mode(layer)))(q, b)
    smoothed = ConeLayer(layer.problem, derivative_mode="smoothed")
    with pytest.raises(NotImplementedError, match="derivative_mode='smoothed'"):
        jacrev(jacrev(smoothed))(q, b)


@pytest.mark.parametrize("mode", ["smoothed", "lpgd"])
def test_other_modes_have_no_second_derivatives_on_any_cone(mode):
    one = torch.ones(2, dtype=torch.float64)
    bounds = torch.eye(2, dtype=torch.float64), 0.5 * one

    def solve(q):
        return qp(torch.diag(1.0 + q**2), q, *bounds, derivative_mode=mode)

    assert jacrev(solve)(-one).isfinite().all()
    with pytest.raises(NotImplementedError, match=f"derivative_mode='{mode}'"):
        jacrev(jacrev(solve))(-one)
    q = (-one).requires_grad_()
    (first,) = torch.autograd.grad(solve(q).square().sum(), q, create_graph=True)
    with pytest.raises(NotImplementedError, match=f"derivative_mode='{mode}'"):
        torch.autograd.grad(first.sum(), q)
