# SPDX-License-Identifier: Apache-2.0
"""diffcp's interface."""

import sys

import numpy as np
import pytest
import scipy.sparse as sp

from quadcone.compat import diffcp

CONES = {"f": 1, "l": 5, "q": [3], "s": [2]}


def make(seed=0, n=4, holes=0):
    """A, b, c and cones of a problem that has a solution; so many rows of A begin with 0."""
    rng = np.random.default_rng(seed)
    m = 12
    A, x, v = rng.standard_normal((m, n)), rng.standard_normal(n), rng.standard_normal(m)
    A[:holes, 0] = 0.0
    s = diffcp.cones.pi(v, [("z", 1), ("l", 5), ("q", [3]), ("s", [2])])
    return sp.csc_matrix(A), A @ x + s, -A.T @ (s - v), CONES


@pytest.mark.parametrize("mode", ["lsqr", "lsmr", "dense"])
def test_derivative_and_its_adjoint(mode):
    A, b, c, cones = make()
    P = sp.eye(4, format="csc")
    x, _, _, D, DT = diffcp.solve_and_derivative(A, b, c, cones, mode=mode, P=P)
    rng = np.random.default_rng(1)
    dA = diffcp.utils.get_random_like(A, rng.standard_normal)
    db, dc = rng.standard_normal(12), rng.standard_normal(4)
    dx, dy, ds = D(dA, db, dc)
    step = 1e-6
    moved = (A + step * dA, b + step * db, c + step * dc, cones)
    x_moved = diffcp.solve_only(*moved, P=P)[0]
    np.testing.assert_allclose((x_moved - x) / step, dx, atol=1e-4)
    gx, gy, gs = rng.standard_normal(4), rng.standard_normal(12), rng.standard_normal(12)
    gA, gb, gc = DT(gx, gy, gs)
    assert gA.format == "csc"
    np.testing.assert_allclose(
        gx @ dx + gy @ dy + gs @ ds, gA.multiply(dA).sum() + gb @ db + gc @ dc, rtol=1e-6
    )


@pytest.mark.parametrize("triangle", [False, True])
def test_quadratic_objective(triangle):
    A, b, c, cones = make()
    P = sp.csc_matrix(np.diag([1.0, 2, 3, 4]) + 0.1)
    given = sp.triu(P, format="csc") if triangle else P
    x, _, _, _, DT = diffcp.solve_and_derivative(A, b, c, cones, P=given)
    zero = np.zeros(12)
    dP = DT(np.ones(4), zero, zero, return_dP=True)[3]
    assert dP.nnz == given.nnz
    step = 1e-6
    moved = given.copy()
    moved.data += step
    x_moved = diffcp.solve_only(A, b, c, cones, P=moved)[0]
    np.testing.assert_allclose((x_moved - x).sum() / step, dP.data.sum(), atol=1e-4)


def test_tangents_outside_of_the_patterns():
    A, b, c, cones = make(holes=3)
    P = sp.csc_matrix(np.diag([1.0, 2, 3, 4]))
    x, _, _, D, _ = diffcp.solve_and_derivative(A, b, c, cones, P=P)
    dA, dP = sp.csc_matrix(np.ones((12, 4))), sp.csc_matrix(np.full((4, 4), 0.1))
    zero = np.zeros(12, int), np.zeros(4, int)
    dx = D(dA, *zero, dP=dP)[0]
    step = 1e-6
    x_moved = diffcp.solve_only(A + step * dA, b, c, cones, P=P + step * dP)[0]
    np.testing.assert_allclose((x_moved - x) / step, dx, atol=1e-4)  # a one-sided difference


def test_gradient_of_an_empty_quadratic_term():
    A, b, c, cones = make()
    zero = np.zeros(12)
    kwargs = {"tau": 0.1, "rho": 0.0}
    none = sp.csc_matrix((4, 4))
    for given in ({}, {"mode": "lpgd", "derivative_kwargs": kwargs}):
        DT = diffcp.solve_and_derivative(A, b, c, cones, P=none, **given)[4]
        dP = DT(dx=c, dy=zero, ds=zero, return_dP=True)[3]
        assert dP.shape == (4, 4) and dP.nnz == 0


def test_batch_of_two_families():
    problems = [make(0), make(1), make(2, n=3)]
    lists = [list(each) for each in zip(*problems, strict=True)]
    xs, ys, ss, D, DT = diffcp.solve_and_derivative_batch(*lists, n_jobs_forward=1)
    gradients = DT(xs, ys, ss)
    tangents = D(lists[0], lists[1], lists[2])
    for k, problem in enumerate(problems):
        x, y, s, one_D, one_DT = diffcp.solve_and_derivative(*problem)
        np.testing.assert_allclose(xs[k], x, atol=1e-9)
        np.testing.assert_allclose(gradients[1][k], one_DT(x, y, s)[1], atol=1e-6)
        np.testing.assert_allclose(tangents[0][k], one_D(*problem[:3])[0], atol=1e-6)


def test_batch_with_some_starts():
    A, b, c, cones = make()
    x, y, s = diffcp.solve_only(A.tolil(), b, c, cones)
    lists = [[each, each] for each in (A, b, c, cones)]
    for starts in ([None, (x, y, s)], [(x, y, s)] * 2):
        xs = diffcp.solve_only_batch(*lists, warm_starts=starts)[0]
        np.testing.assert_allclose(xs, [x, x], atol=1e-9)


def test_lpgd():
    A, b, c, cones = make()
    zero = np.zeros(12)
    exact = diffcp.solve_and_derivative(A, b, c, cones)[4](np.ones(4), zero, zero)
    kwargs = {"tau": 1e-5, "rho": 0.0}
    DT = diffcp.solve_and_derivative(A, b, c, cones, mode="lpgd", derivative_kwargs=kwargs)[4]
    np.testing.assert_allclose(DT(np.ones(4), zero, zero)[2], exact[2], atol=1e-3)
    with pytest.raises(ValueError, match="tau > 0"):
        DT(np.ones(4), zero, zero, tau=0.0)


def test_perturbed_solutions():
    """Differences of them tend to the derivative, with costs on slacks and without."""
    A, b, c, cones = make()
    P = sp.csc_matrix(np.diag([1.0, 2, 3, 4]))
    x, y, s, D, DT = diffcp.solve_and_derivative(A, b, c, cones, P=P)
    problem = (A, b, c, P, {"z": 1, "l": 5, "q": [3], "s": [2]}, x, y, s)
    solver = ({}, "SCS", diffcp.cone_program.solve_internal)
    rng, tau = np.random.default_rng(1), 1e-6
    dA, dP = diffcp.utils.get_random_like(A, rng.standard_normal), 0.1 * P
    db, dc = rng.standard_normal(12), rng.standard_normal(4)
    moved = diffcp.utils.compute_perturbed_solution(dA, db, dc, dP, tau, 0.0, *problem, *solver)
    for each, old, tangent in zip(moved, (x, y, s), D(dA, db, dc, dP=dP), strict=True):
        np.testing.assert_allclose((each - old) / tau, tangent, atol=1e-4)
    for ds in (np.zeros(12), rng.standard_normal(12)):
        moved = diffcp.utils.compute_adjoint_perturbed_solution(
            dc, db, ds, tau, 1e-9, *problem, *solver
        )
        _, gb, gc = DT(dc, db, ds)
        np.testing.assert_allclose((moved[0] - x) / tau, gc, atol=1e-4)
        np.testing.assert_allclose((y - moved[1]) / tau, gb, atol=1e-4)


def test_lpgd_with_rho_and_without_a_quadratic_term():
    A, b, c, cones = make()
    zero = np.zeros(12)
    exact = diffcp.solve_and_derivative(A, b, c, cones)[4](np.ones(4), zero, zero)
    DT = diffcp.solve_and_derivative(A, b, c, cones, mode="lpgd")[4]
    found = DT(np.ones(4), zero, zero, tau=1e-5, rho=0.1)
    np.testing.assert_allclose(found[2], exact[2], atol=1e-3)  # as of tau alone


@pytest.mark.parametrize("triangle", [False, True])
def test_lpgd_with_rho_and_costs_on_slacks(triangle):
    """rho holds s near its solution as well, of the problems alone whose ds is not 0."""
    A, b, c, cones = make()
    P = sp.csc_matrix(np.diag([1.0, 2, 3, 4]) + 0.1)
    given = sp.triu(P, format="csc") if triangle else P
    kwargs = {"tau": 1e-2, "rho": 0.5}
    lists = [[each] * 2 for each in (A, b, c, cones)]
    xs, ys, ss, _, DT = diffcp.solve_and_derivative_batch(
        *lists, mode="lpgd_right", Ps=[given] * 2, derivative_kwargs=kwargs
    )
    rng = np.random.default_rng(1)
    dx, dy, ds = rng.standard_normal(4), rng.standard_normal(12), rng.standard_normal(12)
    dss = [ds, 0 * ds]
    gradients = zip(*DT([dx] * 2, [dy] * 2, dss, return_dP=True), strict=True)
    for k, (gA, gb, gc, gP) in enumerate(gradients):
        x, y, _ = diffcp.utils.compute_adjoint_perturbed_solution(
            dx, dy, dss[k], *kwargs.values(), A, b, c, P,
            {"z": 1, "l": 5, "q": [3], "s": [2]}, xs[k], ys[k], ss[k],
            {}, "SCS", diffcp.cone_program.solve_internal,
        )  # fmt: skip
        np.testing.assert_allclose(gc, (x - xs[k]) / 1e-2, atol=1e-8)
        np.testing.assert_allclose(gb, (ys[k] - y) / 1e-2, atol=1e-8)
        moved = (np.outer(y, x) - np.outer(ys[k], xs[k])) / 1e-2
        np.testing.assert_allclose(gA.toarray(), moved, atol=1e-8)
        moved = (np.outer(x, x) - np.outer(xs[k], xs[k])) / 2e-2
        scale = 2.0 - np.eye(4) if triangle else 1.0
        expected = (given != 0).toarray() * scale * moved
        np.testing.assert_allclose(gP.toarray(), expected, atol=1e-8)


def test_projection_of_the_embedding():
    cones = [("z", 1), ("l", 2)]
    found = diffcp.cone_program.pi((np.array([-1.0]), -np.ones(3), np.array([-2.0])), cones)
    np.testing.assert_array_equal(found, [-1.0, -1.0, 0.0, 0.0, 0.0])


def test_cones_for_the_extension():
    _diffcp = pytest.importorskip("diffcp._diffcp")
    given = [("z", 1), ("l", 5), ("q", [3]), ("s", [2])]
    cones = diffcp.cones.parse_cone_dict_cpp(given)
    v = np.random.default_rng(0).standard_normal(12)
    dv = 1e-7 * np.arange(12.0)
    moved = diffcp.cones.pi(v + dv, given) - diffcp.cones.pi(v, given)
    found = _diffcp.dprojection(v, cones, False).matvec(dv)
    np.testing.assert_allclose(found, moved, atol=1e-12)  # the second order of dv


def test_errors():
    A, b, c, cones = make()
    with pytest.raises(ValueError, match="Unsupported mode"):
        diffcp.solve_and_derivative(A, b, c, cones, mode="qr")
    with pytest.raises(ValueError, match="not supported"):
        diffcp.solve_only(A, b, c, cones, solve_method="GUROBI")
    bad = A.copy()
    bad.data[0] = np.nan
    with pytest.raises(RuntimeError, match="Found a NaN in A"):
        diffcp.solve_and_derivative(bad, b, c, cones)
    ones = sp.csc_matrix(np.ones((2, 1)))
    with pytest.raises(diffcp.SolverError, match="Solver scs returned status infeasible"):
        diffcp.solve_only(ones, np.array([1.0, -1.0]), np.ones(1), {"f": 2})
    found = diffcp.solve_and_derivative_internal(
        ones, np.array([1.0, -1.0]), np.ones(1), {"f": 2}, raise_on_error=False
    )
    assert found["info"]["status"] == "Infeasible" and found["D"] is None


@pytest.mark.parametrize(("method", "name"), [("SCS", "solved"), ("ECOS", "Solved")])
def test_status_by_the_name_of_the_solver(method, name):
    found = diffcp.solve_internal(*make(), solve_method=method)
    assert found["info"]["status"] == name


def test_behind_cvxpy(monkeypatch):
    """CVXPY's own derivatives, which it takes from the module of this name."""
    cp = pytest.importorskip("cvxpy")
    monkeypatch.setitem(sys.modules, "diffcp", diffcp)
    x, p = cp.Variable(2), cp.Parameter(2, value=np.array([3.0, -1.0]))
    problem = cp.Problem(cp.Minimize(cp.sum_squares(x - 2 * p)), [x >= 0])
    for method in ("SCS", "ECOS", "CLARABEL"):
        problem.solve(requires_grad=True, solve_method=method)
        np.testing.assert_allclose(x.value, [6.0, 0.0], atol=1e-9)
        problem.backward()
        np.testing.assert_allclose(p.gradient, [2.0, 0.0], atol=1e-9)
    empty = cp.Problem(cp.Minimize(p @ x), [x >= 1, x <= 0])
    empty.solve(requires_grad=True)
    assert empty.status == cp.INFEASIBLE


def test_symmetric_vectors():
    x = np.arange(1.0, 7.0)
    X = diffcp.cones.unvec_symm(x, 3)
    np.testing.assert_allclose(X[0], [1.0, 2 / np.sqrt(2), 3 / np.sqrt(2)])
    np.testing.assert_allclose(diffcp.cones.vec_symm(X), x)
    assert diffcp.cones.psd_dim(diffcp.cones.vec_psd_dim(4096)) == 4096
