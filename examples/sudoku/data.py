# SPDX-License-Identifier: Apache-2.0
"""4x4 Sudoku boards, each with exactly one solution, split so that no held-out board is trained on.

A board is 16 digits, row after row; 0 is a blank.  As in OptNet, a puzzle is made from a solved
board by blanking its cells in random order, each only if its digit can be deduced at that moment,
because it fits nowhere else in the cell's row, column or block.  What remains has 4 to 8 clues.
"""

from __future__ import annotations

from itertools import permutations, product

import numpy as np

from .game import Boards as Boards
from .game import Game

GAME = Game(2)
SIDE, CELLS, UNITS = GAME.side, GAME.cells, GAME.units
blank, one_hot, rules = GAME.blank, GAME.one_hot, GAME.rules


def all_solutions() -> np.ndarray:
    """All 288 solved boards, (288, 16)."""
    rows = [list(row) for row in permutations(range(1, SIDE + 1))]
    halves = [top + bottom for top, bottom in product(rows, rows) if _agrees(top + bottom)]
    whole = [top + bottom for top, bottom in product(halves, halves) if _agrees(top + bottom)]
    return np.array(whole)


def _agrees(board: list[int]) -> bool:
    """Whether the first cells of a board have no digit twice in a unit."""
    digits = ([board[cell] for cell in unit if cell < len(board)] for unit in UNITS)
    return all(len(set(unit)) == len(unit) for unit in digits)


def count_solutions(puzzle: np.ndarray, solutions: np.ndarray) -> np.ndarray:
    """How many of the solved boards agree with the clues of each puzzle, (count,)."""
    agrees = np.ones((len(puzzle), len(solutions)), dtype=bool)
    for cell in range(CELLS):
        clue = puzzle[:, cell, None]
        agrees &= (clue == 0) | (clue == solutions[:, cell])
    return agrees.sum(axis=1)


def generate(train: int, held_out: int, seed: int) -> tuple[Boards, Boards]:
    """Two sets of boards.  All puzzles are different, so the sets have none in common."""
    rng = np.random.default_rng(seed)
    solutions = all_solutions()
    boards = Boards(np.empty((0, CELLS), dtype=int), np.empty((0, CELLS), dtype=int))
    while len(boards) < train + held_out:
        solution = solutions[rng.integers(len(solutions), size=train + held_out)]
        puzzle = np.concatenate([boards.puzzle, blank(solution, rng)])
        solution = np.concatenate([boards.solution, solution])
        first = np.sort(np.unique(puzzle, axis=0, return_index=True)[1])
        boards = Boards(puzzle[first], solution[first])
    if (count_solutions(boards.puzzle, solutions) != 1).any():
        raise AssertionError("a puzzle does not have exactly one solution")
    return boards[:train], boards[train : train + held_out]
