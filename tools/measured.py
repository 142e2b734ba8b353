# SPDX-License-Identifier: Apache-2.0
"""Puts the main numbers of bench/results/results.json into README.md, between its two marks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- measured -->", "<!-- end of measured -->"
OURS = "quadcone"
HEAD = """\
| | quadcone | the fastest peer that differentiates | | worst gradient error: quadcone, peer |
|---|---|---|---|---|
"""


def main() -> None:
    results = json.loads(Path("bench/results/results.json").read_text(encoding="utf-8"))
    groups = (results[group] for group in ("families", "cones", "layers") if group in results)
    table = HEAD + "".join(_row(family) for group in groups for family in group.values())
    readme = Path("README.md")
    text = readme.read_text(encoding="utf-8")
    block = f"{BEGIN}\n{table}\n{_rest(results)}\n{END}"
    readme.write_text(
        re.sub(f"{BEGIN}.*{END}", lambda _: block, text, flags=re.S), encoding="utf-8"
    )


def _row(family: dict[str, Any]) -> str:
    """A family against the fastest peer that differentiates, forward and backward together.

    Where right and wrong gradients are told apart, a wrong peer does not count.
    """
    ours = family["peers"][OURS]
    peers = {
        name: peer
        for name, peer in family["peers"].items()
        if not name.startswith(OURS)
        and "total_ratio" in peer
        and "backward" in peer
        and peer.get("correct", True)
    }
    if not peers:
        alone = f"{_microseconds(ours)} µs | none that is right | – | {_error(ours)}"
        return f"| {family['title']}, batch {family['batch']} | {alone} |\n"
    name = min(peers, key=lambda name: peers[name]["total_ratio"])
    cells = (
        f"{family['title']}, batch {family['batch']}",
        f"{_microseconds(ours)} µs",
        f"{_microseconds(peers[name])} µs, {name}",
        f"{peers[name]['total_ratio']:.1f}×",
        f"{_error(ours)}, {_error(peers[name])}",
    )
    return f"| {' | '.join(cells)} |\n"


def _microseconds(peer: dict[str, Any]) -> str:
    total = peer["forward"] + peer["backward"]
    return f"{total:.3g}" if total < 100 else f"{total:,.0f}"


def _error(peer: dict[str, Any]) -> str:
    """Against the exact reference: differences along one direction only tell right from wrong."""
    found = peer.get("gradients", {})
    errors = [found[name] for name in ("P", "q", "A", "b") if found.get(name) is not None]
    return f"{max(errors):.0e}" if errors else "–"


def _rest(results: dict[str, Any]) -> str:
    processor = results["machine"]["processor"]
    latency = results["latency"]["quadcone.torch"]
    return f"""\
CPU time a problem, forward and backward, one thread ({processor}).
One problem of two variables through PyTorch, forward and backward: {latency:.0f} µs.
Two threads instead of one, batch 128, nz 50: {results["threads"][OURS]:.2f}×.
Memory beyond inputs and outputs, nz 100, batch 512: {results["memory"][OURS]:.0f} MB.
[bench/results](bench/results/README.md) has all peers, accuracies and plots."""


if __name__ == "__main__":
    main()
