# SPDX-License-Identifier: Apache-2.0
"""quadcone.jax.CvxpyLayer gives what quadcone.torch.CvxpyLayer gives, and has JAX's transforms."""

from __future__ import annotations

import pickle

import cvxpy as cp
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from cvxpy_cases import CASES, linear, quadratic, second_order
from cvxpylayers.jax import CvxpyLayer as TheirLayer
from jax_support import x64  # noqa: F401

import quadcone.cvxpylayers
import quadcone.jax
import quadcone.torch


def samples(case, batch: int, seed: int = 0) -> list:
    rng = np.random.default_rng(seed)
    drawn = [case.sample(rng) for _ in range(max(batch, 1))]
    arrays = [np.stack(values) for values in zip(*drawn, strict=True)]
    return arrays if batch else [np.asarray(array[0]) for array in arrays]


def loss(outputs):
    return sum((output**2).sum() for output in outputs)


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_values_and_gradients_are_those_of_torch(make):
    case = make()
    program = quadcone.cvxpy.compile_problem(
        case.problem, case.parameters, case.variables, gp=case.gp
    )
    in_jax, in_torch = quadcone.jax.CvxpyLayer(program), quadcone.torch.CvxpyLayer(program)
    arrays = samples(case, batch=2)
    arrays[0] = arrays[0][0]  # shared, where there is another
    tensors = [torch.tensor(array).requires_grad_() for array in arrays]
    outputs = in_torch(*tensors)
    gradients = torch.autograd.grad(loss(outputs), tensors)
    numbers = tuple(range(len(arrays)))
    found = in_jax(*arrays)
    pulled = jax.grad(lambda *values: loss(in_jax(*values)), argnums=numbers)(*arrays)
    for tensor, array in zip([*outputs, *gradients], [*found, *pulled], strict=True):
        np.testing.assert_allclose(array, tensor.detach(), atol=1e-7, rtol=1e-6)


def test_transforms():
    case = quadratic()
    layer = quadcone.jax.CvxpyLayer(case.problem, case.parameters, case.variables)
    arrays = samples(case, batch=3)

    def first(*values):
        return layer(*values)[0]

    together = layer(*arrays)[0]
    np.testing.assert_allclose(jax.jit(jax.vmap(first))(*arrays), together, atol=1e-12)
    one = samples(case, batch=0)
    forward = jax.jacfwd(first, argnums=(0, 1, 2))(*one)
    for a, b in zip(forward, jax.jacrev(first, argnums=(0, 1, 2))(*one), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)
    hessian = jax.hessian(lambda b: first(one[0], b, one[2]).sum())(one[1])
    assert hessian.shape == (3, 3)
    step = 1e-5 * np.eye(3)[0]
    gradient = jax.grad(lambda b: first(one[0], b, one[2]).sum())
    expected = (gradient(one[1] + step) - gradient(one[1] - step)) / 2e-5
    np.testing.assert_allclose(hessian[0], expected, atol=1e-6)


def test_lpgd_with_rho():
    case = linear()
    arrays = samples(case, 0)
    found = []
    for settings in ({}, {"derivative_mode": "lpgd", "lpgd_tau": 1e-5, "lpgd_rho": 0.1}):
        args = case.problem, case.parameters, case.variables[:1]
        layer = quadcone.jax.CvxpyLayer(*args, **settings)
        found.append(jax.grad(lambda *each, f=layer: loss(f(*each)))(*arrays))
    np.testing.assert_allclose(found[0], found[1], atol=1e-3)  # a difference, of tau


def test_pickle_and_dtypes():
    case = linear()
    layer = quadcone.jax.CvxpyLayer(case.problem, case.parameters, case.variables)
    again = pickle.loads(pickle.dumps(layer))
    arrays = samples(case, batch=0)
    for a, b in zip(layer(*arrays), again(*arrays), strict=True):
        np.testing.assert_array_equal(a, b)
    single = [jnp.asarray(array, jnp.float32) for array in arrays]
    assert layer(*single)[0].dtype == jnp.float32
    assert repr(layer) == repr(again)


def test_a_problem_without_parameters():
    x = cp.Variable(2)
    problem = cp.Problem(cp.Minimize(cp.sum_squares(x - 1.0)))
    (value,) = quadcone.jax.CvxpyLayer(problem, [], [x], engine="lanes")()
    np.testing.assert_allclose(value, np.ones(2), atol=1e-9)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda A, b, w: (A, b[:2], w), ValueError, r"parameter b has shape \(2,\)"),
        (lambda A, b, w: (A, b), ValueError, "2 parameters are given, expected 3"),
        (lambda A, b, w: (A, b, w, w), ValueError, "4 parameters are given, expected 3"),
        (lambda A, b, w: (A, b, "1"), TypeError, "parameter weight"),
    ],
)
def test_errors_name_the_parameter(change, error, message):
    case = quadratic()
    layer = quadcone.jax.CvxpyLayer(case.problem, case.parameters, case.variables)
    with pytest.raises(error, match=message):
        layer(*change(*samples(case, batch=0)))


@pytest.mark.parametrize("make", [quadratic, second_order], ids=lambda make: make.__name__)
@pytest.mark.parametrize("batch", [0, 2])
def test_behind_cvxpylayers(make, batch):
    case = make()
    arguments = (case.problem, case.parameters, case.variables[:1])
    ours = quadcone.jax.CvxpyLayer(*arguments)
    theirs = TheirLayer(*arguments, solver=quadcone.cvxpylayers.backend())
    arrays = [jnp.asarray(array) for array in samples(case, batch)]
    results = [
        (layer(*arrays)[0], jax.grad(lambda *v, f=layer: loss(f(*v)))(*arrays))
        for layer in (ours, theirs)
    ]
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-8)
