# SPDX-License-Identifier: Apache-2.0
"""Batches of random QPs (OptNet, section 4.1): a linear layer, our layer, qpth, Gurobi, CPLEX."""

from ..common.experiment import Experiment
from .page import plot, section, summary
from .run import run

EXPERIMENT = Experiment("speed", "Speed of batches of QPs", run, plot, section, summary)
