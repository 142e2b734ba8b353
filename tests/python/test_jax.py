# SPDX-License-Identifier: Apache-2.0
"""The layers in JAX: values, derivatives, batches, types, failures."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sp
from support import feasible

import quadcone as qc
from quadcone import _core
from quadcone.jax import ConeLayer, qp

NAMES = ("Q", "q", "G", "h", "A", "b")
STATUSES = list(qc.Status)


@pytest.fixture(autouse=True)
def x64():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.fixture
def only_float32(x64):
    jax.config.update("jax_enable_x64", False)


@pytest.fixture
def data():
    return feasible(np.random.default_rng(7), 5, 2, 4).one(0)


def arguments(n=4, p=2, m=3, batch=3, seed=0, batched=NAMES):
    """Q, q, G, h, A, b near one problem; those in `batched` have a batch dimension and differ."""
    rng = np.random.default_rng(seed)
    one = feasible(rng, n, p, m).one(0)
    values = {
        "Q": one.P + np.eye(n),
        "q": one.q - one.x,
        "G": one.A[p:],
        "h": one.b[p:],
        "A": one.A[:p],
        "b": one.b[:p],
    }
    for name in batched:
        noise = 0.01 * rng.standard_normal((batch, *values[name].shape))
        values[name] = values[name] + (noise + noise.swapaxes(1, 2) if name == "Q" else noise)
    return [jnp.asarray(values[name]) for name in NAMES]


def everything(Q, q, G, h, A, b):
    """All outputs; finite differences move one entry of Q at a time."""
    return qp((Q + Q.swapaxes(-1, -2)) / 2, q, G, h, A, b, full=True)[:4]


def along(values, direction, step):
    return [v + step * d for v, d in zip(values, direction, strict=True)]


def dot(left, right):
    return sum(jnp.vdot(u, v) for u, v in zip(left, right, strict=True))


def check_derivatives(f, values, step=1e-6, tolerance=1e-6):
    """First and second derivatives along random directions, in all modes.

    Forward ones against central differences; reverse ones by <g, D t> = <D'g, t>.
    """
    rng = np.random.default_rng(1)
    values = [jnp.asarray(v) for v in values]
    first, second = ([rng.standard_normal(v.shape) for v in values] for _ in range(2))
    g = tuple(jnp.asarray(rng.standard_normal(v.shape)) for v in jax.eval_shape(f, *values))

    def forward(*values):
        return jax.jvp(f, values, tuple(first))[1]

    def reverse(*values):
        return jax.vjp(f, *values)[1](g)

    @jax.jit
    def run(*values):
        return {
            "f": f(*values),
            "forward": forward(*values),
            "reverse": reverse(*values),
            "forward of forward": jax.jvp(forward, values, tuple(second))[1],
            "forward of reverse": jax.jvp(reverse, values, tuple(second))[1],
            "reverse of forward": jax.vjp(forward, *values)[1](g),
            "reverse of reverse": jax.vjp(reverse, *values)[1](tuple(first)),
        }

    def difference(name, direction):
        above, below = (run(*along(values, direction, h))[name] for h in (step, -step))
        return [(u - v) / (2 * step) for u, v in zip(above, below, strict=True)]

    here = run(*values)
    assert close(here["forward"], difference("f", first), tolerance)
    assert close(dot(here["reverse"], first), dot(here["forward"], g))
    curved = here["forward of forward"]
    assert dot(curved, curved) > 0
    assert close(curved, difference("forward", second), tolerance)
    assert close(here["forward of reverse"], difference("reverse", second), tolerance)
    for name in ("reverse of forward", "reverse of reverse"):
        assert close(dot(here[name], second), dot(curved, g))


def calls(run):
    """(solves, tangents, adjoints, solved again) that it made handlers do."""
    before = _core.ffi_counts()
    jax.block_until_ready(run())
    return tuple(np.subtract(_core.ffi_counts(), before).tolist())


def close(ours, expected, tolerance=1e-9):
    pairs = zip(jax.tree.leaves(ours), jax.tree.leaves(expected), strict=True)
    return all(np.allclose(x, y, rtol=tolerance, atol=tolerance) for x, y in pairs)


# --------------------------------------------------------------------------------------------------
# Values


@pytest.mark.parametrize("batched", [(), ("q",), NAMES])
def test_agrees_with_numpy(batched):
    """To the last bit: it is the same computation."""
    Q, q, G, h, A, b = arguments(batched=batched)
    ours = qp(Q, q, G, h, A, b, full=True)
    rows, sides = jnp.concatenate((A, G), -2), jnp.concatenate((b, h), -1)
    expected = qc.solve(Q, q, rows, sides, {"z": 2, "l": 3})
    assert np.array_equal(ours.z, expected.x)
    assert np.array_equal(jnp.concatenate((ours.nu, ours.lam), -1), expected.y)
    assert np.array_equal(ours.slack, expected.s[..., 2:])
    assert np.array_equal(np.atleast_1d(ours.status), expected.codes)
    assert np.array_equal(jax.jit(qp)(Q, q, G, h, A, b), expected.x)


@pytest.mark.parametrize("absent", ["Gh", "Ab", "GhAb"])
def test_absent_constraints(absent):
    given = dict(zip(NAMES, arguments(batched=("q",)), strict=True))
    given |= dict.fromkeys(absent)
    z = qp(**given)
    assert z.shape == (3, 4)
    if absent == "GhAb":
        assert close(z, jnp.linalg.solve(given["Q"], -given["q"].T).T)

    def solve(q, Q):
        return (qp(**{**given, "q": q, "Q": (Q + Q.T) / 2}),)

    check_derivatives(solve, (given["q"], given["Q"]))
    each = jax.vmap(jax.jacrev(solve), (0, None))(given["q"], given["Q"])
    assert close(each, jax.vmap(jax.jacfwd(solve), (0, None))(given["q"], given["Q"]))


def test_numbers_of_all_kinds():
    eye = np.eye(2, dtype=np.int64)
    z = qp(eye, [-3.0, 1.0], -eye, np.zeros(2, dtype=bool))
    assert z.dtype == jnp.float64
    assert z.tolist() == [3.0, 0.0]
    for dtype in (jnp.float16, jnp.bfloat16, jnp.float32):
        assert qp(eye, jnp.array([-3.0, 1.0], dtype), -eye, np.zeros(2, int)).dtype == dtype


@pytest.mark.parametrize("batched", [(), NAMES, ("q", "h")])
def test_float32_without_float64(batched, only_float32):
    """Computed in float64 from the rounded values, and rounded once on the way back."""
    low = [jnp.asarray(np.asarray(v), jnp.float32) for v in arguments(batched=batched)]
    z = qp(*low)
    assert z.dtype == jnp.float32
    Q, q, G, h, A, b = (np.asarray(v, np.float64) for v in low)
    size = (3,) if batched else ()
    A, G = (np.broadcast_to(v, (*size, *v.shape[-2:])) for v in (A, G))
    b, h = (np.broadcast_to(v, (*size, v.shape[-1])) for v in (b, h))
    rows, sides = np.concatenate((A, G), -2), np.concatenate((b, h), -1)
    Q = (Q + Q.swapaxes(-1, -2)) / 2
    solution = qc.solve(Q, q, rows, sides, {"z": 2, "l": 3})
    assert np.allclose(z, solution.x, rtol=2e-7, atol=2e-7)
    ours = jax.grad(lambda q: jnp.sum(qp(low[0], q, *low[2:]) ** 2))(low[1])
    expected = solution.vjp(2 * solution.x).q
    assert ours.dtype == jnp.float32
    assert np.allclose(ours, expected, rtol=1e-5, atol=1e-6)


def test_own_values_keep_their_bits_in_float32(only_float32):
    """A singular P in float64 would have a negative eigenvalue if it were rounded to float32."""
    root = np.random.default_rng(0).standard_normal((6, 2))
    problem = qc.Problem(root @ root.T, -np.eye(6), {"l": 6})
    q, b = np.ones(6, np.float32), np.zeros(6, np.float32)
    x, y, s = ConeLayer(problem)(q, b)
    expected = problem.solve(q, b)
    assert (x.dtype, y.dtype, s.dtype) == (jnp.float32,) * 3
    assert np.array_equal(x, expected.x.astype(np.float32))
    assert np.array_equal(y, expected.y.astype(np.float32))


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


# --------------------------------------------------------------------------------------------------
# Failures


def infeasible(k=1):
    """Three problems that share Q and G; z <= h and -z <= h have no z where h < 0."""
    G = jnp.concatenate((jnp.eye(2), -jnp.eye(2)))
    h = jnp.ones((3, 4)).at[k].set(-1.0)
    return jnp.eye(2), jnp.array([[0.5, 3.0], [0.1, 0.2], [-3.0, 0.0]]), G, h


def test_failures_are_nan_and_have_a_status():
    values = infeasible()
    for run in (qp, jax.jit(qp), jax.vmap(qp, (None, 0, None, 0))):
        assert np.isnan(run(*values)).all(1).tolist() == [False, True, False]
    solution = jax.jit(lambda *values: qp(*values, full=True))(*values)
    assert solution.status.dtype == jnp.int32
    names = [STATUSES[code] for code in solution.status]
    assert names == ["solved", "primal_infeasible", "solved"]
    assert np.isclose(solution.lam[1] @ values[3][1], -1.0)
    unbounded = jnp.zeros((2, 2)), jnp.array([1.0, 0.0]), -jnp.eye(2)[1:], jnp.zeros(1)
    assert np.isnan(qp(*unbounded)).all()
    assert STATUSES[qp(*unbounded, full=True).status] == "dual_infeasible"
    assert np.isclose(qp(*unbounded, full=True).z @ unbounded[1], -1.0)


def test_bad_values_have_a_status():
    Q, q, G, h = infeasible()
    h = h.at[1].set(jnp.nan)
    Q = jnp.stack([Q, Q, -Q])
    status = jax.jit(lambda *values: qp(*values, full=True).status)(Q, q, G, h)
    assert [STATUSES[code] for code in status] == ["solved", "b_not_finite", "P_not_convex"]


@pytest.mark.parametrize("on_failure", ["nan", "zero_gradient"])
def test_gradients_of_failures(on_failure):
    """NaN or zero for its own arguments; nothing for those that it shares."""
    values = infeasible()

    def loss(Q, q, G, h):
        return jnp.sum(qp(Q, q, G, h, on_failure=on_failure) ** 2)

    Q, q, G, h = jax.grad(loss, (0, 1, 2, 3))(*values)
    good = np.array([0, 2])
    rest = (values[0], values[1][good], values[2], values[3][good])
    Q_rest, q_rest, G_rest, h_rest = jax.grad(loss, (0, 1, 2, 3))(*rest)
    assert close((Q, q[good], G, h[good]), (Q_rest, q_rest, G_rest, h_rest))
    own = np.concatenate((q[1], h[1]))
    assert np.isnan(own).all() if on_failure == "nan" else not own.any()


def test_unused_failures_have_no_gradient():
    """A loss that looks at the statuses learns from the other problems."""
    values = infeasible()

    def loss(*values):
        z, *_, status = qp(*values, full=True)
        return jnp.sum(jnp.where(status[:, None] == 1, z, 0.0) ** 2)

    assert np.isfinite(loss(*values))
    gradients = jax.grad(loss, (0, 1, 2, 3))(*values)
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert not gradients[1][1].any() and gradients[1][0].any()


def test_raise():
    run = jax.jit(lambda *values: qp(*values, on_failure="raise"))
    with pytest.raises(Exception, match="1 of 3 problems have no solution; problem 1: "):
        jax.block_until_ready(run(*infeasible()))
    values = infeasible()
    assert run(*values[:3], jnp.ones((3, 4))).shape == (3, 2)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"q": np.ones(3)}, ValueError, r"q has shape \(3,\), expected \(4,\)"),
        ({"Q": np.ones((4, 3))}, ValueError, r"Q has shape \(4, 3\), expected \(3, 3\)"),
        ({"Q": np.ones(4)}, ValueError, r"Q has shape \(4,\), expected \(rows, columns\)"),
        ({"h": None}, ValueError, "G is given without h"),
        ({"q": np.ones((2, 4)), "h": np.ones((3, 3))}, ValueError, "h has a batch of 3, but q"),
        ({"q": None}, TypeError, "q is of type NoneType, expected an array"),
        ({"G": sp.csr_array(np.ones((3, 4)))}, TypeError, "G is a sparse matrix"),
        ({"b": np.ones(2) * 1j}, TypeError, "b has dtype complex128, expected real numbers"),
        ({"callback": print}, TypeError, "callback is given, but a compiled program"),
        ({"tolerance": 2.0}, ValueError, "tolerance is 2.0"),
    ],
)
def test_errors(changes, error, message):
    given = dict(zip(NAMES, arguments(batched=()), strict=True)) | changes
    with pytest.raises(error, match=message):
        qp(**given)


# --------------------------------------------------------------------------------------------------
# Solvers, threads, copies


def test_solves_again_where_the_solver_is_gone():
    """And gives the same bits."""
    values = arguments()
    _, pull = jax.vjp(qp, *values)
    expected = pull(jnp.ones((3, 4)))
    qc.clear_cache()
    again = pull(jnp.ones((3, 4)))
    assert calls(lambda: pull(jnp.ones((3, 4)))) == (0, 0, 1, 0)
    qc.clear_cache()
    assert calls(lambda: pull(jnp.ones((3, 4)))) == (0, 0, 1, 1)
    assert all(map(np.array_equal, again, expected))


def test_solvers_are_not_mixed_up():
    """Many solves before their derivatives, more than solvers are kept."""
    values = arguments(batched=())
    pulls = []
    for k in range(8):
        _, pull = jax.vjp(lambda q: qp(values[0], q, *values[2:]), values[1] * (1 + k))
        pulls.append(pull)
    for k, pull in reversed(list(enumerate(pulls))):
        one = jax.grad(lambda q: qp(values[0], q, *values[2:]).sum())(values[1] * (1 + k))
        assert np.array_equal(pull(jnp.ones(4))[0], one)


def test_threads():
    values = arguments(batch=40)
    step = jax.jit(jax.grad(lambda q: qp(values[0], q, *values[2:]).sum()))
    expected = [step(values[1] * (1 + k)) for k in range(6)]
    with ThreadPoolExecutor(4) as pool:
        for k, ours in enumerate(pool.map(lambda k: step(values[1] * (1 + k % 6)), range(60))):
            assert np.array_equal(ours, expected[k % 6])


@pytest.mark.parametrize("threads", [2, 3])
def test_number_of_threads_changes_nothing(threads):
    values = arguments(batch=50)
    one, other = (
        jax.grad(lambda q, k=k: qp(values[0], q, *values[2:], num_threads=k).sum())(values[1])
        for k in (1, threads)
    )
    assert np.array_equal(one, other)


def test_layer(data):
    problem = data.problem()
    layer = ConeLayer(problem)
    solution = layer.with_status(data.q, data.b)
    assert STATUSES[solution.status] == "solved"
    assert "n=5, m=6" in repr(layer)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert np.array_equal(other(data.q, data.b)[0], solution.x)
    with pytest.raises(TypeError, match="isa is a choice of Problem"):
        ConeLayer(problem, isa="auto")
    with pytest.raises(TypeError, match=r"expected a quadcone\.Problem"):
        ConeLayer("problem")


def test_choices_of_a_plan(data):
    """A plan that cannot be made is an error when the program is compiled."""
    for isa in _core.isa_names():
        x, _, _ = ConeLayer(data.problem(isa=isa, condense=False))(data.q, data.b)
        assert close(x, data.x, 1e-6)
    problem = qc.Problem(None, sp.csc_array(data.A), data.cones, condense=True)
    with pytest.raises(NotImplementedError, match="condense"):
        ConeLayer(problem)(data.q, data.b)


def test_another_process_runs_a_compiled_program(tmp_path):
    """A program holds its family, so it finds, or makes, its plan wherever it is loaded."""
    command = (
        "import jax, jax.numpy as jnp, quadcone.jax\n"
        "jax.config.update('jax_persistent_cache_min_compile_time_secs', 0)\n"
        "jax.config.update('jax_persistent_cache_min_entry_size_bytes', -1)\n"
        "q = jnp.array([-3.0, 1.0])\n"
        "print(jax.jit(quadcone.jax.qp)(jnp.eye(2), q, -jnp.eye(2), jnp.zeros(2)))"
    )
    environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(tmp_path)}
    stored = []
    for _ in range(2):
        run = subprocess.run(
            [sys.executable, "-c", command], capture_output=True, text=True, env=environment
        )
        assert run.stdout.split() == ["[3.", "0.]"]
        stored.append(sorted(path.name for path in tmp_path.glob("*-cache")))
    assert stored[0] == stored[1]
    assert any("qp" in name for name in stored[0])


def test_without_jit(data):
    layer = ConeLayer(data.problem())

    def loss(q):
        return jnp.sum(layer(q, data.b)[0] ** 2)

    expected = jax.grad(loss)(data.q)
    with jax.disable_jit():
        assert close(jax.grad(loss)(jnp.asarray(data.q)), expected)


def test_jax_is_not_imported_by_the_package():
    command = "import quadcone, sys; print('jax' in sys.modules, hasattr(quadcone, 'jax'))"
    run = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["False", "False"]


def test_what_to_do_without_jax():
    command = "import sys; sys.modules['jax'] = None; import quadcone.jax"
    run = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True)
    assert "pip install 'quadcone[jax]'" in run.stderr
