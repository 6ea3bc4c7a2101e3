"""a^n b^n: as many b as there were a, which takes a counter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rnn_explorer.settings import setting
from rnn_explorer.tasks.base import TASKS, Baseline, Batch, BenchmarkRow, InputSpec, OutputSpec, Source, TaskSettings
from rnn_explorer.tasks.grammar import GrammarTask
from rnn_explorer.trace import Array, Explanation, Trace

SYMBOLS = ("|", "a", "b")
BORDER, A, B = range(3)
COPIES = 32  # of each training string, so that an epoch is more than one step


@dataclass(frozen=True)
class AnbnSettings(TaskSettings):
    """How long the strings are."""

    max_n: int = setting(
        36, low=24, high=60, unit="a", label="Largest n",
        help="The longest strings are the test set, those before them the validation set: with 36 and the usual "
        "validation split, n = 1 to 20 is trained, 21 to 28 validated, 29 to 36 tested.",
    )  # fmt: skip

    @property
    def does(self) -> str:
        return "reads n times a, then n times b, and after each letter names the next"


@TASKS.register("anbn")
class Anbn(GrammarTask):
    """What comes next in a string of n times a, then n times b?

    Inputs: (batch, time) symbols: a border, the a, the b, with the length of each, padded with borders. Targets:
    (batch, time) the next symbol; after the last b that is a border. The strings with n up to `max_n` are the data: the
    shortest for training (32 of each), longer ones for validation, the longest for the test. Judged are the two steps
    that take counting: after the last b but one comes another, and after the last b comes the end.
    """

    key = "anbn"
    title = "Counting: a^n b^n"
    order = 120
    summary = "Read n times a, then n times b, and say when the string must end."
    teaches = "A cell state as a counter, which goes on counting beyond what it was trained on; tanh units cannot."
    reading_guide = (
        "When the first b comes nobody can know; from then on all is settled: as many b as there were a, then the "
        "border. In an LSTM look at the map of cell states: a unit climbs with every a and comes down with every b. "
        "Validation judges the answers after the last two b, in strings longer than any that was trained on: so its "
        "metric rests at one half, always b, until it counts. The training curves cover every symbol, those too that "
        "nobody can know: their loss stays above zero, and the two are not to be compared."
    )
    source = Source(
        citation="F. A. Gers and J. Schmidhuber (2001), LSTM recurrent networks learn simple context-free and "
        "context-sensitive languages, IEEE Transactions on Neural Networks 12(6), doi:10.1109/72.963769",
        license="generated here",
        url="https://doi.org/10.1109/72.963769",
    )
    settings_class = AnbnSettings
    defaults: ClassVar[Mapping[str, Any]] = {
        "cell": "lstm",
        "hidden_size": 4,
        "learning_rate": 1e-2,
        "batch_size": 32,
        "steps": 1000,
    }
    benchmarks = (BenchmarkRow("", {"rnn": "cannot count", "lstm": "a cell follows the count, r .985-1.0"}),)
    input = InputSpec("symbols", len(SYMBOLS), SYMBOLS)
    output = OutputSpec("classes_per_step", len(SYMBOLS), SYMBOLS)
    settings: AnbnSettings

    def pool(self) -> Batch:
        return strings(np.tile(np.arange(1, self.settings.max_n + 1), COPIES))

    def judged(self, batch: Batch) -> Array:
        assert batch.lengths is not None
        steps = np.arange(batch.inputs.shape[1])
        return (steps >= batch.lengths[:, None] - 2) & (steps < batch.lengths[:, None])

    def legal(self, inputs: Array) -> Array:
        """The symbols allowed after each step: in the language of all n from 1 on, which knows no largest.

        Args:
            inputs: (time,) one string as in a batch, with or without padding.

        Returns:
            (time, 3) bool; rows without any True from where the string has ended or broken the grammar.
        """
        allowed = np.zeros((len(inputs), len(SYMBOLS)), dtype=bool)
        open_count, closing, now = 0, False, {BORDER}
        for step, symbol in enumerate(inputs.tolist()):
            if symbol not in now or (step and symbol == BORDER):
                break
            open_count += (symbol == A) - (symbol == B)
            closing = closing or symbol == B
            now = {A} if symbol == BORDER else {A, B} if not closing else {B} if open_count else {BORDER}
            allowed[step, list(now)] = True
        return allowed

    def baseline(self) -> Baseline:
        # Both judged steps follow a b: it answers alike at either, and is right at one.
        train, batch = self.finite_set("train"), self.finite_set(self.judged_split)
        follows = (train.inputs == B) & train.step_mask()
        ends = float((train.targets[follows] == BORDER).mean())
        judged = batch.step_mask() & (batch.inputs == B)
        return Baseline(
            loss=float(-0.5 * (np.log(ends) + np.log(1 - ends))),
            metric=float((batch.targets[judged] == B).mean()),
            how="sees the last symbol alone and knows how often another b follows a b in the training strings: so it "
            f"always says b, measured on the {self.judged_split} set",
        )

    def further_metrics(self, trace: Trace) -> dict[str, float]:
        """ "r": how closely one unit follows the count, the largest correlation over the units, without its sign.

        Over all real steps of the probe sequences, between the number of a minus the number of b so far and a unit's
        cell state, or hidden state where there is no cell state.
        """
        real = np.arange(trace.inputs.shape[1]) < trace.lengths[:, None]  # (batch, time)
        count = ((trace.inputs == A).astype(int) - (trace.inputs == B)).cumsum(axis=1)[real]
        states = trace.layer(0).states
        units = states.get("cell", states["hidden"])[real]  # (steps, hidden_size)
        moving = units.T[units.std(axis=0) >= 1e-9]
        return {"r": float(max((abs(np.corrcoef(count, unit)[0, 1]) for unit in moving), default=0.0))}

    def explain(self, inputs: Array, targets: Array, length: int, answers: Array) -> Explanation:
        n = int((inputs[:length] == A).sum())
        predicted = answers[:length].argmax(axis=-1)
        ends = np.flatnonzero((predicted == BORDER) & (inputs[:length] == B))
        if not np.isfinite(answers[:length]).all():
            verdict, correct = "has no finite answer", False
        elif len(ends):
            first = int((inputs[: ends[0] + 1] == B).sum())
            verdict, correct = f"expects the end after {first} b; it comes after {n}", first == n
        else:
            verdict, correct = f"never expects the end; it comes after {n} b", False
        return Explanation(
            kind="symbols",
            title=f"{n} a, then {n} b",
            verdict=verdict,
            correct=correct,
            length=length,
            symbols=tuple(SYMBOLS[symbol] for symbol in inputs[:length]),
            class_names=SYMBOLS,
            probabilities=answers[:length],
            target_classes=targets[:length],
        )


def strings(n: Array) -> Batch:
    """The strings with n times a and n times b, each behind a border.

    Args:
        n: (batch,) int64, each at least 1.
    """
    steps, n = np.arange(2 * int(n.max()) + 2), n[:, None]
    symbols = A * ((steps >= 1) & (steps <= n)) + B * ((steps > n) & (steps <= 2 * n))  # (batch, time)
    return Batch(symbols[:, :-1], symbols[:, 1:], 2 * n[:, 0] + 1)
