"""Every task trained at its defaults, with every cell and several seeds: `python -m benchmarks.catalogue`.

Besides the defaults there are rows with another setting that belong to what a task teaches: the same without help from
short strings, without the backward half, with another series. The last column holds what was measured when the
tasks were designed, by other programs and in part with other settings: what should come out alike is the order of the
cells and whether a task is solved at all, not the numbers.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks import common
from benchmarks.common import CELLS

EVERY = 50  # optimizer steps from one look at the validation set to the next


@dataclass(frozen=True)
class Row:
    """What one group of rows of the table is about.

    Attributes:
        query: the task and what differs from its defaults.
        expected: by cell, what was measured at the time of design; "" for all cells.
        level: the metric from which it counts as solved; None for the task's own.
        cells: which cells are trained.
    """

    query: str
    expected: Mapping[str, str] = field(default_factory=dict)
    level: float | None = None
    cells: tuple[str, ...] = CELLS

    @property
    def task(self) -> str:
        return self.query.split("&")[0].removeprefix("task=")

    @property
    def name(self) -> str:
        """The query as it stands in the table: `parity, variable=false`."""
        return self.query.removeprefix("task=").replace("&", ", ")


ROWS = (
    Row("task=digits", {"rnn": ".961 (relu)", "lstm": ".917", "gru": ".944"}),
    Row("task=digits&pixels=true"),
    Row("task=names", {"lstm": "val loss .91, then 2.3 as train accuracy nears .99"}),
    Row("task=vowels", {"rnn": ".92", "lstm": ".94", "gru": ".965"}),
    Row("task=char_lm", {"rnn": "1.81 nats", "lstm": "1.68 nats", "gru": "1.69 nats; a bigram 2.45 (Shakespeare)"}),
    Row("task=forecast", {"rnn": ".022 to .0034", "lstm": ".022 to .0015", "gru": ".022 to .0011"}),
    Row("task=forecast&series=lorenz", {"rnn": ".0187 to .0007", "lstm": ".0187 to .0014", "gru": ".0187 to .0010"}),
    Row("task=forecast&series=sunspots", {"rnn": ".92 to .40", "lstm": ".92 to .37", "gru": ".92 to .38"}),
    Row("task=forecast&series=seattle", {"rnn": ".0046 to .0032", "lstm": ".0046 to .0020", "gru": ".0046 to .0013"}),
    Row("task=forecast&series=noisy_sine", {"": ".108 to .04"}),
    Row(
        "task=temporal_order",
        {"rnn": "1 of 3 by 1200", "lstm": "3 of 3, 100-500 (0.4-1.9 s)", "gru": "3 of 3, 200 (1.6 s)"},
    ),
    Row("task=adding", {"rnn": "not by 2500", "lstm": "550-600 (2.0 s)", "gru": "250-350 (1.9 s)"}),
    Row("task=copy", {"rnn": "not (half recalled)", "lstm": "3050 (15 s)", "gru": "1850 (15 s)"}),
    Row("task=parity", {"rnn": "1250 (2.9 s)", "lstm": "250 (0.7 s)", "gru": "450 (3.3 s)"}),
    Row("task=parity&variable=false", {"": "not"}),
    Row("task=flip_flop", {"rnn": "450 (2.3 s)", "lstm": "350 (2.0 s)", "gru": "400 (4.8 s)"}),
    Row("task=context", {"rnn": "350 (1.0 s)", "lstm": "100 (0.3 s)", "gru": "150 (1.1 s)"}, level=0.9),
    Row("task=anbn", {"rnn": "cannot count", "lstm": "a cell follows the count, r .985-1.0"}),
    Row("task=reber", {"rnn": "400-800", "lstm": "300-600", "gru": "550-1300"}),
    Row("task=local_peak", {"rnn": "300 (1.5 s)", "gru": "200 (2.3 s)"}, level=0.97),
    Row("task=local_peak&bidirectional=false", {"rnn": "never (.871)", "gru": "never"}, level=0.97),
)


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)

    import torch

    from rnn_explorer.tasks import TASKS

    torch.set_num_threads(1)
    names = args.tasks or TASKS.names()
    for name in names:
        TASKS.get(name)  # a name that is none ends here, with those there are
    found = common.machine()
    results = []
    for row in rows_of(names):
        for cell in row.cells:
            if cell in args.cells:
                print(f"{row.name}, {cell} ...", end=" ", file=sys.stderr, flush=True)
                runs = [train(row, cell, seed, args.steps_scale) for seed in range(args.seeds)]
                results.append(summary(row, cell, runs))
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


def rows_of(tasks: Sequence[str]) -> list[Row]:
    """The rows of these tasks in the order of the catalogue; a task that has none gets one with its defaults."""
    rows = [row for row in ROWS if row.task in tasks]
    named = {row.task for row in rows}
    return rows + [Row(f"task={task}") for task in tasks if task not in named]


def train(row: Row, cell: str, seed: int, scale: float) -> dict[str, Any]:
    """Train one model to the end of its budget.

    Args:
        row: which task and settings.
        cell: the cell's key.
        seed: of data and weights.
        scale: times the default budget; at least one step is made.

    Returns:
        `solved_at` and `solved_seconds`: the step and the CPU seconds of training at the first look at the validation
        set at which it was solved, None where it was not. `steps`, `seconds` (CPU), `loss`, `metric` (validation)
        and `test_metric` of the end. `counting`, for anbn: see there. `diverged`: whether training broke off.
    """
    from rnn_explorer.experiment import Experiment
    from rnn_explorer.training import Diverged, Trainer

    trainer = Trainer(Experiment.from_query(row.query).replace(cell=cell, seed=seed))
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
        "counting": counting(trainer) if row.task == "anbn" else None,
        "diverged": diverged,
    }


def counting(trainer: Any) -> float:
    """How closely one unit follows the count in a^n b^n: the largest correlation, without its sign, over the units.

    Over all real steps of the probe sequences, between the number of a minus the number of b so far and a unit's
    cell state, or hidden state where there is no cell state.
    """
    import numpy as np

    trace = trainer.snapshot().trace
    real = np.arange(trace.inputs.shape[1]) < trace.lengths[:, None]  # (batch, time)
    symbols = np.array(trainer.task.input.names)[trace.inputs]
    count = ((symbols == "a").astype(int) - (symbols == "b")).cumsum(axis=1)[real]
    states = trace.layer(0).states
    units = states.get("cell", states["hidden"])[real]  # (steps, hidden_size)
    still = units.std(axis=0) < 1e-9
    return float(max((abs(np.corrcoef(count, unit)[0, 1]) for unit in units.T[~still]), default=0.0))


def summary(row: Row, cell: str, runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The runs of one row and cell taken together."""
    solved = [run for run in runs if run["solved_at"] is not None]
    together: dict[str, Any] = {"row": row.name, "cell": cell, "solved": len(solved), "of": len(runs)}
    for name in ("loss", "metric", "test_metric", "baseline_loss", "baseline_metric", "seconds"):
        together[name] = common.middle([run[name] for run in runs])
    counts = [run["counting"] for run in runs if run["counting"] is not None]
    together["counting"] = common.middle(counts) if counts else None
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
        metric = f"{result['metric']:.3g}"
        if result["counting"] is not None:
            metric += f", r {result['counting']:.3f}"
        rows.append(
            [
                result["row"],
                result["cell"],
                f"{result['solved']} of {result['of']}",
                span,
                "-" if seconds is None else f"{seconds:.1f}",
                f"{result['loss']:.3g}",
                metric,
                f"{result['baseline_loss']:.3g}, {result['baseline_metric']:.3g}",
                f"{result['seconds']:.1f}",
                result["expected"],
            ]
        )
    return common.table(heads, rows, left=2)


if __name__ == "__main__":
    sys.exit(main())
