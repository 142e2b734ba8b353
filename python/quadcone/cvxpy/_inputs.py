# SPDX-License-Identifier: Apache-2.0
"""Which numbers of which parameters the columns of CVXPY's maps stand for."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import cvxpy as cp
import numpy as np
from cvxpy.reductions.cvx_attr2constr import SYMMETRIC_ATTRIBUTES, lower_value
from cvxpy.reductions.dgp2dcp.dgp2dcp import Dgp2Dcp

from .._program import Input, Parameter

if TYPE_CHECKING:
    from ._compile import Canonical

_SIGNS = ("pos", "neg", "nonneg", "nonpos")


class Columns(NamedTuple):
    """CVXPY's columns by ours: column c is the sum of weight[k] times our column[k], for k from
    start[c] to start[c + 1]."""

    start: Any
    column: Any
    weight: Any
    width: int  # how many are ours; the last is the 1

    def replace(self, row: Any, column: Any, value: Any) -> tuple[Any, Any, Any]:
        """Numbers at (row, CVXPY's column) as numbers at (row, our column)."""
        first, counts = self.start[column], np.diff(self.start)[column]
        total = int(counts.sum())
        ends = np.cumsum(counts)
        k = np.arange(total) + np.repeat(first - (ends - counts), counts)
        return (
            np.repeat(row, counts),
            self.column[k],
            np.repeat(value, counts) * self.weight[k],
        )


def read_inputs(
    canonical: Canonical, parameters: Sequence[cp.Parameter], sparse_values: bool
) -> tuple[tuple[Parameter, ...], tuple[Input, ...], Columns]:
    """The parameters, the blocks of our columns, and what CVXPY's columns are in terms of ours.

    A block is a parameter row after row, where CVXPY takes columns, and of symmetric, diagonal and
    sparse ones only part; a geometric program may take logarithms.
    """
    program = canonical.program
    declared, inputs = [], []
    theirs = [np.array([program.total_param_size])]
    ours, weights = [np.array([-1])], [np.ones(1)]
    end = 0
    for k, parameter in enumerate(parameters):
        shape, picks = _read_parameter(parameter, sparse_values)
        declared.append(Parameter(parameter.name(), shape, _sign(parameter)))
        for log, leaf in _forms(canonical, parameter):
            column = program.param_id_to_col.get(leaf)
            if column is None:
                continue
            inputs.append(Input(k, log))
            for pick in picks:
                theirs.append(column + np.arange(len(pick)))
                ours.append(end + pick)
                weights.append(np.full(len(pick), 1.0 / len(picks)))
            end += prod(shape)
    ours[0] = np.array([end])
    inner = np.concatenate(theirs)
    order = np.argsort(inner, kind="stable")
    start = np.searchsorted(inner[order], np.arange(program.total_param_size + 2))
    column, weight = np.concatenate(ours)[order], np.concatenate(weights)[order]
    return tuple(declared), tuple(inputs), Columns(start, column, weight, end + 1)


def _forms(canonical: Canonical, parameter: cp.Parameter) -> list[tuple[bool, int]]:
    """(is it a logarithm, the id in CVXPY's cone program) for the ways that it may come in."""
    forms = [(False, canonical.follow("param", parameter.id, through_logs=False))]
    for reduction in canonical.reductions:
        if isinstance(reduction, Dgp2Dcp) and parameter.id in reduction.param_id_map:
            forms.append((True, canonical.follow("param", parameter.id)))
    return forms


def _read_parameter(
    parameter: cp.Parameter, sparse_values: bool
) -> tuple[tuple[int, ...], list[Any]]:
    """The shape of a value, and where CVXPY's vector has its numbers from, counted row after row.

    CVXPY takes the upper triangle of what is symmetric; the mean of both triangles has a gradient
    that is symmetric too, so there are two places.
    """
    if sparse_values and parameter.attributes["sparsity"]:
        count = len(parameter.sparse_idx[0])
        return (count,), [np.arange(count)]
    shape = tuple(int(size) for size in parameter.shape)
    numbers = np.arange(prod(shape)).reshape(shape)
    picks = [lower_value(parameter, numbers)]
    if any(parameter.attributes[name] for name in SYMMETRIC_ATTRIBUTES):
        picks.append(lower_value(parameter, numbers.swapaxes(-1, -2)))
    return shape, [np.asarray(pick).flatten(order="F") for pick in picks]


def _sign(parameter: cp.Parameter) -> str:
    return next((name for name in _SIGNS if parameter.attributes[name]), "")
