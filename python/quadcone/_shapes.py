# SPDX-License-Identifier: Apache-2.0
"""Shapes of the arguments of a layer: what they must be, and the batch they make."""

from __future__ import annotations

from collections.abc import Sequence

from ._values import shape_text

Shape = tuple[int, ...]


def find_batch(names: Sequence[str], shapes: Sequence[Shape], ones: Sequence[Shape]) -> int:
    """Problems in the batch, 0 where no argument has a batch dimension.

    ones: the shape of each argument for one problem.
    """
    batch, owner = 0, ""
    for name, shape, one in zip(names, shapes, ones, strict=True):
        # Lengths first: where sizes are symbols, comparing a batch with a size would bind it.
        if len(shape) == len(one) and shape == one:
            continue
        if len(shape) != len(one) + 1 or shape[1:] != one:
            expected = f"{shape_text(one)} or {shape_text(('batch', *one))}"
            raise ValueError(f"{name} has shape {shape_text(shape)}, expected {expected}")
        if shape[0] == 0:
            raise ValueError(f"{name} has a batch of 0, expected at least 1 problem")
        if batch > 1 and shape[0] not in (1, batch):
            raise ValueError(f"{name} has a batch of {shape[0]}, but {owner} has one of {batch}")
        if shape[0] > batch:
            batch, owner = shape[0], name
    return batch


def qp_sizes(
    Q: Shape, G: Shape | None, h: Shape | None, A: Shape | None, b: Shape | None
) -> tuple[int, int, int]:
    """Variables, equalities and inequalities of OptNet's problem."""
    for matrix, vector, names in ((G, h, ("G", "h")), (A, b, ("A", "b"))):
        if (matrix is None) != (vector is None):
            absent = matrix is None
            raise ValueError(
                f"{names[absent]} is given without {names[not absent]}, expected both or neither"
            )
    for name, matrix in (("Q", Q), ("G", G), ("A", A)):
        if matrix is not None and len(matrix) not in (2, 3):
            raise ValueError(
                f"{name} has shape {shape_text(matrix)}, "
                "expected (rows, columns) or (batch, rows, columns)"
            )
    if Q[-1] == 0:
        raise ValueError("Q has no columns, expected at least one variable")
    return Q[-1], A[-2] if A else 0, G[-2] if G else 0
