# SPDX-License-Identifier: Apache-2.0
"""One small adapter a peer; each does what a careful user of that peer would do."""

from .base import Peer, UnsupportedError
from .daqp import Daqp
from .moreau import Moreau, MoreauInteriorPoint
from .osqp import Osqp
from .piqp import Piqp
from .proxsuite import Proxsuite
from .qpth import Qpth
from .quadcone import Quadcone, QuadconeTorch

PEERS = (Quadcone, QuadconeTorch, Moreau, MoreauInteriorPoint, Proxsuite, Qpth, Osqp, Daqp, Piqp)

__all__ = ["PEERS", "Peer", "Proxsuite", "Quadcone", "QuadconeTorch", "UnsupportedError"]
