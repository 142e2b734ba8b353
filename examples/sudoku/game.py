# SPDX-License-Identifier: Apache-2.0
"""Sudoku of any size: its units, its rules as equations, and puzzles from solved boards.

A board is its digits, row after row; 0 is a blank.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Boards:
    """Puzzles and their solutions, digits (count, cells)."""

    puzzle: np.ndarray
    solution: np.ndarray

    def __len__(self) -> int:
        return len(self.puzzle)

    def __getitem__(self, rows: slice | np.ndarray) -> Boards:
        return Boards(self.puzzle[rows], self.solution[rows])

    @property
    def clues(self) -> np.ndarray:
        """(count,)."""
        return (self.puzzle > 0).sum(axis=1)


class Game:
    """Sudoku with blocks of box x box cells.

    units: (3 side, side), the cells of every row, column and block.
    units_of_cell: (cells, 3).
    """

    def __init__(self, box: int) -> None:
        self.box, self.side = box, box * box
        self.cells = self.side**2
        grid = np.arange(self.cells).reshape(self.side, self.side)
        blocks = grid.reshape(box, box, box, box).swapaxes(1, 2).reshape(self.side, self.side)
        self.units = np.concatenate([grid, grid.T, blocks])
        self._member = (self.units[:, :, None] == np.arange(self.cells)).any(axis=1)
        self.units_of_cell = np.nonzero(self._member.T)[1].reshape(self.cells, 3)
        self._sees = (self._member.T.astype(np.uint8) @ self._member) > 0

    def one_hot(self, board: np.ndarray) -> np.ndarray:
        """Digits (count, cells) as (count, cells * side): `side` numbers a cell, 0 for a blank."""
        digits = np.arange(1, self.side + 1)
        return (board[:, :, None] == digits).astype(float).reshape(len(board), -1)

    def digits(self, output: np.ndarray) -> np.ndarray:
        """The most likely digit of every cell, (count, cells * side) -> (count, cells)."""
        return output.reshape(len(output), self.cells, self.side).argmax(axis=2) + 1

    def rules(self) -> np.ndarray:
        """The true constraints on a one-hot board, each of which sums `side` entries to one.

        The first say that a cell holds one digit; then those that a row, a column and a block holds
        each digit once.  Of 4x4 there are 64, of rank 40; of 9x9 there are 324, of rank 249.
        """
        cell = np.kron(np.eye(self.cells), np.ones(self.side))
        unit = np.kron(self._member, np.eye(self.side))
        return np.concatenate([cell, unit])

    def is_valid(self, board: np.ndarray) -> np.ndarray:
        """Whether no unit has a digit twice, (count, cells) -> (count,)."""
        in_units = np.sort(board[:, self.units], axis=2)
        return (in_units == np.arange(1, self.side + 1)).all(axis=(1, 2))

    def blank(
        self, solution: np.ndarray, rng: np.random.Generator, keep: int | np.ndarray = 0
    ) -> np.ndarray:
        """Puzzles from solved boards, (count, cells): all of them lose cells side by side.

        Cells are blanked in random order, each only if its digit can be deduced at that moment,
        because it fits nowhere else in the cell's row, column or block.  So the solution is the
        only one.  A puzzle of `keep` clues loses no more.
        """
        puzzle = solution.copy()
        board = np.arange(len(puzzle))
        order = rng.permuted(np.tile(np.arange(self.cells), (len(puzzle), 1)), axis=1)
        for cell in order.T:
            digit = puzzle[board, cell].copy()
            spare = (puzzle > 0).sum(axis=1) > keep
            puzzle[board, cell] = 0
            seen = (puzzle == digit[:, None]) @ self._sees
            place = (puzzle == 0) & ~seen  # where the digit could go, the cell itself included
            in_unit = place[board[:, None, None], self.units[self.units_of_cell[cell]]]
            deducible = (in_unit.sum(axis=2) == 1).any(axis=1)
            puzzle[board, cell] = np.where(deducible & spare, 0, digit)
        return puzzle

    def solve(self, board: np.ndarray, limit: int, draw: random.Random) -> list[list[int]]:
        """Up to `limit` of the solutions of one board (cells,), in random order.

        Depth first, and next the blank cell with the fewest digits left.
        """
        return _Search(self, board.tolist(), limit, draw).found

    def minimal(self, solution: np.ndarray, draw: random.Random) -> np.ndarray:
        """One puzzle with one solution, (cells,), no clue of which can be missed."""
        puzzle = solution.copy()
        for cell in draw.sample(range(self.cells), self.cells):
            puzzle[cell] = 0
            if len(self.solve(puzzle, 2, draw)) > 1:
                puzzle[cell] = solution[cell]
        return puzzle

    def shuffle(self, solution: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Solved boards (count, cells) after a random symmetry each: digits renamed, rows and
        columns permuted within and with their bands, rows and columns exchanged."""
        count, bands = len(solution), (len(solution), self.box)

        def lines() -> np.ndarray:
            band = rng.permuted(np.tile(np.arange(self.box), (count, 1)), axis=1)
            within = rng.permuted(np.tile(np.arange(self.box), (*bands, 1)), axis=2)
            return (self.box * band[:, :, None] + within).reshape(count, self.side)

        grid = solution.reshape(count, self.side, self.side)
        grid = np.where(rng.random((count, 1, 1)) < 0.5, grid, grid.swapaxes(1, 2))
        which = np.arange(count)[:, None, None]
        grid = grid[which, lines()[:, :, None], lines()[:, None, :]]
        names = rng.permuted(np.tile(np.arange(1, self.side + 1), (count, 1)), axis=1)
        return names[which, grid - 1].reshape(count, self.cells)


class _Search:
    """Depth-first search for the solutions of one board; digits are bits of an integer."""

    def __init__(self, game: Game, board: list[int], limit: int, draw: random.Random) -> None:
        self.board, self.limit, self.draw = board, limit, draw
        self.units = game.units_of_cell.tolist()
        self.every = 2 ** (game.side + 1) - 2
        self.used = [0] * len(game.units)
        for cell, digit in enumerate(board):
            for unit in self.units[cell] if digit else ():
                self.used[unit] |= 1 << digit
        self.blanks = [cell for cell, digit in enumerate(board) if not digit]
        draw.shuffle(self.blanks)
        self.found: list[list[int]] = []
        self._descend()

    def _descend(self) -> None:
        cell, free = self._narrowest()
        if cell < 0:
            self.found.append(self.board.copy())
            return
        digits = [digit for digit in range(1, self.every.bit_length()) if free >> digit & 1]
        self.draw.shuffle(digits)
        for digit in digits:
            self._flip(cell, digit)
            self.board[cell] = digit
            self._descend()
            self.board[cell] = 0
            self._flip(cell, digit)
            if len(self.found) >= self.limit:
                return

    def _narrowest(self) -> tuple[int, int]:
        """The blank cell with the fewest digits left, and these; -1 if none is blank."""
        best, fewest, free = -1, self.every.bit_length(), 0
        for cell in self.blanks:
            if self.board[cell]:
                continue
            row, column, block = self.units[cell]
            left = self.every & ~(self.used[row] | self.used[column] | self.used[block])
            if left.bit_count() < fewest:
                best, fewest, free = cell, left.bit_count(), left
                if fewest < 2:
                    break
        return best, free

    def _flip(self, cell: int, digit: int) -> None:
        for unit in self.units[cell]:
            self.used[unit] ^= 1 << digit
