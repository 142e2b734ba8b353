# SPDX-License-Identifier: Apache-2.0
"""Conic programs beside other solvers: Clarabel and SCS for solutions, diffcp for derivatives."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from conic import CONES, conic, count_rows, each_cone

clarabel = pytest.importorskip("clarabel")
scs = pytest.importorskip("scs")
diffcp = pytest.importorskip("diffcp")

OF_CLARABEL = ("z", "l", "q", "s", "ep", "p")
OF_DIFFCP = ("z", "l", "q", "s", "ep")
clarabel_cones = {
    name: cones
    for name, cones in CONES.items()
    if set(cones) <= set(OF_CLARABEL) and min(cones.get("p", [1.0])) > 0.0
}
diffcp_cones = {name: cones for name, cones in CONES.items() if set(cones) <= set(OF_DIFFCP)}


def clarabel_order(cones):
    """Rows in Clarabel's order: of a PSD cone, the upper triangle column after column."""
    rows, first = [], 0
    for key, order, size in each_cone(cones):
        place = np.arange(size)
        if key == "s":
            lower = np.zeros((order, order), int)
            lower.T[np.triu_indices(order)] = place
            place = lower[np.tril_indices(order)]
        rows.append(first + place)
        first += size
    return np.concatenate(rows)


def clarabel_solution(P, q, A, b, cones):
    kinds = {
        "z": lambda _, size: clarabel.ZeroConeT(size),
        "l": lambda _, size: clarabel.NonnegativeConeT(size),
        "q": lambda _, size: clarabel.SecondOrderConeT(size),
        "s": lambda order, _: clarabel.PSDTriangleConeT(order),
        "ep": lambda *_: clarabel.ExponentialConeT(),
        "p": lambda alpha, _: clarabel.PowerConeT(alpha),
    }
    order = clarabel_order(cones)
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-9
    form = [kinds[key](parameter, size) for key, parameter, size in each_cone(cones)]
    solver = clarabel.DefaultSolver(
        sp.csc_matrix(np.triu(P)), q, sp.csc_matrix(A[order]), b[order], form, settings
    )
    return np.array(solver.solve().x)


def scs_solution(P, q, A, b, cones):
    data = {"P": sp.csc_matrix(np.triu(P)), "A": sp.csc_matrix(A), "b": b, "c": q}
    solver = scs.SCS(data, cones, eps_abs=1e-9, eps_rel=1e-9, verbose=False)
    return solver.solve()["x"]


@pytest.mark.parametrize("cones", clarabel_cones.values(), ids=clarabel_cones.keys())
def test_solutions_are_those_of_clarabel(cones):
    """To the accuracy of the peer: the square root of its gap, as P is at least 0.1."""
    data = conic(np.random.default_rng(0), max(2, count_rows(cones) // 2), cones, batch=5)
    ours = data.solve()
    for k in range(5):
        theirs = clarabel_solution(data.P[k], data.q[k], data.A[k], data.b[k], cones)
        assert np.allclose(ours.x[k], theirs, rtol=0.0, atol=1e-4)


@pytest.mark.parametrize("cones", CONES.values(), ids=CONES.keys())
def test_solutions_are_those_of_scs(cones):
    data = conic(np.random.default_rng(1), max(2, count_rows(cones) // 2), cones, batch=5)
    ours = data.solve()
    for k in range(5):
        theirs = scs_solution(data.P[k], data.q[k], data.A[k], data.b[k], cones)
        assert np.allclose(ours.x[k], theirs, rtol=0.0, atol=1e-4)


@pytest.mark.parametrize("cones", diffcp_cones.values(), ids=diffcp_cones.keys())
def test_derivatives_are_those_of_diffcp(cones):
    """Its dense mode, at solutions of SCS, whose error of 1e-9 the derivative carries over."""
    rng = np.random.default_rng(2)
    data = conic(rng, 2 * count_rows(cones) // 3, cones, batch=3, linear=True, known=False)
    ours = data.solve()
    u = [rng.standard_normal(v.shape) for v in (ours.x, ours.y, ours.s)]
    gradients = ours.vjp(*u)
    for k in range(3):
        *_, adjoint = diffcp.solve_and_derivative(
            sp.csc_matrix(data.A[k]),
            data.b[k],
            data.q[k],
            cones,
            mode="dense",
            solve_method="SCS",
            eps_abs=1e-12,
            eps_rel=1e-12,
            max_iters=200_000,
        )
        dA, db, dc = adjoint(u[0][k], u[1][k], u[2][k])
        pairs = ((gradients.A[k], dA.toarray()), (gradients.b[k], db), (gradients.q[k], dc))
        for our, their in pairs:
            assert np.allclose(our, their, rtol=0.0, atol=1e-5 * (1.0 + np.abs(our).max()))
