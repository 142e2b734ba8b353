# SPDX-License-Identifier: Apache-2.0
"""Calls whose tensors are read in C, and which calls go the long way instead."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from test_torch_qp import SUBSETS, arguments, learned

import quadcone as qc
import quadcone.torch._engine as engine
import quadcone.torch._layout as layouts
from quadcone import _core
from quadcone.torch import ConeLayer, qp
from quadcone.torch._frame import make_frame
from quadcone.torch._optnet import DEFAULT

pytestmark = pytest.mark.skipif(
    not hasattr(torch.Tensor, "__dlpack_c_exchange_api__"), reason="this torch has no such table"
)


@pytest.fixture
def long_ways(monkeypatch) -> Iterator[list[str]]:
    """Names of the functions that took a call the long way."""
    taken = []

    def spy(module, name):
        function = getattr(module, name)

        def spying(*args):
            taken.append(name)
            return function(*args)

        monkeypatch.setattr(module, name, spying)

    spy(engine, "_solve")
    spy(qc.torch._autograd, "run_vjp")
    yield taken
    qc.clear_cache()  # layouts without frames


def outcome(tensors, **choices):
    """All outputs, and gradients of something that depends on all of them."""
    given = learned(tensors)
    outputs = qp(*given, full=True, **choices)[:4]
    loss = sum((k + 1) * output.square().sum() for k, output in enumerate(outputs))
    loss.backward()
    return [*outputs, *(None if t is None else t.grad for t in given)]


def assert_same(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        assert (one is None) == (other is None)
        assert one is None or (one.shape == other.shape and torch.equal(one, other))


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("absent", [(), (2, 3), (4, 5), (2, 3, 4, 5)], ids=str)
@pytest.mark.parametrize("batched", SUBSETS, ids="".join)
def test_both_ways_have_the_same_bits(batched, absent, batch, long_ways, monkeypatch):
    tensors = arguments(batched=batched, batch=batch)
    tensors = [None if k in absent else t for k, t in enumerate(tensors)]
    ours = outcome(tensors)
    monkeypatch.setattr(layouts, "make_frame", lambda *args: None)
    qc.clear_cache()
    before = len(long_ways)
    assert_same(ours, outcome(tensors))
    assert long_ways[before:] == ["_solve", "run_vjp"]


def test_plain_calls_go_the_short_way(long_ways):
    outcome(arguments())
    layer = ConeLayer(qc.Problem([[1.0]], [[1.0]], cones={"l": 1}))
    q, b = torch.nn.Parameter(torch.ones(1, dtype=torch.float64)), torch.zeros(1).double()
    x, _, _ = layer(q, b)
    x.sum().backward()
    assert q.grad.item() == pytest.approx(-1.0) and long_ways == []


class Named(torch.Tensor):
    """A subclass."""


OTHERS = {
    "float32": lambda t: t.float(),
    "strided": lambda t: torch.stack((t, t), dim=-1)[..., 0],
    "negative": lambda t: torch._neg_view(-t),
    "subclass": lambda t: t.as_subclass(Named),
}


@pytest.mark.parametrize("argument", [0, 5], ids=["Q", "h"])
@pytest.mark.parametrize("kind", OTHERS)
def test_other_tensors_go_the_long_way(kind, argument, long_ways):
    tensors = arguments()
    tensors[argument] = tensors[argument].float().double()
    expected = qp(*tensors)
    assert long_ways == []
    tensors[argument] = OTHERS[kind](tensors[argument])
    assert torch.equal(qp(*tensors), expected.to(qp(*tensors).dtype))
    assert long_ways == ["_solve"] * 2


def test_other_cotangents_go_the_long_way(long_ways):
    tensors = learned(arguments())
    z = qp(*tensors)
    gradient = torch.ones_like(z)
    (expected,) = torch.autograd.grad(z, tensors[1], gradient, retain_graph=True)
    for other in (torch.ones(()).double().expand(z.shape), torch._neg_view(-gradient)):
        (found,) = torch.autograd.grad(z, tensors[1], other, retain_graph=True)
        assert torch.equal(found, expected)
    assert long_ways == ["run_vjp"] * 2


def test_gradients_are_tensors_like_any_other():
    """In memory of their own, which may be changed and resized."""
    tensors = learned(arguments())
    qp(*tensors).sum().backward()
    assert len({t.grad.untyped_storage().data_ptr() for t in tensors}) == 6
    for t in tensors:
        assert t.grad.is_contiguous() and not t.grad.requires_grad
        assert t.grad.untyped_storage().nbytes() == 8 * t.numel()
        t.grad.resize_(100).zero_()


def frame_of(*shapes):
    plan = _core.Plan(2, 1, None, None, None, None, (1, 1, 0.0), 0, "auto", -1, "auto")
    return make_frame(plan, 1, None, shapes, ((2,), (1,), (1,)))


def test_a_frame_refuses_what_it_was_not_made_for():
    frame = frame_of((2, 2), (2,), (1, 2), (1,), None, None)
    settings = DEFAULT.to_core(1, True)
    P, q, A, b = (torch.ones(*s).double() for s in ((2, 2), (2,), (1, 2), (1,)))
    solved = frame.solve((torch.eye(2).double(), q, A, b, None, None), settings, True)
    assert solved[2].failed == 0
    wrong = [q[:1], q.int(), q.to("meta"), q.to_sparse(), "q", [1.0, 1.0], q.numpy()]
    for other in wrong:
        assert frame.solve((P, other, A, b, None, None), settings, False) is None
        assert frame.vjp(solved[1], (other,), (True,) * 4 + (False,) * 2) is None
    assert frame.solve((P, q, A, b, A.float(), None), settings, False) is None
    for tensors in ((), (P, q, A, b), (P, None, A, b, None, None)):
        with pytest.raises((IndexError, ValueError)):
            frame.solve(tensors, settings, False)
    with pytest.raises(IndexError):
        frame.vjp(solved[1], (q,), (True,))
    with pytest.raises(TypeError):
        frame.vjp(None, (q,), (True,) * 6)


def test_a_frame_needs_a_table():
    plan = _core.Plan(1, 0, None, None, None, None, (), 0, "auto", -1, "auto")
    nothing = (None,) * 6
    with pytest.raises(ValueError, match="PyCapsule"):
        _core.Frame(plan, 1, None, nothing, nothing[:3], (0, int, int, bool, bool))
