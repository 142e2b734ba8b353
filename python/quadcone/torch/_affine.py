# SPDX-License-Identifier: Apache-2.0
"""The maps of a compiled problem in operations of torch, for calls that torch.compile records.

A call that nobody records goes through `_stage`, which is faster.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .._program import Output, Program
from .._sparse import Sparse
from ._tensors import CPU, DOUBLE, Place


class Map:
    """A sparse matrix whose entries are tensors: none where it is zero; torch cannot save those."""

    def __init__(self, matrix: Sparse) -> None:
        self.is_zero = len(matrix.value) == 0
        self.rows = matrix.shape[0]
        if self.is_zero:
            return
        self.row = torch.from_numpy(matrix.row.copy())
        self.column = torch.from_numpy(matrix.column.copy())
        self.value = torch.from_numpy(matrix.value.copy())

    def times(self, vectors: Tensor) -> Tensor:
        """M v for vectors (..., columns)."""
        zeros = vectors.new_zeros((*vectors.shape[:-1], self.rows))
        if self.is_zero:
            return zeros
        products = vectors.index_select(-1, self.column) * self.value
        return zeros.index_add(-1, self.row, products)


class TracedProgram:
    """Parameters to (P, q, A, b), and (x, y) to variables."""

    def __init__(self, program: Program) -> None:
        self.shapes = [parameter.shape for parameter in program.parameters]
        self.inputs = program.inputs
        self.maps = [
            None if k in (0, 2) and program.is_constant(k) else Map(matrix)
            for k, matrix in enumerate(program.maps)
        ]
        self.outputs = [(output, Map(output.map)) for output in program.outputs]

    def evaluate(self, parameters: Sequence[Tensor], batch: int) -> list[Tensor | None]:
        """P, q, A and b, each with the batch dimension where there is one."""
        size = (batch,) if batch else ()
        blocks = []
        for block in self.inputs:
            value = parameters[block.parameter].to(CPU, DOUBLE)
            value = value.expand((*size, *self.shapes[block.parameter])).reshape((*size, -1))
            blocks.append(value.log() if block.log else value)
        one = torch.ones((*size, 1), dtype=DOUBLE, device=CPU)
        values = torch.cat([*blocks, one], -1)
        return [None if matrix is None else matrix.times(values) for matrix in self.maps]

    def recover(self, x: Tensor, y: Tensor, place: Place) -> tuple[Tensor, ...]:
        """The values of the variables."""
        return tuple(_recover(output, matrix, x, y, place) for output, matrix in self.outputs)


def _recover(output: Output, matrix: Map, x: Tensor, y: Tensor, place: Place) -> Tensor:
    source = y if output.dual else x
    value = matrix.times(source).reshape((*source.shape[:-1], *output.shape))
    return (value.exp() if output.exp else value).to(place[1], place[0])
