"""Milliseconds per optimizer step, ours beside its peers: `python -m benchmarks.train_speed`.

The model is cell -> dense 64 -> dense 32 -> 10 classes, batch 32, Adam; a step is forward, loss, backward and the
change of weights. Ours is `Trainer.step`, with all that it does besides (choosing the batch, accuracy, gradient norm,
looking for numbers that are not finite, keeping the weights from before). `torch.nn` is the loop that one would write
by hand.
Keras is measured in `fit`, without validation, for each of its backends that is installed (`pip install keras jax` or
`keras tensorflow`); nothing else of this project needs it.

Every peer lives in a process of its own, which waits while another is measured; rows and peers take turns, to and fro.
What is printed are medians over the rounds, and of each round's ratios.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import common

BATCH, DENSE, CLASSES = 32, (64, 32), 10
SEQUENCES = 3200  # in the data of every peer: an epoch is 100 steps
BLOCK = 0.6  # seconds that a block should take
AIM = 0.5  # seconds from building a model to the end of its first step
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Row:
    """What is trained."""

    cell: str
    length: int
    inputs: int
    hidden: int
    nonlinearity: str = "tanh"

    @property
    def name(self) -> str:
        kind = "RNN relu" if self.nonlinearity == "relu" else self.cell.upper()
        return f"{kind} {self.length}, {self.inputs}, {self.hidden}"

    def operations(self) -> float:
        """Multiply-adds of a step, forward and backward, times two."""
        gates = {"rnn": 1, "gru": 3, "lstm": 4}[self.cell]
        widths = (self.hidden, *DENSE, CLASSES)
        dense = sum(a * b for a, b in itertools.pairwise(widths))
        return 3 * 2 * BATCH * (self.length * gates * self.hidden * (self.inputs + self.hidden) + dense)


ROWS = (
    Row("rnn", 28, 28, 128, "relu"),
    Row("lstm", 28, 28, 128),
    Row("gru", 28, 28, 128),
    Row("rnn", 50, 4, 32),
    Row("lstm", 50, 4, 32),
    Row("gru", 50, 4, 32),
    Row("gru", 200, 4, 64),
)
OURS, TORCH = "ours", "torch.nn"


# -- the peers: each is told a row and gives a function that trains for some steps -------------------------------


def _data(row: Row) -> tuple[Any, Any]:
    import numpy as np

    source = np.random.default_rng(0)
    x = source.standard_normal((SEQUENCES, row.length, row.inputs), dtype=np.float32)
    return x, source.integers(0, CLASSES, SEQUENCES)


def _ours(row: Row) -> Callable[[int], None]:
    from benchmarks.factories import made_task
    from rnn_explorer.experiment import Experiment
    from rnn_explorer.training import Trainer

    x, y = _data(row)
    experiment = Experiment.default("digits").replace(
        cell=row.cell, hidden_size=row.hidden, nonlinearity=row.nonlinearity, dense=DENSE, batch_size=BATCH,
        steps=common.ENDLESS,
    )  # fmt: skip
    trainer = Trainer(experiment, made_task(x, y, CLASSES))

    def train(steps: int) -> None:
        for _ in range(steps):
            trainer.step()

    return train


def _torch(row: Row) -> Callable[[int], None]:
    import torch
    from torch import nn

    x, y = (torch.from_numpy(part) for part in _data(row))
    sizes = {"input_size": row.inputs, "hidden_size": row.hidden, "batch_first": True}
    kinds: dict[str, Any] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
    recurrent = kinds[row.cell](**sizes, **({"nonlinearity": row.nonlinearity} if row.cell == "rnn" else {}))
    layers: list[nn.Module] = []
    width = row.hidden
    for units in DENSE:
        layers += [nn.Linear(width, units), nn.ReLU()]
        width = units
    read_out = nn.Sequential(*layers, nn.Linear(width, CLASSES))
    optimizer = torch.optim.Adam([*recurrent.parameters(), *read_out.parameters()])
    criterion = nn.CrossEntropyLoss()
    place = 0

    def train(steps: int) -> None:
        nonlocal place
        for _ in range(steps):
            begin = place * BATCH % SEQUENCES
            place += 1
            optimizer.zero_grad()
            states, _ = recurrent(x[begin : begin + BATCH])
            criterion(read_out(states[:, -1]), y[begin : begin + BATCH]).backward()
            optimizer.step()

    return train


def _keras(row: Row) -> Callable[[int], None]:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    x, y = _data(row)
    kinds: dict[str, Any] = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
    options = {"activation": row.nonlinearity} if row.cell == "rnn" else {}
    model = keras.Sequential(
        [
            keras.Input((row.length, row.inputs)),
            kinds[row.cell](row.hidden, **options),
            *(keras.layers.Dense(units, activation="relu") for units in DENSE),
            keras.layers.Dense(CLASSES),
        ]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))

    def train(steps: int) -> None:
        while steps > 0:
            part = min(steps, SEQUENCES // BATCH)
            model.fit(x[: part * BATCH], y[: part * BATCH], batch_size=BATCH, epochs=1, shuffle=False, verbose=0)
            steps -= part

    return train


_MAKERS = {"ours": _ours, "torch": _torch, "keras": _keras}


def serve(kind: str, threads: int) -> None:
    """Train what standard input asks for, one JSON object a line, and say how long it took."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not get among the answers
    if kind != "keras":
        import torch

        torch.set_num_threads(threads)
        if kind == "ours":
            from rnn_explorer.training import Trainer  # noqa: F401  what an app has imported before anybody comes
    else:
        with contextlib.suppress(ImportError):
            import keras  # noqa: F401
    trained: dict[Row, Callable[[int], None]] = {}
    for line in sys.stdin:
        request = json.loads(line)
        row = Row(**request["row"])
        begin = time.perf_counter()
        if row not in trained:
            trained[row] = _MAKERS[kind](row)
        trained[row](request["steps"])
        print(json.dumps(time.perf_counter() - begin), file=answers, flush=True)


class Peer:
    """One way to train, in a process of its own."""

    def __init__(self, name: str, kind: str, threads: int = 1, **environment: str) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.train_speed", "--serve", kind, "--threads", str(threads)],
            cwd=ROOT, env={**os.environ, **environment}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.steps: dict[Row, int] = {}

    def seconds(self, row: Row, steps: int) -> float:
        """How long so many steps take."""
        assert self.process.stdin is not None and self.process.stdout is not None
        print(json.dumps({"row": asdict(row), "steps": steps}), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with status {self.process.wait()}")
        return json.loads(line)

    def begin(self, row: Row) -> float:
        """Seconds from nothing to the end of the first step; then find out how many steps a block takes."""
        first = self.seconds(row, 1)
        self.seconds(row, 30)
        took = self.seconds(row, 30) / 30
        self.steps[row] = max(10, round(BLOCK / took))
        self.seconds(row, self.steps[row])  # Keras compiles again for another number of steps
        return first

    def milliseconds(self, row: Row) -> float:
        """Per step, over one block."""
        return 1e3 * self.seconds(row, self.steps[row]) / self.steps[row]

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


def peers(threads: Sequence[int]) -> list[Peer]:
    """Whoever is installed, ourselves first."""
    found = [Peer(f"{OURS}, {number}", "ours", number) for number in threads]
    found += [Peer(f"{TORCH}, {number}", "torch", number) for number in threads]
    if find_spec("keras"):
        for title, package, backend in (("TensorFlow", "tensorflow", "tensorflow"), ("JAX", "jax", "jax")):
            if find_spec(package):
                found.append(Peer(f"Keras on {title}", "keras", KERAS_BACKEND=backend))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    if args.serve:
        serve(args.serve, args.threads)
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    rows = [row for row in ROWS if not args.rows or any(row.name.startswith(start) for start in args.rows)]
    found = common.machine()
    running = peers(sorted({1, min(cores, 2)}))
    try:
        results = [measure(running, row, args.rounds) for row in rows]
    finally:
        for peer in running:
            peer.end()
    if args.json:
        print(json.dumps({"machine": found, "rounds": args.rounds, "results": results}, indent=2))
        return 0
    print("Milliseconds per optimizer step (medians); behind a comma, threads\n")
    print(show(results))
    print("\nSeconds from building the model to the end of its first step, libraries being imported\n")
    print(show_first(results))
    print(f"\n{args.rounds} rounds of {BLOCK:g} s each, in turn. Aim: a ratio above 1 in every row, and a first step")
    print(f"within {AIM:g} s.\n\n{common.machine_line(found)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.train_speed", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--rounds", type=int, default=7, help="blocks of each peer and row (default 7)")
    parser.add_argument("--rows", nargs="+", default=(), help='only rows that begin so, as "GRU" or "RNN 50"')
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.add_argument("--serve", choices=_MAKERS, help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=1, help=argparse.SUPPRESS)
    return parser


def measure(running: Sequence[Peer], row: Row, rounds: int) -> dict[str, Any]:
    """Every peer on one row."""
    print(f"{row.name} ...", end=" ", file=sys.stderr, flush=True)
    first = {peer.name: peer.begin(row) for peer in running}
    times: dict[str, list[float]] = {peer.name: [] for peer in running}
    for number in range(rounds):
        # To and fro, so that a machine that gets slower favors nobody.
        for peer in running if number % 2 == 0 else reversed(running):
            times[peer.name].append(peer.milliseconds(row))
    ours = [name for name in times if name.startswith(OURS)]
    others = [name for name in times if name not in ours]
    result: dict[str, Any] = {
        "row": row.name, "operations": row.operations(), "first": first, "rounds": times,
        "ms": {name: common.middle(values) for name, values in times.items()},
        # By round: the best of the others against the best of ours, and against our one thread.
        "ratio": _best_ratio(times, others, ours),
        "ratio_one": _best_ratio(times, others, ours[:1]),
        "ratio_torch": common.ratio(times[f"{TORCH}, 1"], times[f"{OURS}, 1"]),
    }  # fmt: skip
    print(f"{result['ratio']:.2f}", file=sys.stderr)
    return result


def _best_ratio(times: dict[str, list[float]], others: Sequence[str], ours: Sequence[str]) -> float:
    def best(names: Sequence[str]) -> list[float]:
        chosen = min(names, key=lambda name: common.middle(times[name]))
        return times[chosen]

    return common.ratio(best(others), best(ours))


def show(results: Sequence[dict[str, Any]]) -> str:
    """The times as a markdown table."""
    names = list(results[0]["ms"])
    heads = ["cell, length, input, hidden", *names, "torch.nn, 1 / ours, 1", "best other / best of ours"]
    rows = [
        [result["row"], *(f"{result['ms'][name]:.2f}" for name in names), f"{result['ratio_torch']:.2f}",
         f"{result['ratio']:.2f}"]
        for result in results
    ]  # fmt: skip
    return common.table(heads, rows)


def show_first(results: Sequence[dict[str, Any]]) -> str:
    """The waiting as a markdown table."""
    names = list(results[0]["first"])
    rows = [[result["row"], *(f"{result['first'][name]:.2f}" for name in names)] for result in results]
    return common.table(["cell, length, input, hidden", *names], rows)


if __name__ == "__main__":
    sys.exit(main())
