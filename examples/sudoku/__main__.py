# SPDX-License-Identifier: Apache-2.0
"""python -m examples.sudoku: learn Sudoku with both networks, and write a page about it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from . import page
from .data import generate
from .models import FeedForward, OptNet, parameter_count
from .report import LearnedRules, Report, Trained
from .train import FEED_FORWARD, OPTNET, Schedule, predict, train

TRAIN, HELD_OUT = 9000, 1000


def main() -> None:
    options = _parse()
    threads = options.threads or torch.get_num_threads()
    torch.set_num_threads(1)  # matrices this small are slower with more, on a busy machine by far
    torch.manual_seed(options.seed)
    boards, held_out = generate(TRAIN, HELD_OUT, options.seed)
    print(
        f"{len(boards)} boards to train on, {len(held_out)} others held out, of all 288 solutions"
    )

    def learn(name: str, model: nn.Module, schedule: Schedule) -> Trained:
        if options.quick:
            schedule = replace(schedule, epochs=schedule.epochs // 6)
        run = train(model, boards, held_out, schedule, seed=options.seed, label=f"{name:12}")
        output = predict(model, held_out).numpy()
        return Trained(name, parameter_count(model), schedule, run, output)

    model = OptNet(threads)
    report = Report(
        boards=boards,
        held_out=held_out,
        optnet=learn("OptNet", model, OPTNET),
        feed_forward=learn("feed-forward", FeedForward(), FEED_FORWARD),
        learned=LearnedRules(model.A.detach().numpy(), model.log_z0.detach().exp().numpy()),
        seed=options.seed,
        threads=threads,
    )
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(page.render(report), encoding="utf-8")
    print(f"{options.output} shows the learning curves, the boards and the learned rules")
    print(
        f"boards wrong, out of {len(held_out)}: OptNet {report.optnet.wrong}, "
        f"feed-forward {report.feed_forward.wrong}"
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples.sudoku", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("sudoku.html"), help="the page")
    parser.add_argument("--seed", type=int, default=0, help="of boards and networks")
    parser.add_argument(
        "--threads", type=int, help="of OptNet's layer; default: as many as torch would use"
    )
    parser.add_argument("--quick", action="store_true", help="a sixth of the epochs")
    return parser.parse_args()


if __name__ == "__main__":
    main()
