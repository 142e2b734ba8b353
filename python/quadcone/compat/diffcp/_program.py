# SPDX-License-Identifier: Apache-2.0
"""What the functions of `cone_program` read from their arguments."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from ..._settings import Settings
from .._choices import usable_tolerance

EXACT_MODES = ("lsqr", "lsmr", "dense")
LPGD_MODES = ("lpgd", "lpgd_left", "lpgd_right")
_METHODS = (None, "SCS", "ECOS", "Clarabel", "CLARABEL")
_INTERIOR_POINTS = ("ECOS", "Clarabel", "CLARABEL")
_CHOICES = {field.name for field in fields(Settings)} - {"derivatives", "on_failure"}
_TOLERANCES = ("eps", "eps_abs", "eps_rel", "abstol", "reltol", "feastol")


class SolverError(Exception):
    """There is no solution, or it was not found."""


class Program(NamedTuple):
    """One cone program as quadcone takes it."""

    A: Any  # (m, n), its explicit zeros included
    b: Any
    c: Any
    P: Any  # (n, n) with both triangles and the whole diagonal, or None
    cones: dict[str, Any]
    dP_pattern: Any  # the caller's P, or None
    is_triangle: bool  # P is an upper triangle

    @property
    def family(self) -> tuple[Any, ...]:
        """What programs that are solved together have in common."""
        P = () if self.P is None else (self.P.indptr.tobytes(), self.P.indices.tobytes())
        cones = repr(sorted(self.cones.items()))
        return (self.A.shape, self.A.indptr.tobytes(), self.A.indices.tobytes(), *P, cones)


def read_program(A: Any, b: Any, c: Any, cone_dict: dict[str, Any], P: Any) -> Program:
    """Checks what quadcone itself does not; the caller's matrices are left as they are."""
    A, b, c = _canonical(A), np.ravel(b), np.ravel(c)
    if np.isnan(A.data).any():
        raise RuntimeError("Found a NaN in A.")
    if P is None:
        return Program(A, b, c, None, cones_of(cone_dict), None, False)
    P = _canonical(P)
    is_triangle = sp.tril(P, -1).nnz == 0 and sp.triu(P, 1).nnz > 0
    whole = [P.tocoo(), sp.eye_array(P.shape[0]).tocoo()]
    if is_triangle:
        whole.append(sp.triu(P, 1).T.tocoo())
    row = np.concatenate([part.row for part in whole])
    column = np.concatenate([part.col for part in whole])
    scale = np.concatenate([part.data * (k != 1) for k, part in enumerate(whole)])
    full = _canonical(sp.coo_array((scale, (row, column)), shape=P.shape))
    return Program(A, b, c, full, cones_of(cone_dict), P, is_triangle)


def cones_of(cone_dict: dict[str, Any]) -> dict[str, Any]:
    """quadcone's dictionary: "f" is an old name of "z", and a single size may lack its list."""
    cones = {key: value for key, value in cone_dict.items() if key != "f"}
    if cone_dict.get("f"):
        cones["z"] = cones.get("z", 0) + cone_dict["f"]
    for key in ("q", "s", "p"):
        if key in cones:
            cones[key] = np.atleast_1d(cones[key]).tolist()
    for key in ("z", "l", "ep", "ed"):
        if key in cones:
            cones[key] = int(cones[key])
    return {key: value for key, value in cones.items() if value}


def _canonical(matrix: Any) -> Any:
    """A copy by columns, sorted, one number for each place."""
    matrix = sp.csc_matrix(matrix, dtype=np.float64, copy=True)
    matrix.sum_duplicates()
    matrix.sort_indices()
    return matrix


def check_mode(mode: str) -> None:
    """ValueError for one that diffcp does not have."""
    if mode not in EXACT_MODES + LPGD_MODES:
        supported = ", ".join(EXACT_MODES + LPGD_MODES)
        raise ValueError(f"Unsupported mode {mode}; the supported modes are {supported}")


def check_method(solve_method: str | None) -> None:
    """ValueError for a solver that diffcp does not know."""
    if solve_method not in _METHODS:
        raise ValueError(f"Solver {solve_method} not supported.")


def read_options(options: dict[str, Any], interior_point: bool = False) -> dict[str, Any]:
    """Settings of quadcone, of a solver's options; those that it has no use for are dropped.

    interior_point: so is the solver, as it is where solve_method says so.  Its iterations are
        factorizations, which can be limited here as well; those of SCS are not.
    """
    settings = {name: value for name, value in options.items() if name in _CHOICES}
    limit = options.get("max_iter", options.get("max_iters"))
    if limit and (interior_point or options.get("solve_method") in _INTERIOR_POINTS):
        settings.setdefault("max_iterations", int(limit))
    tolerances = [
        value
        for name, value in options.items()
        if (name in _TOLERANCES or name.startswith("tol_")) and isinstance(value, float)
    ]
    if tolerances and "tolerance" not in settings:
        settings["tolerance"] = usable_tolerance(min(tolerances))
    return settings


def values_at(matrix: Any, name: str, pattern: Any) -> Any:
    """(nnz,): a matrix's values in the places of a pattern; ValueError if it has others."""
    matrix = _canonical(matrix)
    if matrix.shape != pattern.shape:
        raise ValueError(f"{name} has shape {matrix.shape}, expected {pattern.shape}")
    known, wanted = places(pattern), places(matrix)
    found = np.searchsorted(known, wanted)
    missing = (found == len(known)) | (known[np.minimum(found, len(known) - 1)] != wanted)
    if np.any(matrix.data[missing] != 0.0):
        raise ValueError(f"{name} has entries where the sparsity pattern has none")
    values = np.zeros(len(known))
    values[found[~missing]] = matrix.data[~missing]
    return values


def places(matrix: Any) -> Any:
    """Numbers of the places by columns, which increase."""
    columns = np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr))
    return columns * np.int64(matrix.shape[0]) + matrix.indices
