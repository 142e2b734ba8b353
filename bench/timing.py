# SPDX-License-Identifier: Apache-2.0
"""Interleaved measurement: A B C A B C ..., so that a change of the machine's load meets everybody.

A round gives every peer one sample: enough repetitions of forward and backward to last a few
milliseconds.  Medians are taken over the rounds, and ratios within them.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from .peers import Peer

SAMPLE_SECONDS = 0.02
MIN_ROUNDS, MAX_ROUNDS = 3, 100


@dataclass
class Clock:
    """Seconds of one activity, a sample a round."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def add(self, cpu: float, wall: float) -> None:
        self.cpu.append(cpu)
        self.wall.append(wall)


@dataclass
class Timing:
    """Samples of one peer, in seconds a batch."""

    forward: Clock = field(default_factory=Clock)
    backward: Clock = field(default_factory=Clock)

    def total(self, clock: str = "cpu") -> list[float]:
        """Forward and backward together, round by round."""
        forward, backward = getattr(self.forward, clock), getattr(self.backward, clock)
        return [f + b for f, b in zip(forward, backward, strict=True)] if backward else forward


def ratio(slow: list[float], fast: list[float]) -> float:
    """Median over rounds of how many times longer `slow` took."""
    return median(s / f for s, f in zip(slow, fast, strict=True))


def measure(peers: list[Peer], seconds: float) -> list[Timing]:
    """Time all peers, round after round, for about the given time."""
    repetitions = [_warm_up(peer) for peer in peers]
    timings = [Timing() for _ in peers]
    gc.collect()
    gc.disable()
    try:
        end = time.perf_counter() + seconds
        for done in range(MAX_ROUNDS):
            if done >= MIN_ROUNDS and time.perf_counter() > end:
                break
            for peer, count, timing in zip(peers, repetitions, timings, strict=True):
                _sample(peer, count, timing)
    finally:
        gc.enable()
    return timings


def _warm_up(peer: Peer) -> int:
    """Run once for the caches, and choose the repetitions of a sample."""
    for _ in range(2):
        start = time.perf_counter()
        peer.forward()
        if peer.differentiable:
            peer.backward()
        seconds = time.perf_counter() - start
        if seconds > SAMPLE_SECONDS:
            break
    return max(1, int(SAMPLE_SECONDS / seconds))


def _sample(peer: Peer, count: int, timing: Timing) -> None:
    forward, backward = [0.0, 0.0], [0.0, 0.0]
    for _ in range(count):
        _clocked(peer.forward, forward)
        if peer.differentiable:
            _clocked(peer.backward, backward)
    timing.forward.add(*(total / count for total in forward))
    if peer.differentiable:
        timing.backward.add(*(total / count for total in backward))


def _clocked(function: Callable[[], None], totals: list[float]) -> None:
    cpu, wall = time.process_time(), time.perf_counter()
    function()
    totals[1] += time.perf_counter() - wall
    totals[0] += time.process_time() - cpu
