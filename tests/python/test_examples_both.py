# SPDX-License-Identifier: Apache-2.0
"""A QP and the cone program made of it have the same answers, gradients and trainings."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from examples.both import page
from examples.both.compare import compare
from examples.both.program import ConeProgram
from examples.both.run import run
from examples.both.solvers import active_rows, diffcp, ours
from examples.both.train import Size, beside, learn_denoising
from examples.both.ways import CONTROL, WAYS, denoiser
from examples.common.context import Context

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def compared() -> dict:
    return {task: compare(task, 8, 2) for task in ("denoising", "images")}


def test_our_ways_have_the_answers_and_gradients_of_linear_equations(compared):
    for task in ("denoising", "images"):
        for key in ("qp", "qp_lsqr", "cone", "cone_lsqr"):
            way = compared[task]["ways"][key]
            assert way["answer"] < 1e-9, (task, key)
            assert way["gradient"] < 1e-8, (task, key)


def test_diffcp_solves_the_same_problems(compared):
    pytest.importorskip("diffcp")
    for task in ("denoising", "images"):
        way = compared[task]["ways"]["diffcp_scs"]
        assert way["answer"] < 1e-5
        assert way["gradient"] < 0.05


@pytest.mark.parametrize("scale", [1.0, 7.0])
def test_a_cone_program_is_the_qp(scale):
    generator = torch.Generator().manual_seed(0)
    F, G, q = (torch.randn(k, 4, generator=generator, dtype=torch.float64) for k in (4, 6, 3))
    h = torch.ones(6, dtype=torch.float64)
    program = ConeProgram(sp.csc_matrix(np.ones((4, 4))), sp.csc_matrix(np.ones((6, 4))), scale)
    x = ours(program)(*program.data(q, h, F.mT.flatten(), G.mT.flatten()))
    z = active_rows(F.mT @ F, q, G, h)
    assert torch.allclose(x[:, :4], z, atol=1e-7)
    assert torch.allclose(x[:, 4], (z @ F.mT).square().sum(1) / 2, atol=1e-6)


def test_diffcp_has_the_same_gradients_but_none_where_an_entry_is_zero():
    pytest.importorskip("diffcp")
    full = sp.csc_matrix(np.ones((2, 2)))
    program, F = ConeProgram(full, full), torch.eye(2, dtype=torch.float64)
    q, h = torch.tensor([[-3.0, -1.0]]).double(), torch.tensor([1.0, 1.5]).double()
    gradients = []
    for solve in (ours(program), diffcp(program, solve_method="Clarabel", mode="lsqr")):
        G = torch.tensor([[1.0, 0.0], [1.0, 1.0]], dtype=torch.float64, requires_grad=True)
        x = solve(*program.data(q, h, F.flatten(), G.mT.flatten()))  # z = (1, 0.5)
        gradients.append(torch.autograd.grad(x[:, 0].sum(), G)[0])
    mine, theirs = gradients
    assert torch.allclose(mine, torch.tensor([[-1.0, -0.5], [0.0, 0.0]]).double(), atol=1e-7)
    assert torch.allclose(theirs, torch.tensor([[-1.0, 0.0], [0.0, 0.0]]).double(), atol=1e-3)


def test_both_learn_the_same():
    context, size = Context("both", quick=True), Size(150, 16, 1, 1)
    qp, cone = (learn_denoising(context, key, size, 0)["history"] for key in ("qp", "cone"))
    assert cone[-1]["gradient"] < 1e-6
    for mine, other in zip(cone, qp, strict=True):
        assert mine["score"] == pytest.approx(other["score"], rel=1e-6)
    assert qp[0]["score"] != qp[-1]["score"]


def test_a_gradient_of_another_problem_is_seen():
    x = 100 * torch.rand(4, 100, generator=torch.Generator().manual_seed(0)).double()
    torch.manual_seed(0)
    model, twin = denoiser(WAYS["cone"], 20.0), denoiser(WAYS["qp"], 20.0)
    assert beside(twin, model, torch.nn.functional.mse_loss, x, x) < 1e-8
    model.layer.program.r.mul_(2)
    assert beside(twin, model, torch.nn.functional.mse_loss, x, x) > 0.01
    moved = denoiser(CONTROL["qp_moved"], 20.0)
    assert 0 < (moved.D.abs() - 1).abs().max() < 1e-6


def test_the_page_is_made_of_what_was_found(compared, monkeypatch, tmp_path):
    history = [{"epoch": k, "score": 20.0 - k, "gradient": 1e-12} for k in range(3)]
    module = sys.modules["examples.both.run"]
    monkeypatch.setattr(module, "compare", lambda task, *_: compared[task.removesuffix("_plain")])
    learn = lambda *_: {"history": history}  # noqa: E731
    monkeypatch.setattr(module, "LEARN", dict.fromkeys(("denoising", "images"), learn))
    found = run(Context("both", quick=True))
    page.plot(found, tmp_path)
    assert (tmp_path / "both.png").stat().st_size > 10_000
    text = page.section(found, "pictures")
    assert "**Same accuracy?** Yes" in text and "**Same gradients?** Yes" in text
