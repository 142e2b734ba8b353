# SPDX-License-Identifier: Apache-2.0
"""quadcone.torch.CvxpyLayer: against CVXPY's own solutions, and against finite differences."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import cvxpy as cp
import numpy as np
import pytest
import torch
from cvxpy_cases import CASES, Case, linear, quadratic, quadratic_form, sparse

import quadcone as qc
import quadcone.cvxpy
from quadcone.torch import CvxpyLayer

cases = pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)


def layer_of(case: Case, **settings: object) -> CvxpyLayer:
    return CvxpyLayer(case.problem, case.parameters, case.variables, gp=case.gp, **settings)


def tensors(case: Case, seed: int = 0, batch: int = 0) -> list[torch.Tensor]:
    """Values of the parameters, of one problem or a batch."""
    rng = np.random.default_rng(seed)
    samples = [case.sample(rng) for _ in range(max(batch, 1))]
    arrays = [np.stack(values) for values in zip(*samples, strict=True)]
    return [torch.tensor(array if batch else array[0]).requires_grad_() for array in arrays]


@cases
def test_values_are_those_of_cvxpy(make):
    case = make()
    layer = layer_of(case)
    values = tensors(case)
    outputs = layer(*values)
    assert layer.report.solved
    expected = case.solve([value.detach().numpy() for value in values])
    for output, value, variable in zip(outputs, expected, case.variables, strict=True):
        value = value.toarray() if hasattr(value, "toarray") else value
        assert output.shape == variable.shape
        expected_value = np.reshape(value, variable.shape)  # CVXPY gives (n, 1) for some duals
        np.testing.assert_allclose(output.detach(), expected_value, atol=1e-4, rtol=1e-5)


@cases
def test_a_batch_is_its_problems(make):
    case = make()
    layer = layer_of(case)
    values = tensors(case, batch=3)
    together = layer(*values)
    for k in range(3):
        alone = layer(*(value[k] for value in values))
        for one, all_ in zip(alone, together, strict=True):
            torch.testing.assert_close(one, all_[k], rtol=1e-9, atol=1e-9)


@cases
def test_gradients(make):
    case = make()
    layer = layer_of(case)
    # A symmetric, diagonal or sparse parameter is read as such, whatever the perturbation.
    assert torch.autograd.gradcheck(layer, tensors(case), atol=1e-5, rtol=1e-4)
    assert torch.autograd.gradcheck(layer, tensors(case, batch=2), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("make", [linear, quadratic])
def test_lpgd_with_rho(make):
    """It moves the diagonal of P, of which these problems have nothing and a part."""
    case = make()
    values = tensors(case, batch=2)
    found = []
    for settings in ({}, {"derivative_mode": "lpgd", "lpgd_tau": 1e-5, "lpgd_rho": 1e-6}):
        layer = layer_of(case, **settings)
        x = pickle.loads(pickle.dumps(layer))(*values)[0]
        found.append(torch.autograd.grad(x.pow(2).sum(), values))
    for exact, lpgd in zip(*found, strict=True):
        torch.testing.assert_close(
            exact, lpgd, atol=1e-3, rtol=1e-3
        )  # a difference; both are of order tau and rho


@pytest.mark.parametrize("mixed", ["001", "010", "011", "100", "101", "110"])
def test_gradients_where_some_parameters_have_a_batch(mixed):
    case = quadratic()
    layer = layer_of(case)
    one, many = tensors(case), tensors(case, batch=2)
    values = [many[k] if each == "1" else one[k] for k, each in enumerate(mixed)]
    assert layer(*values)[0].shape == (2, 4)
    assert torch.autograd.gradcheck(layer, values, atol=1e-5, rtol=1e-4)
    stretched = [
        value if each == "1" else value[None] for value, each in zip(values, mixed, strict=True)
    ]
    for a, b in zip(layer(*values), layer(*stretched), strict=True):
        torch.testing.assert_close(a, b)


def test_what_does_not_depend_on_the_batch_is_shared():
    case = quadratic()
    layer = layer_of(case)
    A, _, weight = tensors(case)
    evaluation = layer.program.evaluation((A.shape, (5, 3), weight.shape))
    arrays = [A.detach().numpy(), np.zeros((5, 3)), weight.detach().numpy()]
    P, q, A_values, b_values = evaluation.push(arrays, True)
    assert P.ndim == q.ndim == A_values.ndim == 1
    assert b_values.shape == (5, layer.program.problem.m)


def test_forward_derivative():
    case = quadratic()
    layer = layer_of(case)
    assert torch.autograd.gradcheck(
        layer, tensors(case), atol=1e-5, rtol=1e-4, check_forward_ad=True
    )


def test_a_quadratic_objective_stays_quadratic():
    case = quadratic_form()
    problem = layer_of(case).program.problem
    assert problem.P.nnz == 9
    assert "q" not in problem.cones


def test_gradient_of_a_symmetric_parameter_is_symmetric():
    case = quadratic_form()
    values = tensors(case)
    layer_of(case)(*values)[0].square().sum().backward()
    torch.testing.assert_close(values[0].grad, values[0].grad.T)


def test_sparse_values():
    case = sparse()
    dense, b = tensors(case)
    short = dense.detach()[case.parameters[0].sparse_idx].requires_grad_()
    by_matrix = layer_of(case)(dense, b)[0]
    by_values = layer_of(case, sparse_values=True)(short, b)[0]
    torch.testing.assert_close(by_matrix, by_values)
    by_matrix.square().sum().backward()
    by_values.square().sum().backward()
    torch.testing.assert_close(dense.grad[case.parameters[0].sparse_idx], short.grad)
    assert dense.grad.count_nonzero() == 3


def test_sparse_tensors():
    case = sparse()
    dense, b = tensors(case)
    tensor = dense.detach().to_sparse().requires_grad_()
    layer = layer_of(case)
    torch.testing.assert_close(layer(tensor, b), layer(dense, b))
    layer(tensor, b)[0].square().sum().backward()
    layer(dense, b)[0].square().sum().backward()
    torch.testing.assert_close(tensor.grad.to_dense(), dense.grad)


def test_a_parameter_that_must_be_positive_semidefinite():
    case = quadratic_form()
    P, q = tensors(case)
    with pytest.raises(ValueError, match=r"not legal: P .*negative eigenvalue"):
        layer_of(case)(-P, q)


@pytest.mark.parametrize(
    "copy_of", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))]
)
def test_a_copy_is_the_same_layer(copy_of):
    case = quadratic()
    layer = layer_of(case)
    values = tensors(case, batch=2)
    before = layer(*values)
    for a, b in zip(before, copy_of(layer)(*values), strict=True):
        assert torch.equal(a, b)


def test_a_pickled_layer_needs_no_cvxpy(tmp_path):
    case = quadratic()
    values = tensors(case)
    layer = layer_of(case)
    expected = layer(*values)[0].detach()
    path = str(tmp_path / "layer.pt")
    torch.save([layer, [value.detach() for value in values], expected], path)
    program = (
        "import sys, torch; sys.modules['cvxpy'] = None\n"
        f"layer, values, expected = torch.load({path!r}, weights_only=False)\n"
        "assert torch.equal(layer(*values)[0], expected)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_compiled_once_and_used_by_several_layers():
    case = quadratic()
    program = quadcone.cvxpy.compile_problem(case.problem, case.parameters, case.variables)
    assert "A, b, weight" in repr(program)
    values = tensors(case)
    torch.testing.assert_close(CvxpyLayer(program)(*values), layer_of(case)(*values))


def test_dtypes():
    case = quadratic()
    values = [value.detach().float().requires_grad_() for value in tensors(case)]
    output = layer_of(case)(*values)[0]
    assert output.dtype is torch.float32
    output.square().sum().backward()
    assert all(value.grad.dtype is torch.float32 for value in values)


def test_dual_values_of_the_problem_are_left_alone():
    case = quadratic()
    values = tensors(case)
    case.solve([value.detach().numpy() for value in values])
    before = [np.copy(dual.value) for dual in case.duals()]
    layer_of(case)
    for dual, value in zip(case.duals(), before, strict=True):
        np.testing.assert_array_equal(dual.value, value)


def infeasible_layer(**settings: object) -> CvxpyLayer:
    """min |y - g|^2, 0 <= y <= h: no solution where h is negative."""
    y = cp.Variable(2, name="y")
    h, g = cp.Parameter(2, name="h"), cp.Parameter(2, name="g")
    problem = cp.Problem(cp.Minimize(cp.sum_squares(y - g)), [y <= h, y >= 0])
    return CvxpyLayer(problem, [h, g], [y], **settings)


def test_a_problem_without_a_solution_leaves_the_others_alone():
    layer = infeasible_layer()
    h = torch.tensor([[1.0, 1.0], [-1.0, 1.0], [2.0, 7.0]], dtype=torch.float64, requires_grad=True)
    g = torch.tensor([5.0, 5.0], dtype=torch.float64, requires_grad=True)
    y = layer(h, g)[0]
    assert layer.report.status == ["solved", "primal_infeasible", "solved"]
    assert y[1].isnan().all()
    y.sum().backward()
    assert h.grad[1].isnan().all()
    torch.testing.assert_close(h.grad[[0, 2]], torch.tensor([[1.0, 1.0], [1.0, 0.0]]).double())
    torch.testing.assert_close(g.grad, torch.tensor([0.0, 1.0]).double(), atol=1e-9, rtol=0)


def test_an_unbounded_problem_has_no_values():
    x, slope = cp.Variable(2), cp.Parameter(2)
    constraint = x >= 0
    problem = cp.Problem(cp.Minimize(slope @ x), [constraint])
    layer = CvxpyLayer(problem, [slope], [x, constraint.dual_variables[0]])
    outputs = layer(torch.tensor([[1.0, 1.0], [-1.0, 1.0]]))
    assert layer.report.status == ["solved", "dual_infeasible"]
    for output in outputs:
        assert output.isnan().all(-1).tolist() == [False, True]


def test_failures_can_raise_or_have_zero_gradients():
    h = torch.tensor([[1.0, 1.0], [-1.0, 1.0]], dtype=torch.float64, requires_grad=True)
    g = torch.tensor([5.0, 5.0], dtype=torch.float64)
    with pytest.raises(qc.SolveError, match="problem 1"):
        infeasible_layer(on_failure="raise")(h, g)
    infeasible_layer(on_failure="zero_gradient")(h, g)[0].sum().backward()
    torch.testing.assert_close(h.grad, torch.tensor([[1.0, 1.0], [0.0, 0.0]]).double())


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            lambda A, b, w: (A, b[:2], w),
            ValueError,
            r"parameter b has shape \(2,\), expected \(3,\)",
        ),
        (lambda A, b, w: (A, b), ValueError, "2 parameters are given, expected 3: A, b, weight"),
        (lambda A, b, w: (A, b, 1.0), TypeError, "parameter weight is of type float"),
        (lambda A, b, w: (A, b + 1j, w), TypeError, "parameter b has dtype torch.complex128"),
        (lambda A, b, w: (A, b / 0, w), ValueError, "parameter b has a value that is NaN or inf"),
        (lambda A, b, w: (A, b, -w), ValueError, "parameter weight was declared nonneg"),
        (lambda A, b, w: (A[None][:0], b, w), ValueError, "parameter A has a batch of 0"),
        (
            lambda A, b, w: (A.expand(3, 3, 4), b.expand(2, 3), w),
            ValueError,
            "parameter b has a batch of 2, but parameter A has one of 3",
        ),
    ],
)
def test_errors_of_a_call_name_the_parameter(change, error, message):
    case = quadratic()
    with pytest.raises(error, match=message):
        layer_of(case)(*change(*tensors(case)))


def test_errors_of_a_problem():
    x, p, r = cp.Variable(2), cp.Parameter(2, name="p"), cp.Parameter(name="r")
    problem = cp.Problem(cp.Minimize(cp.sum_squares(x - p)), [x >= 0])
    with pytest.raises(ValueError, match="parameters lacks p"):
        CvxpyLayer(problem, [], [x])
    with pytest.raises(ValueError, match="parameters has r, which is not"):
        CvxpyLayer(problem, [p, r], [x])
    with pytest.raises(ValueError, match="parameters has p twice"):
        CvxpyLayer(problem, [p, p], [x])
    with pytest.raises(ValueError, match="neither a variable of the problem"):
        CvxpyLayer(problem, [p], [cp.Variable(3)])
    with pytest.raises(TypeError, match="parameters is of type Parameter"):
        CvxpyLayer(problem, p, [x])
    with pytest.raises(TypeError, match=r"problem is of type int, expected a cvxpy\.Problem"):
        CvxpyLayer(3, [p], [x])
    with pytest.raises(ValueError, match="problem is not DPP"):
        CvxpyLayer(cp.Problem(cp.Minimize(cp.sum_squares(r * (x - r * p)))), [p, r], [x])
    with pytest.raises(ValueError, match="rules of DCP"):
        CvxpyLayer(cp.Problem(cp.Maximize(cp.sum_squares(x - p))), [p], [x])
    with pytest.raises(ValueError, match="rules of DGP"):
        CvxpyLayer(problem, [p], [x], gp=True)


def test_settings_of_what_makes_a_problem():
    """Those that only a Problem can be given: the layer makes one."""
    x, p = cp.Variable(2), cp.Parameter(2)
    problem = cp.Problem(cp.Minimize(cp.sum_squares(x - p)), [x >= 0])
    layer = CvxpyLayer(
        problem, [p], [x], isa="base", engine="lanes", condense=False, tolerance=1e-9
    )
    assert layer.program.problem._family[5:] == ("base", 0, "lanes")
    assert layer.solver.settings.tolerance == 1e-9
    (value,) = layer(torch.tensor([1.0, -1.0], dtype=torch.float64))
    assert torch.allclose(value, torch.tensor([1.0, 0.0], dtype=torch.float64))


def test_imports_are_lazy():
    program = (
        "import sys, quadcone, quadcone.torch\n"
        "quadcone.torch.CvxpyLayer\n"
        "assert 'cvxpy' not in sys.modules and 'scipy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_double_backward_and_transforms():
    case = quadratic()
    layer = layer_of(case)
    values = tensors(case, batch=2)

    def first(*values):
        return layer(*values)[0]

    assert torch.autograd.gradgradcheck(first, values, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(torch.func.vmap(first)(*values), first(*values))
    one = tensors(case)
    for batch in (tuple(one), tuple(values)):
        found = torch.autograd.functional.jacobian(first, batch, vectorize=True)
        torch.testing.assert_close(found, torch.autograd.functional.jacobian(first, batch))
    forward = torch.func.jacfwd(first, argnums=(0, 1))(*one)
    torch.testing.assert_close(forward, torch.func.jacrev(first, argnums=(0, 1))(*one))
