# SPDX-License-Identifier: Apache-2.0
"""What quadcone has to show, and whether the results show it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Results = dict[str, Any]

DIFFERENTIABLE = ("moreau (active set)", "moreau (interior point)", "proxsuite", "qpth")
FORWARD_ONLY = ("daqp", "piqp")
SPEED = {"nz10": 10, "nz50": 8, "nz100": 6, "nz200": 4, "sudoku": 8, "tv100": 30, "mpc10": 8}
FORWARD = (*SPEED, "tv1000")
CONE_SPEED = {"soc20": 10, "soc100": 8, "soc500": 3, "psd5": 8, "psd10": 5, "psd20": 4}
CONE_SPEED |= {"psd40": 1.5, "logistic20": 6, "logistic100": 4, "entropy100": 8}
CONE_SPEED |= {"pnorm1.5": 8, "pnorm3": 8, "geomean": 8}
LAYER_SPEED = 10
NOTHING = "a torch Function that does nothing"
ACCURATE = ("nz10", "nz50", "nz100", "nz200")


@dataclass(frozen=True)
class Claim:
    """One line: what, what it must reach, what it reached."""

    what: str
    must: str
    got: str
    holds: bool


def claims(results: Results) -> list[Claim]:
    """A claim a line, for the parts that were measured."""
    families = results["families"]
    found: list[Claim] = []
    for name, family in families.items():
        ours = family["peers"].get("quadcone")
        if ours is None:
            found.append(Claim(family["title"], "runs", family["failures"]["quadcone"], False))
            continue
        found += _accuracy(name, family, ours)
        found += _speed(name, family)
        if name in FORWARD:
            found += _forward(family)
    for name, family in results["cones"].items():
        found += _cone(name, family)
    for problem in results["layers"].values():
        found += _against_correct("CvxpyLayer", problem, LAYER_SPEED)
    return [*found, *_layer(results), *_front_ends(results)]


def _cone(name: str, family: Results) -> Iterator[Claim]:
    ours = family["peers"].get("quadcone")
    if ours is not None:
        worst = max(ours["residuals"].values())
        yield _at_most(f"residuals and gap, {family['title']}", worst, 1e-10)
        worst = max(ours["gradients"].values())
        yield _at_most(f"accuracy of gradients, {family['title']}", worst, 1e-7)
    yield from _against_correct("forward + backward", family, CONE_SPEED[name])


def _against_correct(what: str, family: Results, factor: float) -> Iterator[Claim]:
    """Times the fastest of the peers whose gradients are right."""
    if "quadcone" not in family["peers"]:
        yield Claim(family["title"], "runs", family["failures"]["quadcone"], False)
        return
    rivals = {
        name: peer["total_ratio"]
        for name, peer in family["peers"].items()
        if name != "quadcone" and peer.get("correct")
    }
    if rivals:
        fastest = min(rivals, key=rivals.__getitem__)
        yield _at_least(f"{what} against {fastest}, {family['title']}", rivals[fastest], factor)


def _accuracy(name: str, family: Results, ours: Results) -> Iterator[Claim]:
    if name in ACCURATE:
        yield _at_most(f"accuracy of x, {family['title']}", ours["x"], 1e-9)
        worst = max(ours["gradients"].values())
        yield _at_most(f"accuracy of gradients, {family['title']}", worst, 1e-8)
    if name == "tv1000":
        worst = max(ours["gradients"].values())
        yield _at_most(f"accuracy of gradients, {family['title']}", worst, 1e-6)


def _speed(name: str, family: Results) -> Iterator[Claim]:
    rivals = {p: family["peers"][p]["total_ratio"] for p in DIFFERENTIABLE if p in family["peers"]}
    if name in SPEED and rivals:
        fastest = min(rivals, key=rivals.__getitem__)
        what = f"forward + backward against {fastest}, {family['title']}"
        yield _at_least(what, rivals[fastest], SPEED[name])


def _forward(family: Results) -> Iterator[Claim]:
    for name in FORWARD_ONLY:
        if name in family["peers"]:
            factor = family["peers"][name]["forward_ratio"]
            yield _at_least(f"forward against {name}, {family['title']}", factor, 1)


def _layer(results: Results) -> Iterator[Claim]:
    if "threads" in results:
        yield _at_least("two threads, batch 128, nz 50", results["threads"]["quadcone"], 1.7)
    if "latency" in results:
        took, rival = (results["latency"][k] for k in ("quadcone.torch", "QPLayer (proxsuite)"))
        what = f"layer latency, nz 2, one problem (QPLayer: {rival:.0f} us)"
        yield Claim(what, "<= 100 us", f"{took:.0f} us", took <= 100)
    if "memory" in results:
        took = results["memory"]["quadcone"]
        yield Claim("peak memory, nz 100, batch 512", "<= 150 MB", f"{took:.0f} MB", took <= 150)


def _front_ends(results: Results) -> Iterator[Claim]:
    if "overhead" in results:
        took = results["overhead"]
        nothing = f" (a Function that does nothing: {took[NOTHING]:.0f} us)"
        for name, limit, beside in (
            ("quadcone.torch.qp", 40, nothing),
            ("quadcone.Problem", 10, ""),
        ):
            over = took[name] - took["the C calls"]
            what = f"{name} over its C calls, nz 2{beside}"
            yield Claim(what, f"<= {limit} us", f"{over:.1f} us", over <= limit)
    for key, what, limit, unit in (
        ("compile", "compiling a CvxpyLayer, over CVXPY", 20, "%"),
        ("growth", "growth over 10,000 calls", 5, "MB"),
        ("import", "import, over NumPy's", 150, "ms"),
    ):
        if key in results:
            worst = max(results[key].values())
            yield Claim(what, f"<= {limit} {unit}", f"{worst:.1f} {unit}", worst <= limit)


def _at_most(what: str, value: float, limit: float) -> Claim:
    return Claim(what, f"<= {limit:.0e}", f"{value:.1e}", value <= limit)


def _at_least(what: str, value: float, limit: float) -> Claim:
    return Claim(what, f">= {limit:g}x", f"{value:.1f}x", value >= limit)
