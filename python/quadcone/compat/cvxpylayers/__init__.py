# SPDX-License-Identifier: Apache-2.0
"""cvxpylayers' interface: `quadcone.compat.cvxpylayers.torch` and `.jax`, each with a CvxpyLayer.

They take the arguments of version 1.2 and of 0.1.  What is different: quadratic objectives stay
quadratic; values have the dtype of the parameters; `solver` only says which problems are accepted
(parameters in quadratic forms with MOREAU, CUCLARABEL and MPAX), quadcone solves them all.
"""

from ... import __version__ as __version__
