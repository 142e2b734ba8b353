# SPDX-License-Identifier: Apache-2.0
"""Batches of conic programs with fixed random seeds, in quadcone's statement and order of rows.

    minimize 1/2 x'Px + q'x   subject to   Ax + s = b,  s in K

Every family has the same pattern of A for the whole batch.  Where a family says `shared`, its
values are shared too, as in a layer that learns q and b alone; elsewhere all of q, A and b differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

Cones = dict[str, int | list[int] | list[float]]


@dataclass
class ConeFamily:
    """A batch of conic programs."""

    name: str
    title: str
    cones: Cones
    P: sp.csc_matrix
    A: sp.csc_matrix  # the pattern, and the values where they are shared
    q: np.ndarray  # [batch, n]
    b: np.ndarray  # [batch, m], or [m] where it is shared
    A_values: np.ndarray | None = None  # [batch, nnz] by columns; None: shared
    x_in_cones: bool = False  # the rows after the equalities say -x + s = 0
    seed: int = 0
    dx: np.ndarray = field(init=False)  # the cotangent of x

    def __post_init__(self) -> None:
        rng = np.random.default_rng(1000 + self.seed)
        self.dx = rng.standard_normal(self.q.shape)

    @property
    def batch(self) -> int:
        return self.q.shape[0]

    @property
    def n(self) -> int:
        return self.A.shape[1]

    @property
    def m(self) -> int:
        return self.A.shape[0]

    @property
    def fixed_matrices(self) -> bool:
        """From one step of training to the next."""
        return self.A_values is None

    def values_of_A(self, k: int) -> np.ndarray:
        """Of problem k, in the order of the pattern by columns."""
        return self.A.data if self.A_values is None else self.A_values[k]

    def matrix_A(self, k: int) -> sp.csc_matrix:
        """Of problem k."""
        return sp.csc_matrix((self.values_of_A(k), self.A.indices, self.A.indptr), self.A.shape)

    def side_b(self, k: int) -> np.ndarray:
        """Of problem k."""
        return self.b if self.b.ndim == 1 else self.b[k]


def blocks(cones: Cones) -> Iterator[tuple[str, slice, float]]:
    """Every cone: its key, its rows, and its order (of a PSD matrix) or exponent."""
    at = 0
    for key in ("z", "l", "q", "s", "ep", "p"):
        value = cones.get(key, [])
        if key in ("z", "l"):
            entries = [(value, 0)] if value else []
        elif key == "ep":
            entries = [(3, 0)] * (value or 0)
        else:
            size = {"q": lambda k: k, "s": lambda k: k * (k + 1) // 2, "p": lambda k: 3}[key]
            entries = [(size(entry), entry) for entry in value]
        for rows, parameter in entries:
            yield key, slice(at, at + rows), parameter
            at += rows


def _stacked(matrices: list[sp.csc_matrix]) -> tuple[sp.csc_matrix, np.ndarray]:
    """A common pattern, and the values of every matrix in its order."""
    for matrix in matrices:
        matrix.sort_indices()
    values = np.stack([matrix.data for matrix in matrices])
    return matrices[0], values


def _no_P(n: int) -> sp.csc_matrix:
    return sp.csc_matrix((n, n))


def second_order(n: int, batch: int, cones: int = 5) -> ConeFamily:
    """min c'x, Fx = g, x in a product of five second-order cones; F is dense, n/2 rows.

    A primal and a dual solution are drawn first; g and c follow from them.  A standard form: of the
    random second-order programs that were tried it is the one that takes peers as long as those of
    which the claims speak.
    """
    rng = np.random.default_rng(n)
    rows = n // 2
    sizes = [n // cones] * cones
    F = rng.standard_normal((batch, rows, n)) / np.sqrt(n)
    pairs = [_complementary_pair(sizes, rng) for _ in range(batch)]
    x, z = (np.stack(part) for part in zip(*pairs, strict=True))
    multipliers = rng.standard_normal((batch, rows))
    A, A_values = _stacked([sp.vstack([f, -sp.identity(n)], format="csc") for f in F])
    return ConeFamily(
        name=f"soc{n}",
        title=f"second-order cones, n {n}",
        cones={"z": rows, "q": sizes},
        P=_no_P(n),
        A=A,
        A_values=A_values,
        q=z - np.einsum("bij,bi->bj", F, multipliers),
        b=np.hstack([np.einsum("bij,bj->bi", F, x), np.zeros((batch, n))]),
        x_in_cones=True,
        seed=n,
    )


def _complementary_pair(
    sizes: list[int], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """x and z in the product of cones with x'z = 0, and a regular problem that they solve.

    x is inside of the first cone and at the apex of the second; z the other way around; and both
    are on the boundary elsewhere.
    """
    heights = [2.0, -2.0, *rng.uniform(-0.7, 0.7, len(sizes) - 2)]
    x, z = [], []
    for size, height in zip(sizes, heights, strict=True):
        v = rng.standard_normal(size)
        v[0] = height * np.linalg.norm(v[1:])
        x.append(_project(v))
        z.append(x[-1] - v)
    return np.concatenate(x), np.concatenate(z)


def _project(v: np.ndarray) -> np.ndarray:
    """On the second-order cone."""
    length = np.linalg.norm(v[1:])
    if length <= abs(v[0]):
        return v * (v[0] > 0)
    return (v[0] + length) / 2 * np.concatenate([[1.0], v[1:] / length])


def nearest_correlation(k: int, batch: int) -> ConeFamily:
    """min 1/2 |X - C|_F^2, diag X = 1, X positive semidefinite; x is the scaled lower triangle.

    C is a correlation matrix with noise on it, as where the entries are estimated apart.
    """
    rng = np.random.default_rng(k)
    row, column = lower_triangle(k)
    scale = np.where(row == column, 1.0, np.sqrt(2.0))
    C = np.stack([_noisy_correlation(k, rng) for _ in range(batch)])
    n = row.size
    diagonal = np.flatnonzero(row == column)
    pick = sp.csc_matrix((np.ones(k), (np.arange(k), diagonal)), (k, n))
    A = sp.vstack([pick, -sp.identity(n)], format="csc")
    A.sort_indices()
    return ConeFamily(
        name=f"psd{k}",
        title=f"nearest correlation matrix, {k}x{k}",
        cones={"z": k, "s": [k]},
        P=sp.identity(n, format="csc"),
        A=A,
        q=-scale * C[:, row, column],
        b=np.concatenate([np.ones(k), np.zeros(n)]),
        x_in_cones=True,
        seed=k,
    )


def lower_triangle(k: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the entries on and under the diagonal, column after column."""
    column, row = np.triu_indices(k)
    return row, column


def _noisy_correlation(k: int, rng: np.random.Generator) -> np.ndarray:
    factors = rng.standard_normal((k, k))
    cov = factors @ factors.T
    scale = 1 / np.sqrt(np.diag(cov))
    noise = 0.5 * rng.standard_normal((k, k))
    C = scale[:, None] * cov * scale + (noise + noise.T) / 2
    np.fill_diagonal(C, 1.0)
    return C


def logistic_regression(features: int, samples: int, batch: int) -> ConeFamily:
    """min sum log(1 + exp(-a_i'w)) + 1/2 |w|^2 over (w, t, u, v); a_i is label times sample.

    exp(-t_i) <= u_i, exp(-a_i'w - t_i) <= v_i, u_i + v_i <= 1: two exponential cones a sample.
    """
    rng = np.random.default_rng(features)
    data = rng.standard_normal((batch, samples, features))
    truth = rng.standard_normal((batch, features, 1)) / np.sqrt(features)
    noise = 0.5 * rng.standard_normal((batch, samples, 1))
    data *= np.sign(data @ truth + noise)
    A, A_values = _stacked([_logistic_rows(a) for a in data])
    cone = np.array([0.0, 1.0, 0.0])
    n = features + 3 * samples
    q = np.concatenate([np.zeros(features), np.ones(samples), np.zeros(2 * samples)])
    return ConeFamily(
        name=f"logistic{features}",
        title=f"logistic regression, {features} features, {samples} samples",
        cones={"l": samples, "ep": 2 * samples},
        P=sp.csc_matrix((np.ones(features), (np.arange(features),) * 2), (n, n)),
        A=A,
        A_values=A_values,
        q=np.tile(q, (batch, 1)),
        b=np.concatenate([np.ones(samples), np.tile(cone, 2 * samples)]),
        seed=features,
    )


def _logistic_rows(a: np.ndarray) -> sp.csc_matrix:
    """s = (1 - u - v) >= 0, then (-t_i, 1, u_i) and (-a_i'w - t_i, 1, v_i) for every sample."""
    samples, features = a.shape
    eye, none = sp.identity(samples), sp.csc_matrix((samples, samples))
    first, third = (sp.csc_matrix([[float(k == j)] for k in range(3)]) for j in (0, 2))
    nothing = sp.csc_matrix((samples, features))
    budget = sp.hstack([nothing, none, eye, eye])
    exponent, value = (
        sp.hstack([nothing, *part]) for part in ((eye, none, none), (none, -eye, none))
    )
    ones = sp.kron(exponent, first) + sp.kron(value, third)
    exponent, value = sp.hstack([a, eye, none, none]), sp.hstack([nothing, none, none, -eye])
    losses = sp.kron(exponent, first) + sp.kron(value, third)
    return sp.vstack([budget, ones, losses], format="csc")


def entropy(n: int, batch: int) -> ConeFamily:
    """max -sum x_i log x_i, Fx = g over (x, t): x_i exp(t_i / x_i) <= 1; F is dense, n/5 rows."""
    rng = np.random.default_rng(n + 1)
    rows = n // 5
    F = rng.standard_normal((batch, rows, n)) / np.sqrt(n)
    x = rng.random((batch, n))
    side = np.tile([0.0, 0.0, 1.0], n)
    return ConeFamily(
        name=f"entropy{n}",
        title=f"entropy maximization, n {n}",
        cones={"z": rows, "ep": n},
        P=_no_P(2 * n),
        q=np.tile(np.concatenate([np.zeros(n), -np.ones(n)]), (batch, 1)),
        **_with_values([_entropy_rows(f) for f in F]),
        b=np.hstack([np.einsum("bij,bj->bi", F, x), np.tile(side, (batch, 1))]),
        seed=n + 1,
    )


def _with_values(matrices: list[sp.csc_matrix]) -> dict:
    pattern, values = _stacked(matrices)
    return {"A": pattern, "A_values": values}


def _entropy_rows(F: np.ndarray) -> sp.csc_matrix:
    """Fx, then s = (t_i, x_i, 1) for every i."""
    n = F.shape[1]
    unit = [sp.csc_matrix([[float(k == j)] for k in range(3)]) for j in range(2)]
    x, t = (sp.kron(sp.identity(n), -unit[j]) for j in (1, 0))
    return sp.bmat([[sp.csc_matrix(F), None], [x, t]], format="csc")


def p_norm(p: float, features: int, samples: int, batch: int) -> ConeFamily:
    """min |Fx - g|_p over (x, r, t): r_i^(1/p) t^(1-1/p) >= |(Fx - g)_i|, sum r = t."""
    rng = np.random.default_rng(features + 2)
    F = rng.standard_normal((batch, samples, features))
    g = rng.standard_normal((batch, samples))
    n = features + samples + 1
    b = np.zeros((batch, 1 + 3 * samples))
    b[:, 3::3] = -g
    return ConeFamily(
        name=f"pnorm{p:g}",
        title=f"p-norm regression, p {p:g}, {features} features, {samples} samples",
        cones={"z": 1, "p": [1 / p] * samples},
        P=_no_P(n),
        q=np.tile(np.eye(n)[-1], (batch, 1)),
        **_with_values([_p_norm_rows(f) for f in F]),
        b=b,
        seed=features + 2,
    )


def _p_norm_rows(F: np.ndarray) -> sp.csc_matrix:
    """sum r - t = 0, then s = (r_i, t, (Fx - g)_i) for every sample."""
    samples, features = F.shape
    unit = [sp.csc_matrix([[float(k == j)] for k in range(3)]) for j in range(3)]
    one = np.ones((samples, 1))
    total = sp.csc_matrix(np.concatenate([np.zeros(features), np.ones(samples), [-1.0]]))
    x, r, t = sp.kron(-F, unit[2]), sp.kron(-sp.identity(samples), unit[0]), sp.kron(-one, unit[1])
    return sp.vstack([total, sp.hstack([x, r, t])], format="csc")


def geometric_mean(n: int, rows: int, batch: int) -> ConeFamily:
    """max (x_1 ... x_n)^(1/n), Gx <= h with positive G, through a chain of n - 1 power cones.

    t_k is the geometric mean of x_1 ... x_k: t_k <= t_(k-1)^(1-1/k) x_k^(1/k), t_1 = x_1.
    """
    rng = np.random.default_rng(n + 3)
    G = rng.random((batch, rows, n))
    h = 1 + rng.random((batch, rows))
    variables = 2 * n - 1
    return ConeFamily(
        name="geomean",
        title=f"geometric mean, n {n}",
        cones={"l": rows, "p": [1 - 1 / k for k in range(2, n + 1)]},
        P=_no_P(variables),
        q=np.tile(-np.eye(variables)[-1], (batch, 1)),
        **_with_values([_geometric_mean_rows(g) for g in G]),
        b=np.hstack([h, np.zeros((batch, 3 * n - 3))]),
        seed=n + 3,
    )


def _geometric_mean_rows(G: np.ndarray) -> sp.csc_matrix:
    """Gx <= h, then s = (t_(k-1), x_k, t_k) for k = 2 ... n; t_1 is x_1."""
    n = G.shape[1]
    t = [0, *range(n, 2 * n - 1)]  # the column of t_k
    columns = [column for k in range(1, n) for column in (t[k - 1], k, t[k])]
    chain = sp.csc_matrix((-np.ones(3 * n - 3), (np.arange(3 * n - 3), columns)))
    return sp.vstack([sp.hstack([G, sp.csc_matrix((G.shape[0], n - 1))]), chain], format="csc")


CONE_FAMILIES: dict[str, Callable[[], ConeFamily]] = {
    "soc20": lambda: second_order(20, 64),
    "soc100": lambda: second_order(100, 64),
    "soc500": lambda: second_order(500, 1),
    "psd5": lambda: nearest_correlation(5, 64),
    "psd10": lambda: nearest_correlation(10, 64),
    "psd20": lambda: nearest_correlation(20, 64),
    "psd40": lambda: nearest_correlation(40, 1),
    "logistic20": lambda: logistic_regression(20, 50, 64),
    "logistic100": lambda: logistic_regression(100, 200, 1),
    "entropy100": lambda: entropy(100, 64),
    "pnorm1.5": lambda: p_norm(1.5, 20, 50, 64),
    "pnorm3": lambda: p_norm(3.0, 20, 50, 64),
    "geomean": lambda: geometric_mean(20, 30, 64),
}
