# SPDX-License-Identifier: Apache-2.0
"""One small adapter a peer; each does what a careful user of that peer would do."""

from .base import TOLERANCE, ConePeer
from .clarabel import Clarabel
from .diffcp import MODES, Diffcp
from .moreau import Moreau, MoreauDirect
from .quadcone import Quadcone
from .scs import Scs

__all__ = [
    "MODES",
    "TOLERANCE",
    "Clarabel",
    "ConePeer",
    "Diffcp",
    "Moreau",
    "MoreauDirect",
    "Quadcone",
    "Scs",
]
