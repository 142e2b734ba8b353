# SPDX-License-Identifier: Apache-2.0
"""python -m examples: run the experiments, draw their pictures, and write the page about them.

Without --quick, results are kept in examples/results/ and the page is docs/experiments.md.  With it
everything goes to build/experiments/quick/.  A run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import torch

from .catalogue import EXPERIMENTS
from .common.context import Context, write_json
from .common.experiment import Experiment
from .common.machine import describe
from .common.page import write_page

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build" / "experiments"


def main() -> None:
    options = _parse()
    if options.quick:
        results, page = BUILD / "quick" / "results", BUILD / "quick" / "experiments.md"
    else:
        results, page = ROOT / "examples" / "results", ROOT / "docs" / "experiments.md"
    results = options.results or results
    page = options.page or page
    names = options.names or list(EXPERIMENTS)
    if not options.only_page:
        for name in names:
            _run(EXPERIMENTS[name], results, options)
    write_page(list(EXPERIMENTS.values()), results, page)
    print(f"{page} has the results")


def _run(experiment: Experiment, results: Path, options: argparse.Namespace) -> None:
    print(f"{experiment.name}: {experiment.title}", flush=True)
    cores = len(os.sched_getaffinity(0)) if experiment.parallel else 1
    threads = options.threads or cores
    torch.set_num_threads(options.threads or 1)  # more slow its small products down
    context = Context(
        experiment.name,
        options.quick,
        options.seed,
        BUILD / "checkpoints",
        vars(options),
        threads=threads,
    )
    start = time.perf_counter()
    found = experiment.run(context)
    run = {"quick": options.quick, "seed": options.seed, "threads": threads, **describe()}
    run["seconds"] = max(time.perf_counter() - start, context.seconds)
    # What does not pass through JSON must fail here and not on the page.
    found = json.loads(json.dumps({"run": run, "found": found}, allow_nan=False))
    write_json(results / f"{experiment.name}.json", found)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(EXPERIMENTS))
    parser.add_argument("--quick", action="store_true", help="small sizes: minutes in all")
    parser.add_argument("--only-page", action="store_true", help="write the page, run nothing")
    parser.add_argument("--seed", type=int, default=0, help="of data and networks")
    parser.add_argument(
        "--threads",
        type=int,
        help="of torch and of the layers; else one, and all cores for slow layers",
    )
    parser.add_argument("--results", type=Path, help="folder of the JSON results")
    parser.add_argument("--page", type=Path, help="the page; its pictures go beside it")
    parser.add_argument("--mnist", type=Path, help="folder of the full MNIST, as idx files")
    parser.add_argument("--fashion-mnist", type=Path, help="folder of Fashion-MNIST, as idx files")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in EXPERIMENTS]
    if unknown:
        parser.error(f"there is no experiment {unknown[0]!r}, only: {', '.join(EXPERIMENTS)}")
    return options


if __name__ == "__main__":
    main()
