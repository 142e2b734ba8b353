# SPDX-License-Identifier: Apache-2.0
"""Each theorem as numbers."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..common.context import Context, Json
from ..common.train import Fit, fit, in_batches
from .layers import largest, piecewise_linear, project, relu

STEP = 1e-6  # of the finite differences


def run(context: Context) -> Json:
    torch.manual_seed(context.seed)
    return {
        "derivatives": derivatives(context.pick(2000, 200)),
        "kink": kink(),
        "piecewise": piecewise(context.pick(20, 5)),
        "rays": rays(context, context.pick((8, 32, 128, 512), (8, 64))),
    }


def derivatives(count: int) -> Json:
    """Theorem 1, almost everywhere: a random polytope's projection beside finite differences."""
    n, m = 4, 10
    G, h = torch.randn(m, n, dtype=torch.float64), torch.rand(m, dtype=torch.float64) + 0.5
    x = (3 * torch.randn(count, n, dtype=torch.float64)).requires_grad_()
    direction, weight = torch.randn_like(x), torch.randn_like(x)
    z = project(x, G, h)
    (gradient,) = torch.autograd.grad((weight * z).sum(), x)
    with torch.no_grad():
        ahead, behind = (project(x + sign * STEP * direction, G, h) for sign in (1, -1))
    exact = (gradient * direction).sum(1)
    measured = (weight * (ahead - behind)).sum(1) / (2 * STEP)
    error = (exact - measured).abs() / exact.abs().clamp(min=1)
    constrained = (z - x).norm(dim=1) > 1e-9
    return {
        "points": count,
        "constrained": int(constrained.sum()),
        "median_error": error.median().item(),
        # Finite differences that step over a kink are wrong by far more than by rounding.
        "agree": int((error < 1e-5).sum()),
    }


def kink() -> Json:
    """Theorem 1, at a kink: the derivative of ReLU's layer around 0 and at 0."""
    x = torch.linspace(-1, 1, 41, dtype=torch.float64)[:, None].requires_grad_()
    z = relu(x)
    (slope,) = torch.autograd.grad(z.sum(), x)
    flat = [t.detach().flatten().tolist() for t in (x, z, slope)]
    return {"x": flat[0], "z": flat[1], "slope": flat[2], "at_zero": flat[2][20]}


def piecewise(functions: int) -> Json:
    """Theorem 2: random piecewise-linear functions of 6 pieces, and ReLU, by the construction."""
    x = torch.linspace(-2, 2, 401, dtype=torch.float64)
    worst, shown = 0.0, None
    for _ in range(functions):
        a, b, w = torch.randn(3, 6, dtype=torch.float64)
        z, wanted = piecewise_linear(x, a, b, w), (x[:, None] * a + b).relu() @ w
        worst = max(worst, ((z - wanted).abs().max() / wanted.abs().max()).item())
        shown = shown or {"x": x.tolist(), "z": z.tolist(), "wanted": wanted.tolist()}
    noise = torch.randn(1000, 20, dtype=torch.float64)
    error = (relu(noise) - noise.relu()).abs().max().item()
    return {"functions": functions, "worst_error": worst, "relu_error": error, "shown": shown}


def circle(count: int = 720) -> Tensor:
    """(count, 2): points such that -x is among them for every x."""
    angle = 2 * math.pi * torch.arange(count, dtype=torch.float64) / count
    return torch.stack([angle.cos(), angle.sin()], dim=1)


def odd_remainder(values: Tensor, points: Tensor) -> Tensor:
    """The odd part of a function on the circle, less the linear function nearest to it.

    max(0, v'x) - max(0, -v'x) = v'x: the odd part of a network of one hidden layer of ReLUs without
    biases is linear, whatever its width, so this is zero for it.
    """
    odd = (values - values.roll(len(values) // 2)) / 2
    return odd - points @ torch.linalg.lstsq(points, odd[:, None]).solution[:, 0]


def rays(context: Context, widths: tuple[int, ...]) -> Json:
    """Theorem 3: what the remainder is for the layer, and for networks trained to equal it."""
    points = circle()
    wanted = largest(points)
    remainder = odd_remainder(wanted, points)
    networks = []
    for width in widths:
        torch.manual_seed(context.seed)
        model = _network(width)
        _train(model, points, wanted, context.pick(600, 150))
        answer = in_batches(model, points)[:, 0]
        networks.append({
            "width": width,
            "error": (answer - wanted).square().mean().sqrt().item(),
            "worst": (answer - wanted).abs().max().item(),
            "remainder": odd_remainder(answer, points).abs().max().item(),
            "values": answer.tolist(),
        })  # fmt: skip
    return {
        "values": wanted.tolist(),
        "remainder": remainder.tolist(),
        # Odd parts are orthogonal to even ones, and linear functions to the remainder.
        "least_error": remainder.square().mean().sqrt().item(),
        "networks": networks,
    }


def _network(width: int) -> nn.Module:
    layers = nn.Linear(2, width, bias=False), nn.ReLU(), nn.Linear(width, 1, bias=False)
    return nn.Sequential(*layers).double()


def _train(model: nn.Module, points: Tensor, wanted: Tensor, epochs: int) -> None:
    how = Fit(nn.functional.mse_loss, lambda model: {}, epochs, batch=len(points), rate=1e-2)
    fit(model, points, wanted[:, None], how)
