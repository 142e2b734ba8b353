# SPDX-License-Identifier: Apache-2.0
"""Where one run of an experiment gets its sizes and its seed, and keeps what it has done so far."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

Json = dict[str, Any]
T = TypeVar("T")


@dataclass
class Context:
    """One run of one experiment.

    name: of the experiment.
    quick: small sizes, to see that everything works.
    seed: of data and networks.
    folder: where checkpoints go; None: nowhere.
    options: of the command line, such as paths of data.
    threads: for layers that take long.
    """

    name: str
    quick: bool = False
    seed: int = 0
    folder: Path | None = None
    options: dict[str, Any] = field(default_factory=dict)
    threads: int = 1
    seconds: float = 0.0  # of all parts, those of earlier runs included

    def pick(self, full: T, quick: T) -> T:
        return quick if self.quick else full

    def part(self, key: str, compute: Callable[[], Json], **settings: Any) -> Json:
        """`compute()`, or what it gave in an earlier run with the same settings.

        Only whole parts are kept, so that a run that was stopped goes on with the part that it was
        in; within that part, a training goes on with its last epoch (`checkpoint`), and the result
        says with "resumed" how many seconds it had taken before.
        """
        path = self._path(key, "json", settings)
        if path is not None and path.exists():
            kept: Json = json.loads(path.read_text(encoding="utf-8"))
            self.seconds += kept["part_seconds"]
            return kept
        start = time.perf_counter()
        result = compute()
        result["part_seconds"] = time.perf_counter() - start + result.pop("resumed", 0.0)
        self.seconds += result["part_seconds"]
        if path is not None:
            write_json(path, result)
        return result

    def checkpoint(self, key: str, **settings: Any) -> Path | None:
        """Where a training keeps its state."""
        return self._path(key, "pt", settings)

    def _path(self, key: str, suffix: str, settings: Json) -> Path | None:
        if self.folder is None:
            return None
        what = json.dumps([self.quick, self.seed, settings], sort_keys=True, default=str)
        digest = hashlib.sha256(what.encode()).hexdigest()[:8]
        return self.folder / self.name / f"{key}-{digest}.{suffix}"


def write_json(path: Path, value: Json) -> None:
    """Whole or not at all: a run may be stopped at any time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    draft.replace(path)
