# SPDX-License-Identifier: Apache-2.0
"""Conic programs: families, exact references, peers, and their measurement."""

from .families import CONE_FAMILIES
from .suite import CORRECT, measure_cones

__all__ = ["CONE_FAMILIES", "CORRECT", "measure_cones"]
