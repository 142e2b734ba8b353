# SPDX-License-Identifier: Apache-2.0
"""OptNet's layer with a cone program's solver and derivative inside, beside the QP's own."""

from ..common.experiment import Experiment
from .page import plot, section, summary
from .run import run

EXPERIMENT = Experiment(
    "both", "A QP as a cone program: why not both?", run, plot, section, summary
)
