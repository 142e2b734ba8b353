# SPDX-License-Identifier: Apache-2.0
"""Times and errors of every peer on a conic family."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np

from ..reference import error
from ..timing import Timing, measure, ratio
from .families import CONE_FAMILIES
from .peers import MODES, Clarabel, ConePeer, Diffcp, Moreau, MoreauDirect, Quadcone, Scs
from .peers.base import UnsupportedError
from .reference import ConeReference, cone_reference

CORRECT = 1e-2  # the worst error of a gradient that counts as one
Results = dict[str, Any]
Candidates = dict[str, Callable[[Any], Any]]  # by variant; the fastest correct one is timed

PEERS: dict[str, Candidates] = {
    "quadcone": {"": Quadcone},
    "moreau": {"": Moreau},
    "moreau (direct cones)": {"": MoreauDirect},
    "diffcp, SCS": {mode: partial(Diffcp, solver="SCS", mode=mode) for mode in MODES},
    "diffcp, Clarabel": {mode: partial(Diffcp, solver="Clarabel", mode=mode) for mode in MODES},
    "clarabel": {"": Clarabel},
    "scs": {"": Scs},
}


def measure_cones(name: str, seconds: float) -> Results:
    """One family; the ratios are of a peer's time over quadcone's."""
    family = CONE_FAMILIES[name]()
    exact = cone_reference(family)
    peers, failures = {}, {}
    for label, candidates in PEERS.items():
        try:
            peers[label] = choose(candidates, family, partial(_worst, exact=exact))
        except UnsupportedError as reason:
            failures[label] = f"not run: {reason}"
        except Exception as reason:
            failures[label] = f"failed: {type(reason).__name__} {reason}".strip()
    timings = dict(zip(peers, measure([p for _, p in peers.values()], seconds), strict=True))
    rows = {
        label: _row(variant, peer, timings[label], exact)
        for label, (variant, peer) in peers.items()
    }
    return {
        "title": family.title,
        "batch": family.batch,
        "size": {"n": family.n, "rows": family.m},
        "peers": with_ratios(rows, timings),
        "failures": failures,
    }


def choose(candidates: Candidates, problem: Any, worst: Callable[[Any], float]) -> tuple[str, Any]:
    """The variant that takes least, of those whose gradients are right if there are any."""
    tried = []
    for variant, kind in candidates.items():
        peer = kind(problem)
        _seconds(peer)
        peer.check()
        took = _seconds(peer)
        wrong = peer.differentiable and worst(peer) > CORRECT
        tried.append((wrong, took, variant, peer))
    _, _, variant, peer = min(tried, key=lambda entry: entry[:2])
    return variant, peer


def with_ratios(rows: Results, timings: dict[str, Timing]) -> Results:
    """Rows with how many times longer than quadcone they took, forward and in all."""
    ours = timings.get("quadcone")
    for label, row in rows.items() if ours else ():
        row["forward_ratio"] = ratio(timings[label].forward.cpu, ours.forward.cpu)
        if "backward" in row:
            row["total_ratio"] = ratio(timings[label].total(), ours.total())
    return rows


def _seconds(peer: Any) -> float:
    start = time.process_time()
    peer.forward()
    if peer.differentiable:
        peer.backward()
    return time.process_time() - start


def _row(variant: str, peer: ConePeer, timing: Timing, exact: ConeReference) -> Results:
    microseconds = 1e6 / peer.family.batch
    row: Results = {
        "variant": variant,
        "forward": median(timing.forward.cpu) * microseconds,
        "x": error(peer.x(), exact.x),
        "rounds": len(timing.forward.cpu),
    }
    if peer.differentiable:
        row["backward"] = median(timing.backward.cpu) * microseconds
        row["gradients"] = _errors(peer, exact)
        row["correct"] = bool(max(row["gradients"].values()) <= CORRECT)
    if isinstance(peer, Quadcone):
        row["residuals"] = peer.residuals()
    return row


def _worst(peer: ConePeer, exact: ConeReference) -> float:
    return max(_errors(peer, exact).values())


def _errors(peer: ConePeer, exact: ConeReference) -> dict[str, float]:
    """Worst relative errors of what the peer reports; NaN counts as infinite."""
    family, errors = peer.family, {}
    shared = {"P": True, "q": False, "A": family.fixed_matrices, "b": family.b.ndim == 1}
    for name, value in peer.gradients().items():
        wanted = exact.gradients[name]
        if name in "Ab":
            kept = peer.reported(name)
            value, wanted = value[..., kept], wanted[..., kept]
        worst = error(value, wanted, shared[name])
        errors[name] = worst if np.isfinite(worst) else float("inf")
    return errors
