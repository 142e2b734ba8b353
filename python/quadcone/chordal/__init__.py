# SPDX-License-Identifier: Apache-2.0
"""Large sparse PSD cones, decomposed into cones of the cliques of their pattern.

>>> from quadcone import chordal
>>> problem = chordal.Problem(P, A, cones={"s": [250]}, b=b)
>>> solution = problem.solve(q, b)

`Problem` and `Solution` are used as those of `quadcone`, and have the shapes of the problem that
was given.
"""

from ._problem import Problem as Problem
from ._solution import Solution as Solution
