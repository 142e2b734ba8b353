# SPDX-License-Identifier: Apache-2.0
"""quadcone.cvxpy: the maps against CVXPY's own data, the solver, and CVXPY's own derivatives."""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
import scipy.sparse as sp
from cvxpy_cases import CASES, quadratic, second_order

import quadcone.cvxpy
from quadcone.cvxpy import QUADCONE

cases = pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)


def assign(case, seed: int = 0) -> list:
    values = case.sample(np.random.default_rng(seed))
    case.solve(values)  # leaves the values in the parameters
    return values


# CVXPY warns of how it reads sparse parameters itself.
sparse_quietly = pytest.mark.filterwarnings("ignore:Reading from a sparse CVXPY:RuntimeWarning")


@cases
@sparse_quietly
def test_the_maps_give_the_data_that_cvxpy_gives_its_solver(make):
    case = make()
    values = assign(case)
    program = quadcone.cvxpy.compile_problem(
        case.problem, case.parameters, case.variables, gp=case.gp
    )
    inputs = [
        np.log(values[block.parameter]) if block.log else np.asarray(values[block.parameter], float)
        for block in program.inputs
    ]
    shapes = tuple(parameter.shape for parameter in case.parameters)
    P, q, A, b = program.evaluation(shapes).push(inputs, True)
    problem = case.problem
    data = problem.get_problem_data(QUADCONE, gp=case.gp)[0]
    np.testing.assert_allclose(q, data["c"], atol=1e-12)
    np.testing.assert_allclose(b, data["b"], atol=1e-12)
    for values_, placeholder, expected in (
        (P, program.problem.P, data.get("P")),
        (A, program.problem.A, data["A"]),
    ):
        found = placeholder
        if values_ is not None:
            found = sp.csc_array((values_, found.indices, found.indptr), shape=found.shape)
        expected = sp.csc_array(found.shape) if expected is None else expected
        np.testing.assert_allclose(found.toarray(), expected.toarray(), atol=1e-12)


@cases
def test_pull_is_the_adjoint_of_push(make):
    case = make()
    program = quadcone.cvxpy.compile_problem(
        case.problem, case.parameters, case.variables, gp=case.gp
    )
    rng = np.random.default_rng(1)
    shapes = [(3, *parameter.shape) for parameter in case.parameters]
    shapes[0] = shapes[0][1:]
    evaluation = program.evaluation(tuple(shapes))
    inputs = [rng.normal(size=shapes[block.parameter]) for block in program.inputs]
    outputs = evaluation.push(inputs, False)
    cotangents = [None if out is None else rng.normal(size=out.shape) for out in outputs]
    gradients = evaluation.pull(cotangents, [True] * len(inputs))
    left = sum(np.sum(a * b) for a, b in zip(outputs, cotangents, strict=True) if a is not None)
    right = sum(np.sum(a * b) for a, b in zip(inputs, gradients, strict=True))
    np.testing.assert_allclose(left, right, rtol=1e-12)


@cases
@sparse_quietly
def test_solver(make):
    case = make()
    assign(case)
    expected = [np.copy(variable.value) for variable in case.variables]
    value = case.problem.value
    assert case.problem.solve(solver=QUADCONE, gp=case.gp) == pytest.approx(value, rel=1e-6)
    assert case.problem.status == cp.OPTIMAL
    for variable, known in zip(case.variables, expected, strict=True):
        found = variable.value.toarray() if hasattr(variable.value, "toarray") else variable.value
        known = known.item().toarray() if known.dtype == object else known
        np.testing.assert_allclose(found, known, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize(
    ("constraints", "status"),
    [(lambda x: [x >= 1, x <= 0], cp.INFEASIBLE), (lambda x: [x <= 0], cp.UNBOUNDED)],
)
def test_statuses(constraints, status):
    x = cp.Variable()
    problem = cp.Problem(cp.Minimize(x), constraints(x))
    problem.solve(solver=QUADCONE)
    assert problem.status == status


def test_no_constraints():
    x = cp.Variable(2)
    problem = cp.Problem(cp.Minimize(cp.sum_squares(x - 3)))
    assert problem.solve(solver=QUADCONE) == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(x.value, 3.0)


def test_infinite_bounds_are_no_bounds():
    x = cp.Variable(2)
    constraints = [x <= np.array([np.inf, 1.0])]
    problem = cp.Problem(cp.Minimize(cp.sum_squares(x - 3)), constraints)
    problem.solve(solver=QUADCONE)
    np.testing.assert_allclose(x.value, [3.0, 1.0])
    np.testing.assert_allclose(constraints[0].dual_value, [0.0, 4.0])


def test_options_statistics_and_verbose(capsys):
    case = quadratic()
    assign(case)
    case.problem.solve(solver=QUADCONE, verbose=True, tolerance=1e-6, max_iterations=50)
    assert "solved after" in capsys.readouterr().out
    assert case.problem.solver_stats.num_iters > 0
    assert case.problem.solver_stats.solve_time > 0
    with pytest.raises(TypeError, match="QUADCONE has no option eps, expected one of: tolerance"):
        case.problem.solve(solver=QUADCONE, eps=1e-3)
    with pytest.raises(cp.SolverError):
        case.problem.solve(solver=QUADCONE, max_iterations=1, warm_start=False)


def test_no_integers():
    x = cp.Variable(integer=True)
    with pytest.raises(cp.SolverError, match="mixed-integer"):
        cp.Problem(cp.Minimize(x), [x >= 0.5]).solve(solver=QUADCONE)


@pytest.mark.parametrize("make", [quadratic, second_order], ids=["quadratic", "second_order"])
def test_backward_and_derivative_of_cvxpy(make):
    case = make()
    assign(case)
    rng = np.random.default_rng(2)
    x = case.variables[0]
    case.problem.solve(method="QUADCONE", requires_grad=True)
    x.gradient = rng.normal(size=x.shape)
    for other in case.problem.variables():
        other.gradient = x.gradient if other is x else np.zeros(other.shape)
    case.problem.backward()
    gradients = [parameter.gradient for parameter in case.parameters]
    deltas = [rng.normal(size=parameter.shape) for parameter in case.parameters]
    for parameter, delta in zip(case.parameters, deltas, strict=True):
        parameter.delta = delta
    case.problem.derivative()
    change = sum(np.sum(g * d) for g, d in zip(gradients, deltas, strict=True))
    assert np.sum(x.gradient * x.delta) == pytest.approx(change, rel=1e-6)
    values = [parameter.value for parameter in case.parameters]
    ends = []
    for step in (1e-5, -1e-5):
        for parameter, value, delta in zip(case.parameters, values, deltas, strict=True):
            parameter.value = value + step * delta
        case.problem.solve(method="QUADCONE")
        ends.append(x.value)
    assert np.sum(x.gradient * (ends[0] - ends[1])) / 2e-5 == pytest.approx(change, rel=1e-4)
