# SPDX-License-Identifier: Apache-2.0
"""python -m bench [--quick] [--only NAME ...]: measure quadcone beside its peers."""

from __future__ import annotations

import argparse
from pathlib import Path

from .environment import enter


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about a minute: fewer, shorter parts")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="one part; repeatable"
    )
    parser.add_argument("--output", type=Path, default=Path("bench/results"), metavar="FOLDER")
    arguments = parser.parse_args()
    enter()

    # Only now are the peers there to be imported.
    import threadpoolctl
    import torch

    from .report import write
    from .suite import run

    torch.set_num_threads(1)
    with threadpoolctl.threadpool_limits(1):
        results = run(arguments.only, arguments.quick)
    print(write(results, arguments.output))


if __name__ == "__main__":
    main()
