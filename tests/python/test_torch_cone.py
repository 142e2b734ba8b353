# SPDX-License-Identifier: Apache-2.0
"""A Problem as a PyTorch module."""

from __future__ import annotations

import copy
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from support import feasible
from torch.autograd import gradcheck

import quadcone as qc
from quadcone.torch import ConeLayer


@pytest.fixture
def data():
    return feasible(np.random.default_rng(7), 5, 2, 4).one(0)


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def test_agrees_with_numpy(data):
    problem = data.problem()
    layer = ConeLayer(problem)
    x, y, s = layer(q=tensor(data.q), b=tensor(data.b))
    expected = problem.solve(data.q, data.b)
    for ours, other in zip((x, y, s), (expected.x, expected.y, expected.s), strict=True):
        assert np.array_equal(ours, other)
    assert layer.report.status == "solved"
    assert layer.report.iterations == expected.iterations
    assert "n=5, m=6" in repr(layer)


@pytest.mark.parametrize("batched", ["", "q", "b", "P", "A", "qb", "PA", "PqAb"])
def test_gradcheck(data, batched):
    layer = ConeLayer(data.problem())

    def value(name, noise):
        one = tensor(getattr(data, name))
        if name not in batched:
            return one.requires_grad_()
        return torch.stack([one, one + noise, one - noise]).requires_grad_()

    def run(P, q, A, b):
        return layer(q, b, (P + P.mT) / 2, A)

    assert gradcheck(run, [value(name, 0.01) for name in "PqAb"], check_forward_ad=True)


@pytest.mark.parametrize("batched", [False, True])
def test_gradcheck_of_sparse_values(data, batched):
    rng = np.random.default_rng(0)
    P = sp.csc_array(np.diag(rng.uniform(1.0, 2.0, 5)))
    A = np.where(rng.random(data.A.shape) < 0.7, data.A, 0.0)
    q, b = -P @ data.x - A.T @ data.y, A @ data.x + data.s
    layer = ConeLayer(qc.Problem(P, sp.csc_array(A), data.cones))
    P, A = tensor(P.data), tensor(sp.csc_array(A).data)
    if batched:
        P, A = torch.stack([P, 1.01 * P]), torch.stack([A, 1.001 * A])
    values = [v.requires_grad_() for v in (tensor(q), tensor(b), P, A)]
    assert gradcheck(layer, values, check_forward_ad=True)


def test_own_values_have_no_say_in_the_dtype(data):
    layer = ConeLayer(data.problem())
    q = torch.tensor(data.q, dtype=torch.float32, requires_grad=True)
    x, y, s = layer(q, torch.tensor(data.b, dtype=torch.float32))
    assert {x.dtype, y.dtype, s.dtype} == {torch.float32}
    x.sum().backward()
    assert q.grad.dtype is torch.float32


def test_settings_are_those_of_the_problem(data):
    q, b = tensor(data.q), -torch.ones(6, dtype=torch.float64)
    A = torch.zeros(6, 5, dtype=torch.float64)
    problem = data.problem(on_failure="raise")
    with pytest.raises(qc.SolveError, match="no solution"):
        ConeLayer(problem)(q, b, A=A)
    x, _, _ = ConeLayer(problem, on_failure="nan")(q, b, A=A)
    assert x.isnan().all()
    with pytest.raises(TypeError, match="isa is a choice of Problem"):
        ConeLayer(problem, isa="auto")


def test_reports_derivatives(data):
    layer = ConeLayer(data.problem())
    q = torch.stack([tensor(data.q)] * 2).requires_grad_()
    x, _, _ = layer(q, tensor(data.b))
    assert layer.report.derivative_status == ["none", "none"]
    x.sum().backward()
    assert layer.report.derivative_status == ["exact", "exact"]
    assert np.all(layer.report.derivative_residual < 1e-10)


def test_copies(data):
    layer = ConeLayer(data.problem())
    q, b = tensor(data.q), tensor(data.b)
    assert torch.equal(copy.deepcopy(layer)(q, b)[0], layer(q, b)[0])
    assert not list(layer.parameters())


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"q": torch.ones(3)}, ValueError, r"q has shape \(3,\), expected \(5,\)"),
        ({"P": torch.ones(5, 4)}, ValueError, r"P has shape \(5, 4\), expected \(5, 5\)"),
        ({"b": None}, TypeError, "b is of type NoneType"),
        ({"A": np.ones((6, 5))}, TypeError, "A is of type ndarray"),
        ({"b": torch.full((6,), torch.nan)}, ValueError, "^b has a value that is NaN"),
        ({"P": -torch.eye(5)}, ValueError, "^P is not positive semidefinite"),
    ],
)
def test_errors(data, changes, error, message):
    layer = ConeLayer(data.problem())
    with pytest.raises(error, match=message):
        layer(**{"q": tensor(data.q), "b": tensor(data.b), **changes})


def test_needs_a_problem():
    with pytest.raises(TypeError, match=r"problem is of type str, expected a quadcone\.Problem"):
        ConeLayer("problem")


def test_torch_is_not_imported_by_the_package():
    command = "import quadcone, sys; print('torch' in sys.modules, hasattr(quadcone, 'torch'))"
    run = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["False", "False"]
