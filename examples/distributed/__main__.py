# SPDX-License-Identifier: Apache-2.0
"""python -m examples.distributed --processes 2"""

from __future__ import annotations

import argparse
from tempfile import TemporaryDirectory

from .train import train_together


def main() -> None:
    parser = argparse.ArgumentParser(prog="examples.distributed", description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--steps", type=int, default=200)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        losses = train_together(options.processes, folder, options.steps)["losses"]
    print(f"{options.processes} processes: loss {losses[0]:.2e} -> {losses[-1]:.2e}")


if __name__ == "__main__":
    main()
