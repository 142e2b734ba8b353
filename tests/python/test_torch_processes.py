# SPDX-License-Identifier: Apache-2.0
"""Layers that travel: pickled, copied, saved, in workers and in several processes; and memory."""

from __future__ import annotations

import copy
import gc
import io
import pickle
import warnings
from pathlib import Path

import pytest
import torch
from test_process import resident
from test_torch_qp import arguments, learned
from test_torch_transforms import cone_values
from torch.utils.data import DataLoader
from torch_workers import Solutions

from examples.distributed.train import examples, fresh_model, train, train_together
from quadcone.torch import ConeLayer, qp


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(
    "transport", [copy.copy, copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))]
)
def test_copies_of_a_layer(transport, sparse):
    layer, (P, q, A, b) = cone_values("q", sparse)
    layer = ConeLayer(layer.problem, on_failure="zero_gradient", tolerance=1e-9).eval()
    assert layer.last_status is None
    expected = layer(q, b, P, A)
    assert layer.last_status == ["solved", "solved"]
    twin = transport(layer)
    assert twin.report is None
    assert twin.settings == layer.settings and not twin.training
    assert all(map(torch.equal, twin(q, b, P, A), expected))
    torch.func.vmap(twin, (0, None))(q[:1], b)
    assert twin.last_status == ["solved"]
    assert layer.last_status == ["solved", "solved"]


def test_state_dict():
    """A layer has nothing to learn, and does not stand in the way of what has."""
    layer, _ = cone_values()
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), layer)
    assert set(model.state_dict()) == {"0.weight", "0.bias"}
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    twin = copy.deepcopy(model)
    torch.nn.init.zeros_(twin[0].weight)
    twin.load_state_dict(torch.load(file))
    assert torch.equal(twin[0].weight, model[0].weight)


def test_a_layer_is_not_moved_or_rounded_with_its_model():
    layer, (_, q, _, b) = cone_values()
    x = layer(q, b)[0]
    assert torch.equal(layer.half()(q, b)[0], x)


def test_status_of_one_problem():
    layer, (_, q, A, b) = cone_values()
    layer(q, b)
    assert layer.last_status == "solved"
    x, _, _ = layer(q, -torch.ones_like(b), A=torch.zeros_like(A))
    assert layer.last_status == "primal_infeasible"
    assert x.isnan().all()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_of_a_data_loader(method):
    layer, (_, q, _, b) = cone_values("q")
    data = Solutions(layer, torch.cat([q, 1.1 * q, 0.9 * q]), b)
    expected = [torch.stack(part) for part in zip(*[data[k] for k in range(6)], strict=True)]
    loader = DataLoader(data, batch_size=2, num_workers=2, multiprocessing_context=method)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads
        found = [torch.cat(part) for part in zip(*loader, strict=True)]
    assert all(map(torch.equal, found, expected))


def test_two_processes_train_as_one(tmp_path):
    features, wanted = examples()
    alone = fresh_model()
    losses = train(alone, features, wanted, 20)
    together = train_together(2, str(tmp_path), 20)
    assert losses[-1] < 0.7 * losses[0]
    assert torch.allclose(together["losses"], torch.tensor(losses, dtype=torch.float64))
    for name, value in alone.state_dict().items():
        assert torch.allclose(together["model"][name], value, rtol=1e-9, atol=1e-9)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("second", [False, True])
def test_memory_does_not_grow(second):
    """Forward and backward, first or second derivatives; the bound is 500 bytes a call."""
    tensors = learned(arguments(n=2, p=1, m=2, batch=1))
    layer, (P, q, A, b) = cone_values("q")
    q = q.requires_grad_()

    def call():
        (qp(*tensors).square().sum() + layer(q, b, P, A)[0].sum()).backward()
        if second:
            z = qp(*tensors)
            (first,) = torch.autograd.grad(z.square().sum(), tensors[1], create_graph=True)
            first.square().sum().backward()

    count = 500 if second else 2000
    for _ in range(200):
        call()
    gc.collect()
    before = resident()
    for _ in range(count):
        call()
    gc.collect()
    assert resident() - before < 500 * count
