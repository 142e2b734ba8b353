# SPDX-License-Identifier: Apache-2.0
"""The Sudoku example: its boards are what they are said to be, and OptNet learns them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from examples.sudoku import data, page
from examples.sudoku.models import FeedForward, OptNet, parameter_count
from examples.sudoku.report import LearnedRules, Report, Trained
from examples.sudoku.train import FEED_FORWARD, OPTNET, predict, train


@pytest.fixture(scope="module")
def boards() -> tuple[data.Boards, data.Boards]:
    return data.generate(2000, 200, seed=0)


def test_there_are_288_solutions():
    solutions = data.all_solutions()
    assert solutions.shape == (288, 16)
    assert len(np.unique(solutions, axis=0)) == 288
    in_units = np.sort(solutions[:, data.UNITS], axis=2)
    assert (in_units == [1, 2, 3, 4]).all()


def test_every_solution_is_reached(boards):
    assert len(np.unique(boards[0].solution, axis=0)) == 288


def test_no_board_is_in_both_sets(boards):
    train_set, held_out = (set(map(tuple, part.puzzle)) for part in boards)
    assert len(train_set) == 2000 and len(held_out) == 200
    assert not train_set & held_out


def test_every_board_has_one_solution_and_it_is_the_one_given(boards):
    solutions = data.all_solutions()
    for part in boards:
        assert (data.count_solutions(part.puzzle, solutions) == 1).all()
        assert ((part.puzzle == 0) | (part.puzzle == part.solution)).all()


def test_counting_finds_more_than_one_solution():
    assert data.count_solutions(np.zeros((1, 16), int), data.all_solutions()) == [288]


def test_boards_keep_4_to_8_clues(boards):
    clues = (boards[0].puzzle > 0).sum(axis=1)
    assert clues.min() == 4 and clues.max() <= 8
    assert 5.0 < clues.mean() < 5.4


def test_boards_repeat_with_the_seed():
    once, again, other = (data.generate(50, 10, seed)[1] for seed in (7, 7, 8))
    assert (once.puzzle == again.puzzle).all()
    assert (once.puzzle != other.puzzle).any()


def test_the_true_rules_hold_and_have_rank_40():
    assert np.linalg.matrix_rank(data.rules()) == 40
    assert (data.one_hot(data.all_solutions()) @ data.rules().T == 1).all()


def test_learned_rules_are_compared_by_what_they_span():
    generator = np.random.default_rng(0)
    same = LearnedRules(generator.normal(size=(40, 64)) @ data.rules(), np.full(64, 0.25))
    assert same.overlap == pytest.approx(1)
    assert same.distance == pytest.approx(0, abs=1e-10)
    assert LearnedRules(generator.random((40, 64)), np.ones(64)).overlap < 0.8


def test_with_the_true_rules_optnet_solves_every_board(boards):
    model = OptNet()
    independent = np.linalg.svd(data.rules())[2][:40]
    with torch.no_grad():
        model.A.copy_(torch.from_numpy(independent))
        model.log_z0.fill_(np.log(0.25))
    answer = predict(model, boards[0]).numpy().reshape(-1, 16, 4).argmax(axis=2) + 1
    assert (answer == boards[0].solution).all()


def test_optnet_learns_where_a_larger_network_does_not(boards):
    torch.manual_seed(0)
    train_set, held_out = boards
    trained = []
    optnet = OptNet()
    for name, model, schedule in [
        ("OptNet", optnet, replace(OPTNET, epochs=6, batch=100)),
        ("feed-forward", FeedForward(), replace(FEED_FORWARD, epochs=6, batch=100)),
    ]:
        run = train(model, train_set, held_out, schedule, seed=0, label=name)
        output = predict(model, held_out).numpy()
        trained.append(Trained(name, parameter_count(model), schedule, run, output))

    assert trained[0].parameters < trained[1].parameters
    assert trained[0].run.scores[0].wrong > 190  # before training
    assert trained[0].wrong <= 4
    assert trained[1].wrong > 10 * max(trained[0].wrong, 1)

    rules = LearnedRules(optnet.A.detach().numpy(), optnet.log_z0.detach().exp().numpy())
    assert rules.overlap > 0.98
    text = page.render(Report(train_set, held_out, *trained, learned=rules, seed=0, threads=1))
    assert f'<b class="optnet">{trained[0].wrong}</b>' in text
    assert text.count('class="board"') == 12
