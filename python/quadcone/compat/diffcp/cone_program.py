# SPDX-License-Identifier: Apache-2.0
"""Cone programs and their derivatives with the interface of diffcp.

    minimize    c'x + 1/2 x'P x        subject to    A x + s = b,  s in K

What is different.  Modes "dense", "lsqr" and "lsmr" all are quadcone's exact derivative, which does
not stop early, and take P.  Whatever solve_method says, quadcone solves: its options are accepted,
those that are quadcone's too (`quadcone.Settings`) are used, tolerances looser than quadcone's own
are not, and a problem without a solution raises SolverError (with Clarabel, diffcp returns
certificates without a word).  return_dP gives the derivative with respect to P, in every mode.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ._group import Group
from ._program import (
    EXACT_MODES,
    check_method,
    check_mode,
    read_options,
    read_program,
)
from ._program import SolverError as SolverError
from .cones import pi as _pi


def pi(z: tuple[Any, Any, Any], cones: list[tuple[str, Any]]) -> Any:
    """The projection of (u, v, w) on R^n x K* x R+, where K is a product of cones."""
    u, v, w = z
    return np.concatenate([u, _pi(v, cones, dual=True), np.maximum(w, 0)])


def solve_and_derivative(
    A: Any,
    b: Any,
    c: Any,
    cone_dict: dict[str, Any],
    warm_start: Any = None,
    mode: str = "lsqr",
    solve_method: str | None = "SCS",
    P: Any = None,
    **kwargs: Any,
) -> tuple[Any, Any, Any, Callable[..., Any], Callable[..., Any]]:
    """x (n,), y (m,), s (m,), D and DT.

    A: (m, n), sparse.  b: (m,).  c: (n,).  P: (n, n), sparse and symmetric, or its upper triangle.
    cone_dict: numbers and sizes of the cones "z" (or "f"), "l", "q", "s", "ep", "ed".
    warm_start: (x, y, s) near the solution.
    mode: "lsqr", "lsmr", "dense"; "lpgd", "lpgd_left", "lpgd_right" with derivative_kwargs of tau
        and rho, which D and DT take as well.

    D(dA, db, dc, dP=None) is dx, dy, ds.  DT(dx, dy, ds, return_dP=False) is dA, db, dc and perhaps
    dP, on the patterns of A and P.

    Raises SolverError where there is no solution, ValueError for a mode that does not exist and
    RuntimeError for NaN in A.
    """
    found = solve_and_derivative_internal(
        A, b, c, cone_dict, solve_method, warm_start, mode, True, P, **kwargs
    )
    return found["x"], found["y"], found["s"], found["D"], found["DT"]


def solve_and_derivative_internal(
    A: Any,
    b: Any,
    c: Any,
    cone_dict: dict[str, Any],
    solve_method: str | None = None,
    warm_start: Any = None,
    mode: str = "lsqr",
    raise_on_error: bool = True,
    P: Any = None,
    **kwargs: Any,
) -> dict[str, Any]:
    """As `solve_and_derivative`, a dictionary of x, y, s, info, D and DT.

    raise_on_error: otherwise info["status"] says that there is no solution, and D and DT are None.
    """
    check_mode(mode)
    group = _solve_one(A, b, c, cone_dict, solve_method, warm_start, mode, P, kwargs)
    if raise_on_error:
        group.check()
    if not np.all(group.solution.solved):
        return {**group.result(0), "D": None, "DT": None}

    def derivative(dA: Any, db: Any, dc: Any, dP: Any = None, **kwargs: Any) -> tuple[Any, ...]:
        """dx, dy, ds."""
        lists = group.derivative([dA], [db], [dc], None if dP is None else [dP], **kwargs)
        return tuple(each[0] for each in lists)

    def adjoint_derivative(
        dx: Any, dy: Any, ds: Any, return_dP: bool = False, **kwargs: Any
    ) -> tuple[Any, ...]:
        """dA, db, dc, and dP where that is asked for."""
        lists = group.adjoint([dx], [dy], [ds], return_dP=return_dP, **kwargs)
        return tuple(each[0] for each in lists)

    return {**group.result(0), "D": derivative, "DT": adjoint_derivative}


def solve_internal(
    A: Any,
    b: Any,
    c: Any,
    cone_dict: dict[str, Any],
    solve_method: str | None = None,
    warm_start: Any = None,
    raise_on_error: bool = True,
    P: Any = None,
    **kwargs: Any,
) -> dict[str, Any]:
    """As `solve_only`, a dictionary of x, y, s and info; see `solve_and_derivative_internal`."""
    group = _solve_one(A, b, c, cone_dict, solve_method, warm_start, "", P, kwargs)
    if raise_on_error:
        group.check()
    return group.result(0)


def solve_only(
    A: Any,
    b: Any,
    c: Any,
    cone_dict: dict[str, Any],
    warm_start: Any = None,
    solve_method: str | None = "SCS",
    P: Any = None,
    **kwargs: Any,
) -> tuple[Any, Any, Any]:
    """x, y and s; see `solve_and_derivative`."""
    found = solve_internal(A, b, c, cone_dict, solve_method, warm_start, True, P, **kwargs)
    return found["x"], found["y"], found["s"]


def solve_and_derivative_batch(
    As: Sequence[Any],
    bs: Sequence[Any],
    cs: Sequence[Any],
    cone_dicts: Sequence[dict[str, Any]],
    n_jobs_forward: int = -1,
    n_jobs_backward: int = -1,
    mode: str = "lsqr",
    warm_starts: Sequence[Any] | None = None,
    Ps: Sequence[Any] | None = None,
    **kwargs: Any,
) -> tuple[list[Any], list[Any], list[Any], Callable[..., Any], Callable[..., Any]]:
    """Lists of x, y and s, and D and DT of lists; see `solve_and_derivative`.

    n_jobs_forward: threads; -1 is one for each processor.  n_jobs_backward has no effect: a
        derivative takes as many.

    Programs with the same pattern and cones are solved together.
    """
    del n_jobs_backward
    check_mode(mode)
    batch = (As, bs, cs, cone_dicts, Ps, warm_starts)
    count, groups = _solve_many(batch, n_jobs_forward, mode, kwargs)

    def derivative_batch(
        dAs: Any, dbs: Any, dcs: Any, dPs: Any = None, **kwargs: Any
    ) -> tuple[list[Any], ...]:
        """Lists of dx, dy and ds."""
        parts = [
            group.derivative(*_picked(indices, dAs, dbs, dcs, dPs), **kwargs)
            for indices, group in groups
        ]
        return _in_order(count, groups, parts)

    def adjoint_derivative_batch(
        dxs: Any, dys: Any, dss: Any, return_dP: bool = False, **kwargs: Any
    ) -> tuple[list[Any], ...]:
        """Lists of dA, db, dc, and dP where that is asked for."""
        parts = [
            group.adjoint(*_picked(indices, dxs, dys, dss), return_dP=return_dP, **kwargs)
            for indices, group in groups
        ]
        return _in_order(count, groups, parts)

    return (*_solutions(count, groups), derivative_batch, adjoint_derivative_batch)


def solve_only_batch(
    As: Sequence[Any],
    bs: Sequence[Any],
    cs: Sequence[Any],
    cone_dicts: Sequence[dict[str, Any]],
    n_jobs_forward: int = -1,
    warm_starts: Sequence[Any] | None = None,
    Ps: Sequence[Any] | None = None,
    **kwargs: Any,
) -> tuple[list[Any], list[Any], list[Any]]:
    """Lists of x, y and s; see `solve_and_derivative_batch`."""
    batch = (As, bs, cs, cone_dicts, Ps, warm_starts)
    return _solutions(*_solve_many(batch, n_jobs_forward, "", kwargs))


def _solve_one(
    A: Any,
    b: Any,
    c: Any,
    cone_dict: dict[str, Any],
    solve_method: str | None,
    warm_start: Any,
    mode: str,
    P: Any,
    options: dict[str, Any],
) -> Group:
    check_method(solve_method)
    start = None if warm_start is None else tuple(np.atleast_2d(each) for each in warm_start)
    options = {"solve_method": solve_method, **options}
    return _group([read_program(A, b, c, cone_dict, P)], mode, options, start)


def _group(programs: Sequence[Any], mode: str, options: dict[str, Any], start: Any) -> Group:
    """mode: "" where no derivative is wanted."""
    settings = {**read_options(options), "derivatives": mode in EXACT_MODES}
    derivative = options.get("derivative_kwargs") or {}
    return Group(programs, mode, settings, derivative, options.get("solve_method", "SCS"), start)


Groups = list[tuple[list[int], Group]]


def _solve_many(
    batch: tuple[Any, ...], n_jobs: int, mode: str, options: dict[str, Any]
) -> tuple[int, Groups]:
    """The number of programs, and groups of them with their places."""
    As, bs, cs, cone_dicts, Ps, warm_starts = batch
    check_method(options.get("solve_method", "SCS"))
    if n_jobs > 0:
        options = {"num_threads": n_jobs, **options}
    Ps = [None] * len(As) if Ps is None else Ps
    programs = [read_program(*each) for each in zip(As, bs, cs, cone_dicts, Ps, strict=True)]
    families: dict[Any, list[int]] = {}
    for k, program in enumerate(programs):
        families.setdefault(program.family, []).append(k)
    groups = []
    for indices in families.values():
        starts = [warm_starts[k] for k in indices] if warm_starts is not None else [None]
        start = None
        if all(each is not None for each in starts):
            start = tuple(np.stack(each) for each in zip(*starts, strict=True))
        groups.append((indices, _group([programs[k] for k in indices], mode, options, start)))
    for _, group in groups:
        group.check()
    return len(programs), groups


def _picked(indices: list[int], *lists: Any) -> list[Any]:
    return [None if each is None else [each[k] for k in indices] for each in lists]


def _in_order(count: int, groups: Groups, parts: Sequence[Any]) -> tuple[list[Any], ...]:
    """Lists of all programs, of the groups' lists."""
    results: tuple[list[Any], ...] = tuple([None] * count for _ in parts[0]) if parts else ()
    for (indices, _), lists in zip(groups, parts, strict=True):
        for result, values in zip(results, lists, strict=True):
            for k, value in zip(indices, values, strict=True):
                result[k] = value
    return results


def _solutions(count: int, groups: Groups) -> tuple[list[Any], list[Any], list[Any]]:
    parts = [(group.solution.x, group.solution.y, group.solution.s) for _, group in groups]
    x, y, s = _in_order(count, groups, parts) if parts else ([], [], [])
    return x, y, s
