# SPDX-License-Identifier: Apache-2.0
"""All experiments, in the order of the page."""

from __future__ import annotations

from .theorems import EXPERIMENT as THEOREMS

EXPERIMENTS = {experiment.name: experiment for experiment in (THEOREMS,)}
