# SPDX-License-Identifier: Apache-2.0
"""What the tests of the layers in JAX have in common."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import QP_NAMES as NAMES
from support import layer_values

import quadcone as qc
from quadcone import _core
from quadcone.jax import qp

# Compiling is most of what these tests do, and their programs are small.
jax.config.update("jax_disable_most_optimizations", True)

STATUSES = list(qc.Status)


@pytest.fixture(autouse=True)
def x64():
    """JAX knows float64 in the tests of a module that imports this."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def arguments(n=4, p=2, m=3, batch=3, seed=0, batched=NAMES):
    """`layer_values` for JAX."""
    return [jnp.asarray(v) for v in layer_values(n, p, m, batch, seed, batched)]


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
