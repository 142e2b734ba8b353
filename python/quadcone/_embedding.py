# SPDX-License-Identifier: Apache-2.0
"""The homogeneous self-dual embedding of a problem, at its solution or certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from ._values import Argument, Array, Form


class Embedding(NamedTuple):
    """u, v and Q of Agrawal et al. (2019), section 2:  Q u = v,  u in C,  v in C*,  u'v = 0, with

        u = (x, y, tau)     v = (0, s, kappa)     C = R^n x K* x R+

            [  P   A'  q ]
        Q = [ -A   0   b ]
            [ -q' -b'  0 ]

    in the order of the rows of A.  z = u - v is the point at which the paper projects.  A solution
    has tau = 1, kappa = 0; a certificate of infeasibility tau = 0, kappa = 1.

    Without P, Q is skew.  With it, it is monotone, Q + Q' >= 0, the last equation has a term that
    is not linear, and Q u = v + (0, 0, x'Px / tau).

    u, v: (n + m + 1,).  Q: (n + m + 1, n + m + 1), a SciPy sparse array where A is sparse.
    """

    u: Array
    v: Array
    tau: float
    kappa: float
    Q: Any


def embed(
    forms: tuple[Form, ...], values: list[Array], x: Array, y: Array, s: Array, solved: bool
) -> Embedding:
    """Of one problem with these P, q, A and b.  ValueError where there is nothing to embed."""
    if np.isinf(values[3]).any():
        raise ValueError("b is infinite, and has no place in the embedding: leave such rows out")
    is_dual = not solved and not np.isfinite(y).all()  # x and s are the certificate
    tau, kappa = (1.0, 0.0) if solved else (0.0, 1.0)
    if not solved:
        x, y, s = (x, 0.0 * s, s) if is_dual else (0.0 * values[1], y, 0.0 * y)
        if not np.isfinite(x).all() or not np.isfinite(s).all() or not np.isfinite(y).all():
            raise ValueError("there is neither a solution nor a certificate to embed")
    u = np.concatenate([x, y, [tau]])
    v = np.concatenate([np.zeros_like(x), s, [kappa]])
    return Embedding(u, v, tau, kappa, skew(forms, values))


def skew(forms: tuple[Form, ...], values: list[Array]) -> Any:
    """[P A' q; -A 0 b; -q' -b' 0]"""
    q, b = values[1], values[3]
    if forms[2].pattern is None:
        n, m = len(q), len(b)
        P = values[0].reshape(n, n) if forms[0].pattern is None else to_sparse(forms[0], values[0])
        if not isinstance(P, np.ndarray):
            P = P.toarray()
        A = values[2].reshape(m, n)
        top = np.hstack([P, A.T, q[:, None]])
        middle = np.hstack([-A, np.zeros((m, m)), b[:, None]])
        return np.vstack([top, middle, np.concatenate([-q, -b, [0.0]])])
    from scipy.sparse import block_array, csc_array

    P = csc_array(values[0]) if forms[0].pattern is None else to_sparse(forms[0], values[0])
    A = to_sparse(forms[2], values[2])
    column_q, column_b = csc_array(q[:, None]), csc_array(b[:, None])
    blocks = [[P, A.T, column_q], [-A, None, column_b], [-column_q.T, -column_b.T, None]]
    return block_array(blocks, format="csc")


def to_sparse(form: Form, values: Array) -> Any:
    from scipy.sparse import csc_array

    assert form.pattern is not None
    colptr, rows = (np.frombuffer(part, np.int64) for part in form.pattern)
    return csc_array((values.ravel(), rows, colptr), shape=form.matrix_shape)


def values_of(arguments: tuple[Argument, ...], problem: int) -> list[Array]:
    """P, q, A and b of one problem of a batch."""
    return [
        argument.values[problem if argument.batch > 1 else 0] if argument.batch else argument.values
        for argument in arguments
    ]
