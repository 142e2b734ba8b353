# SPDX-License-Identifier: Apache-2.0
"""Peak memory of forward and backward at nz 100, batch 512, over the size of inputs and outputs.

    python -m bench.memory qpth

prints megabytes.  Every peer runs in a process of its own, which first solves a tiny problem, so
that what a library loads lazily is not counted.
"""

from __future__ import annotations

import gc
import subprocess
import sys

from .families import optnet_dense
from .peers import PEERS, Peer

MEASURED = ("quadcone", "quadcone.torch", "moreau (active set)", "proxsuite", "qpth")


def peaks(names: tuple[str, ...] = MEASURED) -> dict[str, float]:
    """Megabytes by peer."""
    return {name: _in_subprocess(name) for name in names}


def _in_subprocess(name: str) -> float:
    command = [sys.executable, "-m", "bench.memory", name]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _measure(kind: type[Peer]) -> float:
    tiny = kind(optnet_dense(2, 1))
    tiny.forward()
    tiny.backward()
    family = optnet_dense(100, 512)
    inputs = (family.P, family.q, family.A, family.b)
    outputs = sum(value.nbytes for value in inputs) + family.q.nbytes  # gradients, and x
    gc.collect()
    before = resident("VmRSS")
    _forget_peak()
    peer = kind(family)
    peer.forward()
    peer.backward()
    return (resident("VmHWM") - before - outputs) / 1e6


def resident(key: str) -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(key))


def _forget_peak() -> None:
    with open("/proc/self/clear_refs", "w") as control:
        control.write("5")


if __name__ == "__main__":
    print(_measure(next(kind for kind in PEERS if kind.name == sys.argv[1])))
