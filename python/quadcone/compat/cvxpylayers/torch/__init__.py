# SPDX-License-Identifier: Apache-2.0
"""cvxpylayers.torch's CvxpyLayer; see `quadcone.compat.cvxpylayers.torch.cvxpylayer`."""

from .cvxpylayer import CvxpyLayer as CvxpyLayer
