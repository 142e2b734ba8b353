# SPDX-License-Identifier: Apache-2.0
"""The extension module checks what could otherwise crash the interpreter."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from quadcone import _core

SETTINGS = (1e-8, 1e-8, 100, 1, True, None, 0, 1e-12, 0, 1e-4, 1e-2, 0.0)


def plan(n=2, m=1, shared=0, cones=(1, 1, 0.0)):
    return _core.Plan(n, m, None, None, None, None, cones, shared, "auto", -1, "auto")


def arrays(batch=1):
    """P, q, A, b, no warm start, x, y, s for `plan()`."""
    P = np.tile(np.eye(2), (batch, 1, 1))
    lengths = (2, 2, 1)
    q, A, b = (np.ones((batch, length)) for length in lengths)
    x, y, s = (np.empty((batch, length)) for length in (2, 1, 1))
    return [P, q, A, b, None, None, None, x, y, s]


def test_solve_and_differentiate():
    given = arrays(3)
    report, tape = plan().solve(3, SETTINGS, *given)
    assert (report.batch, report.failed, report.invalid) == (3, 0, -1)
    assert given[7] == pytest.approx(-np.ones((3, 2)))
    assert tape.report is report
    q = np.empty((3, 2))
    tape.vjp(np.ones((3, 2)), None, None, None, q, None, None)
    assert q == pytest.approx(-np.ones((3, 2)))
    tape.jvp(None, np.ones((3, 2)), None, None, given[7], None, None)
    assert given[7] == pytest.approx(-np.ones((3, 2)))


def test_few_problems_get_a_solver_of_their_own():
    """A solver for many could serve one, but has no rows; whoever fits is used again."""
    one = plan()
    if not one.describe()["rows_per_thread"]:
        pytest.skip("this machine has no rows")
    sizes = []
    for batch in (64, 1, 1, 64):
        one.solve(batch, SETTINGS, *arrays(batch))
        gc.collect()
        sizes.append(one.idle_bytes())
    assert 0 < sizes[0] < sizes[1]
    assert sizes[1:] == [sizes[1]] * 3


def test_addresses():
    given = arrays()
    pointers = [None if value is None else value.ctypes.data for value in given]
    plan().solve(1, SETTINGS, *pointers)
    assert given[7] == pytest.approx(-np.ones((1, 2)))


def in_blocks(batch, shared):
    """P, q, A, b, ..., x, y, s, G, h, rows for plan(2, 3, shared, (0, 1, 0.0, 1, 2, 0.0))."""
    rng = np.random.default_rng(batch)
    once = 1 if shared else batch
    P = np.tile(np.eye(2), (batch, 1, 1))
    q, x, y, s = (rng.standard_normal((batch, length)) for length in (2, 2, 3, 3))
    A, G = (rng.standard_normal((once, rows, 2)) for rows in (1, 2))
    b, h = np.zeros((once, 1)), np.ones((once, 2))
    return [P, q, A, b, None, None, None, x, y, s, G, h, 1]


@pytest.mark.parametrize("shared", [0, 12])
def test_rows_in_two_blocks(shared):
    own = plan(2, 3, shared, (0, 1, 0.0, 1, 2, 0.0))
    parts = in_blocks(5, shared)
    whole = [value if value is None else value.copy() for value in parts[:10]]
    whole[2:4] = np.concatenate((parts[2], parts[10]), 1), np.concatenate((parts[3], parts[11]), 1)
    # The extension takes the length of A and b from the plan where they are buffers.
    addresses = [getattr(value, "ctypes", None) and value.ctypes.data for value in parts[:12]]
    _, tape = own.solve(5, SETTINGS, *addresses, parts[12])
    _, expected = own.solve(5, SETTINGS, *whole)
    for k in (7, 8, 9):
        assert parts[k].tobytes() == whole[k].tobytes()
    ones, (dA, db) = np.ones((5, 2)), (np.empty_like(value) for value in whole[2:4])
    expected.vjp(ones, None, None, None, None, dA, db)
    outputs = [np.empty_like(parts[k]) for k in (2, 3, 10, 11)]
    above_A, above_b, below_A, below_b = (value.ctypes.data for value in outputs)
    tape.vjp(ones, None, None, None, None, above_A, above_b, below_A, below_b, 1)
    assert np.concatenate(outputs[::2], 1).tobytes() == dA.tobytes()
    assert np.concatenate(outputs[1::2], 1).tobytes() == db.tobytes()
    outputs[2][:] = 0.0
    tape.vjp(ones, None, None, None, None, None, None, below_A, None, 1)
    assert outputs[2].tobytes() == dA[:, 1:].tobytes()


def test_blocks_are_checked():
    own, given = plan(2, 3, 0, (0, 1, 0.0, 1, 2, 0.0)), in_blocks(2, 0)
    given[2:4] = (value.ctypes.data for value in given[2:4])
    for rows in (-1, 4):
        with pytest.raises(ValueError, match="rows above G"):
            own.solve(2, SETTINGS, *given[:12], rows)
    with pytest.raises(ValueError, match="G has 64 bytes, expected 32"):
        own.solve(2, SETTINGS, *given[:12], 2)
    with pytest.raises(TypeError):
        own.solve(2, SETTINGS, *given[:12], None)
    with pytest.raises(TypeError, match="takes 12 or 15"):
        own.solve(2, SETTINGS, *given[:12])


def test_reports_outlive_their_solver_and_cannot_be_written():
    report, tape = plan().solve(1, SETTINGS, *arrays())
    del tape
    view = memoryview(report)
    assert view.readonly
    assert view.nbytes == 6 * 8 + 3 * 4


def test_a_tape_keeps_its_plan():
    """The solver on loan is of the plan, and goes back to it."""
    own = plan()
    _, tape = own.solve(1, SETTINGS, *arrays())
    del own
    gc.collect()
    q = np.empty((1, 2))
    tape.vjp(np.ones((1, 2)), None, None, None, q, None, None)
    assert np.isfinite(q).all()


@pytest.mark.parametrize("index", [0, 1, 2, 3, 7, 8, 9])
def test_sizes_are_checked(index):
    name = ("P", "q", "A", "b", "", "", "", "x", "y", "s")[index]
    given = arrays(2)
    given[index] = given[index][:1]
    with pytest.raises(ValueError, match=rf"^{name} has \d+ bytes, expected \d+"):
        plan().solve(2, SETTINGS, *given)


def test_shared_sizes_are_checked():
    given = arrays(2)
    with pytest.raises(ValueError, match="P has 64 bytes, expected 32"):
        plan(shared=1).solve(2, SETTINGS, *given)


def test_layout_and_mutability_are_checked():
    given = arrays(2)
    given[0] = np.ones((2, 2, 4))[..., ::2]
    with pytest.raises((ValueError, BufferError)):
        plan().solve(2, SETTINGS, *given)
    given = arrays(2)
    given[7].flags.writeable = False
    with pytest.raises((ValueError, BufferError)):
        plan().solve(2, SETTINGS, *given)
    with pytest.raises(TypeError):
        plan().solve(2, SETTINGS, "P", *given[1:])


def test_derivative_sizes_are_checked():
    _, tape = plan().solve(2, SETTINGS, *arrays(2))
    with pytest.raises(ValueError, match="dx has 16 bytes, expected 32"):
        tape.vjp(np.ones(2), None, None, None, None, None, None)
    with pytest.raises(ValueError, match="A has 16 bytes, expected 32"):
        tape.vjp(None, None, None, None, None, np.ones(2), None)
    with pytest.raises(ValueError, match="db has 8 bytes, expected 16"):
        tape.jvp(None, None, None, np.ones(1), None, None, None)
    for derivative in (tape.vjp, tape.jvp):
        with pytest.raises(TypeError, match="takes 7"):
            derivative(None)


@pytest.mark.parametrize("batch", [0, -1])
def test_batch(batch):
    with pytest.raises(ValueError, match=f"batch is {batch}, expected at least 1"):
        plan().solve(batch, SETTINGS, *arrays())


def test_arguments():
    with pytest.raises(TypeError, match="solve takes 12 or 15 positional arguments"):
        plan().solve(1, SETTINGS)
    with pytest.raises(TypeError):
        plan().solve("1", SETTINGS, *arrays())
    with pytest.raises(TypeError):
        plan().solve(1, (1e-8,), *arrays())
    with pytest.raises(ValueError, match=r"P.*NULL"):
        plan().solve(1, SETTINGS, None, *arrays()[1:])
    with pytest.raises(ValueError, match="tolerance"):
        plan().solve(1, (2.0, *SETTINGS[1:]), *arrays())
    with pytest.raises(TypeError):
        _core.Report()
    with pytest.raises(TypeError):
        _core.Tape()


def test_families_are_checked():
    with pytest.raises(ValueError, match="cones"):
        plan(m=2)
    with pytest.raises(ValueError, match="n"):
        _core.Plan(-1, 1, b"", b"", None, None, (1, 1, 0.0), 0, "auto", -1, "auto")
    with pytest.raises(ValueError, match="P has 8 bytes, expected 24"):
        _core.Plan(2, 1, b"\0" * 8, b"", None, None, (1, 1, 0.0), 0, "auto", -1, "auto")
    with pytest.raises(TypeError):
        plan(cones=[1, 1, 0.0])
    with pytest.raises(TypeError):
        plan(cones=("l", 1, 0.0))


def test_a_bad_pattern():
    colptr = np.array([0, 1, 2], np.int64)
    rowidx = np.array([0, 7], np.int64)
    with pytest.raises(ValueError, match="A"):
        _core.Plan(2, 1, None, None, colptr, rowidx, (1, 1, 0.0), 0, "auto", -1, "auto")
    with pytest.raises(ValueError, match="P"):
        _core.Plan(
            2, 1, np.array([0, 1, -5]), rowidx, None, None, (1, 1, 0.0), 0, "auto", -1, "auto"
        )


def test_describe():
    description = plan().describe()
    assert description["isa"] in _core.isa_names()
    assert description["lanes"] >= 1
    assert description["rows_per_thread"] >= 0
    assert description["factor_length"] > 0


def test_a_callback_may_be_any_callable_and_is_let_go():
    class Callback:
        def __call__(self, done, batch, seconds):
            return False

    callback = Callback()
    watcher = weakref.ref(callback)
    plan().solve(1, (*SETTINGS[:5], callback, *SETTINGS[6:]), *arrays())
    del callback
    gc.collect()
    assert watcher() is None


def test_status_text():
    assert _core.status_text(1) == "Optimal to the tolerances."
    assert _core.status_text(99) == "Not a value of this enumeration."
    with pytest.raises(TypeError):
        _core.status_text("solved")
