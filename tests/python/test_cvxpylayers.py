# SPDX-License-Identifier: Apache-2.0
"""The backend for cvxpylayers gives what our own layer gives."""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
import torch
from cvxpy_cases import linear, quadratic, quadratic_form, second_order
from cvxpylayers.torch import CvxpyLayer as TheirLayer

import quadcone.cvxpylayers
from quadcone.torch import CvxpyLayer


@pytest.mark.parametrize("batch", [0, 1, 3])
@pytest.mark.parametrize(
    "make", [linear, quadratic, quadratic_form, second_order], ids=lambda make: make.__name__
)
def test_values_and_gradients(make, batch):
    case = make()
    # cvxpylayers mixes up the dual variables of several second-order cones in one constraint.
    variables = case.variables[:1] if make is second_order else case.variables
    arguments = (case.problem, case.parameters, variables)
    ours = CvxpyLayer(*arguments)
    theirs = TheirLayer(*arguments, solver=quadcone.cvxpylayers.backend())
    rng = np.random.default_rng(0)
    samples = [case.sample(rng) for _ in range(max(batch, 1))]
    arrays = [np.stack(values) for values in zip(*samples, strict=True)]
    values = [torch.tensor(a if batch else a[0]).requires_grad_() for a in arrays]
    results = []
    for layer in (ours, theirs):
        outputs = layer(*values)
        loss = sum(output.square().sum() for output in outputs)
        results.append([*outputs, *torch.autograd.grad(loss, values)])
    for a, b in zip(*results, strict=True):
        if a.ndim > 1 and a.shape[-1] == a.shape[-2] == 3:  # of a symmetric parameter
            a, b = a + a.mT, b + b.mT
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-7)


def test_an_unbounded_problem_has_no_values():
    x, slope = cp.Variable(2), cp.Parameter(2)
    problem = cp.Problem(cp.Minimize(slope @ x), [x >= 0])
    layer = TheirLayer(problem, [slope], [x], solver=quadcone.cvxpylayers.backend())
    (found,) = layer(torch.tensor([[1.0, 1.0], [-1.0, 1.0]], dtype=torch.float64))
    assert found.isnan().all(-1).tolist() == [False, True]


def test_one_backend_for_two_layers():
    solver = quadcone.cvxpylayers.backend(on_failure="raise")
    layers = []
    for make in (quadratic, linear):
        case = make()
        layer = TheirLayer(case.problem, case.parameters, case.variables[:1], solver=solver)
        layers.append((case, layer))
    for case, layer in layers:
        values = [torch.tensor(value) for value in case.sample(np.random.default_rng(0))]
        expected = CvxpyLayer(case.problem, case.parameters, case.variables[:1])(*values)
        torch.testing.assert_close(
            layer(*values)[0].double(), expected[0].double(), atol=1e-6, rtol=1e-6
        )
