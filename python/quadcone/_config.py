# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import platform
import sys

from . import _core
from ._plan import plan_for
from ._settings import default_threads


def show_config() -> None:
    """Print what a bug report should say: versions, instruction sets, threads, cached plans."""
    cache = plan_for.cache_info()
    plan = _core.Plan(1, 1, None, None, None, None, (1, 1, 0.0), 0, "auto", -1, "auto").describe()
    rows = ", or along the rows of one" if plan["rows_per_thread"] else ""
    lines = {
        "quadcone": _core.__version__,
        "python": platform.python_version(),
        "numpy": sys.modules["numpy"].__version__,
        "machine": f"{platform.system()} {platform.machine()}",
        "instruction sets": ", ".join(_core.isa_names()),
        "problems at once": f"{plan['lanes']}{rows}",
        "default threads": default_threads(),
        "cached plans": f"{cache.currsize} of at most {cache.maxsize}",
    }
    for name, value in lines.items():
        print(f"{name + ':':<18}{value}")
