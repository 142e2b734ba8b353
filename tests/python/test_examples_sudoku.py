# SPDX-License-Identifier: Apache-2.0
"""The experiment of Sudoku: 9x9 puzzles are as they are said to be, and their rules are learned."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from examples.common.context import Context
from examples.common.train import Fit, fit
from examples.sudoku import findings
from examples.sudoku.boards import GAME, Large, generate, prepare
from examples.sudoku.data import generate as generate_small
from examples.sudoku.large import Lesson, School
from examples.sudoku.models import Convolution, FeedForward, OptNet, PaperNetwork
from examples.sudoku.rules import LearnedEquations, Unbounded, from_boards, independent
from examples.sudoku.small import learn


@pytest.fixture(scope="module")
def large() -> Large:
    return generate(1600, 12, 3, seed=0)


def test_puzzles_have_one_solution_and_it_is_the_one_given(large):
    draw = random.Random(0)
    for part in (large.train[:: len(large.train) // 20], *large.held_out.values()):
        assert GAME.is_valid(part.solution).all()
        for puzzle, solution in zip(part.puzzle, part.solution, strict=True):
            assert GAME.solve(puzzle, 2, draw) == [solution.tolist()]


def test_every_clue_of_a_minimal_puzzle_is_needed(large):
    puzzle = large.held_out["minimal"].puzzle[0]
    for cell in np.flatnonzero(puzzle):
        without = puzzle.copy()
        without[cell] = 0
        assert len(GAME.solve(without, 2, random.Random(0))) == 2


def test_held_out_solutions_are_not_trained_on(large):
    own = set(map(tuple, large.train.solution))
    assert len(own) == 1600
    assert not own & set(map(tuple, large.held_out["deduced"].solution))


def test_clues_fall_from_60(large):
    clues = large.train.clues
    assert clues[0] == 60 and (large.held_out["45"].clues == 45).all()
    assert clues[:400].mean() > clues[-400:].mean() + 12
    assert large.describe()["minimal"]["most"] <= 30


def test_boards_are_kept(tmp_path):
    context = Context("sudoku", quick=True, folder=tmp_path)
    made, read = prepare(context, 16, 2, 1), prepare(context, 16, 2, 1)
    assert (made.train.puzzle == read.train.puzzle).all()
    assert made.describe() == read.describe()


def test_symmetries_keep_boards_valid_and_puzzles_apart(large):
    shuffled = GAME.shuffle(
        np.repeat(large.train.solution[:1], 50, axis=0), np.random.default_rng(0)
    )
    assert GAME.is_valid(shuffled).all()
    assert len(np.unique(shuffled, axis=0)) == 50
    broken = shuffled[:1].copy()
    broken[0, 0] = broken[0, 1]
    assert not GAME.is_valid(broken).any()


def test_the_rules_are_what_does_not_vary(large):
    rules = independent(GAME.rules())
    assert rules.shape == (249, 729)
    found, mean = from_boards(GAME.one_hot(large.train.solution), 249)
    school = School(Context("sudoku", quick=True), large)
    assert school.overlap(LearnedEquations(found, 1 / 9, dense=True)) == pytest.approx(1)
    assert np.allclose(rules @ mean, 1)


def test_without_bounds_the_layer_is_a_projection():
    rng = np.random.default_rng(0)
    equations = LearnedEquations(rng.normal(size=(5, 12)), 0.5, dense=True)
    puzzle = torch.from_numpy(10 * rng.random((3, 12)) + 5)
    with torch.no_grad():  # so far inside that no bound is active
        equations.log_z0.fill_(3.0)
        bounded, unbounded = equations(puzzle), Unbounded(equations)(puzzle)
    assert bounded.min() > 0
    assert torch.allclose(bounded, unbounded)


def test_from_the_pattern_the_rules_are_learned(large):
    school = School(Context("sudoku", quick=True), large)
    assert school.true()["solved"]["deduced"] == 1
    school.lessons = {"pattern": Lesson(1, 64, (3e-2, 3e-2), (0.5, 0.5), (0, 1))}
    found = school.pattern()
    assert found["history"][0]["overlap"] < 0.8
    assert found["overlap"] > 0.95
    assert found["solved"]["45"] > 0.5


def test_random_equations_turn_to_the_rules_with_a_large_Q_alone(large):
    school = School(Context("sudoku", quick=True), large)
    school.lessons = {"relaxed": Lesson(12, 128, (1e-2, 1e-3), (1, 1), (0, 1), bounded=False)}
    equations = school.equations(school.start(), dense=True)
    history = school.teach(equations, "relaxed")
    assert history[0]["overlap"] < 0.4
    assert history[-1]["overlap"] > 0.85


def test_an_epoch_trains_on_its_rows_alone():
    seen = []
    model = torch.nn.Linear(1, 1)

    def begin(epoch, model, optimizer):
        return slice(4 * epoch - 4, 4 * epoch)

    def loss(output, target):
        seen.append(sorted(target.flatten().tolist()))
        return (output - target).square().mean()

    data = torch.arange(8.0)[:, None]
    fit(model, data, data, Fit(loss, lambda _: {}, 2, 4, 0.0, begin=begin))
    assert seen == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_networks_overfit_where_optnet_generalises():
    context, boards = Context("sudoku", quick=True), generate_small(1500, 300, 0)
    wide = learn(context, boards, "wide", FeedForward, 12, 1e-3)["history"][-1]
    optnet = learn(context, boards, "optnet", OptNet, 12, 1e-1)["history"][-1]
    assert wide["test_wrong"] > wide["train_wrong"] + 0.1
    assert optnet["test_wrong"] < 0.05
    assert optnet["test_invalid"] <= optnet["test_wrong"] + 1e-12  # shares of 300


@pytest.mark.parametrize("model", [PaperNetwork(), Convolution(8)])
def test_baselines_answer_with_a_distribution_a_cell(model):
    output = model(torch.rand(3, 64, dtype=torch.float64)).reshape(3, 16, 4)
    assert torch.allclose(output.sum(2), torch.ones(3, 16, dtype=torch.float64), atol=1e-5)


def test_the_page_shows_the_numbers(tmp_path):
    part = {"solved": dict.fromkeys(findings.KINDS, 0.43), "overlap": 0.9, "boards": 7, "extra": 5}
    rows = [{"overlap": 0.5, "puzzles": 100 * k, "epoch": k, "seconds": 1.0} for k in range(3)]
    large = {name: part | {"history": rows} for name in [*findings.CURVES, "true", "components"]}
    large["answer"] = 0.002
    large["true"]["linear"] = {"deduced": 0.87, "minimal": 0.31}
    kind = {"count": 9, "least": 24, "most": 40, "mean": 33.0}
    large["boards"] = dict.fromkeys([*findings.KINDS, "train"], kind)
    scores = {f"{a}_{b}": 0.5 for a in ("train", "test") for b in ("wrong", "invalid", "mse")}
    history = [{"epoch": k, **scores} for k in range(5)]
    network = {"history": history, "parameters": 1234, "overlap": 0.99}
    small = {"train": 9000, "held_out": 1000, "channels": 8}
    found = {"small": small | dict.fromkeys(findings.NETWORKS, network), "large": large}
    findings.plot(found, tmp_path)
    assert (tmp_path / "sudoku.png").stat().st_size > 10_000
    assert (tmp_path / "sudoku_large.png").stat().st_size > 10_000
    text = findings.section(found, "pictures")
    assert "1,234" in text and "43%" in text and "31%" in text
