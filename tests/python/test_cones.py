# SPDX-License-Identifier: Apache-2.0
"""quadcone.cones: projections by what defines them, derivatives by differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import quadcone as qc
from quadcone import cones

KINDS = [
    {"z": 3},
    {"l": 4},
    {"q": [1]},
    {"q": [2]},
    {"q": [7]},
    {"s": [1]},
    {"s": [2]},
    {"s": [4]},
    {"ep": 1},
    {"ed": 1},
    {"p": [0.5]},
    {"p": [0.2]},
    {"p": [0.97]},
    {"p": [-0.2]},
    {"p": [-0.75]},
]
MIXED = {"z": 2, "l": 3, "q": [4, 1], "s": [3], "ep": 2, "ed": 1, "p": [0.3, -0.6]}


def rows(K):
    triangle = sum(k * (k + 1) // 2 for k in K.get("s", []))
    threes = 3 * (K.get("ep", 0) + K.get("ed", 0) + len(K.get("p", [])))
    return K.get("z", 0) + K.get("l", 0) + sum(K.get("q", [])) + triangle + threes


# The largest entry is at any scale, others at any scale below, or zero.
entries = st.one_of(
    st.just(0.0),
    st.floats(-1.0, 1.0, allow_subnormal=False),
    st.builds(
        lambda a, e: a * 10.0**e,
        st.sampled_from([-1.0, 1.0]) | st.floats(-1.0, 1.0, allow_subnormal=False),
        st.integers(-30, 0),
    ),
)
scales = st.sampled_from([1.0, 1e-150, 1e150, 1e-250, 1e300])


@st.composite
def vectors(draw, K):
    v = np.array(draw(st.lists(entries, min_size=rows(K), max_size=rows(K))))
    return v * draw(scales)


def smallest_eigenvalue(lower):
    """Of the matrix whose lower triangle is stacked by columns, off the diagonal times sqrt(2)."""
    k = int((np.sqrt(8 * len(lower) + 1) - 1) / 2)
    M = np.zeros((k, k))
    M.T[np.triu_indices(k)] = lower
    M = np.where(np.eye(k) == 1, M, M / np.sqrt(2))
    return np.linalg.eigvalsh(M)[0]


def in_exponential(x, y, z, slack):
    """Whether a point at most about `slack` away is in the exponential cone."""
    x, y, z = x - 2 * slack, y + slack, z + 3 * slack
    return y > 0 and z > 0 and y * np.log(z / y) >= x


def in_power(x, y, z, alpha, slack):
    x, y = x + slack, y + slack
    return x > 0 and y > 0 and x**alpha * y ** (1 - alpha) >= abs(z)


def is_member(s, K, slack, dual):
    [(key, value)] = K.items()
    if key == "z":
        return dual or not s.any()
    if key == "l":
        return s.min() >= -slack
    if key == "q":
        return s[0] >= np.linalg.norm(s[1:]) - slack
    if key == "s":
        return smallest_eigenvalue(s) >= -slack
    if key == "p":
        alpha = abs(value[0])
        if dual == (value[0] > 0):
            s = s / [alpha, 1 - alpha, 1.0]
            slack = slack / min(alpha, 1 - alpha)
        return in_power(*s, alpha, slack)
    if dual == (key == "ep"):
        u, v, w = s
        return in_exponential(u - v, -u, w, slack)
    return in_exponential(*s, slack)


@pytest.mark.parametrize("K", KINDS, ids=str)
@given(data=st.data())
def test_projection_is_moreaus(K, data):
    v = data.draw(vectors(K))
    s = cones.project(v, K)
    top = np.abs(v).max()
    if top == 0.0:
        assert not s.any()
        return
    s, y = s / top, (s - v) / top
    assert is_member(s, K, 1e-12, dual=False)
    assert is_member(y, K, 1e-12, dual=True)
    assert abs(s @ y) <= 1e-12


@pytest.mark.parametrize("K", KINDS, ids=str)
@given(data=st.data())
def test_projection_on_the_dual_is_moreaus(K, data):
    v = data.draw(vectors(K))
    s = cones.project(v, K, dual=True)
    top = max(np.abs(v).max(), 1e-300)
    s, y = s / top, (s - v) / top
    assert is_member(s, K, 1e-12, dual=True)
    assert is_member(y, K, 1e-12, dual=False)


@pytest.mark.parametrize("K", KINDS, ids=str)
@given(data=st.data())
def test_points_of_the_cone_and_of_its_polar(K, data):
    v = data.draw(vectors(K))
    top = np.abs(v).max()
    s = cones.project(v, K)
    np.testing.assert_allclose(cones.project(s, K), s, rtol=0, atol=1e-13 * top)
    np.testing.assert_allclose(cones.project(v - s, K), 0, rtol=0, atol=1e-13 * top)


@pytest.mark.parametrize("K", [{"ep": 1}, {"p": [0.5]}, {"p": [0.2]}, {"q": [3]}], ids=str)
@given(data=st.data())
def test_projection_is_that_of_known_pairs(K, data):
    """From a point of the boundary, and an outward normal there."""
    t = data.draw(st.floats(-30, 30))
    S, T = (10.0 ** data.draw(st.integers(-8, 8)) for _ in range(2))
    if "ep" in K:
        p, n = np.array([t, 1, np.exp(t)]), np.array([1, 1 - t, -np.exp(-t)])
    elif "p" in K:
        a = K["p"][0]
        x, y = np.exp((1 - a) * t), np.exp(-a * t)
        p, n = np.array([x, y, -1]), np.array([-a / x, -(1 - a) / y, -1])
    else:
        p, n = np.array([1, np.cos(t), np.sin(t)]), np.array([-1, np.cos(t), np.sin(t)])
    s, left = S * p / np.linalg.norm(p), T * n / np.linalg.norm(n)
    v = s + left
    np.testing.assert_allclose(cones.project(v, K), s, rtol=0, atol=1e-12 * np.abs(v).max())


@pytest.mark.parametrize("K", KINDS, ids=str)
def test_derivative_is_the_difference(K):
    rng = np.random.default_rng(1)
    h = 1e-6
    v, d = rng.standard_normal((2, 300, rows(K)))
    up, at, down = (cones.project(v + t * d, K) for t in (h, 0.0, -h))
    kink = np.abs(up - 2 * at + down).max(axis=1) > 1e-3 * h
    assert kink.mean() < 0.02
    for dual in (False, True):
        got = cones.project_derivative(v, d, K, dual=dual)
        up, down = (cones.project(v + t * d, K, dual=dual) for t in (h, -h))
        smooth = ~kink if not dual else np.ones(300, bool)
        if dual:
            kink_dual = np.abs(up - 2 * cones.project(v, K, dual=True) + down).max(axis=1)
            smooth = kink_dual <= 1e-3 * h
        np.testing.assert_allclose(got[smooth], ((up - down) / (2 * h))[smooth], atol=2e-3)


@pytest.mark.parametrize("K", KINDS, ids=str)
@given(data=st.data())
def test_derivative_is_a_symmetric_contraction(K, data):
    v = data.draw(vectors(K))
    m = rows(K)
    D = cones.project_derivative(np.tile(v, (m, 1)), np.eye(m), K)
    np.testing.assert_allclose(D, D.T, atol=1e-12)
    eigenvalues = np.linalg.eigvalsh(D)
    assert eigenvalues[0] >= -1e-12 and eigenvalues[-1] <= 1 + 1e-12
    s = cones.project(v, K)
    np.testing.assert_allclose(D @ v, s, rtol=0, atol=1e-12 * np.abs(v).max())


def test_batch_is_its_problems():
    rng = np.random.default_rng(2)
    v, d = rng.standard_normal((2, 13, rows(MIXED)))
    s, Dd = cones.project(v, MIXED), cones.project_derivative(v, d, MIXED)
    for k in range(len(v)):
        np.testing.assert_array_equal(cones.project(v[k], MIXED), s[k])
        np.testing.assert_array_equal(cones.project_derivative(v[k], d[k], MIXED), Dd[k])


def test_product_is_its_cones():
    v = np.random.default_rng(3).standard_normal(rows(MIXED))
    one_by_one = [{"z": 2}, {"l": 3}, {"q": [4]}, {"q": [1]}, {"s": [3]}, {"ep": 2}, {"ed": 1}]
    one_by_one += [{"p": [0.3]}, {"p": [-0.6]}]
    parts, row = [], 0
    for K in one_by_one:
        parts.append(cones.project(v[row : row + rows(K)], K))
        row += rows(K)
    np.testing.assert_array_equal(np.concatenate(parts), cones.project(v, MIXED))


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_poison_stays_in_its_cone(poison):
    K = {"l": 2, "q": [3], "s": [2], "ep": 1, "p": [0.4]}
    v = np.random.default_rng(4).standard_normal((3, rows(K)))
    clean = cones.project(v, K), cones.project_derivative(v, v, K)
    for row, end in [(0, 2), (2, 5), (5, 8), (8, 11), (11, 14)]:
        bad = v.copy()
        bad[1, row] = poison
        got = cones.project(bad, K), cones.project_derivative(bad, bad, K)
        for a, b in zip(got, clean, strict=True):
            assert np.isnan(a[1, row:end]).all()
            a[1, row:end] = b[1, row:end]
            np.testing.assert_array_equal(a, b)


def test_small_things():
    assert qc.cones is cones
    assert cones.project([-1, 2, 3], {"l": 3}).tolist() == [0.0, 2.0, 3.0]  # integers, a list
    assert cones.project(np.ones((0, 3)), {"ep": 1}).shape == (0, 3)
    assert cones.project([], {}).shape == (0,)
    v = np.ones(6)[::2]
    np.testing.assert_array_equal(cones.project(v, {"z": 3}), np.zeros(3))
    np.testing.assert_array_equal(cones.project(v, {"z": 3}, dual=True), v)


def test_errors():
    with pytest.raises(ValueError, match=r"v has shape \(4,\), expected \(3,\) or \(batch, 3\)"):
        cones.project(np.zeros(4), {"ep": 1})
    with pytest.raises(ValueError, match=r"v has shape \(2, 2, 3\)"):
        cones.project(np.zeros((2, 2, 3)), {"ep": 1})
    with pytest.raises(ValueError, match=r"dv has shape \(3,\), expected \(1, 3\) as v"):
        cones.project_derivative(np.zeros((1, 3)), np.zeros(3), {"ep": 1})
    with pytest.raises(TypeError, match="v has dtype"):
        cones.project(np.zeros(3, complex), {"ep": 1})
    with pytest.raises(ValueError, match="cones has key 'k'"):
        cones.project(np.zeros(3), {"k": 1})
    with pytest.raises(ValueError, match=r"cones\['p'\]\[0\] is 1.0"):
        cones.project(np.zeros(3), {"p": [1.0]})
