# SPDX-License-Identifier: Apache-2.0
"""On what, and how busy, a run was measured."""

from __future__ import annotations

import datetime
import os
import platform

import torch

import quadcone


def describe() -> dict[str, str | float | int]:
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
        "quadcone": quadcone.__version__,
        "torch": torch.__version__,
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = (line.split(":")[1].strip() for line in lines if line.startswith("model name"))
            return next(names, platform.machine())
    except OSError:
        return platform.machine()
