"""What looking costs the training: `python -m benchmarks.snapshots`.

Blocks of training take turns with blocks in which a snapshot (every gate and state of the probe sequences, pickled as a
worker sends it) is made five times a second. What is printed is the share of steps that is lost.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
import time
from collections.abc import Sequence
from typing import Any

from benchmarks import common
from benchmarks.common import CELLS

QUERY = "task=flip_flop&cell={cell}&hidden_size=128&seq_len=50&batch_size=32"
PER_SECOND = 5
AIM = 0.05


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)

    import torch

    torch.set_num_threads(1)
    found = common.machine()
    results = [measure(cell, args.seconds, args.rounds) for cell in args.cells]
    if args.json:
        print(json.dumps({"machine": found, "query": QUERY, "aim": AIM, "results": results}, indent=2))
        return 0
    print(f"Training with {PER_SECOND} snapshots a second, hidden 128, length 50 (medians)\n")
    heads = ["cell", "steps/s alone", "steps/s looked at", "lost", "ms for a snapshot"]
    rows = [
        [r["cell"], f"{r['alone']:.0f}", f"{r['looked_at']:.0f}", f"{100 * r['lost']:.1f} %", f"{r['snapshot_ms']:.1f}"]
        for r in results
    ]
    print(common.table(heads, rows))
    print(
        f"\n{args.rounds} rounds of {args.seconds:g} s each, in turn; one torch thread. Aim: {100 * AIM:g} % at most."
    )
    print(f"\n{common.machine_line(found)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.snapshots", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="of each block (default 2)")
    parser.add_argument("--rounds", type=int, default=5, help="blocks of each way (default 5)")
    parser.add_argument("--cells", nargs="+", default=CELLS, choices=CELLS, help="default: all")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    return parser


def measure(cell: str, seconds: float, rounds: int) -> dict[str, Any]:
    """Steps per second with and without being looked at."""
    from rnn_explorer.experiment import Experiment
    from rnn_explorer.training import Trainer

    trainer = Trainer(Experiment.from_query(QUERY.format(cell=cell)).replace(steps=common.ENDLESS))
    trainer.advance(0.3)
    took: list[float] = []

    def look() -> None:
        begin = time.perf_counter()
        pickle.dumps(trainer.snapshot(), protocol=5)
        took.append(time.perf_counter() - begin)

    def rate(looking: bool) -> float:
        begin = time.perf_counter()
        steps, due = 0, begin + 1 / PER_SECOND
        while (now := time.perf_counter()) - begin < seconds:
            trainer.step()
            steps += 1
            if looking and now >= due:
                look()
                due += 1 / PER_SECOND
        return steps / (time.perf_counter() - begin)

    look()
    rates: dict[bool, list[float]] = {False: [], True: []}
    for number in range(rounds):
        for looking in (False, True) if number % 2 == 0 else (True, False):
            rates[looking].append(rate(looking))
    return {
        "cell": cell, "alone": common.middle(rates[False]), "looked_at": common.middle(rates[True]),
        "lost": 1 - common.ratio(rates[True], rates[False]), "snapshot_ms": 1e3 * common.middle(took), "rounds": rates,
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
