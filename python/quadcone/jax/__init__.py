# SPDX-License-Identifier: Apache-2.0
"""Optimization problems as functions in JAX.

>>> from quadcone.jax import ConeLayer, qp
>>> z = qp(Q, q, G, h, A, b)                  # OptNet's layer
>>> x, y, s = ConeLayer(problem)(q=q, b=b)    # any quadcone.Problem

Both work under jit, vmap (one batched call), grad, vjp, jvp, jacrev, jacfwd and hessian, on the
CPU, in float64 and float32; the computation is in float64 in either case.
"""

try:
    import jax as _jax  # noqa: F401
except ImportError as error:
    raise ImportError(
        "quadcone.jax needs JAX, which is not installed: pip install 'quadcone[jax]'"
    ) from error

from ._cone import ConeLayer as ConeLayer
from ._cone import ConeSolution as ConeSolution
from ._cvxpy import CvxpyLayer as CvxpyLayer
from ._optnet import QPSolution as QPSolution
from ._optnet import qp as qp
