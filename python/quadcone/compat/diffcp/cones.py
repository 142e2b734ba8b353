# SPDX-License-Identifier: Apache-2.0
"""Cones by diffcp's names: projections, and symmetric matrices as vectors."""

from __future__ import annotations

from importlib import import_module
from math import isqrt
from typing import Any

import numpy as np

from ...cones import project

ZERO = "z"
EQ_DIM = ZERO
POS = "l"
SOC = "q"
PSD = "s"
EXP = "ep"
EXP_DUAL = "ed"

CONES = [ZERO, POS, SOC, PSD, EXP, EXP_DUAL]  # in the order of rows


def parse_cone_dict(cone_dict: dict[str, Any]) -> list[tuple[str, Any]]:
    """(cone, size or sizes), in the order of rows."""
    return [(cone, cone_dict[cone]) for cone in CONES if cone in cone_dict]


def parse_cone_dict_cpp(cone_list: list[tuple[str, Any]]) -> list[Any]:
    """Cones as the extension of diffcp itself takes them; that has to be installed."""
    extension = import_module("diffcp._diffcp")
    kinds = extension.ConeType
    names = (kinds.ZERO, kinds.POS, kinds.SOC, kinds.PSD, kinds.EXP, kinds.EXP_DUAL)
    kind_of = dict(zip(CONES, names, strict=True))
    return [
        extension.Cone(kind_of[cone], np.atleast_1d(sizes).tolist()) for cone, sizes in cone_list
    ]


def vec_psd_dim(dim: int) -> int:
    """Numbers in the vector of a symmetric matrix of this order."""
    return dim * (dim + 1) // 2


def psd_dim(size: int) -> int:
    """The order of the symmetric matrix whose vector has this many numbers."""
    return (isqrt(8 * size + 1) - 1) // 2


def unvec_symm(x: Any, dim: int) -> Any:
    """The symmetric matrix, (dim, dim), of a vector: its lower triangle, column after column, with
    the entries off the diagonal multiplied by the root of 2."""
    column, row = np.triu_indices(dim)
    scale = np.where(row == column, 1.0, np.sqrt(0.5))
    X = np.empty((dim, dim))
    X[row, column] = X[column, row] = np.asarray(x) * scale
    return X


def vec_symm(X: Any) -> Any:
    """The vector of a symmetric matrix; see `unvec_symm`."""
    column, row = np.triu_indices(len(X))
    return np.asarray(X)[row, column] * np.where(row == column, 1.0, np.sqrt(2.0))


def pi(x: Any, cones: list[tuple[str, Any]], dual: bool = False) -> Any:
    """The projection of x on a product of cones (name, size or sizes), or on its dual."""
    x = np.asarray(x, np.float64)
    out = np.empty_like(x)
    first = 0
    for cone, sizes in cones:
        for size in np.atleast_1d(np.asarray(sizes, dtype=np.int64)).tolist():
            end = first + _rows(cone, size)
            out[first:end] = _proj(x[first:end], cone, dual)
            first = end
    return out


def _rows(cone: str, size: int) -> int:
    if cone == PSD:
        return vec_psd_dim(size)
    return 3 * size if cone in (EXP, EXP_DUAL) else size


def _proj(x: Any, cone: str, dual: bool = False) -> Any:
    """The projection on one cone, or on as many exponential cones as x has numbers for."""
    if cone not in CONES:
        raise NotImplementedError(f"{cone} not implemented")
    if not len(x):
        return np.array(x, np.float64)
    sizes: dict[str, Any] = {
        SOC: [len(x)],
        PSD: [psd_dim(len(x))],
        EXP: len(x) // 3,
        EXP_DUAL: len(x) // 3,
    }
    return project(x, {cone: sizes.get(cone, len(x))}, dual=dual)
