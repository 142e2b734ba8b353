# SPDX-License-Identifier: Apache-2.0
"""What a peer looks like to the benchmark.

The constructor does what a user does once (compile, allocate, factor what stays); forward and
backward do what a user does at every step of training, and are timed; x and gradients translate
the outcome into quadcone's statement of the problem, untimed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import scipy.sparse as sp

from ..families import Family, per_problem


class UnsupportedError(Exception):
    """The peer cannot solve this family, or only in a form so slow that nobody would."""


class FailedError(Exception):
    """The peer gave up on a problem."""


class Peer(ABC):
    """One solver on one family."""

    name: str
    differentiable = True
    # Rows of A whose gradient the peer reports: all, or only those that are not simple bounds.
    reports_bounds = True

    def __init__(self, family: Family) -> None:
        self.family = family

    @abstractmethod
    def forward(self) -> None:
        """Solve the batch."""

    def check(self) -> None:
        """Raise where the last forward did not solve every problem."""
        if not np.isfinite(self.x()).all():
            raise FailedError("not finite")

    def backward(self) -> None:
        """Gradients of every argument, for the cotangent family.dx."""
        raise NotImplementedError

    @abstractmethod
    def x(self) -> np.ndarray:
        """The last solution, [batch, n]."""

    def gradients(self) -> dict[str, np.ndarray]:
        """The last gradients of P, q, A and b, shaped as bench.reference has them."""
        raise NotImplementedError


def dense_batch(value, rank: int, batch: int) -> np.ndarray:
    """A dense array with a batch axis, whatever the storage."""
    dense = value.toarray() if sp.issparse(value) else value
    return per_problem(np.asarray(dense), rank, batch)


def summed(gradient: np.ndarray, value, rank: int) -> np.ndarray:
    """The gradient of a shared argument is the sum over the batch."""
    shared = sp.issparse(value) or value.ndim == rank
    return gradient.sum(axis=0) if shared else gradient


def on_pattern(gradient: np.ndarray, pattern) -> np.ndarray:
    """Entries of dense gradients at the entries of a sparse matrix, in CSC order."""
    if not sp.issparse(pattern):
        return gradient
    columns = np.repeat(np.arange(pattern.shape[1]), np.diff(pattern.indptr))
    return gradient[..., pattern.indices, columns]
