# SPDX-License-Identifier: Apache-2.0
"""OptNet's three theorems hold, at reduced size."""

from __future__ import annotations

import pytest
import torch

from examples.common.context import Context
from examples.theorems import page
from examples.theorems.run import circle, odd_remainder, run


@pytest.fixture(scope="module")
def found() -> dict:
    return run(Context("theorems", quick=True))


def test_derivatives_exist_almost_everywhere(found):
    derivatives = found["derivatives"]
    assert derivatives["constrained"] > derivatives["points"] / 2
    assert derivatives["agree"] >= derivatives["points"] - 2
    assert derivatives["median_error"] < 1e-7


def test_at_a_kink_there_is_a_subgradient(found):
    kink = found["kink"]
    assert 0 <= kink["at_zero"] <= 1
    assert kink["slope"][:20] == pytest.approx([0] * 20)
    assert kink["slope"][21:] == pytest.approx([1] * 20)


def test_a_layer_equals_any_piecewise_linear_function(found):
    assert found["piecewise"]["worst_error"] < 1e-10
    assert found["piecewise"]["relu_error"] < 1e-12


def test_no_network_of_one_hidden_layer_is_the_layer(found):
    least = found["rays"]["least_error"]
    assert least > 0.05
    for network in found["rays"]["networks"]:
        assert network["remainder"] < 1e-12
        assert network["error"] >= least - 1e-12


def test_the_remainder_is_not_zero_for_other_functions():
    points = circle()
    assert odd_remainder(points[:, 0] ** 3, points).abs().max() > 0.1
    assert odd_remainder(points[:, 0].abs(), points).abs().max() < 1e-12
    assert torch.allclose(points[:360], -points[360:])


def test_the_page_shows_the_numbers(found, tmp_path):
    page.plot(found, tmp_path)
    assert (tmp_path / "theorems.png").stat().st_size > 10_000
    text = page.section(found, "pictures")
    assert f"{found['rays']['least_error']:.4f}" in text
