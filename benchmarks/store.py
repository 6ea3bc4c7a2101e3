"""How quick the store of runs is when it holds many: `python -m benchmarks.store`.

It fills a store with runs whose curves have many points, and times what pages ask of it: the whole list, one curve,
what is new of a curve, and what a running model brings in a second. Then it opens the page of runs in a server of its
own: from the request to the end of its script, with what came over the connection.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import common
from benchmarks.served import serve, wait_for_workers
from benchmarks.streamlit_page import Page, Waiting
from rnn_explorer.ui.session import RUNS

AIM = 1.0  # seconds in which the page of runs is there
OWNER = "v" * 22  # the visitor whose runs they are
STATE = 60_000  # bytes, of a run of the default task


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    found = common.machine()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder) / RUNS, args.runs, args.points, args.rounds)
        result |= asyncio.run(page(Path(folder), args.rounds))
    if args.json:
        print(json.dumps({"machine": found, "aim": AIM, "result": result}, indent=2))
        return 0
    print(f"A store of {args.runs:,} runs of {args.points:,} points\n")
    print(
        common.table(["what", "ms"], [[name, f"{1000 * seconds:.1f}"] for name, seconds in result["seconds"].items()])
    )
    rows = [[name, f"{1000 * seconds:.1f}"] for name, seconds in result["page"].items()]
    print(f"\n{common.table(['the page of runs', 'ms'], rows)}")
    print(f"\n{result['bytes'] / 1e6:,.0f} MB on disk; the page is {result['received'] / 1e3:,.0f} kB.")
    print(f"Medians of {args.rounds}. Aim: the page within {AIM:g} s.")
    print(f"\n{common.machine_line(found)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=1000, help="in the store (default 1000)")
    parser.add_argument("--points", type=int, default=10_000, help="of each curve (default 10000)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is timed (default 5)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    return parser


def measure(folder: Path, runs: int, points: int, rounds: int) -> dict[str, Any]:
    """Seconds that each request takes, and the bytes of the folder."""
    from rnn_explorer.experiment import Experiment
    from rnn_explorer.recording.store.records import StoredRun
    from rnn_explorer.recording.store.store import RunStore

    experiment = Experiment.default("flip_flop").to_json()
    noise = np.random.default_rng(0)
    curve = np.concatenate([np.arange(1, points + 1)[:, None], noise.random((points, 4))], axis=1)
    spark = tuple(float(f"{loss:.3g}") for loss in curve[:: max(points // 40, 1), 1])
    kept = RunStore(folder)
    began = time.monotonic()
    for number in range(runs):
        kept.add(StoredRun(f"r{number}", experiment, owner=OWNER, created=number + 1.0, sparkline=spark))
        kept.append(f"r{number}", "train", curve)
        if number % 100 == 99:
            kept.flush(600)
    kept.flush(600)
    filled = time.monotonic() - began
    kept.close()

    began = time.monotonic()
    kept = RunStore(folder)
    opened = time.monotonic() - began
    middle = f"r{runs // 2}"
    steps = iter(range(points + 1, points + 2 + rounds))

    def report() -> None:
        kept.append(middle, "train", np.tile([next(steps), 0.0, 0.0, 0.0, 0.0], (1, 1)))
        kept.keep(middle, points, 1.0, bytes(STATE))
        kept.change([middle], step=points)

    def written() -> None:
        report()
        kept.flush()

    seconds = {
        "open the store": opened,
        "list all runs": common.middle(timed(lambda: kept.runs(OWNER), rounds)),
        "one curve": common.middle(timed(lambda: kept.curve(middle, "train"), rounds)),
        "what is new of a curve": common.middle(timed(lambda: kept.curve(middle, "train", points - 100), rounds)),
        "give it a report (training waits)": common.middle(timed(report, rounds)),
        "until a report is on the disk": common.middle(timed(written, 1)),
        "fill it, for each run": filled / runs,
    }
    kept.close()
    return {"seconds": seconds, "bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())}


async def page(data: Path, rounds: int) -> dict[str, Any]:
    """Seconds until the page of runs stands, in a server with this data folder, and the bytes that it takes.

    The first time the server loads what draws a table.
    """
    os.environ["RNN_EXPLORER_DATA"] = str(data)
    from rnn_explorer.ui import visitor

    found, received = [], 0
    with serve(data=data) as served:
        wait_for_workers(served.pid)
        for _ in range(rounds + 1):
            waiting = Waiting()
            opened = Page(served.address, waiting)
            opened.cookies[visitor.cookie_name()] = visitor.write(OWNER)
            began = time.perf_counter()
            await opened.open("", "runs")
            await waiting.until("the page of runs", partial(getattr, opened, "finished"))
            found.append(time.perf_counter() - began)
            if "dataframe" not in opened.kinds:
                raise RuntimeError(f"the page of runs shows no table, but {sorted(opened.kinds)}")
            received = opened.received
            await opened.close()
    first, *others = found
    return {"page": {"the first time": first, "later": common.middle(others)}, "received": received}


def timed(do: Callable[[], object], rounds: int) -> list[float]:
    """Seconds of each of so many calls."""
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        do()
        took.append(time.perf_counter() - began)
    return took


if __name__ == "__main__":
    sys.exit(main())
