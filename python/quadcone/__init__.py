# SPDX-License-Identifier: Apache-2.0
"""Batches of convex optimization problems, solved and differentiated.

    minimize    1/2 x'P x + q'x        subject to    A x + s = b,  s in K

>>> import quadcone as qc
>>> problem = qc.Problem(P, A, cones={"z": 1, "l": 2})
>>> solution = problem.solve(q, b)
>>> gradients = solution.vjp(dx)

`quadcone.torch` and `quadcone.jax` hold the layers for PyTorch and JAX; they are imported only when
asked for.
"""

from . import cones as cones
from ._config import show_config as show_config
from ._core import __version__ as __version__
from ._embedding import Embedding as Embedding
from ._errors import SolveError as SolveError
from ._plan import clear_cache as clear_cache
from ._problem import Problem as Problem
from ._problem import solve as solve
from ._report import Report as Report
from ._settings import Settings as Settings
from ._solution import Gradients as Gradients
from ._solution import Solution as Solution
from ._solution import Tangents as Tangents
from ._status import DerivativeStatus as DerivativeStatus
from ._status import Status as Status
