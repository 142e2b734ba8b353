# SPDX-License-Identifier: Apache-2.0
"""CVXPY: a solver for its problems, and a compiler of problems with parameters.

>>> problem.solve(solver=quadcone.cvxpy.QUADCONE)
>>> problem.solve(method="QUADCONE", requires_grad=True)    # and then problem.backward()
>>> program = quadcone.cvxpy.compile_problem(problem, parameters, variables)

`quadcone.torch.CvxpyLayer` and `quadcone.jax.CvxpyLayer` make layers of either.
"""

from ._compile import compile_problem as compile_problem
from ._derivative import register as _register
from ._solver import QUADCONE as QUADCONE

_register()
