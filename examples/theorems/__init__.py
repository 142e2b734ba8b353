# SPDX-License-Identifier: Apache-2.0
"""OptNet's three theorems, executed: derivatives, piecewise-linear functions, and more."""

from ..common.experiment import Experiment
from .page import plot, section, summary
from .run import run

EXPERIMENT = Experiment("theorems", "The three theorems of OptNet", run, plot, section, summary)
