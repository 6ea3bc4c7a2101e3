"""Parity: is the number of ones even or odd?"""

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
    TaskSettings,
)
from rnn_explorer.tasks.sampled import DrawnTask
from rnn_explorer.tasks.verdicts import class_verdict
from rnn_explorer.trace import Array, Explanation, Strip

NAMES = ("even", "odd")


@dataclass(frozen=True)
class ParitySettings(TaskSettings):
    """How long the strings are, and whether short ones lead the way."""

    seq_len: int = setting(
        20, low=8, high=60, unit="time steps", label="Sequence length",
        help="Numbers in a sequence, or the most there are.",
    )  # fmt: skip
    variable: bool = setting(
        True, label="Variable length",
        help="On: lengths from 1 up, so that short strings show the way. Off: all are long, and nothing is learned.",
    )  # fmt: skip

    @property
    def does(self) -> str:
        count = f"up to {self.seq_len}" if self.variable else str(self.seq_len)
        return f"reads {count} numbers, +1 or −1, then says if the count of +1 is even or odd"


@TASKS.register("parity")
class Parity(DrawnTask):
    """Is the number of +1 in a string of +1 and -1 even or odd?

    Inputs: (batch, seq_len, 1), each +1 or -1, padded with 0; lengths are uniform in 1 to seq_len, or all seq_len.
    Targets: (batch,) class.
    """

    key = "parity"
    title = "Parity"
    order = 90
    summary = "Read a string of +1 and -1 and say whether the number of +1 is even or odd."
    teaches = (
        "What a gradient cannot find: two states would do, but from long strings alone no cell learns it, since no "
        "part of the answer is any use. Where short strings are among them, they learn it."
    )
    reading_guide = (
        "Every +1 turns the answer round, and every -1 leaves it: the target drawn is the parity so far, which a "
        "solved network follows at each time step though it is asked at the end alone. With variable length the loss "
        "lies at ln 2 = 0.69 for a while and then falls fast, as short strings are understood and longer ones follow. "
        "Without it the validation loss stays there, while training strings may be learned by heart: with one number "
        "wrong the answer is a coin toss. The hidden state of a solved network hops between two regions at each +1."
    )
    source = Source(
        citation="M. Minsky and S. Papert (1969), Perceptrons, MIT Press; on why gradients fail S. Shalev-Shwartz, O. "
        "Shamir and S. Shammah (2017), Failures of gradient-based deep learning, arXiv:1703.07950",
        license="generated here",
        url="https://arxiv.org/abs/1703.07950",
    )
    settings_class = ParitySettings
    metric = Metric("accuracy")
    defaults: ClassVar[Mapping[str, Any]] = {
        "cell": "lstm",
        "hidden_size": 32,
        "learning_rate": 5e-3,
        "batch_size": 64,
        "steps": 1000,
    }
    benchmarks = (
        BenchmarkRow("", {"rnn": "1250 (2.9 s)", "lstm": "250 (0.7 s)", "gru": "450 (3.3 s)"}),
        BenchmarkRow("variable=false", {"": "not"}),
    )
    input = InputSpec("values", 1, ("number",))
    output = OutputSpec("classes", len(NAMES), NAMES)
    settings: ParitySettings

    def draw(self, generator: np.random.Generator, size: int) -> Batch:
        longest = self.settings.seq_len
        lengths = np.full(size, longest)
        if self.settings.variable:
            lengths = generator.integers(1, longest + 1, size)
        signs = 2.0 * generator.integers(2, size=(size, longest)).astype(np.float32) - 1.0
        signs[np.arange(longest) >= lengths[:, None]] = 0.0
        targets = (signs > 0).sum(axis=1) % 2
        return Batch(signs[:, :, None], targets, lengths if self.settings.variable else None)

    def baseline(self) -> Baseline:
        return Baseline(
            math.log(2),
            0.5,
            "sees the last number alone, which says nothing of those before, so it guesses, on the "
            f"{self.judged_split} set as on any",
        )

    def explain(self, inputs: Array, targets: Array, length: int, answers: Array) -> Explanation:
        target, signs = int(targets), inputs[:length, 0]
        verdict, correct = class_verdict(answers[length - 1], target, NAMES, f"it is {NAMES[target]}")
        return Explanation(
            kind="series",
            title=f"{int((signs > 0).sum())} of {length} are +1",
            verdict=verdict,
            correct=correct,
            length=length,
            strips=(
                Strip("number", signs, "input", "number"),
                Strip("odd so far", np.cumsum(signs > 0) % 2, "target", "parity"),
                Strip("probability of odd", answers[:length, 1], "answer", "parity"),
            ),
            class_names=NAMES,
            probabilities=answers[:length],
            target_class=target,
        )
