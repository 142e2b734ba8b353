# SPDX-License-Identifier: Apache-2.0
"""Other packages' interfaces, with quadcone behind them: change one import.

>>> from quadcone.compat.qpth.qp import QPFunction  # from qpth.qp
>>> from quadcone.compat import diffcp  # import diffcp
>>> from quadcone.compat.cvxpylayers.torch import CvxpyLayer  # from cvxpylayers.torch
>>> from quadcone.compat.proxsuite_torch.qplayer import QPFunction  # from proxsuite.torch.qplayer
>>> from quadcone.compat import qpax  # import qpax

They have these packages' names, arguments, shapes and exceptions, and no more: what is quadcone's
own is in `quadcone.torch` and `quadcone.jax`.  Each module says where it differs.  `replace` is for
code that is to be left as it is.
"""

from ._replace import replace as replace
