# SPDX-License-Identifier: Apache-2.0
"""Optimal transport with entropy, by exponential cones, and its cost learned from plans."""

from ..common.experiment import Experiment
from .page import plot, section, summary
from .run import run

EXPERIMENT = Experiment("transport", "Beyond: the cost of a transport", run, plot, section, summary)
