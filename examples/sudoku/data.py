# SPDX-License-Identifier: Apache-2.0
"""4x4 Sudoku boards, each with exactly one solution, split so that no held-out board is trained on.

A board is 16 digits, row after row; 0 is a blank.  As in OptNet, a puzzle is made from a solved
board by blanking its cells in random order, each only if its digit can be deduced at that moment,
because it fits nowhere else in the cell's row, column or block.  What remains has 4 to 8 clues.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product

import numpy as np

SIDE = 4
CELLS = SIDE * SIDE


def _units() -> np.ndarray:
    """The rows, columns and blocks: 12 sets of 4 cells, as indices (12, 4)."""
    grid = np.arange(CELLS).reshape(SIDE, SIDE)
    blocks = grid.reshape(2, 2, 2, 2).swapaxes(1, 2).reshape(SIDE, SIDE)
    return np.concatenate([grid, grid.T, blocks])


UNITS = _units()
UNITS_OF_CELL = np.array([np.flatnonzero((cell == UNITS).any(axis=1)) for cell in range(CELLS)])
_MEMBER = (UNITS[:, :, None] == np.arange(CELLS)).any(axis=1)  # (12, 16): is the cell in the unit
_SEES = (_MEMBER.T.astype(np.uint8) @ _MEMBER) > 0  # (16, 16): do two cells share a unit


@dataclass(frozen=True)
class Boards:
    """Puzzles and their solutions, digits (count, 16)."""

    puzzle: np.ndarray
    solution: np.ndarray

    def __len__(self) -> int:
        return len(self.puzzle)

    def __getitem__(self, rows: slice | np.ndarray) -> Boards:
        return Boards(self.puzzle[rows], self.solution[rows])


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


def blank(solution: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Puzzles from solved boards, (count, 16): all of them lose cells side by side."""
    puzzle = solution.copy()
    board = np.arange(len(puzzle))
    order = rng.permuted(np.tile(np.arange(CELLS), (len(puzzle), 1)), axis=1)
    for cell in order.T:
        digit = puzzle[board, cell].copy()
        puzzle[board, cell] = 0
        seen = (puzzle == digit[:, None]) @ _SEES
        place = (puzzle == 0) & ~seen  # where the digit could go, the cell itself included
        in_unit = place[board[:, None, None], UNITS[UNITS_OF_CELL[cell]]]
        deducible = (in_unit.sum(axis=2) == 1).any(axis=1)
        puzzle[board, cell] = np.where(deducible, 0, digit)
    return puzzle


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


def one_hot(board: np.ndarray) -> np.ndarray:
    """Digits (count, 16) as numbers (count, 64): four a cell, all zero for a blank."""
    digits = np.arange(1, SIDE + 1)
    return (board[:, :, None] == digits).astype(float).reshape(len(board), -1)


def rules() -> np.ndarray:
    """The true constraints on a one-hot board, (64, 64), each of which sums four entries to one.

    16 say that a cell holds one digit, then 16 each that a row, a column and a block holds each
    digit once.  Their rank is 40, the number of rows that OptNet learns.
    """
    cell = np.kron(np.eye(CELLS), np.ones(SIDE))
    unit = np.kron(_MEMBER, np.eye(SIDE))
    return np.concatenate([cell, unit])
