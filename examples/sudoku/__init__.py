# SPDX-License-Identifier: Apache-2.0
"""Networks that learn the rules of Sudoku from solved boards alone (OptNet, section 4.4)."""

from ..common.experiment import Experiment
from .findings import plot, section, summary
from .run import run

EXPERIMENT = Experiment("sudoku", "Sudoku", run, plot, section, summary)
