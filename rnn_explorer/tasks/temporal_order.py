"""Temporal order: which two signals came, and in which order, long ago."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

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
from rnn_explorer.tasks.verdicts import class_verdict
from rnn_explorer.trace import Array, Explanation

SYMBOLS = ("a", "b", "c", "d", "X", "Y", "E", "B")
X, START, END = SYMBOLS.index("X"), SYMBOLS.index("E"), SYMBOLS.index("B")
DISTRACTORS = 4
NAMES = ("XX", "XY", "YX", "YY")
FIRST, SECOND = (0.1, 0.2), (0.5, 0.6)  # where the two signals fall, as shares of the length


@dataclass(frozen=True)
class TemporalOrderSettings(TaskSettings):
    """How long the memory must hold."""

    seq_len: int = setting(
        40, low=10, high=100, unit="time steps", label="Sequence length",
        help="Symbols in a sequence. The first signal is four fifths of it or more before the end.",
    )  # fmt: skip

    @property
    def does(self) -> str:
        return f"reads {self.seq_len} symbols, then says which two signals, X or Y, came, and in which order"


@TASKS.register("temporal_order")
class TemporalOrder(Task):
    """Two of the symbols are X or Y; the class is which they are, in order: XX, XY, YX or YY.

    A sequence starts with E, ends with B, and is otherwise random among a, b, c, d, except at two random positions:
    the first signal comes a tenth to a fifth along the sequence, the second five to six tenths. Inputs: (batch,
    seq_len) symbols. Targets: (batch,) class. The paper draws lengths of 100 to 110; here every sequence has the same.
    """

    key = "temporal_order"
    title = "Temporal order"
    order = 60
    summary = "Say which two signals, X or Y, came among distractors, and in which order."
    teaches = (
        "The vanishing gradient: from small random weights the simple RNN stays at chance over 40 time steps, while "
        "the GRU and the LSTM with its forget gate open from the start solve it. From orthogonal weights (keras) the "
        "RNN often can too."
    )
    reading_guide = (
        "Only the X and Y matter; all else is noise to be ignored. The probabilities after each symbol should split "
        "in two at the first signal, settle on one of four classes at the second, and stay there to the end. While "
        "nothing is learned, all four stay at a quarter and the loss at ln 4 = 1.39: the error at the end does not "
        "reach back to the signals. Then the loss falls in two stairs, one for each signal."
    )
    source = Source(
        citation="S. Hochreiter and J. Schmidhuber (1997), Long short-term memory, Neural Computation 9(8), task 6a, "
        "doi:10.1162/neco.1997.9.8.1735",
        license="generated here",
        url="https://doi.org/10.1162/neco.1997.9.8.1735",
    )
    settings_class = TemporalOrderSettings
    metric = Metric("accuracy")
    why_memory = (
        "The last symbol is always B and tells nothing, and the two that decide are long gone. Without memory all four "
        "classes stay equally likely, so no answer is right more than a quarter of the time."
    )
    symbols = True
    defaults: ClassVar[Mapping[str, Any]] = {
        "cell": "lstm",
        "hidden_size": 32,
        # Where the simple RNN fails (0 of 96 seeds; 3 by step 600) and LSTM and GRU do not (71 of 72, 24 of 24): small
        # uniform weights, since orthogonal ones carry its gradient far, and an open forget gate for the LSTM.
        "init": "pytorch",
        "forget_bias": 2.0,
        "learning_rate": 1e-2,
        "batch_size": 64,
        "steps": 400,
    }
    benchmarks = (
        BenchmarkRow(
            "", {"rnn": "1 of 3 by 1200", "lstm": "3 of 3, 100-500 (0.4-1.9 s)", "gru": "3 of 3, 200 (1.6 s)"}
        ),
    )
    input = InputSpec("symbols", len(SYMBOLS), SYMBOLS)
    output = OutputSpec("classes", len(NAMES), NAMES)
    settings: TemporalOrderSettings

    def generate(self, generator: np.random.Generator, size: int) -> Batch:
        length = self.settings.seq_len
        inputs = generator.integers(DISTRACTORS, size=(size, length), dtype=np.int8).astype(np.int64)
        inputs[:, 0], inputs[:, -1] = START, END
        rows = np.arange(size)
        targets = np.zeros(size, dtype=np.int64)
        for low, high in (FIRST, SECOND):
            position = generator.integers(int(low * length), int(high * length) + 1, size)
            is_y = generator.integers(2, size=size)
            inputs[rows, position] = X + is_y
            targets = 2 * targets + is_y
        return Batch(inputs, targets)

    def baseline(self) -> Baseline:
        return Baseline(
            math.log(len(NAMES)), 1 / len(NAMES), "sees the last symbol alone, which is always B, so it guesses"
        )

    def explain(self, inputs: Array, targets: Array, length: int, answers: Array) -> Explanation:
        target = int(targets)
        verdict, correct = class_verdict(answers[length - 1], target, NAMES, f"it is {NAMES[target]}")
        return Explanation(
            kind="symbols",
            title=f"{NAMES[target][0]}, later {NAMES[target][1]}",
            verdict=verdict,
            correct=correct,
            length=length,
            symbols=tuple(SYMBOLS[symbol] for symbol in inputs[:length]),
            class_names=NAMES,
            probabilities=answers[:length],
            target_class=target,
        )
