"""Every task trained at its defaults, with every cell and several seeds: `python -m benchmarks.catalogue`.

The rows are those of the tasks (`Task.benchmarks`): besides the defaults some have another setting that belongs to what
the task teaches, such as the same without help from short strings, or without the backward half. The last column holds
what was measured when the tasks were designed, by other programs and in part with other settings: what should come out
alike is the order of the cells and whether a task is solved at all, not the numbers.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchmarks import common
from benchmarks.common import CELLS

if TYPE_CHECKING:
    from rnn_explorer.tasks.base import BenchmarkRow

EVERY = 50  # optimizer steps from one look at the validation set to the next


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)

    import torch

    from rnn_explorer.tasks import TASKS

    torch.set_num_threads(1)
    for name in args.tasks or ():
        TASKS.get(name)  # a name that is none ends here, with those there are
    found = common.machine()
    results = []
    for name, task in TASKS.items():
        rows = task.benchmarks if not args.tasks or name in args.tasks else ()
        for row, cell in itertools.product(rows, args.cells):
            print(f"{row_name(name, row)}, {cell} ...", end=" ", file=sys.stderr, flush=True)
            runs = [train(name, row, cell, seed, args.steps_scale) for seed in range(args.seeds)]
            results.append(summary(name, row, cell, runs))
            print(" ".join(f"{run['metric']:.3g}" for run in runs), file=sys.stderr)
    about = {"seeds": args.seeds, "steps_scale": args.steps_scale, "every": EVERY}
    if args.json:
        print(json.dumps({"machine": found, **about, "results": results}, indent=2))
        return 0
    print("Every task at its defaults: steps to solve, validation loss and metric at the end, CPU seconds\n")
    print(show(results))
    print(f"\n{args.seeds} seeds; medians; looked at every {EVERY} optimizer steps; one torch thread.", end=" ")
    print(f"Budgets are the defaults' x {args.steps_scale:g}.\n\n{common.machine_line(found)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    about = (__doc__ or "").split("\n\n")[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.catalogue", description=about)
    parser.add_argument("--tasks", nargs="+", help="default: all")
    parser.add_argument("--cells", nargs="+", default=CELLS, choices=CELLS, help="default: all")
    parser.add_argument("--seeds", type=_count, default=3, help="0, 1, ... (default 3)")
    parser.add_argument("--steps-scale", type=_scale, default=1.0, help="times the default budgets (default 1)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    return parser


def _count(text: str) -> int:
    if int(text) < 1:
        raise ValueError
    return int(text)


def _scale(text: str) -> float:
    if not 0 < float(text) < 1000:
        raise ValueError
    return float(text)


def row_name(task: str, row: BenchmarkRow) -> str:
    """The row in the table: `parity, variable=false`."""
    return ", ".join([task, *row.settings.split("&")]).removesuffix(", ")


def train(task: str, row: BenchmarkRow, cell: str, seed: int, scale: float) -> dict[str, Any]:
    """Train one model to the end of its budget.

    Args:
        task: its key.
        row: which settings.
        cell: the cell's key.
        seed: of data and weights.
        scale: times the default budget; at least one step is made.

    Returns:
        `solved_at` and `solved_seconds`: the step and the CPU seconds of training at the first look at the validation
        set at which it was solved, None where it was not. `steps`, `seconds` (CPU), `loss`, `metric` (validation)
        and `test_metric` of the end. `further`: `Task.further_metrics`. `diverged`: whether training broke off.
    """
    from rnn_explorer.experiment import Experiment
    from rnn_explorer.training import Diverged, Trainer

    trainer = Trainer(Experiment.from_query(f"task={task}&{row.settings}").replace(cell=cell, seed=seed))
    metric, level = trainer.task.metric, row.level
    target = max(1, round(trainer.target * scale))
    seconds, solved_at, solved_seconds, diverged = 0.0, None, None, False
    while trainer.step_count < target and not diverged:
        begin = time.process_time()
        try:
            trainer.advance(float("inf"), min(trainer.step_count + EVERY, target))
        except Diverged:
            diverged = True
        seconds += time.process_time() - begin
        value = trainer.evaluate("validation")[1]
        reached = metric.is_solved(value) if level is None else value >= level
        if reached and solved_at is None:
            solved_at, solved_seconds = trainer.step_count, seconds
    loss, value = trainer.evaluate("validation")
    baseline = trainer.task.baseline()
    return {
        "seed": seed,
        "solved_at": solved_at,
        "solved_seconds": solved_seconds,
        "steps": trainer.step_count,
        "seconds": seconds,
        "loss": loss,
        "metric": value,
        "test_metric": trainer.evaluate("test")[1],
        "baseline_loss": baseline.loss,
        "baseline_metric": baseline.metric,
        "further": trainer.task.further_metrics(trainer.snapshot().trace),
        "diverged": diverged,
    }


def summary(task: str, row: BenchmarkRow, cell: str, runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The runs of one row and cell taken together."""
    solved = [run for run in runs if run["solved_at"] is not None]
    together: dict[str, Any] = {"row": row_name(task, row), "cell": cell, "solved": len(solved), "of": len(runs)}
    for name in ("loss", "metric", "test_metric", "baseline_loss", "baseline_metric", "seconds"):
        together[name] = common.middle([run[name] for run in runs])
    further = [run["further"] for run in runs]
    together["further"] = {name: common.middle([found[name] for found in further]) for name in further[0]}
    together["solved_at"] = [run["solved_at"] for run in solved]
    together["solved_seconds"] = common.middle([run["solved_seconds"] for run in solved]) if solved else None
    together["expected"] = row.expected.get(cell, row.expected.get("", ""))
    return {**together, "runs": list(runs)}


def show(results: Sequence[dict[str, Any]]) -> str:
    """The results as a markdown table."""
    heads = ["task", "cell", "solved", "at step", "CPU s", "loss", "metric", "baseline", "in all: CPU s", "at design"]
    rows = []
    for result in results:
        steps, seconds = result["solved_at"], result["solved_seconds"]
        span = f"{min(steps)}-{max(steps)}" if len(set(steps)) > 1 else f"{steps[0]}" if steps else "-"
        further = [f"{name} {value:.3f}" for name, value in result["further"].items()]
        rows.append(
            [
                result["row"],
                result["cell"],
                f"{result['solved']} of {result['of']}",
                span,
                "-" if seconds is None else f"{seconds:.1f}",
                f"{result['loss']:.3g}",
                ", ".join([f"{result['metric']:.3g}", *further]),
                f"{result['baseline_loss']:.3g}, {result['baseline_metric']:.3g}",
                f"{result['seconds']:.1f}",
                result["expected"],
            ]
        )
    return common.table(heads, rows, left=2)


if __name__ == "__main__":
    sys.exit(main())
