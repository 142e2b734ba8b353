# SPDX-License-Identifier: Apache-2.0
"""Answers, gradients and times of all ways on the same problems, beside linear equations."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median

import torch
from torch import Tensor, nn

from ..common.context import Json
from ..denoising.data import signals
from ..denoising.layers import differences
from ..digits.models import CLASSES
from .layers import LENGTH, DenseOptNetLayer, DenseTotalVariation
from .ways import WAYS, Way, optnet, total_variation

TRIALS = 5
WEIGHT = 20.0  # of total variation
Case = tuple[Callable[[], Tensor], list[Tensor]]  # an answer, and what it is differentiated by


def denoising_case(layer: nn.Module, count: int) -> Case:
    x = signals(count, seed=0)[0].requires_grad_()
    weight = torch.full((LENGTH - 1,), WEIGHT, dtype=x.dtype, requires_grad=True)
    D = differences(LENGTH).requires_grad_()
    return lambda: layer(x, weight, D), [x, weight, D]


def images_case(layer: nn.Module, count: int) -> Case:
    generator = torch.Generator().manual_seed(0)
    x = 3 * torch.rand(count, CLASSES, generator=generator, dtype=torch.float64)
    x.requires_grad_()
    return lambda: layer(x), [x, *layer.parameters()]


@dataclass(frozen=True)
class Task:
    case: Callable[[nn.Module, int], Case]
    make: Callable[[Way], nn.Module]
    reference: Callable[[], nn.Module]
    cones_only: bool = False


TASKS = {
    "denoising": Task(denoising_case, total_variation, DenseTotalVariation),
    # The cone of the textbook, with rows of very different sizes.
    "denoising_plain": Task(
        denoising_case, partial(total_variation, scale=1.0), DenseTotalVariation, cones_only=True
    ),
    "images": Task(images_case, optnet, DenseOptNetLayer),
}


def compare(name: str, count: int, few: int) -> Json:
    """Every way on `count` problems, or, if it is foreign, on the first few.

    Differences are on the first few, relative: of answers, and the largest of all gradients.
    """
    task = TASKS[name]
    reference = _evaluate(*task.case(_start(task.reference), few))
    found: Json = {"problems": count, "few": few, "ways": {}}
    for key, way in WAYS.items():
        if task.cones_only and way.solver is None:
            continue
        try:
            layer = _start(partial(task.make, way))
        except ImportError as reason:
            found["ways"][key] = {"unavailable": str(reason)}
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of inaccurate solutions: they are measured here
            size, trials = (few, 1) if way.foreign else (count, TRIALS)
            times = [_time(*task.case(layer, size)) for _ in range(trials)]
            answer, gradients = _evaluate(*task.case(layer, few))
        found["ways"][key] = {
            "forward": median(time[0] for time in times),
            "backward": median(time[1] for time in times),
            "answer": _off(answer, reference[0]),
            "gradient": max(map(_off, gradients, reference[1])),
        }
    return found


def _start(make: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return make()


def _evaluate(solve: Callable[[], Tensor], leaves: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """The answer, and gradients of a weighted sum of it."""
    z = solve()
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(z.shape, generator=generator, dtype=z.dtype)
    return z.detach(), list(torch.autograd.grad((weight * z).sum(), leaves))


def _time(solve: Callable[[], Tensor], leaves: list[Tensor]) -> tuple[float, float]:
    """Milliseconds a problem, forward and backward."""
    start = time.perf_counter()
    z = solve()
    middle = time.perf_counter()
    torch.autograd.grad(z.square().sum(), leaves)
    end = time.perf_counter()
    return 1000 * (middle - start) / len(z), 1000 * (end - middle) / len(z)


def _off(value: Tensor, wanted: Tensor) -> float:
    return ((value - wanted).norm() / wanted.norm()).item()
