# SPDX-License-Identifier: Apache-2.0
"""The layers in JAX: derivatives, and vmap."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sp
from conic import CONES, conic
from jax_support import NAMES, arguments, calls, check_derivatives, close, everything
from jax_support import x64 as x64
from regular import regular
from support import feasible

import quadcone as qc
from quadcone.jax import ConeLayer, qp


@pytest.fixture
def data():
    return feasible(np.random.default_rng(7), 5, 2, 4).one(0)


# --------------------------------------------------------------------------------------------------
# Derivatives


@pytest.mark.parametrize("batched", [(), NAMES, ("q",), ("Q", "h"), ("G", "b"), ("A", "h")])
def test_first_and_second_derivatives(batched):
    """Forward and reverse, of both again, with respect to all arguments, of all outputs."""
    values = arguments(n=3, p=1, m=2, batch=2, batched=batched)
    check_derivatives(everything, values)


@pytest.mark.parametrize("batched", ["", "q", "PA", "PqAb"])
def test_agrees_with_numpy_derivatives(data, batched):
    noise = np.random.default_rng(0)
    values = {}
    for name in "PqAb":
        one = getattr(data, name) + (np.eye(5) if name == "P" else 0.0)
        changes = 0.01 * noise.standard_normal((3, *one.shape))
        changes = changes + changes.swapaxes(1, 2) if name == "P" else changes
        values[name] = one + changes if name in batched else one
    problem = qc.Problem(values["P"], values["A"], data.cones)
    solution = problem.solve(values["q"], values["b"])
    layer = ConeLayer(problem)

    def run(values):
        return layer(**values)

    outputs, pull = jax.vjp(run, values)
    assert np.array_equal(outputs[0], solution.x)
    g = [noise.standard_normal(output.shape) for output in outputs]
    assert close(pull(tuple(jnp.asarray(v) for v in g))[0], solution.vjp(*g)._asdict())
    tangents = {name: noise.standard_normal(value.shape) for name, value in values.items()}
    tangents["P"] = tangents["P"] + tangents["P"].swapaxes(-1, -2)
    _, ours = jax.jvp(run, (values,), (tangents,))
    assert close(ours, solution.jvp(*(tangents[name] for name in "PqAb")))


def test_other_cones():
    """First derivatives as in NumPy, of a batch."""
    rng = np.random.default_rng(0)
    data = conic(rng, 12, CONES["all"], batch=3)
    solution = data.solve()
    layer = ConeLayer(qc.Problem(data.P, data.A, CONES["all"]))
    outputs, pull = jax.vjp(layer, data.q, data.b)
    assert np.array_equal(outputs[1], solution.y)
    g = [rng.standard_normal(output.shape) for output in outputs]
    gradients = solution.vjp(*g)
    assert close(pull(tuple(map(jnp.asarray, g))), (gradients.q, gradients.b))
    dq, db = rng.standard_normal(data.q.shape), rng.standard_normal(data.b.shape)
    _, tangents = jax.jvp(layer, (data.q, data.b), (dq, db))
    assert close(tangents, solution.jvp(dq=dq, db=db))


@pytest.mark.parametrize(
    "cones",
    [{"l": 1, "q": [3]}, {"s": [2]}, {"z": 1, "ep": 1}, {"ed": 1, "p": [0.4, -0.7]}],
    ids=str,
)
def test_second_derivatives_of_other_cones(cones):
    """Forward and reverse, of both again, with respect to all arguments, of all outputs."""
    data = regular(np.random.default_rng(0), 6, cones)
    layer = ConeLayer(qc.Problem(data.P, data.A, cones))
    P, q, A, b = data.values
    check_derivatives(lambda P, q, A, b: layer(q, b, (P + P.T) / 2, A), (P, q, A, b))


def exponential(b):
    """max x with (x, 1, z) in the exponential cone, z = b:  log b, if there is one."""
    layer = ConeLayer(qc.Problem(None, -np.array([[1.0], [0.0], [0.0]]), {"ep": 1}))
    q, side = jnp.array([-1.0], b.dtype), jnp.array([0.0, 1.0, 0.0], b.dtype).at[2].set(b)
    return layer(q, side)[0][0]


def test_hessian_of_a_logarithm():
    """Mapped, compiled, in float32, and beside a problem without a solution."""
    points = jnp.array([0.5, 2.0, -1.0])
    second = jax.vmap(jax.hessian(exponential))
    for run in (second, jax.jit(second), jax.vmap(jax.grad(jax.grad(exponential)))):
        found = run(points)
        assert np.allclose(found[:2], -1 / points[:2] ** 2, rtol=1e-9)
    found = jax.hessian(exponential)(np.float32(2.0))
    assert found.dtype == np.float32 and np.allclose(found, -0.25, rtol=1e-5)
    with pytest.raises(NotImplementedError, match="third derivatives"):
        jax.grad(jax.hessian(exponential))(2.0)


@pytest.mark.parametrize("batched", [False, True])
def test_sparse_values(data, batched):
    rng = np.random.default_rng(0)
    P = sp.csc_array(np.diag(rng.uniform(1.0, 2.0, 5)))
    A = sp.csc_array(np.where(rng.random(data.A.shape) < 0.7, data.A, 0.0))
    q, b = -P @ data.x - A.T @ data.y, A @ data.x + data.s
    problem = qc.Problem(P, A, data.cones)
    layer = ConeLayer(problem)
    P, A = P.data, A.data
    if batched:
        P, A = np.stack([P, 1.01 * P]), np.stack([A, 1.001 * A])
    check_derivatives(layer, (q, b, P, A))
    _, pull = jax.vjp(layer, q, b, P, A)
    g = rng.standard_normal((2, 5) if batched else 5)
    zero = np.zeros((2, 6) if batched else 6)
    gradients = problem.solve(q, b, P, A).vjp(g)
    assert close(pull((g, zero, zero)), (gradients.q, gradients.b, gradients.P, gradients.A))


def test_jacobians_agree():
    values = arguments(batched=())
    every = tuple(range(6))
    forward, reverse = (kind(qp, every)(*values) for kind in (jax.jacfwd, jax.jacrev))
    for k in range(1, 6):
        assert close(forward[k], reverse[k])
    assert close(forward[0] + forward[0].swapaxes(1, 2), 2 * reverse[0])


def test_hessians_agree():
    """Forward over reverse, reverse over forward, and both over themselves."""
    values = arguments(batched=())

    def loss(q, A):
        return jnp.sum(jnp.sin(qp(values[0], q, *values[2:4], A, values[5])))

    kinds = (jax.jacfwd, jax.jacrev)
    results = [
        jax.jit(outer(inner(loss, (0, 1)), (0, 1)))(values[1], values[4])
        for outer in kinds
        for inner in kinds
    ]
    for other in results[1:]:
        assert close(other, results[0])
    assert close(jax.hessian(loss)(values[1], values[4]), results[0][0][0])


def test_implicit_function_of_a_learned_layer():
    """A step of a training loop, compiled as a whole: one solve, one adjoint, nothing again."""
    values = arguments(batched=("q",))

    @jax.jit
    def step(G, h):
        return jax.value_and_grad(
            lambda G, h: jnp.mean(qp(*values[:2], G, h, *values[4:]) ** 2), (0, 1)
        )(G, h)

    step(*values[2:4])
    assert calls(lambda: step(*values[2:4])) == (1, 0, 1, 0)


def test_without_derivatives():
    values = arguments()
    gradient = jax.grad(lambda q: qp(values[0], q, *values[2:], derivatives=False).sum())
    assert not np.any(gradient(values[1]))


# --------------------------------------------------------------------------------------------------
# vmap


def test_vmap_over_nothing():
    with pytest.raises(ValueError, match="vmap maps over a dimension of size 0"):
        jax.vmap(lambda q: qp(jnp.eye(2), q))(jnp.zeros((0, 2)))


@pytest.mark.parametrize(
    "mapped", [NAMES, ("q",), ("Q",), ("A", "b"), ("G",), ("h", "b"), ("Q", "G")], ids="".join
)
def test_vmap_is_one_call(mapped):
    values = arguments(batched=mapped)
    axes = tuple(0 if name in mapped else None for name in NAMES)
    run = jax.vmap(qp, axes)
    loop = jnp.stack(
        [
            qp(*(v[k] if axis == 0 else v for v, axis in zip(values, axes, strict=True)))
            for k in range(3)
        ]
    )
    assert close(run(*values), loop)
    assert np.array_equal(run(*values), qp(*values))
    assert calls(lambda: run(*values)) == (1, 0, 0, 0)
    assert calls(lambda: jax.jit(run)(*values)) == (1, 0, 0, 0)


@pytest.mark.parametrize("mapped", [("q",), ("G", "b"), NAMES], ids="".join)
def test_vmap_of_gradients(mapped):
    """A gradient for every problem, of what the batch shares too; and the other way round, sums."""
    values = arguments(batched=mapped)
    axes = tuple(0 if name in mapped else None for name in NAMES)
    every = tuple(range(6))

    def loss(*values):
        return jnp.sum(jnp.sin(qp(*values)))

    each = jax.vmap(jax.grad(loss, every), axes)
    single = [
        jax.grad(loss, every)(
            *(v[k] if axis == 0 else v for v, axis in zip(values, axes, strict=True))
        )
        for k in range(3)
    ]
    stacked = [jnp.stack(parts) for parts in zip(*single, strict=True)]
    assert close(each(*values), stacked)
    assert calls(lambda: each(*values)) == (1, 0, 1, 0)
    whole = jax.grad(lambda *values: jnp.sum(jax.vmap(loss, axes)(*values)), every)(*values)
    summed = [s if axis == 0 else s.sum(0) for s, axis in zip(stacked, axes, strict=True)]
    assert close(whole, summed)


def test_nested_vmap_and_other_axes():
    Q, q, G, h, A, b = arguments(batched=())
    qs = q + 0.01 * np.random.default_rng(0).standard_normal((2, 3, 4))
    hs = h + 0.01 * np.random.default_rng(1).standard_normal((3, 3))

    def solve(q, h):
        return qp(Q, q, G, h, A, b)

    nested = jax.vmap(jax.vmap(solve), (0, None))
    expected = jnp.stack([jnp.stack([solve(qs[i, j], hs[j]) for j in range(3)]) for i in range(2)])
    assert close(nested(qs, hs), expected)
    assert calls(lambda: nested(qs, hs)) == (1, 0, 0, 0)
    other = jax.vmap(jax.vmap(solve, (1, None), 1), (0, None), 1)(qs.swapaxes(1, 2)[:, :, :], hs[0])
    again = jax.vmap(jax.vmap(solve, (0, None)), (0, None))(qs, hs[0])
    assert close(other, jnp.transpose(again, (2, 0, 1)))
    mixed = jax.vmap(lambda q, A: qp(Q, q, G, h, A, b), (0, 0))(qs, jnp.stack([A, 1.01 * A]))
    assert close(mixed[1], qp(Q, qs[1], G, h, 1.01 * A, b))


def test_jacobians_of_a_batch_are_one_call():
    values = arguments(batched=("q",))

    def jacobians(kind):
        return jax.vmap(kind(lambda q: qp(values[0], q, *values[2:])))(values[1])

    assert close(jacobians(jax.jacfwd), jacobians(jax.jacrev))
    assert calls(lambda: jacobians(jax.jacfwd)) == (1, 1, 0, 0)
    assert calls(lambda: jacobians(jax.jacrev)) == (1, 0, 1, 0)
    hessians = jax.vmap(jax.hessian(lambda q: jnp.sum(qp(values[0], q, *values[2:]) ** 3)))
    one = jax.hessian(lambda q: jnp.sum(qp(values[0], q, *values[2:]) ** 3))(values[1][1])
    assert close(hessians(values[1])[1], one)


def test_batches_of_one():
    values = arguments(batched=("q",))
    stretched = [v if name == "q" else v[None] for name, v in zip(NAMES, values, strict=True)]
    assert np.array_equal(qp(*stretched), qp(*values))
    gradient = jax.grad(lambda G: jnp.sum(qp(*stretched[:2], G, *stretched[3:])))(stretched[2])
    assert gradient.shape == (1, 3, 4)
