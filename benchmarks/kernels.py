"""The compiled loops against torch's kernels over many sizes: `python -m benchmarks.kernels`.

Forward and backward pass of one recurrent layer of 4 inputs, one after the other in one process, with one torch thread.
What is printed is how many times as fast the compiled loop is: the measurements behind `kernels.suits`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import common

KINDS = ("rnn_tanh", "lstm", "gru")
HIDDEN, LENGTHS, BATCHES = (2, 8, 32, 64, 128, 256), (5, 50, 200), (1, 8, 32, 128)
INPUTS = 4
MOST = 200 * 32 * 256 * 256  # length x batch x hidden^2: larger ones take seconds and say nothing new


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)

    import torch

    from rnn_explorer import kernels

    torch.set_num_threads(1)
    if not kernels.ENABLED:
        print("There is no compiler here: pip install -r requirements-fast.txt", file=sys.stderr)
        return 2
    found = common.machine()
    results = [
        {"cell": kind, "hidden": hidden, "length": length, "batch": batch,
         "ratio": measure(kind, hidden, length, batch, args.seconds)}
        for kind in args.kinds
        for hidden in args.hidden
        for length in LENGTHS
        for batch in BATCHES
        if length * batch * hidden**2 <= MOST
    ]  # fmt: skip
    if args.json:
        print(json.dumps({"machine": found, "seconds": args.seconds, "results": results}, indent=2))
        return 0
    print("How many times as fast as torch's kernel a compiled loop is, forward and backward\n")
    print(show(results))
    print(f"\nMedians over {args.seconds:g} s each, in turn; one torch thread.\n\n{common.machine_line(found)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=0.3, help="for each size (default 0.3)")
    parser.add_argument("--kinds", nargs="+", default=KINDS, choices=(*KINDS, "rnn_relu"), help="default: all but relu")
    parser.add_argument("--hidden", nargs="+", type=int, default=HIDDEN, help="hidden sizes")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    return parser


def measure(kind: str, hidden: int, length: int, batch: int, seconds: float) -> float:
    """torch's time over ours, the median of what was measured in turn."""
    import torch

    from rnn_explorer import kernels
    from rnn_explorer.cells.base import cell_class

    name, _, nonlinearity = kind.partition("_")
    options = {"nonlinearity": nonlinearity} if nonlinearity else {}
    cell = cell_class(name)(INPUTS, hidden, **options)
    cell.initialize("keras", torch.Generator().manual_seed(0))
    x = torch.randn(batch, length, INPUTS, generator=torch.Generator().manual_seed(1))
    state = cell.initial_state(x)

    def took(run: Callable[[], Any]) -> float:
        cell.zero_grad()
        begin = time.perf_counter()
        run()[0].sum().backward()
        return time.perf_counter() - begin

    def torchs() -> Any:
        kernels.ENABLED = False
        try:
            return cell.run(x, state)
        finally:
            kernels.ENABLED = True

    def ours() -> Any:
        return kernels.run(kind, x, cell.weights(), state)

    took(torchs), took(ours)
    theirs: list[float] = []
    mine: list[float] = []
    end = time.perf_counter() + seconds
    while len(mine) < 5 or time.perf_counter() < end:
        theirs.append(took(torchs))
        mine.append(took(ours))
    return common.middle(theirs) / common.middle(mine)


def show(results: Sequence[dict[str, Any]]) -> str:
    """The results as a markdown table, a row for each cell and hidden size."""
    columns = [(length, batch) for length in LENGTHS for batch in BATCHES]
    ratios = {(r["cell"], r["hidden"], r["length"], r["batch"]): f"{r['ratio']:.1f}" for r in results}
    rows = []
    for kind, hidden in dict.fromkeys((r["cell"], r["hidden"]) for r in results):
        rows.append([kind, hidden, *(ratios.get((kind, hidden, *column), "") for column in columns)])
    heads = ["cell", "hidden", *(f"length {length}, batch {batch}" for length, batch in columns)]
    return common.table(heads, rows)


if __name__ == "__main__":
    sys.exit(main())
