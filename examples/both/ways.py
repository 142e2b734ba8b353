# SPDX-License-Identifier: Apache-2.0
"""The ways to solve and differentiate one QP, for the layers of both tasks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from quadcone.torch import ConeLayer, qp

from ..denoising.layers import TotalVariation
from ..denoising.models import SparseTuned
from ..digits.models import OptNetLayer, classifier
from .layers import LENGTH, LEVEL, ConeOptNetLayer, ConeTotalVariation, DenseOptNetLayer, Solver
from .solvers import diffcp, ours

LSQR = {"derivative_mode": "lsqr"}
SCS = {"solve_method": "SCS", "mode": "lsqr", "eps": 1e-8}
CLARABEL = {"solve_method": "Clarabel", "mode": "lsqr"}


@dataclass(frozen=True)
class Way:
    """title: on the page.

    solver: of the cone program; None: the QP, with these settings.
    """

    title: str
    solver: Solver | None = None
    settings: dict[str, Any] | None = None
    foreign: bool = False  # another library: small sizes alone
    moved: float = 0.0  # what all parameters are moved by at the start, relative


WAYS = {
    "qp": Way("QP"),
    "qp_lsqr": Way("QP, LSQR", None, LSQR),
    "cone": Way("cone program", ours),
    "cone_lsqr": Way("cone program, LSQR", partial(ours, **LSQR)),
    "diffcp_scs": Way("diffcp, SCS", partial(diffcp, **SCS), foreign=True),
    "diffcp_clarabel": Way("diffcp, Clarabel", partial(diffcp, **CLARABEL), foreign=True),
}
# How far apart two trainings end that should be one, as those of the ways should.
CONTROL = {"qp_moved": Way("QP, start moved by 1e-7", moved=1e-7)}


def total_variation(way: Way, scale: float = LEVEL) -> TotalVariation:
    """scale: see ConeProgram."""
    if way.solver is not None:
        return ConeTotalVariation(way.solver, scale)
    layer = TotalVariation(LENGTH)
    layer.cone = ConeLayer(layer.cone.problem, **way.settings or {})
    return layer


def optnet(way: Way) -> OptNetLayer:
    if way.solver is not None:
        return ConeOptNetLayer(way.solver)
    return DenseOptNetLayer(partial(qp, **way.settings or {}))


def denoiser(way: Way, weight: float) -> nn.Module:
    """The layer that is tuned from total variation."""
    model = SparseTuned(LENGTH, weight)
    model.layer = total_variation(way)
    return _moved(model, way)


def images_classifier(way: Way) -> nn.Module:
    """FC600-FC10-OptNet10, with the same start whatever the way."""
    model = classifier(optnet=True)
    for k, part in enumerate(model):
        if isinstance(part, OptNetLayer):
            model[k] = optnet(way)
            model[k].load_state_dict(part.state_dict(), strict=False)
    return _moved(model, way)


def _moved(model: nn.Module, way: Way) -> nn.Module:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1 + way.moved)
    return model
