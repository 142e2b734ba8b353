# SPDX-License-Identifier: Apache-2.0
"""All experiments, in the order of the page."""

from __future__ import annotations

from .both import EXPERIMENT as BOTH
from .control import EXPERIMENT as CONTROL
from .denoising import EXPERIMENT as DENOISING
from .digits import FASHION_MNIST, MNIST
from .portfolio import EXPERIMENT as PORTFOLIO
from .speed import EXPERIMENT as SPEED
from .sudoku import EXPERIMENT as SUDOKU
from .theorems import EXPERIMENT as THEOREMS
from .transport import EXPERIMENT as TRANSPORT

EXPERIMENTS = {
    experiment.name: experiment
    for experiment in (
        SPEED, DENOISING, MNIST, SUDOKU, FASHION_MNIST, BOTH, THEOREMS, PORTFOLIO, CONTROL,
        TRANSPORT,
    )
}  # fmt: skip
