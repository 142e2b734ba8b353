# SPDX-License-Identifier: Apache-2.0
"""Denoising of piecewise-constant signals by total variation and what is learned from it."""

from ..common.experiment import Experiment
from .page import plot, section, summary
from .run import run

EXPERIMENT = Experiment(
    "denoising", "Total-variation denoising", run, plot, section, summary, parallel=True
)
