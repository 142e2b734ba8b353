# SPDX-License-Identifier: Apache-2.0
"""OptNet's layer in PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support import QP_NAMES as NAMES
from support import layer_values
from torch.autograd import gradcheck
from torch.utils.checkpoint import checkpoint

import quadcone as qc
import quadcone.torch._layout
from quadcone.torch import qp


def arguments(n=4, p=2, m=3, batch=3, seed=0, batched=NAMES, dtype=torch.float64):
    """`layer_values` as tensors."""
    return [torch.tensor(v, dtype=dtype) for v in layer_values(n, p, m, batch, seed, batched)]


def learned(tensors):
    return [None if t is None else t.clone().requires_grad_() for t in tensors]


def symmetric(Q):
    """gradcheck moves one entry at a time, and half of what a loss sees is in the mirror's."""
    return (Q + Q.mT) / 2


def everything(Q, q, G, h, A, b):
    solution = qp(symmetric(Q), q, G, h, A, b, full=True)
    return solution.z, solution.nu, solution.lam, solution.slack


SUBSETS = [
    (),
    NAMES,
    *((name,) for name in NAMES),
    *(tuple(n for n in NAMES if n != name) for name in NAMES),
    ("G", "b"),
    ("A", "h"),
    ("q", "h", "b"),
]


@pytest.mark.parametrize("batched", SUBSETS, ids="".join)
def test_gradcheck(batched):
    """All six arguments, all outputs, batched and shared in all kinds of mixtures.

    gradcheck's own tolerances: its finite differences are good to about 1e-6.
    """
    assert gradcheck(everything, learned(arguments(batched=batched)), check_forward_ad=True)


@pytest.mark.parametrize("batch", [1, 9])
def test_gradcheck_with_batches_of_one(batch):
    tensors = arguments(n=3, p=1, m=2, batch=batch, batched=("q", "G"))
    tensors = [t if t.dim() == k else t[None] for t, k in zip(tensors, (3, 2) * 3, strict=True)]
    assert gradcheck(everything, learned(tensors), check_forward_ad=True)


@pytest.mark.parametrize("absent", ["Gh", "Ab", "GhAb"])
@pytest.mark.parametrize("batched", [(), NAMES])
def test_absent_constraints(absent, batched):
    tensors = [
        None if name in absent else t
        for name, t in zip(NAMES, arguments(batched=batched), strict=True)
    ]
    assert gradcheck(everything, learned(tensors), check_forward_ad=True)
    z = qp(*tensors)
    if absent == "GhAb":
        assert torch.allclose(z, torch.linalg.solve(tensors[0], -tensors[1]))


def test_agrees_with_numpy():
    Q, q, G, h, A, b = arguments(batched=())
    solution = qp(Q, q, G, h, A, b, full=True)
    expected = qc.solve(Q, q, torch.cat((A, G)), torch.cat((b, h)), {"z": 2, "l": 3})
    assert np.array_equal(solution.z, expected.x)
    assert np.array_equal(torch.cat((solution.nu, solution.lam)), expected.y)
    assert np.array_equal(solution.slack, expected.s[2:])
    assert torch.allclose(G @ solution.z + solution.slack, h)


@pytest.mark.parametrize("batched", [(), ("q",)])
def test_shapes(batched):
    tensors = learned(arguments(batched=batched))
    solution = qp(*tensors, full=True)
    size = (3,) if batched else ()
    assert solution.z.shape == (*size, 4)
    assert solution.nu.shape == (*size, 2)
    assert solution.lam.shape == solution.slack.shape == (*size, 3)
    assert torch.equal(solution.z, qp(*tensors))
    sum(part.sum() for part in solution[:4]).backward()
    for t in tensors:
        assert t.grad.shape == t.shape


def test_sum_over_the_batch():
    """A shared argument has the gradient that its expanded copies have in sum."""
    shared = learned(arguments(batched=("q",)))
    qp(*shared).pow(2).sum().backward()
    single = learned(arguments(batched=("q",)))
    for k in range(3):
        qp(single[0], single[1][k], *single[2:]).pow(2).sum().backward()
    for ours, expected in zip(shared, single, strict=True):
        assert torch.allclose(ours.grad, expected.grad, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("batched", [("A", "q"), ("h",), NAMES])
def test_threads_change_nothing(batched):
    results = []
    for threads in (1, 2, 3):
        tensors = learned(arguments(batch=50, batched=batched))
        z = qp(*tensors, num_threads=threads)
        z.sin().sum().backward()
        results.append([z.detach(), *(t.grad for t in tensors)])
    for other in results[1:]:
        assert all(map(torch.equal, results[0], other))


@pytest.mark.parametrize("batched", [(), NAMES, ("Q", "q"), ("A", "G"), ("A", "b", "G")])
def test_who_joins_blocks_changes_nothing(batched, monkeypatch):
    """Blocks of rows are joined by the extension where none is repeated, and else by torch."""
    results = []
    for are_plain in (quadcone.torch._layout._are_plain, lambda joins: False):
        monkeypatch.setattr(quadcone.torch._layout, "_are_plain", are_plain)
        qc.clear_cache()
        tensors = learned(arguments(batched=batched))
        z = qp(*tensors)
        z.sum().backward()
        results.append([z.detach(), *(t.grad for t in tensors)])
    qc.clear_cache()
    for first, second in zip(*results, strict=True):
        assert torch.equal(first, second)


def test_threads_follow_torch(monkeypatch):
    seen = []

    def spy(self, num_threads, derivatives):
        seen.append(self.num_threads or num_threads)
        return (1e-8, 1e-8, 100, 1, derivatives, None, 0, 1e-12, 0, 1e-4, 1e-2, 0.0)

    monkeypatch.setattr(qc.Settings, "to_core", spy)
    qp(*arguments())
    qp(*arguments(), num_threads=7)
    assert seen == [torch.get_num_threads(), 7]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_lower_precision(dtype):
    """Computed in float64 from the rounded values, and rounded once on the way back."""
    low = learned(arguments(dtype=dtype))
    low[0] = symmetric(low[0]).detach().requires_grad_()
    high = learned([t.detach().double() for t in low])
    results = []
    for tensors in (low, high):
        solution = qp(*tensors, full=True)
        loss = sum(part.double().pow(2).sum() for part in solution[:4])
        loss.backward()
        results.append(solution)
    for ours, expected in zip(results[0][:4], results[1][:4], strict=True):
        assert ours.dtype is dtype
        assert torch.equal(ours, expected.to(dtype))
    for ours, expected in zip(low, high, strict=True):
        assert ours.grad.dtype is dtype
        # The loss sees rounded outputs, so its gradient is good to a few roundings.
        scale = expected.grad.abs().max()
        assert (ours.grad.double() - expected.grad).abs().max() <= 8 * torch.finfo(
            dtype
        ).eps * scale


def test_mixed_dtypes():
    Q, q, G, h, A, b = arguments(dtype=torch.float32)
    q = q.double().requires_grad_()
    G = G.requires_grad_()
    z = qp(Q, q, G, h, A, b)
    assert z.dtype is torch.float64
    z.sum().backward()
    assert (q.grad.dtype, G.grad.dtype) == (torch.float64, torch.float32)


def test_integers_and_strides():
    eye = torch.eye(2, dtype=torch.int64)
    z = qp(eye, torch.tensor([-3.0, 1.0]), -eye, torch.zeros(2, dtype=torch.bool))
    assert z.dtype is torch.float32
    assert z.tolist() == [3.0, 0.0]
    assert qp(eye, torch.tensor([-3, 1]), -eye, torch.zeros(2)).dtype is torch.float32
    tensors = arguments()
    strided = [t.mT.contiguous().mT if t.dim() == 3 else t[:, ::1] for t in tensors]
    strided[1] = torch.stack((tensors[1], tensors[1]), dim=-1)[..., 0].requires_grad_()
    assert torch.equal(qp(*strided), qp(*tensors))
    qp(*strided).sum().backward()
    assert strided[1].grad.shape == strided[1].shape
    expanded = tensors[5][:1].expand(3, 2)
    assert torch.equal(qp(*tensors[:5], expanded), qp(*tensors[:5], expanded.contiguous()))


def test_views_that_have_a_bit_for_their_sign():
    """One of a single number counts as contiguous, and its memory holds the opposite."""
    q = torch.tensor([1 + 2j], dtype=torch.complex128).conj().imag
    assert q.is_neg() and q.is_contiguous()
    Q = torch.eye(1, dtype=torch.float64)
    assert qp(Q, q).item() == 2.0
    slope = torch.ones(1, dtype=torch.float64, requires_grad=True)
    qp(Q, slope).backward(q)
    assert slope.grad.item() == 2.0


def test_the_default_device_is_for_others():
    """Memory that the solver is to fill is on the CPU, whatever torch.set_default_device says."""
    tensors = learned(arguments())

    def derivatives():
        z = qp(*tensors)
        (first,) = torch.autograd.grad(z.square().sum(), tensors[1], create_graph=True)
        plain = torch.autograd.grad(qp(*tensors, full=True).nu.sum(), tensors)
        return z, first, *torch.autograd.grad(first.sum(), tensors), *plain

    expected = derivatives()
    with torch.device("meta"):
        found = derivatives()
    for ours, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, wanted, rtol=0, atol=0)


def test_cotangents_of_any_kind():
    """Expanded, strided, and only some of the outputs."""
    tensors = learned(arguments())
    solution = qp(*tensors, full=True)
    (q_grad,) = torch.autograd.grad(solution.slack.sum(), tensors[1], retain_graph=True)
    (again,) = torch.autograd.grad(
        solution.slack, tensors[1], torch.ones(3, 3, dtype=torch.float64).T, retain_graph=True
    )
    assert torch.equal(q_grad, again)
    (lam_grad,) = torch.autograd.grad(solution.lam.sum(), tensors[3])
    assert lam_grad.shape == (3, 3)


def test_no_graph_where_none_is_wanted():
    tensors = learned(arguments())
    assert qp(*tensors).grad_fn is not None
    with torch.no_grad():
        assert not qp(*tensors).requires_grad
    assert not qp(*(t.detach() for t in tensors)).requires_grad
    assert not qp(*tensors, derivatives=False).requires_grad
    with torch.inference_mode():
        assert qp(*tensors).is_inference()


def test_backward_twice():
    tensors = learned(arguments())
    z = qp(*tensors)
    z.sum().backward(retain_graph=True)
    first = tensors[1].grad.clone()
    z.sum().backward()
    assert torch.equal(tensors[1].grad, 2 * first)
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        z.sum().backward()


def test_inputs_may_change_before_backward():
    """The solver keeps its own copy of what the derivative needs."""
    tensors = learned(arguments())
    expected = torch.autograd.grad(qp(*tensors).sum(), tensors)
    z = qp(*tensors)
    with torch.no_grad():
        for t in tensors:
            t.add_(1.0)
    for ours, other in zip(torch.autograd.grad(z.sum(), tensors), expected, strict=True):
        assert torch.equal(ours, other)


def test_many_calls_before_backward():
    """Each call in flight has a solver of its own."""
    tensors = learned(arguments())
    factors = (1.0, 1.1, 1.2, 1.3, 1.4, 1.5)
    expected = [
        torch.autograd.grad(qp(f * tensors[0], *tensors[1:]).sum(), tensors) for f in factors
    ]
    outputs = [qp(f * tensors[0], *tensors[1:]) for f in factors]
    for z, gradients in zip(reversed(outputs), reversed(expected), strict=True):
        for ours, other in zip(torch.autograd.grad(z.sum(), tensors), gradients, strict=True):
            assert torch.equal(ours, other)


def test_the_solver_is_free_after_backward():
    """Not only when the graph dies, which a training loop keeps until the next step."""
    tensors = learned(arguments(n=5, batch=64))
    plan = qc.torch._layout.qp_layout(*(t.shape for t in tensors), "auto", -1, "auto").plan
    z = qp(*tensors)
    assert plan.idle_bytes() == 0
    z.sum().backward()
    idle = plan.idle_bytes()
    assert idle > 0
    kept = [qp(*tensors)]
    kept[0].sum().backward()
    assert plan.idle_bytes() == idle


def test_checkpoint():
    tensors = learned(arguments())
    expected = torch.autograd.grad(qp(*tensors).sum(), tensors)
    z = checkpoint(qp, *tensors, use_reentrant=False)
    for ours, other in zip(torch.autograd.grad(z.sum(), tensors), expected, strict=True):
        assert torch.equal(ours, other)


def infeasible(on_failure):
    """min (x - 3)^2 / 2 with x <= h0, -x <= h1; nothing satisfies that in the middle."""
    values = ([[1.0]], [-3.0], [[1.0], [-1.0]], [[1.0, 1.0], [1.0, -2.0], [0.5, 1.0]])
    tensors = learned([torch.tensor(value, dtype=torch.float64) for value in values])
    return tensors, qp(*tensors, full=True, on_failure=on_failure)


@pytest.mark.parametrize(("on_failure", "expected"), [("nan", np.nan), ("zero_gradient", 0.0)])
def test_a_problem_without_a_solution(on_failure, expected):
    tensors, solution = infeasible(on_failure)
    assert solution.report.status == ["solved", "primal_infeasible", "solved"]
    assert solution.z.isnan().flatten().tolist() == [False, True, False]
    solution.z.sum().backward()
    Q, q, G, h = tensors
    assert np.array_equal(h.grad[1], [expected, expected], equal_nan=True)
    assert torch.allclose(h.grad[[0, 2]], torch.tensor([1.0, 0.0], dtype=torch.float64))
    for t in (Q, q, G):
        assert t.grad.isfinite().all()
    assert solution.report.derivative_status == ["exact", "none", "exact"]


@pytest.mark.parametrize("full", [False, True])
def test_certificates_are_no_outputs(full):
    """A direction in which the objective is unbounded, which the solver has found, is not z."""
    Q = torch.zeros(2, 2, 2, dtype=torch.float64)
    Q[0] = torch.eye(2)
    tensors = learned([Q, torch.ones(2), torch.eye(2), torch.ones(2)])

    def solve(Q, q):
        found = qp(Q, q, *tensors[2:], full=full)
        return torch.cat([found.z, found.lam, found.slack], -1) if full else found

    for run in (solve, torch.func.vmap(solve, (0, None))):
        found = run(*tensors[:2])
        assert found.isnan().all(-1).tolist() == [False, True]
    assert qp(Q[1], tensors[1]).isnan().all()
    q = tensors[1]
    (gradient,) = torch.autograd.grad(qp(Q[1], q).sum(), q)
    assert gradient.isnan().all()


def test_a_masked_problem_has_no_gradient():
    tensors, solution = infeasible("nan")
    mask = torch.tensor(solution.report.solved)[:, None]
    torch.where(mask, solution.z, 0.0).sum().backward()
    assert tensors[3].grad[1].tolist() == [0.0, 0.0]


def test_a_failed_problem_adds_nothing_to_a_shared_block():
    """A is shared, G is not: the joined rows are not, and A's gradient is a sum without NaN."""
    tensors = learned(arguments(batched=("G", "h")))
    with torch.no_grad():
        tensors[3][1] = -1e3 * tensors[2][1].abs().sum(1)
        tensors[2][1, 1] = -tensors[2][1, 0]
    solution = qp(*tensors, full=True)
    assert solution.report.status == ["solved", "primal_infeasible", "solved"]
    solution.z.sum().backward()
    assert tensors[4].grad.isfinite().all()
    assert tensors[5].grad.isfinite().all()
    assert tensors[2].grad[1].isnan().all()


def test_raise():
    with pytest.raises(qc.SolveError, match="1 of 3 problems") as caught:
        infeasible("raise")
    assert caught.value.report.solved.tolist() == [True, False, True]


def test_unsolved_single_problem():
    one = torch.ones(1, 1, dtype=torch.float64, requires_grad=True)
    z = qp(one, one[0], torch.cat((one, -one)).detach(), -torch.ones(2, dtype=torch.float64))
    assert z.isnan().all()
    z.sum().backward()
    assert one.grad.isnan().all()


ERRORS = [
    ({"Q": torch.ones(4, 3)}, ValueError, r"Q has shape \(4, 3\), expected \(3, 3\) or \(batch"),
    ({"Q": torch.ones(4)}, ValueError, r"Q has shape \(4,\), expected \(rows, columns\)"),
    ({"Q": torch.ones(0, 0)}, ValueError, "Q has no columns"),
    ({"q": torch.ones(3)}, ValueError, r"q has shape \(3,\), expected \(4,\) or \(batch, 4\)"),
    ({"q": torch.ones(0, 4)}, ValueError, "q has a batch of 0"),
    ({"q": torch.ones(2, 4)}, ValueError, "q has a batch of 2, but Q has one of 3"),
    ({"G": torch.ones(3, 5)}, ValueError, r"G has shape \(3, 5\), expected \(3, 4\)"),
    ({"h": torch.ones(4)}, ValueError, r"h has shape \(4,\), expected \(3,\)"),
    ({"A": torch.ones(3, 2, 4, 1)}, ValueError, "A has shape"),
    ({"b": torch.ones(3, 1)}, ValueError, r"b has shape \(3, 1\), expected \(2,\)"),
    ({"h": None}, ValueError, "G is given without h"),
    ({"A": None}, ValueError, "b is given without A"),
    ({"q": [1.0, 2.0]}, TypeError, "q is of type list, expected a torch.Tensor"),
    ({"q": np.ones((3, 4))}, TypeError, "q is of type ndarray"),
    ({"Q": None}, TypeError, "Q is of type NoneType"),
    ({"b": 1.0}, TypeError, "b is of type float"),
    ({"Q": torch.ones(3, 4, 4, dtype=torch.complex64)}, TypeError, "Q has dtype torch.complex64"),
    ({"G": torch.ones(3, 4).to_sparse()}, TypeError, "G has layout torch.sparse_coo"),
    ({"on_failure": "ignore"}, ValueError, "on_failure is 'ignore'"),
    ({"tolerance": 2.0}, ValueError, "tolerance is 2.0"),
    ({"tolerance": [2.0]}, TypeError, r"tolerance is \[2.0\], expected a number"),
    ({"colour": 2.0}, TypeError, "colour"),
]


@pytest.mark.parametrize(("changes", "error", "message"), ERRORS)
def test_errors(changes, error, message):
    given = {**dict(zip(NAMES, arguments(), strict=True)), **changes}
    with pytest.raises(error, match=message):
        qp(**given)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("single", [False, True])
def test_values_that_are_not_finite(name, single):
    tensors = dict(zip(NAMES, arguments(batched=() if single else NAMES), strict=True))
    where = "" if single else " of problem 1"
    tensors[name] = tensors[name].clone()
    tensors[name].view(1 if single else 3, -1)[-1 if single else 1, 0] = torch.nan
    with pytest.raises(ValueError, match=f"^{name}{where} has a value that is NaN or infinite"):
        qp(**tensors)


def test_shared_values_that_are_not_finite():
    tensors = arguments(batched=("q", "A"))
    tensors[2][0, 0] = torch.inf
    with pytest.raises(ValueError, match=r"^G has a value"):
        qp(*tensors)


def test_matrices_that_are_not_convex():
    Q, *rest = arguments()
    with pytest.raises(ValueError, match="Q of problem 0 is not positive semidefinite"):
        qp(-Q, *rest)
    Q[2, 0, 1] += 0.1
    with pytest.raises(ValueError, match="Q of problem 2 is not symmetric"):
        qp(Q, *rest)


def test_tensors_on_two_devices():
    Q, q, *rest = arguments()
    with pytest.raises(ValueError, match="q is on meta, but Q is on cpu"):
        qp(Q, q.to("meta"), *rest)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_tensors_are_moved_and_moved_back():
    tensors = learned(arguments())
    expected = torch.autograd.grad(qp(*tensors).sum(), tensors)
    moved = learned([t.detach().cuda() for t in tensors])
    z = qp(*moved)
    assert z.is_cuda
    assert torch.equal(z.cpu(), qp(*tensors))
    for ours, other in zip(torch.autograd.grad(z.sum(), moved), expected, strict=True):
        assert ours.is_cuda
        assert torch.equal(ours.cpu(), other)


def test_a_plan_is_compiled_once():
    qc.clear_cache()
    tensors = arguments()
    for scale in (1.0, 2.0, 3.0):
        qp(scale * tensors[0], *tensors[1:])
    assert qc._plan.plan_for.cache_info().misses == 1
    qp(*(t[:2] for t in tensors))
    assert qc._plan.plan_for.cache_info().misses == 1


def test_callback_and_settings():
    tensors = arguments(batch=40)
    seen = []
    qp(*tensors, callback=lambda *progress: seen.append(progress), max_iterations=50)
    assert all(batch == 40 for _, batch, _ in seen)


def test_training_reduces_a_loss():
    """The end that all this is for."""
    torch.manual_seed(0)
    Q, q, G, h, A, b = arguments(n=4, p=1, m=3, batch=16, batched=("q",))
    target = qp(Q, q, G, h, A, b)
    guess = (A + 0.3 * torch.randn_like(A)).requires_grad_()
    optimizer = torch.optim.Adam([guess], lr=0.02)
    losses = []
    for _ in range(150):
        optimizer.zero_grad()
        loss = (qp(Q, q, G, h, guess, b) - target).pow(2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 1e-3 * losses[0]
