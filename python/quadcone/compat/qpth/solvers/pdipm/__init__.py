# SPDX-License-Identifier: Apache-2.0
"""qpth's interior-point solvers."""

from . import batch as batch
from . import single as single
from . import spbatch as spbatch
