# SPDX-License-Identifier: Apache-2.0
"""A parametrized problem, compiled: parameters to (P, q, A, b), and (x, y) to variables.

Both ways are sparse affine maps.  `quadcone.cvxpy.compile_problem` makes them from CVXPY's
problems, but they know nothing of CVXPY, nor of the framework whose arrays the parameters are: what
a framework needs is `Stage`, a map of arrays to arrays with its adjoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from ._problem import Problem
from ._shapes import Shape, find_batch
from ._sparse import Sparse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._values import Array

Arrays = Sequence["Array | None"]


class Parameter(NamedTuple):
    """What a caller gives."""

    name: str
    shape: Shape  # of one value
    sign: str  # what CVXPY was told of it, such as "nonneg"; for messages


class Input(NamedTuple):
    """A block of columns: a parameter, row after row, or its logarithm."""

    parameter: int
    log: bool


class Output(NamedTuple):
    """What a caller gets."""

    name: str
    shape: Shape
    dual: bool  # from y, and not from x
    exp: bool  # and then its exponential is taken
    map: Sparse


class Stage(Protocol):
    """An affine map of arrays to arrays.  None stands for zero, or for what nobody asks for."""

    def push(self, arrays: Arrays, constant: bool) -> list[Array | None]:
        """The map, or without its constant, its linear part."""

    def pull(self, arrays: Arrays, wanted: Sequence[bool]) -> list[Array | None]:
        """The adjoint of the linear part."""


class Program:
    """A compiled problem with parameters.  It can be pickled, and then needs CVXPY no more.

    problem: the `quadcone.Problem` that is solved; values of P and A that depend on parameters are
        placeholders in it.
    parameters, outputs: what the caller gives and gets, in order.
    inputs: the blocks of columns of the maps.
    maps: P, q, A and b, each as rows of a matrix whose columns are the inputs, and the constant 1.
    """

    def __init__(
        self,
        problem: Problem,
        parameters: tuple[Parameter, ...],
        inputs: tuple[Input, ...],
        maps: tuple[Sparse, Sparse, Sparse, Sparse],
        outputs: tuple[Output, ...],
    ) -> None:
        self.problem = problem
        self.parameters = parameters
        self.inputs = inputs
        self.maps = maps
        self.outputs = outputs
        self._splits: dict[tuple[bool, ...], Split] = {}
        self._calls: dict[tuple[Shape, ...], tuple[Split, list[Shape], int]] = {}
        self._adjoints = [output.map.transposed() for output in outputs]

    def evaluation(self, shapes: tuple[Shape, ...]) -> Evaluation:
        """Parameters of these shapes to (P, q, A, b); ValueError names one that does not fit."""
        known = self._calls.get(shapes)
        if known is None:
            if len(self._calls) >= _CALLS:
                self._calls.clear()
            known = self._calls[shapes] = self._read_shapes(shapes)
        return Evaluation(*known)

    def _read_shapes(self, shapes: tuple[Shape, ...]) -> tuple[Split, list[Shape], int]:
        """The maps for these shapes, the shapes of the inputs, and the number of problems."""
        batch = self.batch_of(shapes)
        given = [shapes[block.parameter] for block in self.inputs]
        ones = [self.parameters[block.parameter].shape for block in self.inputs]
        own = tuple(
            batch > 0 and len(shape) > len(one) and shape[0] == batch
            for shape, one in zip(given, ones, strict=True)
        )
        if own not in self._splits:
            self._splits[own] = Split(self, own, batch > 0)
        return self._splits[own], given, batch

    def recovery(self, batch: int) -> Recovery:
        """(x, y) to the outputs."""
        return Recovery(self.problem, self.outputs, self._adjoints, batch)

    def is_constant(self, k: int) -> bool:
        """Whether the k-th of P, q, A and b depends on no parameter."""
        whole = self.maps[k]
        return bool(np.all(whole.column == whole.shape[1] - 1))

    def batch_of(self, shapes: Sequence[Shape]) -> int:
        """Problems in the batch, 0 where no parameter has a batch dimension."""
        if len(shapes) != len(self.parameters):
            expected = ", ".join(parameter.name for parameter in self.parameters)
            raise ValueError(
                f"{len(shapes)} parameters are given, expected {len(self.parameters)}: {expected}"
            )
        names = [f"parameter {parameter.name}" for parameter in self.parameters]
        return find_batch(names, shapes, [parameter.shape for parameter in self.parameters])

    def serving(self, settings: dict[str, Any]) -> Program:
        """The same, or where settings give LPGD a rho, which moves P, with P's whole diagonal."""
        if self.problem._override(settings).lpgd_rho == 0.0:
            return self
        P, n = self.problem.P, self.problem.n
        known = np.repeat(np.arange(n), np.diff(P.indptr)) * n + P.indices
        places = np.union1d(known, np.arange(n) * (n + 1))
        moved = np.searchsorted(places, known)
        values = np.zeros(len(places))
        values[moved] = P.data
        whole = type(P)(
            (values, places % n, np.searchsorted(places, np.arange(n + 1) * n)), shape=P.shape
        )
        rows, *others = self.maps
        shape = (len(places), rows.shape[1])
        rows = Sparse(moved[rows.row], rows.column, rows.value, shape)
        old = self.problem
        problem = Problem(whole, old.A if old.m else None, old.cones, **asdict(old.settings))
        maps = (rows, *others)
        return Program(problem, self.parameters, self.inputs, maps, self.outputs)  # type: ignore[arg-type]

    def fault(self, values: Sequence[Any]) -> str:
        """What is wrong with the first parameter, as NumPy arrays, that is at fault; else ""."""
        for parameter, value in zip(self.parameters, values, strict=True):
            if not np.isfinite(value).all():
                return f"parameter {parameter.name} has a value that is NaN or infinite"
        for parameter, value in zip(self.parameters, values, strict=True):
            wrong = _WRONG_SIGN.get(parameter.sign)
            if wrong and wrong(value, 0.0).any():
                return f"parameter {parameter.name} was declared {parameter.sign}, and is not"
        return ""

    def __getstate__(self) -> tuple[Any, ...]:
        return self.problem, self.parameters, self.inputs, self.maps, self.outputs

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.__init__(*state)  # type: ignore[misc]

    def __repr__(self) -> str:
        given = ", ".join(parameter.name for parameter in self.parameters)
        found = ", ".join(output.name for output in self.outputs)
        return f"<Program: {given} -> {found}, {self.problem!r}>"


_WRONG_SIGN = {
    "nonneg": np.less,
    "pos": np.less_equal,
    "nonpos": np.greater,
    "neg": np.greater_equal,
}


# Shapes of calls that a program remembers.
_CALLS = 64


class Part(NamedTuple):
    """One of P, q, A, b, in the two ways that it depends on parameters."""

    length: int
    rows: slice  # in the map of what the batch shares
    base: bool  # it depends on anything shared, if only on 1
    own: Sparse | None  # the map of what problems have of their own; None: it is shared
    adjoint: Sparse | None


class Split:
    """The maps of a `Program`, split into what the batch shares and what problems have alone.

    own: of the inputs, which have a batch dimension.
    columns: where each input is, among those that are shared and 1, or among the others.
    """

    def __init__(self, program: Program, own: tuple[bool, ...], batched: bool) -> None:
        self.own = own
        sizes = [prod(program.parameters[block.parameter].shape) for block in program.inputs]
        shared, self.shared_size = _number_columns(sizes, [not each for each in own], last=True)
        mine, self.own_size = _number_columns(sizes, own, last=False)
        self.columns = _columns_of(sizes, own)
        self.parts: list[Part | None] = []
        blocks: list[Sparse] = []
        for k, whole in enumerate(program.maps):
            if k in (P, A) and program.is_constant(k):
                self.parts.append(None)  # the problem has the values
                continue
            # Something must have the batch dimension: q, if nothing else.
            each = bool(np.any(mine[whole.column] >= 0)) or (
                batched and k == Q and not self._is_own(program, mine)
            )
            blocks.append(whole.block(shared, self.shared_size))
            part = whole.block(mine, self.own_size) if each else None
            self.parts.append(_make_part(blocks, part))
        self.shared = _stack(blocks, self.shared_size)
        self.adjoint = self.shared.transposed()
        self.constant = self.base(np.array([*np.zeros(self.shared_size - 1), 1.0]))

    @staticmethod
    def _is_own(program: Program, mine: NDArray[np.int64]) -> bool:
        """Whether anything depends on what problems have of their own."""
        return any(bool(np.any(mine[whole.column] >= 0)) for whole in program.maps)

    def base(self, values: Array) -> Array:
        """What the batch shares of P, q, A and b, one below the other."""
        base = np.empty(self.shared.shape[0])
        self.shared.times(values, base, 1)
        return base


P, Q, A, B = range(4)


def _make_part(blocks: Sequence[Sparse], own: Sparse | None) -> Part:
    """The part whose shared map is the last of these blocks."""
    length = blocks[-1].shape[0]
    first = sum(block.shape[0] for block in blocks[:-1])
    adjoint = own.transposed() if own is not None else None
    return Part(length, slice(first, first + length), len(blocks[-1].value) > 0, own, adjoint)


def _columns_of(sizes: Sequence[int], own: Sequence[bool]) -> list[slice]:
    ends = {True: 0, False: 0}
    columns = []
    for size, each in zip(sizes, own, strict=True):
        columns.append(slice(ends[each], ends[each] + size))
        ends[each] += size
    return columns


def _number_columns(
    sizes: Sequence[int], kept: Sequence[bool], last: bool
) -> tuple[NDArray[np.int64], int]:
    """New numbers for the columns of the kept blocks, -1 elsewhere; the last column is the 1."""
    marks = np.repeat([*kept, last], [*sizes, 1]).astype(np.int64)
    count = int(marks.sum())
    return np.where(marks > 0, np.cumsum(marks) - 1, -1), count


def _stack(blocks: Sequence[Sparse], width: int) -> Sparse:
    """Matrices, one below the other."""
    heights = [block.shape[0] for block in blocks]
    offsets = np.cumsum([0, *heights])
    return Sparse(
        np.concatenate(
            [block.row + offset for block, offset in zip(blocks, offsets, strict=False)]
        ),
        np.concatenate([block.column for block in blocks]),
        np.concatenate([block.value for block in blocks]),
        (int(offsets[-1]), width),
    )


class Evaluation:
    """Parameters to (P, q, A, b), None for P or A where these do not depend on parameters.

    failed: problems that have no solution, once that is known: they contribute nothing to the
        gradient of what the batch shares.
    """

    def __init__(self, split: Split, shapes: Sequence[Shape], batch: int) -> None:
        self.split = split
        self.shapes = shapes
        self.batch = batch
        self.failed: NDArray[np.bool_] | None = None

    def push(self, arrays: Arrays, constant: bool) -> list[Array | None]:
        split = self.split
        base = self._base(arrays, constant)
        own = self._join(arrays)
        results: list[Array | None] = []
        for part in split.parts:
            if part is None:
                results.append(None)
            elif part.own is None:
                results.append(base[part.rows])
            else:
                out = np.empty((self.batch, part.length))
                if part.base:
                    out[:] = base[part.rows]
                part.own.times(own, out, self.batch, add=part.base)
                results.append(out)
        return results

    def _base(self, arrays: Arrays, constant: bool) -> Array:
        """What the batch shares, one below the other."""
        if all(self.split.own) and constant:
            return self.split.constant
        blocks = [
            np.zeros(prod(shape)) if array is None else array.reshape(-1)
            for array, shape, own in zip(arrays, self.shapes, self.split.own, strict=True)
            if not own
        ]
        return self.split.base(np.concatenate([*blocks, [float(constant)]]))

    def _join(self, arrays: Arrays) -> Array:
        """What problems have of their own, (batch, columns)."""
        blocks = [
            np.zeros(shape).reshape(self.batch, -1)
            if array is None
            else array.reshape(self.batch, -1)
            for array, shape, own in zip(arrays, self.shapes, self.split.own, strict=True)
            if own
        ]
        if len(blocks) == 1:
            return np.ascontiguousarray(blocks[0])
        return np.concatenate(blocks, axis=1) if blocks else np.zeros((self.batch, 0))

    def pull(self, arrays: Arrays, wanted: Sequence[bool]) -> list[Array | None]:
        own = self.split.own
        asked = {each for each, want in zip(own, wanted, strict=True) if want}
        sources = {
            True: self._pull_own(arrays) if True in asked else None,
            False: self._pull_shared(arrays) if False in asked else None,
        }
        return [
            sources[each][..., columns].reshape(shape) if want else None  # type: ignore[index]
            for shape, each, columns, want in zip(
                self.shapes, own, self.split.columns, wanted, strict=True
            )
        ]

    def _pull_shared(self, arrays: Arrays) -> Array:
        split = self.split
        sums = np.zeros(split.shared.shape[0])
        for part, array in zip(split.parts, arrays, strict=True):
            if part is None or array is None:
                continue
            if part.own is not None:
                solved = array if self.failed is None else array[~self.failed]
                np.add.reduce(solved, axis=0, out=sums[part.rows])
            else:
                sums[part.rows] = array
        out = np.empty(split.shared_size)
        split.adjoint.times(sums, out, 1)
        return out

    def _pull_own(self, arrays: Arrays) -> Array:
        out = np.empty((self.batch, self.split.own_size))
        add = False
        for part, array in zip(self.split.parts, arrays, strict=True):
            if part is not None and part.adjoint is not None and array is not None:
                part.adjoint.times(array, out, self.batch, add=add)
                add = True
        return out if add else np.zeros_like(out)


class Recovery:
    """(x, y) to the outputs."""

    def __init__(
        self,
        problem: Problem,
        outputs: tuple[Output, ...],
        adjoints: Sequence[Sparse],
        batch: int,
    ) -> None:
        self.outputs = outputs
        self.adjoints = adjoints
        self.size = (batch,) if batch else ()
        self.count = max(batch, 1)
        self.lengths = (problem.n, problem.m)

    def push(self, arrays: Arrays, constant: bool) -> list[Array | None]:
        del constant  # there is none
        results: list[Array | None] = []
        for output in self.outputs:
            source = arrays[output.dual]
            out = np.zeros((*self.size, *output.shape))
            if source is not None:
                output.map.times(source, out, self.count)
            results.append(out)
        return results

    def pull(self, arrays: Arrays, wanted: Sequence[bool]) -> list[Array | None]:
        results: list[Array | None] = [None, None]
        for output, adjoint, array in zip(self.outputs, self.adjoints, arrays, strict=True):
            if array is None or not wanted[output.dual]:
                continue
            add = results[output.dual] is not None
            if not add:
                results[output.dual] = np.empty((*self.size, self.lengths[output.dual]))
            adjoint.times(array, results[output.dual], self.count, add=add)  # type: ignore[arg-type]
        return results
