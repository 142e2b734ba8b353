# SPDX-License-Identifier: Apache-2.0
"""cvxpylayers.jax's CvxpyLayer; see `quadcone.compat.cvxpylayers.jax.cvxpylayer`."""

from .cvxpylayer import CvxpyLayer as CvxpyLayer
