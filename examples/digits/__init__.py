# SPDX-License-Identifier: Apache-2.0
"""Classification of images with and without OptNet's layer: MNIST and Fashion-MNIST."""

from functools import partial

from ..common.experiment import Experiment
from . import page
from .run import run

MNIST = Experiment(
    "mnist", "MNIST", partial(run, "mnist"), partial(page.plot, "mnist"),
    partial(page.section, "mnist"), partial(page.summary, "mnist"),
)  # fmt: skip
FASHION_MNIST = Experiment(
    "fashion_mnist", "Fashion-MNIST", partial(run, "fashion_mnist"),
    partial(page.plot, "fashion_mnist"), partial(page.section, "fashion_mnist"),
    partial(page.summary, "fashion_mnist"),
)  # fmt: skip
