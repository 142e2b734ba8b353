# SPDX-License-Identifier: Apache-2.0
"""Second derivatives of projections, against derivatives of what a projection is known to be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.func import hessian, jacrev

from quadcone import cones
from quadcone._cones import count_rows, read_cones
from quadcone._curvature import bend_projection

KINDS = [
    {"z": 2, "l": 3},
    {"q": [1, 2, 5], "l": 2},
    {"s": [1, 3, 5]},
    {"ep": 1},
    {"ed": 1},
    {"p": [0.5]},
    {"p": [0.2]},
    {"p": [0.97]},
    {"p": [-0.3]},
    {"p": [-0.6]},
    {"l": 1, "q": [3], "s": [2], "ep": 2, "ed": 1, "p": [0.3, -0.6, 0.5]},
]
SWEPT = [{"ep": 1}, {"p": [0.5]}, {"p": [0.3]}, {"p": [0.9]}]


@pytest.mark.parametrize("K", KINDS, ids=str)
def test_it_is_the_difference_of_first_derivatives(K):
    codes = read_cones(K)
    v, b, a = np.random.default_rng(1).standard_normal((3, 300, count_rows(codes)))
    step = 1e-5
    ends = [cones.project_derivative(v + k * step * b, a, K) for k in (1, -1)]
    error = np.abs(bend_projection(codes, v, b, a) - (ends[0] - ends[1]) / (2 * step)).max(1)
    # The differences are of order step^2, but near kinks and beyond.
    assert np.median(error) <= 2e-9
    assert np.quantile(error, 0.95) <= 1e-6


@pytest.mark.parametrize("K", KINDS, ids=str)
def test_it_is_symmetric(K):
    """As the second derivative, and as that of a gradient."""
    codes = read_cones(K)
    v, a, b, c = np.random.default_rng(2).standard_normal((4, 300, count_rows(codes)))
    ab, ba = bend_projection(codes, v, a, b), bend_projection(codes, v, b, a)
    np.testing.assert_allclose(ab, ba, rtol=1e-12, atol=1e-12)
    ac = bend_projection(codes, v, a, c)
    np.testing.assert_allclose((ab * c).sum(1), (ac * b).sum(1), rtol=1e-10, atol=1e-10)


def swept(K, t):
    """A ray of the boundary of K, and that of its polar cone."""
    if "ep" in K:
        p = torch.stack([t, torch.ones_like(t), t.exp()])
        n = torch.stack([torch.ones_like(t), 1.0 - t, -(-t).exp()])
    else:
        a = K["p"][0]
        x, y = ((1.0 - a) * t).exp(), (-a * t).exp()
        p = torch.stack([x, y, torch.ones_like(t)])
        n = torch.stack([-a / x, -(1.0 - a) / y, torch.ones_like(t)])
    return p / p.norm(), n / n.norm()


@pytest.mark.parametrize(
    "lengths", [(1.0, 1.0), (1e-5, 1.0), (1.0, 1e-5), (1e-12, 1.0), (1.0, 1e-12)]
)
@pytest.mark.parametrize("t", [-12.0, -3.0, -0.1, 1.0, 7.0])
@pytest.mark.parametrize("K", SWEPT, ids=str)
def test_it_follows_from_known_pairs(K, t, lengths):
    """Of s = S p(t) and v = s + T n(t):  s_ij = D v_ij + D'[v_i] v_j, up to both boundaries."""

    def pair(u):
        p, n = swept(K, u[2])
        return torch.stack([u[0] * p + u[1] * n, u[0] * p])

    u = torch.tensor([*lengths, t], dtype=torch.float64)
    v, _ = pair(u).numpy()
    (dv, ds), (ddv, dds) = jacrev(pair)(u).numpy(), hessian(pair)(u).numpy()
    p, n = (part.numpy() for part in swept(K, u[2]))
    b = np.cross(p, n)
    # D by its eigenvectors, as the columns of dv may be short.
    D = np.outer(p, p) + ds[:, 2] @ b / (dv[:, 2] @ b) * np.outer(b, b)
    size = 1.0 + np.abs(bend_projection(read_cones(K), v, b, b)).max()
    for i in range(3):
        for j in range(3):
            found = bend_projection(read_cones(K), v, dv[:, i], dv[:, j])
            expected = dds[:, i, j] - D @ ddv[:, i, j]
            atol = 1e-10 * np.abs(expected).max() + 1e-14 * size
            np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("K", KINDS, ids=str)
@pytest.mark.parametrize("power", [900, -900])
def test_it_scales(K, power):
    """The projection of h v is h times that of v."""
    codes = read_cones(K)
    v, b, a = np.random.default_rng(3).standard_normal((3, 50, count_rows(codes)))
    one = bend_projection(codes, v, b, a)
    scaled = np.ldexp(bend_projection(codes, np.ldexp(v, power), b, a), power)
    np.testing.assert_allclose(scaled, one, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("K", "v"),
    [
        ({"ep": 1}, [-1.0, 1.0, 1.0]),
        ({"ep": 1}, [1.0, 1.0, -3.0]),
        ({"ep": 1}, [-1.0, -1.0, 1.0]),
        ({"ep": 1}, [-1.0, -1.0, -1.0]),
        ({"ep": 1}, [0.0, 0.0, 0.0]),
        ({"ed": 1}, [-1.0, 0.0, 2.0]),
        ({"ed": 1}, [0.0, 0.0, 0.0]),
        ({"p": [0.3]}, [1.0, 1.0, 0.5]),
        ({"p": [0.3]}, [-1.0, -1.0, 0.5]),
        ({"p": [0.3]}, [0.0, 0.0, 0.0]),
        ({"p": [0.3]}, [1.0, -1.0, 0.0]),
        ({"p": [-0.3]}, [1.0, 1.0, 0.5]),
    ],
    ids=str,
)
def test_it_is_zero_where_the_projection_is_linear(K, v):
    """In the cone, in its polar cone, at a face; and at the apex, where there is none."""
    b, a = np.random.default_rng(4).standard_normal((2, 3))
    assert not bend_projection(read_cones(K), np.array(v), b, a).any()


def test_a_power_cone_of_one_half_is_smooth_where_its_third_row_is_zero():
    """There both of what is compared tend to zero, and their quotient to 1."""
    b, a = np.random.default_rng(5).standard_normal((2, 3))
    near, nearer, at = (
        bend_projection(read_cones({"p": [0.5]}), np.array([1.0, -2.0, z]), b, a)
        for z in (1e-10, 1e-250, 0.0)
    )
    assert np.abs(at).max() > 0.01
    np.testing.assert_allclose(near, at, atol=1e-9)
    np.testing.assert_allclose(nearer, at, atol=1e-15)


def test_vectors_are_broadcast():
    codes = read_cones(KINDS[-1])
    rng = np.random.default_rng(6)
    v, b, a = (rng.standard_normal((*shape, count_rows(codes))) for shape in ((4,), (2, 1), ()))
    found = bend_projection(codes, v, b, a)
    assert found.shape == (2, 4, len(a))
    for i in range(2):
        for j in range(4):
            np.testing.assert_allclose(
                found[i, j], bend_projection(codes, v[j], b[i, 0], a), atol=1e-13
            )
