"""Steps per second of the trainer against a bare `torch.nn` loop: `python -m benchmarks.trainer`.

For every task and cell, blocks of about a second take turns in one process: the bare loop, the trainer, the trainer
in an engine that nobody looks at ("headless"), and the same with its view being read as a live page reads it. Every
block starts from the same initial weights and sees the same batches. The ratios are medians over the rounds of what
a block reached against the bare loop's block of the same round.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import common
from benchmarks.common import CELLS

TASKS = ("flip_flop", "digits")
WAYS = ("bare", "trainer", "headless", "watched")
AIM = 0.95  # headless against the bare loop
GLANCE = 0.1  # seconds after a command during which a run counts as looked at; the app's engine takes longer
WARM_UP = 10  # steps before the clock starts


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)

    import torch

    from benchmarks.bare import what
    from rnn_explorer.engine.local import LocalEngine

    torch.set_num_threads(1)
    found = common.machine()
    engine = LocalEngine(1, glance=GLANCE)
    try:
        common.wait_for("the worker", engine.workers_ready)
        results = []
        for task in args.tasks:
            for cell in args.cells:
                print(f"{task}, {cell} ...", end=" ", file=sys.stderr, flush=True)
                results.append(measure(engine, task, cell, args.seconds, args.rounds, args.fused))
                print(f"headless {results[-1]['headless_ratio']:.2f}", file=sys.stderr)
    finally:
        engine.close()
    if args.json:
        about = {"bare_loop": what(args.fused), "seconds": args.seconds, "rounds": args.rounds, "aim": AIM}
        print(json.dumps({"machine": found, **about, "results": results}, indent=2))
        return 0
    print("Training steps per second, and their ratio to the bare loop (medians)\n")
    print(show(results))
    print(
        f"\n{args.rounds} rounds of {args.seconds:g} s each, in turn; one torch thread. Aim: headless at {AIM} or more."
    )
    print(f"\nThe bare loop: {what(args.fused)}.\n\n{common.machine_line(found)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trainer", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="of each block (default 1)")
    parser.add_argument("--rounds", type=int, default=7, help="blocks of each way for each task and cell (default 7)")
    parser.add_argument("--tasks", nargs="+", default=TASKS, help=f"at their default sizes (default {' '.join(TASKS)})")
    parser.add_argument("--cells", nargs="+", default=CELLS, choices=CELLS, help="default: all")
    parser.add_argument(
        "--fused", action="store_true", help="give the bare loop Adam's fused kernel too, which is not torch's default"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    return parser


def measure(engine: Any, task_name: str, cell: str, seconds: float, rounds: int, fused: bool) -> dict[str, Any]:
    """Steps per second of every way, for one task at its default sizes and one cell."""
    from benchmarks.bare import BareLoop
    from rnn_explorer.experiment import Experiment
    from rnn_explorer.training import Trainer

    experiment = Experiment.default(task_name).replace(cell=cell, pace="fast", steps=common.ENDLESS)
    task = experiment.make_task()
    trainer = Trainer(experiment, task)
    run_id = engine.start(experiment)
    common.settle(engine, run_id, "ready")

    def bare() -> float:
        loop = BareLoop(experiment, task, fused)
        for _ in range(WARM_UP):
            loop.step()
        return loop.rate(seconds)

    def alone() -> float:
        trainer.reset()
        for _ in range(WARM_UP):
            trainer.step()
        begin = time.perf_counter()
        count = len(trainer.advance(seconds))
        return count / (time.perf_counter() - begin)

    ways: dict[str, Callable[[], float]] = {
        "bare": bare,
        "trainer": alone,
        "headless": lambda: common.engine_rate(engine, run_id, seconds),
        "watched": lambda: common.engine_rate(engine, run_id, seconds, watched=True),
    }
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    for number in range(rounds):
        # To and fro, so that a machine that gets slower favors nobody.
        for way in WAYS if number % 2 == 0 else reversed(WAYS):
            rates[way].append(ways[way]())
    engine.command(run_id, "stop")
    result: dict[str, Any] = {"task": task_name, "cell": cell, "parameters": trainer.model.parameter_count()}
    result.update({way: common.middle(rates[way]) for way in WAYS})
    result.update({f"{way}_ratio": common.ratio(rates[way], rates["bare"]) for way in WAYS[1:]})
    result["rounds"] = rates
    return result


def show(results: Sequence[dict[str, Any]]) -> str:
    """The results as a markdown table."""
    heads = ["task", "cell", "bare loop", "trainer", "ratio", "engine, headless", "ratio", "engine, view read", "ratio"]
    rows = []
    for result in results:
        row = [result["task"], result["cell"], f"{result['bare']:.0f}"]
        for way in WAYS[1:]:
            row += [f"{result[way]:.0f}", f"{result[f'{way}_ratio']:.2f}"]
        rows.append(row)
    return common.table(heads, rows, left=2)


if __name__ == "__main__":
    sys.exit(main())
