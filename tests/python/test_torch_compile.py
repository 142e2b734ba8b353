# SPDX-License-Identifier: Apache-2.0
"""torch.compile and torch.export, and the operators behind them."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
import torch
from test_torch_qp import NAMES, arguments, everything, learned
from test_torch_transforms import cone_values, unsolvable
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vmap
from torch.library import opcheck

import quadcone as qc
from quadcone.torch import ConeLayer, _tapes, qp
from quadcone.torch import _operators as operators
from quadcone.torch._optnet import qp_spec

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(autouse=True)
def _fresh_compiler():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def compiled(function, **options):
    """Without a single graph break, and without waiting for a C++ compiler."""
    return torch.compile(function, fullgraph=True, **{"backend": "aot_eager", **options})


def loss(*tensors):
    return sum(part.square().sum() for part in everything(*tensors))


def check_gradients(function, other, tensors):
    results = []
    for run in (function, other):
        own = learned(tensors)
        value = run(*own)
        value.backward()
        results.append([value, *(t.grad for t in own)])
    for ours, expected in zip(*results, strict=True):
        assert torch.allclose(ours, expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("batched", [(), NAMES, ("q",), ("A", "h"), ("Q", "G")], ids="".join)
def test_compiled(batched):
    check_gradients(compiled(loss), loss, arguments(batched=batched))


def test_compiled_by_inductor():
    check_gradients(compiled(loss, backend="inductor"), loss, arguments(batched=("q", "G")))


def test_compiled_without_gradients_and_in_other_dtypes():
    run = compiled(lambda *tensors: qp(*tensors, tolerance=1e-9, num_threads=1))
    tensors = arguments(dtype=torch.float32)
    tensors[1] = tensors[1].double()
    with torch.no_grad():
        assert torch.equal(run(*tensors), qp(*tensors))
    assert not run(*tensors).requires_grad
    stretched = [t[:1] if k != 1 else t for k, t in enumerate(tensors)]
    assert torch.allclose(run(*stretched), qp(*stretched))
    assert not compiled(lambda q: qp(tensors[0], q, derivatives=False))(
        learned(tensors)[1]
    ).requires_grad


def test_one_graph_serves_all_batches():
    graphs = []

    def count(graph, _):
        graphs.append(graph)
        return graph.forward

    run = compiled(qp, backend=count, dynamic=True)
    for batch in (7, 5, 6):  # of sizes that no dimension has
        tensors = arguments(batch=batch)
        assert torch.allclose(run(*tensors), qp(*tensors))
    assert len(graphs) == 1


@pytest.mark.parametrize("sparse", [False, True])
def test_compiled_layer(sparse):
    layer, values = cone_values("qA", sparse)
    run = compiled(layer)

    def both(module):
        def total(P, q, A, b):
            x, y, s = module(q, b, P, A)
            return x.sum() + y.square().sum() + s.sum()

        return total

    check_gradients(both(run), both(layer), values)
    _, q, _, b = values
    layer.report = None
    assert torch.equal(run(q, b)[0], layer(q, b)[0])
    assert layer.last_status == ["solved", "solved"]


def test_a_compiled_layer_leaves_its_report():
    layer, (_, q, _, b) = cone_values("q")
    compiled(layer)(torch.stack([q[0], q[1], q[0]]), b)
    assert layer.last_status == ["solved"] * 3
    assert layer.report.iterations.shape == (3,)


TRANSFORMS = {
    "vmap": lambda f, q: vmap(f)(q),
    "grad": lambda f, q: vmap(grad(lambda q: f(q).square().sum()))(q),
    "jvp": lambda f, q: jvp(f, (q,), (q,))[1],
    "jacrev": lambda f, q: jacrev(f)(q[0]),
    "jacfwd": lambda f, q: jacfwd(f)(q[0]),
    "hessian": lambda f, q: hessian(lambda q: f(q).pow(3).sum())(q[0]),
    "mapped": lambda f, q: vmap(jacrev(grad(lambda q: f(q).pow(3).sum())))(q),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_compiled_transforms(name):
    Q, q, G, h, *_ = arguments(n=3, m=2, batched=("q",))

    def run(q):
        return TRANSFORMS[name](lambda q: qp(Q, q, G, h), q)

    assert torch.allclose(compiled(run)(q), run(q), atol=1e-12)


def test_compiled_second_derivatives_of_a_curved_cone():
    layer = ConeLayer(qc.Problem(np.eye(3), -np.eye(3), {"ep": 1}))
    b = torch.zeros(3, dtype=torch.float64)
    q = torch.tensor([[-1.0, -0.5, -0.5], [1.0, -1.0, 0.5]], dtype=torch.float64)

    def run(q):
        return vmap(jacrev(grad(lambda q: layer(q, b)[0].sum())))(q)

    expected = run(q)
    assert (expected.abs().amax((1, 2)) > 0.01).all()
    assert torch.allclose(compiled(run)(q), expected, atol=1e-12)


def test_the_solver_is_free_after_a_compiled_backward():
    tensors = learned(arguments(n=5, batch=64))
    plan = qc.torch._layout.qp_layout(*(t.shape for t in tensors), "auto", -1, "auto").plan
    run = compiled(lambda *tensors: qp(*tensors).sum())
    run(*tensors).backward()
    idle = plan.idle_bytes()
    assert idle > 0
    kept = run(*tensors)
    assert plan.idle_bytes() == 0
    kept.backward()
    assert plan.idle_bytes() == idle


@pytest.mark.parametrize("on_failure", ["nan", "zero_gradient"])
def test_compiled_failures(on_failure):
    run = compiled(lambda h: qp(*unsolvable()[:3], h, on_failure=on_failure).square().sum())
    plain, other = learned([unsolvable()[3]] * 2)
    run(other).backward()
    qp(*unsolvable()[:3], plain, on_failure=on_failure).square().sum().backward()
    assert torch.allclose(other.grad, plain.grad, equal_nan=True)


def test_compiled_errors():
    with pytest.raises(qc.SolveError, match="1 of 3 problems"):
        compiled(lambda h: qp(*unsolvable()[:3], h, on_failure="raise"))(unsolvable()[3])
    Q, q, *_ = arguments(batched=())
    with pytest.raises(ValueError, match="q has a value that is NaN"):
        compiled(qp)(Q, q * torch.nan)
    with pytest.raises(Exception, match="callback is set"):
        compiled(lambda q: qp(Q, q, callback=print))(q)


class Model(torch.nn.Module):
    """A layer between layers."""

    def __init__(self, sparse=False):
        super().__init__()
        self.layer, (_, _, _, b) = cone_values("", sparse)
        self.register_buffer("b", b)
        torch.manual_seed(0)
        self.linear = torch.nn.Linear(4, 4, dtype=torch.float64)

    def forward(self, q):
        x, y, _ = self.layer(self.linear(q), self.b)
        return x.sum(-1) + y.sum(-1)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
def test_export(strict, sparse):
    """To a file and back; any batch; and trained on."""
    model = Model(sparse)
    q = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    shapes = ({0: torch.export.Dim("batch", min=2)},)
    program = torch.export.export(model, (q,), dynamic_shapes=shapes, strict=strict)
    assert "quadcone.solve" in str(program.graph)
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    loaded = torch.export.load(file).module()
    for batch in (q, torch.cat([q, q])):
        assert torch.allclose(loaded(batch), model(batch))
    loaded(q).sum().backward()
    model(q).sum().backward()
    ours, expected = loaded.linear.weight.grad, model.linear.weight.grad
    assert torch.allclose(ours, expected, rtol=1e-8, atol=1e-9)
    for ours, expected in zip(jvp(loaded, (q,), (q,)), jvp(model, (q,), (q,)), strict=True):
        assert torch.allclose(ours, expected)
    assert torch.allclose(jacrev(loaded)(q), jacrev(model)(q), atol=1e-9)


LOAD = """
import sys, torch, quadcone.torch
program = torch.export.load(sys.argv[1]).module()
print(program(torch.linspace(-1, 1, 8, dtype=torch.float64).view(2, 4)).tolist())
"""


def test_an_exported_program_in_another_process(tmp_path):
    q = torch.linspace(-1, 1, 8, dtype=torch.float64).view(2, 4)
    model = Model(sparse=True)
    path = tmp_path / "model.pt2"
    torch.export.save(torch.export.export(model, (q,)), path)
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOAD, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == str(model(q).tolist())


@pytest.mark.parametrize("batched", [(), ("q", "A")])
def test_operators_are_as_torch_wants_them(batched):
    Q, q, G, h, A, b = learned(arguments(batched=batched))
    problem = (qp_spec(), Q, q, A, b, G, h)
    opcheck(operators.solve, (*problem, False))  # with True, each call has another handle
    x, y, _, status, handle = operators.solve(*problem, False)
    state = (status, handle)
    r1, r2 = torch.stack([x, -x]).detach(), torch.stack([y, 2 * y]).detach()
    checks = ("test_schema", "test_faketensor", "test_aot_dispatch_dynamic")
    opcheck(operators.tangent, (*problem, *state, r1, r2), test_utils=checks)
    opcheck(operators.adjoint, (*problem, *state, r1, r2, r2), test_utils=checks)


def test_operators_can_be_mapped():
    Q, q, *_ = arguments(batched=("q",))

    def run(q):
        x, y, _, status, handle = operators.solve(qp_spec(), Q, q, None, None, None, None, True)
        state = (Q, q, None, None, None, None, status, handle)
        return operators.adjoint(qp_spec(), *state, x[None], y[None], y[None])[0][0]

    assert torch.allclose(vmap(run)(q), torch.stack([run(one) for one in q]))


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # that sizes become constants
def test_traced_by_jit():
    """A traced call depends on its arguments, and is no constant."""
    Q, q = torch.eye(2, dtype=torch.float64), torch.tensor([1.0, -2.0], dtype=torch.float64)
    traced = torch.jit.trace(lambda slope: qp(Q, slope), (q,))
    torch.testing.assert_close(traced(3.0 * q), -3.0 * q)


def test_handles():
    """A tape lives as long as the memory of its handle, and a copy finds it as long."""
    Q, q, *_ = arguments(batched=())
    problem = (qp_spec(), Q, q, None, None, None, None)
    x, y, _, status, handle = operators.solve(*problem, True)
    other = operators.solve(*problem, True)[-1]
    assert _tapes.find_tape(handle) is not None
    assert _tapes.find_tape(handle) is not _tapes.find_tape(other)
    copy, view = handle.clone(), handle[:]
    expected = operators.adjoint(*problem, status, handle, x[None], y[None], y[None])
    del handle
    assert _tapes.find_tape(copy) is _tapes.find_tape(view)
    del view
    assert _tapes.find_tape(copy) is None
    again = operators.adjoint(*problem, status, copy, x[None], y[None], y[None])
    assert all(map(torch.equal, again, expected))
    assert _tapes.find_tape(operators.solve(*problem, False)[-1]) is None


def test_handles_of_another_process_mean_nothing(monkeypatch):
    handle = operators.solve(qp_spec(), *arguments(batched=())[:2], *[None] * 4, True)[-1]
    monkeypatch.setattr(_tapes, "_registry", _tapes._registry)
    mine = _tapes._registry
    _tapes._start_anew()
    twin = operators.solve(qp_spec(), *arguments(batched=())[:2], *[None] * 4, True)[-1]
    _tapes._registry.keepers[handle.tolist()[1]] = _tapes._registry.keepers[twin.tolist()[1]]
    assert _tapes.find_tape(handle) is None
    monkeypatch.setattr(_tapes, "_registry", mine)
    assert _tapes.find_tape(handle) is not None
