# SPDX-License-Identifier: Apache-2.0
"""qpth's interface."""

import numpy as np
import pytest
import torch

from quadcone.compat.qpth import solvers
from quadcone.compat.qpth.qp import QPFunction, SpQPFunction
from quadcone.torch import qp

EMPTY = torch.Tensor()


def make(n=4, k=2, m=3, batch=3):
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    M = normal(n, n)
    x = normal(batch, n)
    G, A = normal(m, n), normal(k, n)
    h = (x @ G.T).amax(0) + 0.1
    return M @ M.T + torch.eye(n), normal(batch, n), G, h, A, x @ A.T


def test_order_and_shapes():
    Q, p, G, h, A, b = make()
    z = QPFunction()(Q, p, G, h, A, b)
    torch.testing.assert_close(z, qp(Q, p, G, h, A, b))
    assert QPFunction()(Q, p[0], G, h, EMPTY, EMPTY).shape == (1, 4)


def test_shared_gradients_are_averaged_unless_summed():
    arguments = make()
    gradients = []
    for reduction in ("mean", "sum"):
        Q = arguments[0].clone().requires_grad_()
        solve = QPFunction(broadcast_reduction=reduction)
        solve(Q, *arguments[1:]).pow(2).sum().backward()
        gradients.append(Q.grad)
    torch.testing.assert_close(3 * gradients[0], gradients[1])


def test_gradients_of_a_batch():
    Q, p, G, h, A, b = make()
    whole = [Q, G, h, A]
    Q, G, h, A = (X.expand(3, *X.shape).clone().requires_grad_() for X in whole)
    assert torch.autograd.gradcheck(
        lambda G, h, A: QPFunction()(Q.detach(), p, G, h, A, b), (G, h, A)
    )


@pytest.mark.parametrize("change", ["indefinite", "rank"])
def test_errors(change):
    Q, p, G, h, A, b = make()
    if change == "indefinite":
        with pytest.raises(RuntimeError, match="Q is not SPD"):
            QPFunction()(-Q, p, G, h, A, b)
    else:
        with pytest.raises(RuntimeError, match="Unexpected number of dimensions"):
            QPFunction()(Q, p[None], G, h, A, b)


def test_gram_matrices_in_single_precision():
    """The two triangles of X X' are rounded each on its own."""
    Q = torch.tensor([[2.0, 0.3, 0.1], [0.3, 1.0, 0.2], [0.1, 0.2, 1.5]])
    p, G, h, none = torch.tensor([1.0, -2.0, 0.5]), torch.eye(3), torch.ones(3), torch.Tensor()
    expected = QPFunction()(Q.double(), *(x.double() for x in (p, G, h, none, none)))
    Q[0, 1] += 3e-8
    z = QPFunction()(Q.requires_grad_(), p, G, h, none, none)
    torch.testing.assert_close(z, expected.float())
    (gradient,) = torch.autograd.grad(z.sum(), Q)
    torch.testing.assert_close(gradient, gradient.T)


def test_gram_matrices_of_low_rank_in_single_precision():
    """They have eigenvalues of -1e-7."""
    torch.manual_seed(0)
    L, p, none = torch.randn(8, 30, 5), torch.randn(8, 30), torch.Tensor()
    solve = QPFunction(check_Q_spd=False)
    G, h = torch.cat([torch.eye(30), -torch.eye(30)]), torch.ones(60)
    Q = L @ L.mT
    assert torch.linalg.eigvalsh(Q.double()).min() < 0
    z = solve(Q, p, G, h, none, none)
    exact = solve(L.double() @ L.double().mT, *(x.double() for x in (p, G, h, none, none)))
    torch.testing.assert_close(z, exact.float(), rtol=1e-4, atol=1e-4)


def test_infeasible_is_nan_with_a_warning(capsys):
    Q, p = make()[:2]
    G, h = torch.eye(4, dtype=Q.dtype)[:1], -torch.ones(1, dtype=Q.dtype)
    z = QPFunction()(Q, p, torch.cat([G, -G]), torch.cat([h, h]), EMPTY, EMPTY)
    assert torch.isnan(z).all()
    assert "qpth warning" in capsys.readouterr().out
    QPFunction(verbose=-1)(Q, p, torch.cat([G, -G]), torch.cat([h, h]), EMPTY, EMPTY)
    assert not capsys.readouterr().out


def test_sparse():
    Q, p, G, h, A, b = make()
    indices = [torch.ones_like(X).nonzero().T for X in (Q, G, A)]
    solve = SpQPFunction(indices[0], Q.shape, indices[1], G.shape, indices[2], A.shape)
    Gv = G.reshape(-1).requires_grad_()
    z = solve(Q.reshape(-1), p, Gv, h, A.reshape(-1), b)
    torch.testing.assert_close(z, QPFunction()(Q, p, G, h, A, b))
    (gradient,) = torch.autograd.grad(z.sum(), Gv)
    G = G.detach().requires_grad_()
    (expected,) = torch.autograd.grad(QPFunction()(Q, p, G, h, A, b).sum(), G)
    torch.testing.assert_close(gradient, expected.reshape(-1))


def test_one_problem_in_numpy():
    Q, p, G, h, A, b = (X.numpy() for X in make())
    value, z, nu, lam, slacks = solvers.cvxpy.forward_single_np(Q, p[0], G, h, A, b[0])
    np.testing.assert_allclose(Q @ z + p[0] + G.T @ lam + A.T @ nu, 0, atol=1e-9)
    np.testing.assert_allclose(slacks, h - G @ z, atol=1e-9)
    np.testing.assert_allclose(value, z @ Q @ z / 2 + p[0] @ z)


def batch_of_problems():
    Q, p, G, h, A, b = make(batch=2)
    return Q.expand(2, -1, -1), p, G.expand(2, -1, -1), h.expand(2, -1), A.expand(2, -1, -1), b


def test_batched_solvers():
    """All dual variables, of dense and of sparse matrices."""
    Q, p, G, h, A, b = batch_of_problems()
    x, y, z, s = solvers.pdipm.batch.forward(Q, p, G, h, A, b, None, None, None)
    zeros = torch.zeros_like(x)
    stationary = (Q @ x[..., None] + G.mT @ z[..., None] + A.mT @ y[..., None])[..., 0] + p
    torch.testing.assert_close(stationary, zeros)
    torch.testing.assert_close((G @ x[..., None])[..., 0] + s, h)
    assert solvers.pdipm.batch.forward(Q, p, G, h, EMPTY, EMPTY)[1] is None
    index = [torch.ones_like(X[0]).nonzero().T for X in (Q, G, A)]
    Qi, Gi, Ai, values = *index, [X.reshape(2, -1) for X in (Q, G, A)]
    sizes = [X.shape[1:] for X in (Q, G, A)]
    found = solvers.pdipm.spbatch.forward(
        Qi, values[0], sizes[0], p, Gi, values[1], sizes[1], h, Ai, values[2], sizes[2], b
    )
    for ours, expected in zip(found, (x, y, z, s), strict=True):
        torch.testing.assert_close(ours, expected)
    one = solvers.pdipm.single.forward(p[0], Q[0], G[0], A[0], b[0], h[0], None, None, None)
    for ours, expected in zip(one, (x, y, z), strict=True):
        torch.testing.assert_close(ours, expected[0])


@pytest.mark.parametrize("equalities", [True, False])
def test_systems_of_newton_steps(equalities):
    Q, _, G, h, A, b = batch_of_problems()
    if not equalities:
        A, b = EMPTY, None
    batch = solvers.pdipm.batch
    generator = torch.Generator().manual_seed(1)
    d, rs, rz = (torch.rand(h.shape, generator=generator, dtype=Q.dtype) for _ in range(3))
    rx = torch.rand(Q.shape[:2], generator=generator, dtype=Q.dtype)
    dx, ds, dz, dy = step = batch.factor_solve_kkt(Q, d.diag_embed(), G, A, rx, rs, rz, b)
    first = Q @ dx[..., None] + G.mT @ dz[..., None]
    if equalities:
        first = first + A.mT @ dy[..., None]
        torch.testing.assert_close((A @ dx[..., None])[..., 0], -b)
    torch.testing.assert_close(first[..., 0], -rx)
    torch.testing.assert_close(d * ds + dz, -rs)
    torch.testing.assert_close((G @ dx[..., None])[..., 0] + ds, -rz)
    Q_LU, S_LU, R = batch.pre_factor_kkt(Q, G, A)
    batch.factor_kkt(S_LU, R, d)
    others = (
        batch.solve_kkt(Q_LU, d, G, A, S_LU, rx, rs, rz, b),
        batch.solve_kkt_ir(Q, d.diag_embed(), G, A, rx, rs, rz, b),
    )
    for other in others:
        torch.testing.assert_close(other, step)
