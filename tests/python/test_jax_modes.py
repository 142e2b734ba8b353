# SPDX-License-Identifier: Apache-2.0
"""The layers in JAX: other derivatives than the exact one."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax_support import x64 as x64

import quadcone as qc
from quadcone.jax import ConeLayer

# A linear program at a vertex with a kink beside it, and a quadratic one, in one cone each.
P = np.diag([1.0, 2.0, 0.0])
A = np.vstack([np.ones(3), -np.eye(3)])
CONES = {"z": 1, "l": 3}
Q = np.array([[0.3, -0.2, 0.1], [0.0, 1.0, -1.0]])
B = np.array([1.0, 0.0, 0.0, 0.0])
SETTINGS = [
    {"derivative_mode": "lsmr"},
    {"derivative_mode": "lsqr", "derivative_tolerance": 1e-10, "derivative_iterations": 50},
    {"derivative_mode": "smoothed", "smoothing": 1e-2},
    {"derivative_mode": "lpgd", "lpgd_tau": 1e-3},
    {"derivative_mode": "lpgd_left", "lpgd_rho": 0.1},
    {"derivative_mode": "lpgd_right"},
]
NAMES = [settings["derivative_mode"] for settings in SETTINGS]


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("settings", SETTINGS, ids=NAMES)
def test_both_ways_as_numpy(settings, dtype):
    """The gradient and the tangents of q and b are those of Solution.vjp and jvp."""
    problem = qc.Problem(P, A, CONES, **settings)
    q, b = jnp.asarray(Q, dtype), jnp.asarray(B, dtype)
    solution = problem.solve(np.asarray(q, float), np.asarray(b, float))
    layer = ConeLayer(problem)
    rng = np.random.default_rng(0)
    dx, dq = rng.standard_normal(Q.shape), rng.standard_normal(Q.shape)

    def x_of(q, b):
        return layer(q=q, b=b)[0]

    tight = {"rtol": 1e-4, "atol": 1e-5} if dtype == jnp.float32 else {"rtol": 1e-7, "atol": 1e-9}
    x, pull = jax.vjp(x_of, q, b)
    gradients = pull(jnp.asarray(dx, dtype))
    expected = solution.vjp(np.asarray(jnp.asarray(dx, dtype), float))
    np.testing.assert_allclose(gradients[0], expected.q, **tight)
    np.testing.assert_allclose(gradients[1], expected.b, **tight)
    _, tangent = jax.jvp(x_of, (q, b), (jnp.asarray(dq, dtype), jnp.zeros_like(b)))
    dq = np.asarray(jnp.asarray(dq, dtype), float)
    np.testing.assert_allclose(tangent, solution.jvp(dq=dq).dx, **tight)
    assert x.dtype == gradients[0].dtype == tangent.dtype == dtype


def test_a_mode_is_its_own():
    """Two layers that differ in it alone do not take each other's derivative."""
    gradients = []
    for settings in ({}, {"derivative_mode": "smoothed", "smoothing": 0.1}) * 2:
        layer = ConeLayer(qc.Problem(P, A, CONES, **settings))
        gradients.append(jax.grad(lambda q, layer=layer: layer(q=q, b=B)[0][1])(jnp.asarray(Q[1])))
    np.testing.assert_array_equal(gradients[0], gradients[2])
    np.testing.assert_array_equal(gradients[1], gradients[3])
    assert np.abs(gradients[0] - gradients[1]).max() > 1e-3


def test_second_derivatives():
    """Least squares has them; a smoothed derivative would need that of its smoothing."""
    values = {}
    for mode in ("exact", "lsmr", "smoothed"):
        layer = ConeLayer(qc.Problem(np.eye(3), A, CONES, derivative_mode=mode))

        def f(P, layer=layer):
            return layer(q=Q[0], b=B, P=(P + P.T) / 2)[0][0]

        if mode == "smoothed":
            with pytest.raises(NotImplementedError, match="derivative_mode='smoothed'"):
                jax.hessian(f)(jnp.eye(3))
        else:
            values[mode] = jax.hessian(f)(jnp.eye(3))
    assert np.abs(values["exact"]).max() > 0.01
    np.testing.assert_allclose(values["lsmr"], values["exact"], atol=1e-8)
