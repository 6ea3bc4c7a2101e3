"""The adding problem: two numbers among many, to be remembered and summed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rnn_explorer.readable import number
from rnn_explorer.settings import setting
from rnn_explorer.tasks.base import (
    TASKS,
    Baseline,
    Batch,
    BenchmarkRow,
    InputSpec,
    Metric,
    OutputSpec,
    Source,
    Task,
    TaskSettings,
)
from rnn_explorer.trace import Array, Explanation, Strip

CLOSE = 0.08  # an answer this near counts as right: the 0.04 of the 1997 paper, whose target is half the sum
THIRD = math.sqrt(2 / 3)  # a third of all sums of two uniform numbers lie below it
BANDS = (f"sum below {THIRD:.2f}", f"sum {THIRD:.2f} to {2 - THIRD:.2f}", f"sum above {2 - THIRD:.2f}")


@dataclass(frozen=True)
class AddingSettings(TaskSettings):
    """How long the memory must hold."""

    seq_len: int = setting(
        30, low=5, high=100, unit="time steps", label="Sequence length",
        help="Numbers in a sequence, two of which are marked: one in each half.",
    )  # fmt: skip

    @property
    def does(self) -> str:
        return f"reads {self.seq_len} numbers, two of them marked, then says the sum of these two"


@TASKS.register("adding")
class Adding(Task):
    """What is the sum of the two marked numbers?

    Inputs: (batch, seq_len, 2): a number uniform in 0 to 1, and a marker, 1 at one step of each half, else 0.
    Targets: (batch, 1) the sum of the two marked numbers, 0 to 2.
    """

    key = "adding"
    title = "Adding problem"
    order = 70
    summary = "Of many numbers two are marked, one in each half; say their sum at the end."
    teaches = "Long memory for a quantity: a value must be caught, held unchanged and added to."
    reading_guide = (
        "The marker says which two numbers count. The answer after each time step should stay near the mean until the "
        "first marker, move there, wait, and move to the sum at the second. A loss of 1/6 is what always saying 1 "
        "gives: a curve that rests there, at the line or a little above, has learned the mean and no memory yet. In "
        "the picture of hidden states the ends of the paths should line up in the order of the sums."
    )
    source = Source(
        citation="S. Hochreiter and J. Schmidhuber (1997), Long short-term memory, Neural Computation 9(8), task 4; "
        "numbers from 0 to 1 as in Q. V. Le, N. Jaitly and G. E. Hinton (2015), arXiv:1504.00941",
        license="generated here",
        url="https://arxiv.org/abs/1504.00941",
    )
    settings_class = AddingSettings
    metric = Metric("MSE")
    why_memory = (
        "At the end the marked numbers are gone, but for the rare mark on the very last time step, so the best "
        "answer is the mean of what is not seen. Its error is the variance of that, 1/12 for each of the two numbers."
    )
    defaults: ClassVar[Mapping[str, Any]] = {
        "cell": "lstm",
        "hidden_size": 32,
        "learning_rate": 5e-3,
        "batch_size": 64,
        "steps": 800,
    }
    benchmarks = (BenchmarkRow("", {"rnn": "not by 2500", "lstm": "550-600 (2.0 s)", "gru": "250-350 (1.9 s)"}),)
    input = InputSpec("values", 2, ("number", "marker"))
    output = OutputSpec("values", 1, ("sum",))
    settings: AddingSettings

    def generate(self, generator: np.random.Generator, size: int) -> Batch:
        length = self.settings.seq_len
        inputs = np.zeros((size, length, 2), dtype=np.float32)
        inputs[:, :, 0] = generator.random((size, length), dtype=np.float32)
        rows = np.arange(size)
        targets = np.zeros((size, 1), dtype=np.float32)
        for low, high in ((0, length // 2), (length // 2, length)):
            position = generator.integers(low, high, size)
            inputs[rows, position, 1] = 1.0
            targets[:, 0] += inputs[rows, position, 0]
        return Batch(inputs, targets)

    def baseline(self) -> Baseline:
        # The variance of a number uniform in 0 to 1 is 1/12, and the sum holds two of them; a mark on the last step,
        # as likely as on any other of the second half, gives one of them away.
        length = self.settings.seq_len
        error = 1 / 6 - 1 / 12 / (length - length // 2)
        return Baseline(
            error,
            error,
            "sees the last time step alone: where it is marked says its number + 1/2, else the mean, 1, whose error "
            "is the variance of the sum, 1/6",
        )

    def explain(self, inputs: Array, targets: Array, length: int, answers: Array) -> Explanation:
        right, predicted = float(targets[0]), float(answers[length - 1, 0])
        return Explanation(
            kind="series",
            title=" + ".join(f"{value:.2f}" for value, marked in inputs[:length] if marked) + f" = {right:.2f}",
            verdict=f"says {predicted:.2f}, the sum is {right:.2f} (off by {number(abs(predicted - right))})",
            correct=abs(predicted - right) < CLOSE,
            length=length,
            strips=(
                Strip("number", inputs[:length, 0], "input", "number"),
                Strip("marker", inputs[:length, 1], "input", "marker"),
                Strip("sum", np.full(length, right), "target", "sum"),
                Strip("answer", answers[:length, 0], "answer", "sum"),
            ),
        )

    def labels(self, batch: Batch) -> tuple[Array, tuple[str, ...]]:
        """Whether the sum is in the lower, middle or upper third of all sums."""
        return np.digitize(batch.targets[:, 0], (THIRD, 2 - THIRD)), BANDS
