# SPDX-License-Identifier: Apache-2.0
"""Layers with cones learn what their experiments say, at reduced size."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from examples import control, portfolio, transport
from examples.common.context import Context
from examples.control.controller import Controller, closed_loop
from examples.control.plant import spacecraft, starts
from examples.control.run import learn as learn_control
from examples.portfolio.layer import Portfolio
from examples.portfolio.market import make_market
from examples.portfolio.run import learn as learn_portfolio
from examples.transport.layer import Transport
from examples.transport.run import beside_sinkhorn, centred, markets, true_cost
from examples.transport.run import learn as learn_transport

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_portfolio_keeps_its_limit_and_no_other_is_better():
    rng = np.random.default_rng(0)
    market = make_market(rng, 8)
    returns = torch.from_numpy(rng.normal(0.1, 0.05, (20, len(market.root))))
    w = Portfolio(market)(returns)
    assert torch.allclose(w.sum(1), torch.ones(20, dtype=w.dtype))
    assert w.min() > -1e-9
    risk = (w @ torch.from_numpy(market.root).T).norm(dim=1)
    assert risk.max() < market.limit * (1 + 1e-8)
    others = torch.from_numpy(rng.dirichlet(np.ones(len(market.root)), 5000))
    kept = (others @ torch.from_numpy(market.root).T).norm(dim=1) <= market.limit
    assert kept.sum() > 100
    assert ((others[kept] @ returns.T).max(0).values <= (w * returns).sum(1) + 1e-9).all()


def test_end_to_end_pays_where_the_predictor_cannot_be_right():
    found = learn_portfolio(16, 0, 200, 200, 5)
    assert found["end_to_end"] < 0.7 * found["two_stage"] < found["equal_weights"]
    found = learn_portfolio(1, 0, 200, 200, 5)
    assert found["two_stage"] < found["end_to_end"]


def test_the_controllers_plans_are_lqr_without_a_limit():
    plant = spacecraft(1e3)
    assert torch.allclose(Controller(plant, 3, plant.riccati()).gain(), plant.gain(), atol=1e-6)
    x, gain = starts(5, 0, 1.0), plant.gain()
    cost, _ = closed_loop(plant, lambda x: -x @ gain.T, x, 200)
    assert torch.allclose(cost, ((x @ plant.riccati()) * x).sum(1), rtol=1e-6)


def test_a_plan_keeps_the_limit():
    plant = spacecraft(0.5)
    size = Controller(plant, 3, plant.Q)(starts(50, 0, 1.0)).norm(dim=2)
    assert size.max() <= 0.5 * (1 + 1e-8)
    assert (size > 0.499).any()


def test_tuning_nears_the_optimum():
    found = learn_control(2.0, 0, 15, 20)
    assert found["optimum"] <= found["tuned"] < 1.05 * found["optimum"]
    assert found["before"] > 2 * found["optimum"]
    assert found["tuned"] < found["clipped"]


def test_transport_is_sinkhorns_without_capacities():
    found = beside_sinkhorn(0)
    assert found["plan"] < 1e-9
    assert found["gradient"] < 1e-8


def test_transport_keeps_sums_and_capacities():
    a, b = markets(8, 3)
    T = Transport(6, 0.1, 0.06)(true_cost(0), a, b)
    assert torch.allclose(T.sum(2), a) and torch.allclose(T.sum(1), b)
    assert T.min() > 0 and T.max() < 0.06 * (1 + 1e-8)
    assert (T > 0.0599).any()


def test_a_cost_is_learned_where_sinkhorns_is_wrong():
    found = learn_transport(None, 2, 60)
    assert found["layer"]["cost"] < 0.7 * found["sinkhorn"]["cost"]
    assert found["layer"]["plans"] < 0.3 * found["sinkhorn"]["plans"]


def test_what_changes_no_plan_is_not_counted():
    C = true_cost(0)
    moved = C + torch.arange(6.0)[:, None] - torch.arange(6.0)[None, :] ** 2
    assert torch.allclose(centred(C), centred(moved), atol=1e-10)
    assert centred(C).norm() > 0.1


@pytest.mark.parametrize(
    ("module", "sizes"),
    [(portfolio, ((1, 16), 1, 30, 20, 1)), (control, (4, 1, 5)), (transport, (3, 1))],
)
def test_the_page_shows_what_was_found(module, sizes, monkeypatch, tmp_path):
    experiment = module.EXPERIMENT
    monkeypatch.setattr(Context, "pick", lambda *_: sizes)
    found = experiment.run(Context(experiment.name))
    experiment.plot(found, tmp_path)
    assert (tmp_path / f"{experiment.name}.png").stat().st_size > 10_000
    assert "| --: |" in experiment.section(found, "pictures")
