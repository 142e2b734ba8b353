# SPDX-License-Identifier: Apache-2.0
"""What experiments share: numbers, kept parts, and the page with its summary."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from examples.common.context import Context
from examples.common.experiment import Experiment, Summary
from examples.common.numbers import duration, number
from examples.common.page import write_page
from examples.common.train import Fit, fit


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (1652.3, "1,650"), (-16.55, "-16.6"), (0.01392, "0.0139"), (99.96, "100"),
        (5.0, "5.00"), (0.9999, "1.00"), (123456.0, "123,000"), (2.4e-5, "2e-5"), (3e-11, "3e-11"),
    ],
)  # fmt: skip
def test_numbers_have_few_digits(value, text):
    assert number(value) == text


def test_durations():
    assert duration(34.4) == "34 s"
    assert duration(600) == "10 min"


def test_the_page_sums_up_what_was_run(tmp_path):
    def make(name, told):
        return Experiment(name, f"It's {name}!", dict, lambda *_: None, lambda *_: name, told)

    told = make("told", lambda found: Summary("A claim.", f"{found['x']} came out", "reproduced"))
    experiments = [told, make("plain", None), make("absent", None)]
    for name, quick in (("told", True), ("plain", False)):
        run = {
            "quick": quick, "seconds": 90, "processor": "P", "cores": 2, "load": 0, "threads": 1,
            "seed": 0, "date": "today",
        }  # fmt: skip
        (tmp_path / f"{name}.json").write_text(json.dumps({"run": run, "found": {"x": 7}}))
    write_page(experiments, tmp_path, tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    row = "| [It's told!](#its-told) | A claim. | 7 came out | (reduced size) |"
    assert row in text
    assert "| [It's absent!](#its-absent) | | not run yet | |" in text
    assert "All of them took 3 min." in text
    assert text.count("Size of this run: full") == 1


def test_parts_are_kept_with_their_settings(tmp_path):
    calls = []

    def compute():
        calls.append(0)
        return {"value": len(calls), "resumed": 100.0}

    context = Context("name", folder=tmp_path)
    assert context.part("a", compute, epochs=1) == context.part("a", compute, epochs=1)
    assert context.seconds >= 200 and len(calls) == 1
    assert context.part("a", compute, epochs=2)["value"] == 2


def test_a_checkpoint_beyond_the_last_epoch_is_not_used(tmp_path):
    x = torch.ones(4, 1)
    histories = []
    for epochs in (3, 2, 3):
        torch.manual_seed(0)
        how = Fit(nn.functional.mse_loss, lambda model: {}, epochs, 2, 0.1)
        how.checkpoint = tmp_path / "state.pt"
        histories.append(fit(nn.Linear(1, 1), x, x, how))
    assert [len(history) for history in histories] == [4, 3, 4]
    losses = [[row.get("loss") for row in history[:3]] for history in histories]
    assert losses[0] == losses[1] == losses[2]
    assert how.resumed > 0
