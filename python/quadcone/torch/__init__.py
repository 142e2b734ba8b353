# SPDX-License-Identifier: Apache-2.0
"""Optimization problems as PyTorch layers.

>>> from quadcone.torch import ConeLayer, qp
>>> z = qp(Q, q, G, h, A, b)                  # OptNet's layer
>>> x, y, s = ConeLayer(problem)(q=q, b=b)    # any quadcone.Problem

Both take float64 and float32 tensors, compute in float64 on the CPU, and return tensors of the
inputs' dtype and device.  Plans are cached: a call in a loop compiles once.
"""

from ._cone import ConeLayer as ConeLayer
from ._cvxpy import CvxpyLayer as CvxpyLayer
from ._optnet import QPSolution as QPSolution
from ._optnet import qp as qp
