# SPDX-License-Identifier: Apache-2.0
"""proxsuite's and qpax's interfaces, and the conformance suite."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from quadcone import testing
from quadcone.compat.proxsuite_torch.qplayer import QPFunction
from quadcone.compat.proxsuite_torch.utils import extract_nBatch
from quadcone.torch import qp

D = {"dtype": torch.float64}


def test_two_sided_bounds():
    generator = torch.Generator().manual_seed(0)
    M, G = (torch.randn(3, 3, generator=generator, **D) for _ in range(2))
    Q, p = M @ M.T + torch.eye(3, **D), torch.randn(2, 3, generator=generator, **D)
    A, b = torch.ones(1, 3, **D), torch.zeros(1, **D)
    low = torch.tensor([-0.1, -torch.inf, 0.0], **D)
    high = torch.tensor([0.1, 0.2, torch.inf], **D)
    G = torch.eye(3, **D)
    x, y, z = QPFunction()(Q, p, A, b, G, low, high)
    rows = torch.stack([-G[0], G[0], G[1], -G[2]])
    expected = qp(Q, p, rows, torch.tensor([0.1, 0.1, 0.2, 0.0], **D), A, b)
    torch.testing.assert_close(x, expected)
    torch.testing.assert_close(x @ Q + p + y @ A + z @ G, torch.zeros(2, 3, **D))


@pytest.mark.parametrize("feasible", [True, False])
def test_bounds_that_count_as_infinite(feasible):
    """1e20 is no bound: in neither mode it is a number that others are measured by."""
    generator = torch.Generator().manual_seed(0)
    Q, none = torch.eye(6, **D), torch.zeros(0, **D)
    p, G = (
        torch.randn(20, 6, generator=generator, **D),
        torch.randn(20, 9, 6, generator=generator, **D),
    )
    high = torch.rand(20, 9, generator=generator, **D)
    high[:, 0] = torch.inf
    low = torch.full_like(high, -torch.inf)
    if not feasible:
        G[:, 2] = G[:, 1]
        low[:, 2] = high[:, 1] + 1.0
        high[:, 2] = torch.inf
    layer = QPFunction(structural_feasibility=feasible)
    expected = layer(Q, p, none, none, G, low, high)
    assert all(torch.isfinite(part).all() for part in expected)
    found = layer(Q, p, none, none, G, low.clamp(min=-1e20), high.clamp(max=1e20))
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("shape", [(3, 0, 2), (0, 2), (0,)])
@pytest.mark.parametrize("feasible", [True, False])
def test_no_inequalities(shape, feasible):
    p, A = torch.arange(6.0, **D).reshape(3, 2), torch.ones(1, 2, **D)
    none = [torch.zeros(shape[:rank], **D) for rank in (len(shape), 1 if shape[0] == 0 else 2)]
    layer = QPFunction(structural_feasibility=feasible)
    x, y, z, *_ = layer(torch.eye(2, **D), p, A, torch.zeros(1, **D), *none, none[1])
    mean = p.mean(1, keepdim=True)
    torch.testing.assert_close(x, mean - p)
    torch.testing.assert_close(y, -mean)
    assert z.shape == (3, 0)


@pytest.mark.parametrize("value", [torch.nan, -torch.inf])
def test_bound_that_is_none(value):
    """What is neither a bound nor the lack of one is not overlooked."""
    Q, p, G, none = torch.eye(2, **D), torch.ones(2, **D), torch.eye(2, **D), torch.zeros(0, **D)
    with pytest.raises(ValueError, match="NaN or infinite"):
        QPFunction()(Q, p, none, none, G, -torch.ones(2, **D), torch.tensor([1.0, value], **D))


def test_closest_feasible():
    """x0 = 1 and x0 = 2, x1 >= 1 and 2 x1 <= 0: the shifts are known."""
    Q = torch.eye(3, **D).repeat(2, 1, 1)
    p = torch.tensor([[1.0, 2, 3], [0, -1, 0]], **D)
    A = torch.tensor([[1.0, 0, 0], [1, 0, 0]], **D)
    b = torch.tensor([[1.0, 2], [1, 1]], **D).requires_grad_()
    G = torch.tensor([[0, 1.0, 0], [0, 2, 0], [0, 0, 1]], **D)
    low = torch.tensor([[1.0, -10, -1], [-1, -10, -1]], **D)
    high = torch.tensor([[5.0, 0, 1], [1, 9, 1]], **D)
    solve = QPFunction(structural_feasibility=False)
    x, _, z, s_e, s_i = solve(Q, p, A, b, G, low, high)
    np.testing.assert_allclose(x.detach(), [[1.5, 0.2, -1], [1, 1, 0]], atol=1e-8)
    np.testing.assert_allclose(s_e.detach(), [[0.5, -0.5], [0, 0]], atol=1e-8)
    np.testing.assert_allclose(s_i.detach(), [[-0.8, 0.4, 0], [0, 0, 0]], atol=1e-8)
    np.testing.assert_allclose(z.detach()[0, 2], -2.0, atol=1e-8)
    (gradient,) = torch.autograd.grad(x[0].sum(), b)
    np.testing.assert_allclose(gradient[0], [0.5, 0.5], atol=1e-8)


def test_batch_of_proxsuite():
    one, many, none = torch.eye(2), torch.zeros(3, 2), torch.Tensor()
    assert extract_nBatch(one, many, none, none, one, one[0], one[0]) == 3
    assert extract_nBatch(one, one[0], none, none, one, one[0], one[0]) == 1


def test_qpax():
    jax = pytest.importorskip("jax")
    from quadcone.compat import qpax

    with jax.enable_x64(True):
        Q, q = 2.0 * np.eye(2), np.array([-2.0, 1.0])
        none = np.zeros((0, 2)), np.zeros(0)
        G, h = -np.eye(2), np.zeros(2)
        x, s, z, y, converged, _ = qpax.solve_qp(Q, q, *none, G, h)
        np.testing.assert_allclose(x, [1, 0], atol=1e-8)
        np.testing.assert_allclose(s, [1, 0], atol=1e-8)
        np.testing.assert_allclose(z, [0, 1], atol=1e-8)
        assert y.shape == (0,) and converged == 1
        data = qpax.QPData(Q, q, *none, G, h)
        params = qpax.SolverParams()
        found = qpax.solve_qp(*data, solver_tol=params.tol, linear_solver=params.linear_solver)
        np.testing.assert_array_equal(qpax.QPState(*found[:4]).x, x)
        gradient = jax.grad(lambda q: qpax.solve_qp_primal(Q, q, *none, G, h).sum())(q)
        np.testing.assert_allclose(gradient, [-0.5, 0.0], atol=1e-8)
        unbounded = 0.0 * Q, q, *none, G, h
        found = qpax.solve_qp(*unbounded)
        assert np.isnan(found[0]).all() and found[4] == 0
        assert np.isnan(qpax.solve_qp_primal(*unbounded)).all()


def test_qpax_counts_iterations():
    """As an array, for each problem, and none where there are no inequalities."""
    jax = pytest.importorskip("jax")
    from quadcone.compat import qpax

    with jax.enable_x64(True):
        Q, q, none = np.eye(2), np.array([[-2.0, 1.0], [1.0, 1.0]]), (np.zeros((0, 2)), np.zeros(0))
        G, h = -np.eye(2), np.zeros(2)
        many = jax.vmap(lambda q: qpax.solve_qp(Q, q, *none, G, h)[5])(q)
        assert many.shape == (2,) and (many > 0).all()
        assert qpax.solve_qp(Q, q[0], *none, G, h)[5].item() == many[0]
        assert qpax.solve_qp_elastic(Q, q[0], G, h, 1.0)[7].item() > 0
        assert qpax.solve_qp(Q, q[0], *none, *none)[5].item() == 0


def test_qpax_takes_what_qpax_does():
    """Rows without a bound, one row that is a vector, Q with an antisymmetric part, and all below
    jit."""
    jax = pytest.importorskip("jax")
    from quadcone.compat import qpax

    with jax.enable_x64(True):
        q, A, b = np.array([-2.0, 1.0]), np.ones(2), np.ones(1)
        G, h = np.array([[1.0, 0.0], [0.0, -1.0], [0.0, 1.0]]), np.array([np.inf, 0.0, 3.0])
        Q, bent = 2.0 * np.eye(2), np.array([[2.0, 0.5], [-0.5, 2.0]])
        solve = jax.jit(qpax.solve_qp)
        x, s, z, y, converged, _ = solve(bent, q, A, b, G, h, solver_tol=1e-6, max_iter=50)
        np.testing.assert_allclose(x, [1, 0], atol=1e-8)
        np.testing.assert_allclose(s, [np.inf, 0, 3], atol=1e-8)
        np.testing.assert_allclose(Q @ x + q + y * A + G.T @ z, 0, atol=1e-8)
        assert z[0] == 0 and converged == 1


def test_qpax_elastic():
    """x >= 1 and x <= 0: each gives way by what its penalty is worth."""
    jax = pytest.importorskip("jax")
    from quadcone.compat import qpax

    with jax.enable_x64(True):
        Q, q = np.eye(1), np.zeros(1)
        G, h = np.array([[-1.0], [1.0]]), np.array([-1.0, 0.5])
        x, t, s1, s2, z1, z2, converged, _ = qpax.solve_qp_elastic(Q, q, G, h, 0.25)
        np.testing.assert_allclose(x, [0.25], atol=1e-7)
        np.testing.assert_allclose(t, [0.75, 0.0], atol=1e-7)
        np.testing.assert_allclose(s1, t, atol=1e-7)
        np.testing.assert_allclose(s2, h - G @ x + t, atol=1e-7)
        np.testing.assert_allclose(z2, [0.25, 0.0], atol=1e-7)
        np.testing.assert_allclose(z1, 0.25 - z2, atol=1e-7)
        assert converged == 1

        def x_of(q, penalty):
            return qpax.solve_qp_elastic_primal(Q, q, G, h, penalty, backend="i")[0]

        np.testing.assert_allclose(jax.grad(x_of)(q, 0.25), [-1.0], atol=1e-7)
        np.testing.assert_allclose(jax.grad(x_of, 1)(q, 0.25), 1.0, atol=1e-7)
        with pytest.raises(ValueError, match="unknown backend 'f'"):
            qpax.solve_qp_elastic(Q, q, G, h, 0.25, backend="f")


def test_qpax_relaxed():
    jax = pytest.importorskip("jax")
    from quadcone.compat import qpax

    with jax.enable_x64(True):
        Q, q = 2.0 * np.eye(2), np.array([-2.0, 1.0])
        A, b, G, h = np.ones((1, 2)), np.ones(1), -np.eye(2), np.zeros(2)
        x, s, z, y, _, _ = qpax.solve_qp(Q, q, A, b, G, h)
        relaxed = qpax.relax_qp(Q, q, A, b, G, h, x, s, z, y, target_kappa=1e-2, solver_tol=1e-9)
        x, s, z, y, converged, iterations = relaxed
        assert converged == 1 and 0 < iterations < 30
        np.testing.assert_allclose(s * z, 1e-2, atol=1e-8)
        np.testing.assert_allclose(Q @ x + q + A.T @ y + G.T @ z, 0, atol=1e-8)
        np.testing.assert_allclose(A @ x, b, atol=1e-8)
        np.testing.assert_allclose(G @ x + s, h, atol=1e-8)


@pytest.mark.parametrize("seed", [0, 6, 8, 10, 38])
def test_conformance_of_quadcone(seed):
    """Whatever the seed, regular problems are regular."""
    table = testing.check_layer(testing.quadcone_layer, seed=seed)
    assert not table.wrong, str(table)
    assert {row.kind for row in table} == {"regular", "degenerate"}


def test_conformance_finds_faults():
    def halved(*arguments):
        x, vjp = testing.quadcone_layer(*arguments)
        return x, lambda dx: [gradient / 2 for gradient in vjp(dx)]

    def unable(*arguments):
        raise NotImplementedError

    def unsummed(*arguments):
        x, vjp = testing.quadcone_layer(*arguments)
        return x, lambda dx: [np.stack([gradient / 3] * 3) for gradient in vjp(dx)]

    def shuffled(*arguments):
        x, vjp = testing.quadcone_layer(*arguments)
        return x[::-1], lambda dx: vjp(dx[::-1])

    def vandal(*arguments):
        x, vjp = testing.quadcone_layer(*arguments)
        for value in arguments[:4]:
            value *= 0.0
        return x, vjp

    for layer in halved, unsummed, shuffled:
        assert {row.verdict for row in testing.check_layer(layer)} == {"WRONG"}
    for layer in unable, vandal:
        assert not testing.check_layer(layer).wrong


def test_import_is_light():
    code = (
        "import sys, quadcone, quadcone.compat, quadcone.testing\n"
        "assert not {'torch', 'jax', 'cvxpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
