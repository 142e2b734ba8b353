# SPDX-License-Identifier: Apache-2.0
"""cvxpylayers' interface."""

import copy
import pickle
import sys
from types import SimpleNamespace

import cvxpy as cp
import numpy as np
import pytest
import torch

from quadcone.compat import diffcp
from quadcone.compat.cvxpylayers.torch import CvxpyLayer


@pytest.fixture
def fit():
    """min |A x - b|^2 + |x|^2."""
    x, A, b = cp.Variable(2), cp.Parameter((3, 2)), cp.Parameter(3)
    objective = cp.Minimize(cp.sum_squares(A @ x - b) + cp.sum_squares(x))
    return cp.Problem(objective), [A, b], [x]


def tensors(*shapes):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]


@pytest.mark.parametrize("batch", [(), (4,)])
def test_values_and_gradients(fit, batch):
    A, b = tensors((*batch, 3, 2), (3,))
    layer = CvxpyLayer(*fit)
    (x,) = layer(A, b, solver_args={"eps": 1e-10, "mode": "dense", "n_jobs_forward": 1})
    expected = torch.linalg.solve(A.mT @ A + torch.eye(2), (A.mT @ b))
    torch.testing.assert_close(x, expected)
    inputs = (A.requires_grad_(), b.requires_grad_())
    assert torch.autograd.gradcheck(layer, inputs)


def test_arguments_of_the_old_version(fit):
    A, b = tensors((3, 2), (3,))
    new, old = CvxpyLayer(*fit, solver="DIFFCP"), CvxpyLayer(*fit, False)
    torch.testing.assert_close(new(A, b), old(A, b, solver_args={"max_iters": 100}))
    custom = CvxpyLayer(*fit, False, (lambda params, context: ([params[1][:2]], {}), None))
    torch.testing.assert_close(custom(A, b)[0], b[:2])


def test_layers_in_the_modules_that_define_them():
    """Much code imports `cvxpylayers.torch.cvxpylayer`."""
    pytest.importorskip("jax")
    from quadcone.compat.cvxpylayers import jax
    from quadcone.compat.cvxpylayers.jax import cvxpylayer as of_jax
    from quadcone.compat.cvxpylayers.torch import cvxpylayer as of_torch

    assert of_torch.CvxpyLayer is CvxpyLayer and of_jax.CvxpyLayer is jax.CvxpyLayer


def fit_forward(params, context):
    """The solution of `fit`, as a method of a caller's own."""
    pairs = zip(params, context.param_order, strict=True)
    A, b = (v if v.ndim > p.ndim else v[None] for v, p in pairs)
    M = np.swapaxes(A, 1, 2) @ A + np.eye(2)
    x = np.linalg.solve(M, np.swapaxes(A, 1, 2) @ b[..., None])[..., 0]
    assert len(x) == context.batch_size and context.solver_args == {"eps": 1e-9}
    return [x if context.batch else x[0]], {"M": M, "A": A}


def fit_backward(cotangents, context):
    """The gradient of b alone; that of A is left at 0."""
    M, A = context.info["M"], context.info["A"]
    g = np.atleast_2d(cotangents[0])[..., None]
    gb = (A @ np.linalg.solve(M, g))[..., 0]
    shared = context.batch_sizes == 0
    found = zip((0.0 * A, gb), shared, strict=True)
    return [v.sum(0) if one else v for v, one in found], {}


@pytest.mark.parametrize("batch", [(), (4,)])
def test_methods_of_the_caller(fit, batch):
    A, b = tensors((*batch, 3, 2), (3,))
    b.requires_grad_()
    ours = CvxpyLayer(*fit)(A, b)[0]
    options = {"eps": 1e-9}
    custom = CvxpyLayer(*fit, custom_method=(fit_forward, fit_backward))
    theirs = custom(A, b, solver_args=options)[0]
    torch.testing.assert_close(theirs, ours)
    expected = torch.autograd.grad(ours.sum(), b)[0]
    torch.testing.assert_close(torch.autograd.grad(theirs.sum(), b)[0], expected)

    jax = pytest.importorskip("jax")
    from quadcone.compat.cvxpylayers.jax import CvxpyLayer as JaxLayer

    jax_layer = JaxLayer(*fit, custom_method=(fit_forward, fit_backward))
    A, b = (jax.numpy.asarray(v.detach().numpy()) for v in (A, b))
    gradient = jax.grad(lambda b: jax_layer(A, b, solver_args=options)[0].sum())(b)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5)  # which is in float32


def test_iterations_of_an_interior_point_can_be_limited():
    """Those of SCS, which are far cheaper, are not, unless they are too few for SCS."""
    x, c = cp.Variable(3), cp.Parameter(3)
    problem = cp.Problem(cp.Minimize(c @ x), [cp.norm(x) <= 1, x >= -0.5])
    c_value = torch.tensor([1.0, -2.0, 0.3])
    layer = CvxpyLayer(problem, [c], [x])
    layer(c_value, solver_args={"max_iters": 25})
    layer(c_value, solver_args={"solve_method": "Clarabel", "max_iter": 100})
    for options in (
        {"solve_method": "Clarabel", "max_iter": 2},
        {"solve_method": "ECOS", "max_iters": 2},
    ):
        with pytest.raises(diffcp.SolverError):
            layer(c_value, solver_args=options)
    with pytest.raises(diffcp.SolverError):
        CvxpyLayer(problem, [c], [x], solver="MOREAU")(c_value, solver_args={"max_iter": 2})


@pytest.mark.parametrize("batch", [(), (4,)])
def test_few_iterations_of_scs_show(fit, batch):
    A, b = tensors((*batch, 3, 2), (3,))
    b.requires_grad_()
    layer = CvxpyLayer(*fit)
    (x,) = layer(A, b)
    values = []
    for count in (1, 5, 24):
        with pytest.warns(UserWarning, match=r"Solved/Inaccurate\."):
            (early,) = layer(A, b, solver_args={"max_iters": count})
        values.append((early - x).norm().item())
        gradients = [torch.autograd.grad(v.sum(), b, retain_graph=True)[0] for v in (early, x)]
        torch.testing.assert_close(*gradients, rtol=0, atol=0)
    assert values[0] > 1e-2 and values[2] < values[0]


def test_compiled_and_mapped(fit):
    A, b = tensors((3, 2), (4, 3))
    layer = CvxpyLayer(*fit)
    options = {"max_iters": 10, "mode": "dense"}

    def call(b):
        return layer(A, b, solver_args=options)[0]

    expected = layer(A, b)[0]
    compiled = torch.compile(call, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(b), expected)
    torch.testing.assert_close(torch.func.vmap(call)(b), expected)
    torch.compiler.reset()


def test_errors_are_those_of_a_diffcp_that_is_there(monkeypatch):
    """Code that changes one import goes on to catch the exception of another."""

    class TheirError(Exception):
        pass

    monkeypatch.setitem(sys.modules, "diffcp", SimpleNamespace(SolverError=TheirError))
    x, limit = cp.Variable(1), cp.Parameter(1)
    layer = CvxpyLayer(cp.Problem(cp.Minimize(x), [x <= limit]), [limit], [x])
    for kind in (TheirError, diffcp.SolverError):
        with pytest.raises(kind, match="quadcone") as raised:
            layer(torch.ones(1))
        twin = pickle.loads(pickle.dumps(raised.value))
        assert isinstance(twin, kind) and str(twin) == str(raised.value)


def test_copies(fit):
    A, b = tensors((3, 2), (3,))
    layer = CvxpyLayer(*fit)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        torch.testing.assert_close(twin(A, b), layer(A, b))


def test_derived_layer_with_attributes_of_its_own(fit):
    class Derived(CvxpyLayer):
        def __init__(self):
            self.solver = self.problem = "set before"
            super().__init__(*fit)
            self.solver = self.solver_args = self.program = self.layers = "set after"

        def forward(self, *params, **kwargs):
            return super().forward(*params, **kwargs)[0]

    A, b = tensors((3, 2), (3,))
    derived = Derived()
    torch.testing.assert_close(derived(A, b), CvxpyLayer(*fit)(A, b)[0])
    assert derived.problem == "set before"


def test_checkpoints_of_cvxpylayers(fit):
    """They have the matrices of the problem, and those of other modules are still checked."""
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), CvxpyLayer(*fit))
    saved = model.state_dict()
    assert set(saved) == {"0.weight", "0.bias"}
    theirs = {"1.q": torch.ones(4, 7), "1.A": torch.ones(9, 7)}
    model.load_state_dict({**saved, **theirs})
    with pytest.raises(RuntimeError, match="Unexpected key"):
        model.load_state_dict({**saved, "1.other": torch.ones(1)})


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(3, 2)], "A tensor must be provided for each CVXPY parameter"),
        ([(3, 2), (2,)], "Invalid parameter shape"),
        ([(5, 3, 2), (5, 4)], "Invalid parameter shape"),
        ([(3, 2), (1, 1, 3)], "Invalid parameter dimensionality"),
        ([(5, 3, 2), (4, 3)], "Inconsistent batch sizes"),
    ],
)
def test_shapes(fit, shapes, message):
    with pytest.raises(ValueError, match=message):
        CvxpyLayer(*fit)(*tensors(*shapes))


def test_definitions(fit):
    problem, parameters, variables = fit
    with pytest.raises(ValueError, match=r"must exactly match problem\.parameters"):
        CvxpyLayer(problem, parameters[:1], variables)
    with pytest.raises(ValueError, match=r"must be a subset of problem\.variables"):
        CvxpyLayer(problem, parameters, [cp.Variable()])
    with pytest.raises(RuntimeError, match="Unknown solver"):
        CvxpyLayer(problem, parameters, variables, solver="CLARABEL")
    with pytest.raises(ValueError, match="warm_start=True is only supported"):
        CvxpyLayer(*fit)(*tensors((3, 2), (3,)), warm_start=True)
    with pytest.raises(ValueError, match="received 3 tensors, expected 2"):
        CvxpyLayer(*fit)(*tensors((3, 2), (3,)), {"eps": 1e-8})


def test_quadratic_forms():
    x, Q = cp.Variable(2), cp.Parameter((2, 2), PSD=True)
    problem = cp.Problem(cp.Minimize(cp.quad_form(x, Q) - cp.sum(x)))
    with pytest.raises(ValueError, match="must be DPP"):
        CvxpyLayer(problem, [Q], [x])
    (value,) = CvxpyLayer(problem, [Q], [x], solver="MOREAU")(torch.eye(2, dtype=torch.float64))
    torch.testing.assert_close(value, torch.full((2,), 0.5, dtype=torch.float64))


def test_dual_variables_and_failures():
    x, low = cp.Variable(), cp.Parameter()
    bound = x >= low
    layer = CvxpyLayer(cp.Problem(cp.Minimize(2 * x), [bound]), [low], [x, *bound.dual_variables])
    value, dual = layer(torch.tensor([1.0, 2.0], dtype=torch.float64))
    np.testing.assert_allclose(value, [1.0, 2.0])
    np.testing.assert_allclose(dual, [2.0, 2.0])
    layer = CvxpyLayer(cp.Problem(cp.Minimize(x), [x >= low, x <= -1]), [low], [x])
    with pytest.raises(diffcp.SolverError, match="returned status infeasible: no solution"):
        layer(torch.ones(()))


def test_jax(fit):
    jax = pytest.importorskip("jax")
    from quadcone.compat.cvxpylayers.jax import CvxpyLayer as JaxLayer

    with jax.enable_x64(True):
        A, b = (value.numpy() for value in tensors((4, 3, 2), (3,)))
        layer = JaxLayer(*fit)
        (x,) = CvxpyLayer(*fit)(torch.tensor(A), torch.tensor(b))
        np.testing.assert_allclose(layer(A, b)[0], x, atol=1e-9)
        assert jax.grad(lambda b: layer(A, b)[0].sum())(b).shape == (3,)
        with pytest.raises(ValueError, match="Invalid parameter shape"):
            layer(A, b[:2])
        y = cp.Variable()
        p = cp.Parameter()
        infeasible = cp.Problem(cp.Minimize(y), [y >= p, y <= -1])
        with pytest.raises(diffcp.SolverError):
            JaxLayer(infeasible, [p], [y])(1.0)
