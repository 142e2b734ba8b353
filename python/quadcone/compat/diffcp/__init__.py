# SPDX-License-Identifier: Apache-2.0
"""diffcp 1.1.9's interface; see `quadcone.compat.diffcp.cone_program`."""

from ... import __version__ as __version__
from . import cone_program as cone_program
from . import cones as cones
from . import utils as utils
from .cone_program import SolverError as SolverError
from .cone_program import solve_and_derivative as solve_and_derivative
from .cone_program import solve_and_derivative_batch as solve_and_derivative_batch
from .cone_program import solve_and_derivative_internal as solve_and_derivative_internal
from .cone_program import solve_internal as solve_internal
from .cone_program import solve_only as solve_only
from .cone_program import solve_only_batch as solve_only_batch
from .cones import EXP as EXP
from .cones import POS as POS
from .cones import PSD as PSD
from .cones import SOC as SOC
from .cones import ZERO as ZERO
