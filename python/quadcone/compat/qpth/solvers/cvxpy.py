# SPDX-License-Identifier: Apache-2.0
"""One quadratic program in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from .... import solve


def forward_single_np(Q: Any, p: Any, G: Any, h: Any, A: Any, b: Any) -> tuple[Any, ...]:
    """The objective, z, nu, lam and slacks.

    Q: (n, n).  p: (n,).  G, h: (m, n), (m,).  A, b: (k, n), (k,), or None, and then nu is None.

    Raises SolveError where there is no solution.
    """
    neq = 0 if A is None else len(A)
    nineq = len(G)
    rows = G if A is None else np.concatenate([A, G])
    sides = h if b is None else np.concatenate([b, h])
    found = solve(Q, p, rows, sides, {"z": neq, "l": nineq})
    nu = found.y[:neq] if neq else None
    lam, slacks = (found.y[neq:], found.s[neq:]) if nineq else (None, None)
    return found.objective, found.x, nu, lam, slacks
