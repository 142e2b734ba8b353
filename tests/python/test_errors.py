# SPDX-License-Identifier: Apache-2.0
"""What is wrong is named, with what was expected, whatever it is."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

import quadcone as qc

P = np.eye(2)
A = np.array([[1.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
CONES = {"z": 1, "l": 2}
q = np.zeros(2)
b = np.array([1.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("P", "A", "cones", "error", "message"),
    [
        (None, None, {}, ValueError, "P and A are both None"),
        (np.ones(3), A, CONES, ValueError, r"P has shape \(3,\), expected \(rows, columns\)"),
        (np.ones((2, 3)), A, CONES, ValueError, r"P has shape \(2, 3\), expected a square"),
        (np.ones((0, 0)), np.ones((0, 0)), {}, ValueError, "P and A have no columns"),
        (np.ones((0, 2, 2)), A, CONES, ValueError, "P has a batch of 0"),
        (P, np.ones((3, 3)), CONES, ValueError, "A has 3 columns, expected 2"),
        (P, "abc", CONES, TypeError, "A has dtype .*, expected real numbers"),
        (P, [[1, 2], [3]], CONES, ValueError, "A is not an array"),
        (1j * P, A, CONES, TypeError, "P has dtype complex128, expected real numbers"),
        (sp.csc_array(1j * P), A, CONES, TypeError, "P has dtype complex128"),
        (P, np.ma.masked_less(A, 0.0), CONES, TypeError, "A is a masked array with values that"),
        (P, A, {"z": 1, "l": 1}, ValueError, "cones has 2 rows in all, but A has 3"),
        (P, A, {"q": [2, 0]}, ValueError, r"cones\['q'\]\[1\] is 0, expected at least 1"),
        (P, A, {"q": [1.5]}, TypeError, r"cones\['q'\]\[0\] is 1.5, expected the size"),
        (P, A, {"q": "3"}, TypeError, r"cones\['q'\]\[0\] is '3'"),
        (P, A, {"s": {}}, TypeError, r"cones\['s'\] is {}, expected a list"),
        (P, A, {"s": [3]}, ValueError, "cones has 6 rows in all, but A has 3"),
        (P, A, {"ep": [1]}, TypeError, r"cones\['ep'\] is \[1\], expected a number of cones"),
        (P, A, {"p": [0.5, 1.0]}, ValueError, r"cones\['p'\]\[1\] is 1.0, expected between"),
        (P, A, {"p": [0.0]}, ValueError, r"cones\['p'\]\[0\] is 0.0"),
        (P, A, {"x": 3}, ValueError, "cones has key 'x', expected one of z, l, q"),
        (P, A, {"l": 3.0}, TypeError, r"cones\['l'\] is 3.0, expected a number of rows"),
        (P, A, {"z": 4, "l": -1}, ValueError, r"cones\['l'\] is -1, expected at least 0"),
        (P, A, [1, 2], TypeError, "expected a dictionary"),
    ],
)
def test_problem(P, A, cones, error, message):
    with pytest.raises(error, match=message):
        qc.Problem(P, A, cones)


@pytest.mark.parametrize(
    ("setting", "value", "error", "message"),
    [
        ("tolerance", 0.0, ValueError, "tolerance is 0.0, expected a number between 0 and 1"),
        ("tolerance", np.nan, ValueError, "tolerance is nan"),
        ("tolerance", "tight", TypeError, "tolerance is 'tight', expected a number"),
        ("tolerance_infeasible", -1.0, ValueError, "tolerance_infeasible is -1.0"),
        ("max_iterations", 0, ValueError, "max_iterations is 0, expected at least 1"),
        ("max_iterations", 2**31, ValueError, r"2147483648, expected .* and less than 2\*\*31"),
        ("max_iterations", 1.5, TypeError, "max_iterations is 1.5, expected an integer"),
        ("num_threads", -2, ValueError, "num_threads is -2, expected at least 1"),
        ("num_threads", True, TypeError, "num_threads is True, expected an integer"),
        ("on_failure", "ignore", ValueError, "on_failure is 'ignore', expected 'nan'"),
        ("callback", 3, TypeError, "callback is 3, expected a function"),
        ("isa", "mmx", ValueError, "isa is 'mmx', expected one of: auto"),
        ("condense", 2, ValueError, "condense is 2, expected True, False or None"),
        ("engine", "steam", ValueError, "engine is 'steam', expected 'auto', 'lanes' or 'rows'"),
        ("verbosity", 3, TypeError, "verbosity"),
    ],
)
def test_settings(setting, value, error, message):
    with pytest.raises(error, match=message):
        qc.Problem(P, A, CONES, **{setting: value})
    if setting not in ("isa", "condense", "engine"):
        with pytest.raises(error, match=message):
            qc.Problem(P, A, CONES).solve(q, b, **{setting: value})


@pytest.mark.parametrize("name", ["isa", "condense", "engine"])
def test_plan_choices_cannot_be_overridden(name):
    with pytest.raises(TypeError, match=f"{name} is a choice of Problem"):
        qc.Problem(P, A, CONES).solve(q, b, **{name: "auto"})


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"q": np.zeros(3)}, ValueError, r"q has shape \(3,\), expected \(2,\) or \(batch, 2\)"),
        ({"q": 0.0}, ValueError, r"q has shape \(\), expected"),
        ({"q": np.zeros((2, 2, 2))}, ValueError, r"q has shape \(2, 2, 2\), expected"),
        ({"q": np.zeros((0, 2))}, ValueError, "q has a batch of 0, expected at least 1"),
        ({"b": np.zeros((3, 1))}, ValueError, r"b has shape \(3, 1\), expected \(3,\)"),
        ({"b": None}, TypeError, "b has dtype object, expected real numbers"),
        ({"P": np.zeros((3, 3))}, ValueError, r"P has shape \(3, 3\), expected \(2, 2\)"),
        ({"A": sp.csc_array(A)}, TypeError, "A is a sparse matrix, expected a dense array"),
        (
            {"q": np.zeros((2, 2)), "b": np.zeros((3, 3))},
            ValueError,
            "q has a batch of 2, but b has one of 3",
        ),
        ({"warm_start": q}, TypeError, "warm_start is neither a Solution nor a tuple"),
        ({"warm_start": (q, b)}, TypeError, "warm_start is neither a Solution nor a tuple"),
        ({"warm_start": (q, q, b)}, ValueError, r"warm_start y has shape \(2,\), expected \(3,\)"),
    ],
)
def test_solve(arguments, error, message):
    with pytest.raises(error, match=message):
        qc.Problem(P, A, CONES).solve(**{"q": q, "b": b, **arguments})


def test_sparse_values():
    problem = qc.Problem(sp.csc_array(P), sp.csc_array(A), CONES)
    with pytest.raises(ValueError, match=r"A has shape \(3, 2\), expected \(4,\) or \(batch, 4\)"):
        problem.solve(q, b, A=A)
    with pytest.raises(ValueError, match="P has another sparsity pattern"):
        problem.solve(q, b, P=sp.csc_array(np.ones((2, 2))))
    with pytest.raises(ValueError, match=r"P has shape \(3, 3\), expected \(2, 2\)"):
        problem.solve(q, b, P=sp.eye_array(3))
    with pytest.raises(ValueError, match="P"):
        qc.Problem(sp.csc_array(np.triu(np.ones((2, 2)))), A, CONES).solve(q, b)


BAD = {
    "P": (np.array([[1.0, 0.0], [0.0, np.nan]]), "P{} has a value that is NaN or infinite"),
    "q": (np.array([np.inf, 0.0]), "q{} has a value that is NaN or infinite"),
    "A": (A + np.inf, "A{} has a value that is NaN or infinite"),
    "b": (b * np.nan, "b{} has a value that is NaN or infinite"),
    "P ": (np.array([[1.0, 0.5], [0.0, 1.0]]), "P{} is not symmetric"),
    "P  ": (np.diag([1.0, -1.0]), "P{} is not positive semidefinite"),
}


@pytest.mark.parametrize("case", BAD)
def test_values(case):
    name, (bad, message) = case.strip(), BAD[case]
    good = {"P": P, "q": q, "A": A, "b": b}
    problem = qc.Problem(P, A, CONES)
    with pytest.raises(ValueError, match=message.format("")):
        problem.solve(**{**good, name: bad})
    with pytest.raises(ValueError, match=message.format(" of problem 2")):
        problem.solve(**{**good, name: np.stack([good[name], good[name], bad])})
    other = "q" if name != "q" else "b"
    with pytest.raises(ValueError, match=message.format("")):
        problem.solve(**{**good, name: bad, other: np.stack([good[other]] * 2)})
    assert problem.solve(q, b).solved


def test_cotangents_and_tangents():
    solution = qc.Problem(P, A, CONES).solve(np.stack([q, q]), b)
    with pytest.raises(ValueError, match=r"dx has shape \(2,\), expected \(2, 2\)"):
        solution.vjp(q)
    with pytest.raises(ValueError, match=r"dy has shape \(2, 2\), expected \(2, 3\)"):
        solution.vjp(np.ones((2, 2)), np.ones((2, 2)))
    with pytest.raises(TypeError, match="ds has dtype"):
        solution.vjp(np.ones((2, 2)), None, "up")
    with pytest.raises(ValueError, match=r"dq has shape \(2,\), expected \(2, 2\)"):
        solution.jvp(dq=q)
    with pytest.raises(ValueError, match=r"dP has shape \(3,\), expected \(2, 2\)"):
        solution.jvp(dP=np.ones(3))
    with pytest.raises(ValueError, match=r"dA has shape \(1, 3, 2\), expected \(3, 2\)"):
        solution.jvp(dA=A[None])


def test_masked_array_without_masked_values():
    masked = np.ma.masked_less(A, -9.0)
    assert np.array_equal(qc.Problem(P, masked, CONES).solve(q, b).x, [0.5, 0.5])
