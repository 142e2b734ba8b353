# SPDX-License-Identifier: Apache-2.0
"""qpth's solvers of one problem, in NumPy; quadcone does the work of each."""

from . import cvxpy as cvxpy
from . import pdipm as pdipm
