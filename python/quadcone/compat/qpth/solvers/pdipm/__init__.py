# SPDX-License-Identifier: Apache-2.0
"""qpth's interior-point solvers."""

from . import single as single
