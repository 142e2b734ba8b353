# SPDX-License-Identifier: Apache-2.0
"""proxsuite.torch's interface: QPLayer; see `quadcone.compat.proxsuite_torch.qplayer`."""

from . import qplayer as qplayer
from . import utils as utils
from .qplayer import QPFunction as QPFunction
