"""How long the search for fixed points takes: `python -m benchmarks.fixed_points`.

For every cell and size a model learns the flip-flop for some steps; then fixed points are searched for from 512 initial
states, in one torch thread. Shown are the median time of a whole answer, the longest wait between two words on
progress (in which a run that trains has to wait), and what was found. A worker keeps numpy to one thread, too: set
OMP_NUM_THREADS=1 to measure as it would be there.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from benchmarks import common
from benchmarks.common import CELLS

SIZES = (32, 128)
INITS = 512
STEPS = 300  # of training, after which the flip-flop of either size has its corners


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)

    import torch

    torch.set_num_threads(1)
    found = common.machine()
    results = []
    for size in args.sizes:
        for cell in args.cells:
            print(f"{cell}, {size} units ...", end=" ", file=sys.stderr, flush=True)
            results.append(measure(cell, size, args.inits, args.steps, args.rounds))
            print(f"{results[-1]['seconds']:.2f} s", file=sys.stderr)
    if args.json:
        print(json.dumps({"machine": found, "inits": args.inits, "steps": args.steps, "results": results}, indent=2))
        return 0
    print(f"Fixed points from {args.inits} initial states, flip-flop after {args.steps} steps\n")
    print(show(results))
    print(f"\nMedians of {args.rounds}; one torch thread.\n\n{common.machine_line(found)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fixed_points", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="hidden units (default 32 128)")
    parser.add_argument("--cells", nargs="+", default=CELLS, choices=CELLS, help="default: all")
    parser.add_argument("--inits", type=int, default=INITS, help=f"initial states (default {INITS})")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"of training before (default {STEPS})")
    parser.add_argument("--rounds", type=int, default=3, help="searches of each (default 3)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    return parser


def measure(cell: str, size: int, inits: int, steps: int, rounds: int) -> dict[str, Any]:
    """Train one model and search it."""
    from rnn_explorer.analysis.dynamics.compute import fixed_points
    from rnn_explorer.analysis.frozen_model import FrozenModel
    from rnn_explorer.experiment import Experiment
    from rnn_explorer.training import Trainer

    trainer = Trainer(Experiment.default("flip_flop").replace(cell=cell, hidden_size=size, steps=steps))
    trainer.advance(float("inf"))
    subject = FrozenModel.of(trainer)
    seconds, waits, record = [], [], None
    for _ in range(rounds):
        progress = fixed_points(subject, inits=inits)
        begin = before = time.perf_counter()
        longest = 0.0
        while record is None:
            try:
                next(progress)
            except StopIteration as end:
                record = end.value
            now = time.perf_counter()
            longest, before = max(longest, now - before), now
        seconds.append(before - begin)
        waits.append(longest)
        answer, record = record, None
    return {
        "cell": cell,
        "hidden_size": size,
        "state": answer.place.size,
        "seconds": common.middle(seconds),
        "longest_wait": common.middle(waits),
        "iterations": answer.iterations,
        "found": answer.sentence(),
    }


def show(results: Sequence[dict[str, Any]]) -> str:
    """The results as a markdown table."""
    heads = ["cell", "found", "hidden size", "numbers in the state", "seconds", "longest wait, ms", "iterations"]
    rows = [
        [
            result["cell"],
            result["found"],
            result["hidden_size"],
            result["state"],
            f"{result['seconds']:.2f}",
            f"{1000 * result['longest_wait']:.0f}",
            result["iterations"],
        ]
        for result in results
    ]
    return common.table(heads, rows, left=2)


if __name__ == "__main__":
    sys.exit(main())
