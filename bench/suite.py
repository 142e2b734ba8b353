# SPDX-License-Identifier: Apache-2.0
"""Everything that is measured, gathered into one plain dictionary for report.py."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import scipy.sparse as sp

import quadcone

from .cones import CONE_FAMILIES, measure_cones
from .families import FAMILIES, Family
from .frontends import compile_times, growth, import_time, overheads
from .latency import latencies
from .layers import LAYER_PROBLEMS, measure_layer
from .memory import peaks
from .peers import PEERS, Peer, Proxsuite, Quadcone, UnsupportedError
from .reference import Reference, error, reference
from .timing import Timing, measure, ratio

QUICK = ("nz10", "nz50", "sudoku", "tv100", "mpc10", "soc20", "psd5", "logistic20", "geomean")
QUICK += ("layer-portfolio", "threads", "latency", "overhead", "memory")
PACKAGES = ("torch", "numpy", "qpth", "moreau", "proxsuite", "piqp", "daqp", "osqp", "cvxpylayers")
PACKAGES += ("diffcp", "scs", "clarabel", "cvxpy")
Results = dict[str, Any]
Parts = dict[str, Callable[[], Any]]


def run(only: list[str], quick: bool) -> Results:
    """Measure the named parts (all, if none is named)."""
    short = 1.0 if quick else 5.0
    seconds = 2.0 if quick else 8.0
    groups: dict[str, Parts] = {
        "families": {name: partial(_family, name, seconds) for name in FAMILIES},
        "cones": {name: partial(measure_cones, name, seconds) for name in CONE_FAMILIES},
        "layers": {name: partial(measure_layer, name, seconds) for name in LAYER_PROBLEMS},
        "": {
            "threads": partial(_threads, short),
            "latency": partial(latencies, short),
            "overhead": partial(overheads, short),
            "compile": compile_times,
            "growth": growth,
            "import": import_time,
            "memory": partial(peaks, ("quadcone", "quadcone.torch")) if quick else peaks,
        },
    }
    names = [name for parts in groups.values() for name in parts]
    chosen = only or (QUICK if quick else names)
    unknown = set(chosen) - set(names)
    if unknown:
        raise SystemExit(f"bench: no part named {', '.join(unknown)}; there are {', '.join(names)}")
    results: Results = {"machine": _machine(), "families": {}, "cones": {}, "layers": {}}
    for group, parts in groups.items():
        for name in parts:
            if name in chosen:
                (results[group] if group else results)[name] = _announced(name, parts[name])
    return results


def _announced(name: str, part: Callable[[], Any]) -> Any:
    start = time.perf_counter()
    print(f"bench: {name} ...", end=" ", flush=True)
    result = part()
    print(f"{time.perf_counter() - start:.0f} s", flush=True)
    return result


def _family(name: str, seconds: float) -> Results:
    """Times and errors of every peer on one family."""
    family = FAMILIES[name]()
    exact = reference(family)
    peers, failures = _working_peers(family)
    timings = dict(zip((p.name for p in peers), measure(peers, seconds), strict=True))
    rows = {peer.name: _row(peer, timings[peer.name], family, exact) for peer in peers}
    if "quadcone" in rows:
        for other in rows:
            rows[other] |= _ratios(timings[other], timings["quadcone"])
    return {
        "title": family.title,
        "batch": family.batch,
        "size": {"n": family.n, "equalities": family.zero, "inequalities": family.m - family.zero},
        "margin": exact.margin,
        "peers": rows,
        "failures": failures,
    }


def _working_peers(family: Family) -> tuple[list[Peer], dict[str, str]]:
    """The peers that solve and differentiate the family, and why the others do not."""
    working, failures = [], {}
    for kind in PEERS:
        try:
            peer = kind(family)
            peer.forward()
            peer.check()
            if kind.differentiable:
                peer.backward()
        except UnsupportedError as reason:
            failures[kind.name] = f"not run: {reason}"
        except Exception as reason:
            failures[kind.name] = f"failed: {type(reason).__name__} {reason}".strip()
        else:
            working.append(peer)
    return working, failures


def _row(peer: Peer, timing: Timing, family: Family, exact: Reference) -> Results:
    microseconds = 1e6 / family.batch
    row: Results = {
        "forward": median(timing.forward.cpu) * microseconds,
        "x": error(peer.x(), exact.x),
        "rounds": len(timing.forward.cpu),
    }
    if peer.differentiable:
        row["backward"] = median(timing.backward.cpu) * microseconds
        if exact.gradients is not None:
            row["gradients"] = _gradient_errors(peer, family, exact.gradients)
    return row


def _gradient_errors(peer: Peer, family: Family, exact: dict[str, np.ndarray]) -> dict[str, float]:
    errors = {}
    for name, value in peer.gradients().items():
        argument, wanted = getattr(family, name), exact[name]
        shared = sp.issparse(argument) or argument.ndim == (2 if name in "PA" else 1)
        if not peer.reports_bounds and name in "Ab":
            wanted = _general_rows(family, name, wanted)
        errors[name] = error(value, wanted, shared)
    return errors


def _general_rows(family: Family, name: str, gradient: np.ndarray) -> np.ndarray:
    """A gradient of A or b without the rows of simple bounds."""
    if name == "b":
        return gradient[..., : family.general]
    if family.sparse:
        return gradient[..., family.A.indices < family.general]
    return gradient[..., : family.general, :]


def _ratios(other: Timing, ours: Timing) -> dict[str, float]:
    """How many times longer than quadcone, forward and in all."""
    ratios = {"forward_ratio": ratio(other.forward.cpu, ours.forward.cpu)}
    if other.backward.cpu:
        ratios["total_ratio"] = ratio(other.total(), ours.total())
    return ratios


def _threads(seconds: float) -> dict[str, float]:
    """How many times faster two threads are than one at nz 50, batch 128.

    By the wall clock, which other processes disturb: the fastest rounds are compared.
    """
    family = FAMILIES["nz50"]()
    speedups = {}
    for kind in (Quadcone, Proxsuite):
        timings = measure([kind(family, threads=1), kind(family, threads=2)], seconds)
        one, two = (min(timing.total("wall")) for timing in timings)
        speedups[kind.name] = one / two
    return speedups


def _machine() -> Results:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(": ")[1] for line in lines if line.startswith("model name")), "?")
    return {
        "processor": f"{model}, {sum(line.startswith('processor') for line in lines)} cores",
        "python": platform.python_version(),
        "date": date.today().isoformat(),
        "quadcone": quadcone.__version__,
        "packages": {name: version(name) for name in PACKAGES},
    }
