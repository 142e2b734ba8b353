# SPDX-License-Identifier: Apache-2.0
"""torch.compile and torch.export of models with a CvxpyLayer."""

from __future__ import annotations

import copy
import io
import pickle

import numpy as np
import pytest
import torch
from cvxpy_cases import CASES, linear, quadratic

from quadcone.torch import CvxpyLayer

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore:The .grad attribute"
)


@pytest.fixture(autouse=True)
def _fresh_compiler():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def tensors(case, batch):
    values = [case.sample(np.random.default_rng(k)) for k in range(max(batch, 1))]
    arrays = [np.stack([np.asarray(one) for one in each]) for each in zip(*values, strict=True)]
    return [torch.tensor(array if batch else array[0]).requires_grad_() for array in arrays]


class Model(torch.nn.Module):
    def __init__(self, case):
        super().__init__()
        self.layer = CvxpyLayer(case.problem, case.parameters, case.variables, gp=case.gp)

    def forward(self, *values):
        return self.layer(*values)


def loss(outputs):
    return sum(output.square().sum() for output in outputs)


@pytest.mark.parametrize("batch", [0, 2])
@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_the_graph_does_not_break(make, batch):
    model, values = Model(case := make()), tensors(case, batch)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    ours, expected = compiled(*values), model(*values)
    for a, b in zip(ours, expected, strict=True):
        torch.testing.assert_close(a, b)
    gradients = (torch.autograd.grad(loss(outputs), values) for outputs in (ours, expected))
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b)


def test_one_value_for_the_whole_batch():
    """Its gradient is the sum; the dtype is that of the parameters."""
    case = quadratic()
    model, values = Model(case), [value.detach().float() for value in tensors(case, 3)]
    values[0] = values[0][:1]
    values[2] = values[2][0]
    values = [value.requires_grad_() for value in values]
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    gradients = [torch.autograd.grad(loss(run(*values)), values) for run in (compiled, model)]
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b)
    assert compiled(*values)[0].dtype is torch.float32


@pytest.mark.parametrize("make", [quadratic, linear])
def test_exported_and_loaded(make):
    model, values = Model(case := make()), [value.detach() for value in tensors(case, 2)]
    file = io.BytesIO()
    torch.export.save(torch.export.export(model, tuple(values)), file)
    file.seek(0)
    loaded = torch.export.load(file).module()
    for a, b in zip(loaded(*values), model(*values), strict=True):
        torch.testing.assert_close(a, b)


def test_copies_compile_as_well():
    case = quadratic()
    model, values = Model(case), tensors(case, 0)
    for other in (copy.deepcopy(model.layer), pickle.loads(pickle.dumps(model.layer))):
        torch.compiler.reset()
        compiled = torch.compile(other, fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(compiled(*values), model(*values))
