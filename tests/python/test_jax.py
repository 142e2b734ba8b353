# SPDX-License-Identifier: Apache-2.0
"""The layers in JAX: values, types, failures, and what becomes of solvers."""

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
from jax_support import NAMES, STATUSES, arguments, calls, check_derivatives, close
from jax_support import x64 as x64
from support import feasible

import quadcone as qc
from quadcone import _core
from quadcone.jax import ConeLayer, qp


@pytest.fixture
def only_float32(x64):
    jax.config.update("jax_enable_x64", False)


@pytest.fixture
def data():
    return feasible(np.random.default_rng(7), 5, 2, 4).one(0)


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
    assert np.array_equal(ours.iterations, expected.iterations)
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
        z, *_, status, _ = qp(*values, full=True)
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
        ({"b": jax.random.key(0)}, TypeError, r"b has dtype key.*, expected real numbers"),
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
