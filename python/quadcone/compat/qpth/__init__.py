# SPDX-License-Identifier: Apache-2.0
"""qpth 0.0.18's interface; see `quadcone.compat.qpth.qp`."""

from . import qp as qp
from . import solvers as solvers
from . import util as util
