# SPDX-License-Identifier: Apache-2.0
"""All experiments, in the order of the page."""

from __future__ import annotations

from .denoising import EXPERIMENT as DENOISING
from .digits import FASHION_MNIST, MNIST
from .speed import EXPERIMENT as SPEED
from .sudoku import EXPERIMENT as SUDOKU
from .theorems import EXPERIMENT as THEOREMS

EXPERIMENTS = {
    experiment.name: experiment
    for experiment in (SPEED, DENOISING, MNIST, SUDOKU, FASHION_MNIST, THEOREMS)
}
