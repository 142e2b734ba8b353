# SPDX-License-Identifier: Apache-2.0
"""A controller that plans with a limited thrust, and whose terminal cost is tuned through it."""

from ..common.experiment import Experiment
from .page import plot, section, summary
from .run import run

EXPERIMENT = Experiment(
    "control", "Beyond: a controller, tuned in closed loop", run, plot, section, summary
)
