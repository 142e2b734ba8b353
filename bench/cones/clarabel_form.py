# SPDX-License-Identifier: Apache-2.0
"""The form of Clarabel, and of moreau, which is derived from it.

They store a PSD matrix by the upper triangle, column after column; we do by the lower one.
"""

from __future__ import annotations

import clarabel
import numpy as np
import scipy.sparse as sp

from .families import ConeFamily, Cones, blocks, lower_triangle


def row_order(family: ConeFamily) -> np.ndarray:
    """[m]: which of our rows is each of theirs."""
    order = np.arange(family.m)
    for key, rows, k in blocks(family.cones):
        if key == "s":
            row, column = lower_triangle(k)
            order[rows] = rows.start + np.lexsort((column, row))
    return order


def clarabel_cones(cones: Cones) -> list:
    """Its cones, in our order."""
    kinds = {
        "z": lambda rows, _: clarabel.ZeroConeT(rows),
        "l": lambda rows, _: clarabel.NonnegativeConeT(rows),
        "q": lambda rows, _: clarabel.SecondOrderConeT(rows),
        "s": lambda _, k: clarabel.PSDTriangleConeT(k),
        "ep": lambda *_: clarabel.ExponentialConeT(),
        "p": lambda _, alpha: clarabel.PowerConeT(alpha),
    }
    return [kinds[key](rows.stop - rows.start, p) for key, rows, p in blocks(cones)]


def clarabel_solver(family: ConeFamily, k: int, order: np.ndarray, tolerance: float):
    """A solver of problem k."""
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.presolve_enable = False
    settings.max_threads = 1
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tolerance
    A, b = family.matrix_A(k)[order], family.side_b(k)[order]
    upper = sp.triu(family.P, format="csc")
    cones = clarabel_cones(family.cones)
    return clarabel.DefaultSolver(upper, family.q[k], sp.csc_matrix(A), b, cones, settings)
