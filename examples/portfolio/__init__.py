# SPDX-License-Identifier: Apache-2.0
"""A portfolio with a limit of risk, a cone, and a predictor that is trained through it."""

from ..common.experiment import Experiment
from .page import plot, section, summary
from .run import run

EXPERIMENT = Experiment("portfolio", "Beyond: a portfolio, end to end", run, plot, section, summary)
