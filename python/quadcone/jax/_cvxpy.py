# SPDX-License-Identifier: Apache-2.0
"""A CVXPY problem with parameters as a function in JAX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from .._program import Evaluation, Program
from .._sparse import Sparse
from ._arrays import as_array, output_dtype
from ._cone import ConeLayer

if TYPE_CHECKING:
    import cvxpy as cp


class CvxpyLayer:
    """The solution of a CVXPY problem as a differentiable function of its parameters.

    >>> layer = CvxpyLayer(problem, parameters=[A, b], variables=[x])
    >>> (x_value,) = layer(A_value, b_value)

    problem: a cvxpy.Problem that follows the rules of DPP, or of DGP and DPP where gp is true; or
        what `quadcone.cvxpy.compile_problem` made of one, and then there are no further arguments.
    parameters: all of the problem's, in the order in which the layer takes their values.
    variables: whose values it returns: of the problem's variables and of its constraints'
        dual_variables.
    sparse_values: a parameter with sparsity= is given as its values (nnz,), in the order of its
        sparse_idx, and not as a matrix.
    canon_backend: of CVXPY.
    settings: see `ConeLayer`.

    The problem is compiled here, once; a layer can be pickled, and then needs CVXPY no more.
    """

    def __init__(
        self,
        problem: cp.Problem | Program,
        parameters: Sequence[cp.Parameter] = (),
        variables: Sequence[cp.Variable] = (),
        gp: bool = False,
        *,
        sparse_values: bool = False,
        canon_backend: str | None = None,
        **settings: Any,
    ) -> None:
        if not isinstance(problem, Program):
            from ..cvxpy import compile_problem

            problem = compile_problem(
                problem,
                parameters,
                variables,
                gp,
                sparse_values=sparse_values,
                canon_backend=canon_backend,
                **settings,
            )
            settings = {}
        problem = problem.serving(settings)
        self._prepare(problem, ConeLayer(problem.problem, **settings))

    def _prepare(self, program: Program, solver: ConeLayer) -> None:
        self.program = program
        self.solver = solver
        self._run = jax.jit(self._trace)

    def __call__(self, *parameters: ArrayLike) -> tuple[Array, ...]:
        """The values of the variables.

        parameters: each of its parameter's shape, with or without a batch dimension in front.  One
            without it, or with one of size 1, serves the whole batch, and its gradient is the sum
            over the batch.

        The values have the shapes of the variables, with the batch dimension in front where a
        parameter has it.  Dtypes and failures are as for `qp`.

        Raises ValueError or TypeError that name the parameter that is wrong and what was expected.
        """
        names = [declared.name for declared in self.program.parameters]
        arrays = [
            as_array(f"parameter {name}", value)
            for name, value in zip(names, parameters, strict=False)
        ]
        # Those that are too many come along to where shapes are read, which says so.
        self.program.evaluation(_shapes([*arrays, *parameters[len(arrays) :]]))
        dtype = output_dtype(arrays)
        values: tuple[Array, ...] = self._run(*(array.astype(dtype) for array in arrays))
        return values

    def _trace(self, *arrays: Array) -> tuple[Array, ...]:
        program = self.program
        evaluation = program.evaluation(_shapes(arrays))
        inputs = [
            jnp.log(arrays[block.parameter]) if block.log else arrays[block.parameter]
            for block in program.inputs
        ]
        P, q, A, b = _evaluate(evaluation, inputs, output_dtype(arrays))
        assert q is not None and b is not None  # which hold for all of their problem
        x, y, _ = self.solver(q=q, b=b, P=P, A=A)
        size = x.shape[:-1]
        values = [
            _times(output.map, y if output.dual else x).reshape(*size, *output.shape)
            for output in program.outputs
        ]
        return tuple(
            jnp.exp(value) if output.exp else value
            for value, output in zip(values, program.outputs, strict=True)
        )

    def __getstate__(self) -> tuple[Program, ConeLayer]:
        return self.program, self.solver

    def __setstate__(self, state: tuple[Program, ConeLayer]) -> None:
        self._prepare(*state)

    def __repr__(self) -> str:
        return f"CvxpyLayer({self.program!r})"


def _shapes(arrays: Sequence[Any]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(jnp.shape(array)) for array in arrays)


def _evaluate(
    evaluation: Evaluation, inputs: Sequence[Array], dtype: Any
) -> tuple[Array | None, ...]:
    """P, q, A and b, as `Evaluation.push` gives them; JAX differentiates it by itself."""
    split = evaluation.split
    shared = [value.reshape(-1) for value, own in zip(inputs, split.own, strict=True) if not own]
    base = _times(split.shared, jnp.concatenate([*shared, jnp.ones(1, dtype)]))
    own = [
        value.reshape(evaluation.batch, -1)
        for value, each in zip(inputs, split.own, strict=True)
        if each
    ]
    values = jnp.concatenate(own, axis=1) if own else jnp.zeros((evaluation.batch, 0), dtype)
    results: list[Array | None] = []
    for part in split.parts:
        if part is None:
            results.append(None)
        elif part.own is None:
            results.append(base[part.rows])
        else:
            results.append(base[part.rows] + _times(part.own, values))
    return tuple(results)


def _times(matrix: Sparse, vectors: Array) -> Array:
    """M v for vectors (columns,) or (batch, columns)."""
    values = jnp.asarray(matrix.value, vectors.dtype)
    products = vectors[..., matrix.column] * values
    zeros = jnp.zeros((*vectors.shape[:-1], matrix.shape[0]), vectors.dtype)
    return zeros.at[..., matrix.row].add(products, indices_are_sorted=True)
