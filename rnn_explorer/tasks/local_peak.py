"""Local peaks: is this number larger than the one before and the one after?"""

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
from rnn_explorer.trace import Array, Explanation, Strip


@dataclass(frozen=True)
class LocalPeakSettings(TaskSettings):
    """How long the sequences are."""

    seq_len: int = setting(
        30, low=5, high=100, unit="time steps", label="Sequence length",
        help="Numbers in a sequence. The first and the last have one neighbor only and are not judged.",
    )  # fmt: skip

    @property
    def does(self) -> str:
        return f"reads {self.seq_len} numbers and says of each whether it is larger than both neighbors"


@TASKS.register("local_peak")
class LocalPeak(Task):
    """Is this number larger than both its neighbors?

    Inputs: (batch, seq_len, 1), numbers uniform in 0 to 1. Targets: (batch, seq_len) class, 1 at a peak. The first and
    the last step do not count.
    """

    key = "local_peak"
    title = "Local peaks"
    order = 140
    summary = "Say of each number whether it is larger than the one before and the one after."
    teaches = (
        "Why bidirectional: the answer needs the next number, which one-way reading has not seen. It cannot get beyond "
        "87.5 %, whatever the cell and however long it trains."
    )
    reading_guide = (
        "The answer at each time step should jump to 1 at a peak and else be 0. A bidirectional layer gets there, "
        "since its backward half has already read the next number. Switch it off: a one-way layer is right wherever "
        "a number is smaller than the one before, and else can only say that a large number is likely to be a peak. "
        "Its accuracy stops at 7/8 and its loss well above zero: no training gives it what it has not seen."
    )
    source = Source(
        citation="made for this program; on reading both ways M. Schuster and K. K. Paliwal (1997), Bidirectional "
        "recurrent neural networks, IEEE Transactions on Signal Processing 45(11), doi:10.1109/78.650093",
        license="generated here",
        url="https://doi.org/10.1109/78.650093",
    )
    settings_class = LocalPeakSettings
    metric = Metric("accuracy")
    defaults: ClassVar[Mapping[str, Any]] = {
        "cell": "rnn",
        "hidden_size": 16,
        "bidirectional": True,
        "learning_rate": 2e-2,
        "batch_size": 64,
        "steps": 500,
    }
    benchmarks = (
        BenchmarkRow("", {"rnn": "300 (1.5 s)", "gru": "200 (2.3 s)"}, level=0.97),
        BenchmarkRow("bidirectional=false", {"rnn": "never (.871)", "gru": "never"}, level=0.97),
    )
    input = InputSpec("values", 1, ("number",))
    output = OutputSpec("classes_per_step", 2, ("no peak", "peak"))
    settings: LocalPeakSettings

    def generate(self, generator: np.random.Generator, size: int) -> Batch:
        numbers = generator.random((size, self.settings.seq_len), dtype=np.float32)
        targets = np.zeros(numbers.shape, dtype=np.int64)
        middle = numbers[:, 1:-1]
        targets[:, 1:-1] = (middle > numbers[:, :-2]) & (middle > numbers[:, 2:])
        mask = np.ones(numbers.shape, dtype=bool)
        mask[:, 0] = mask[:, -1] = False
        return Batch(numbers[:, :, None], targets, mask=mask)

    def baseline(self) -> Baseline:
        # Seen alone, x is a peak with probability x^2. The mean of -x^2 ln x^2 - (1 - x^2) ln(1 - x^2) over 0 to 1 is
        # 4/3 (1 - ln 2). The better guess is a peak from x = sqrt(1/2) on, right with probability (1 + sqrt 2) / 3.
        return Baseline(
            4 / 3 * (1 - math.log(2)),
            (1 + math.sqrt(2)) / 3,
            "sees the present number x alone, which is a peak with probability x^2: says so from x = 0.71 on",
        )

    def explain(self, inputs: Array, targets: Array, length: int, answers: Array) -> Explanation:
        judged = slice(1, length - 1)
        right, total = targets[judged], length - 2
        if np.isfinite(answers[:length]).all():
            hits = int((answers[judged].argmax(axis=-1) == right).sum())
            verdict = f"right about {hits} of {total} numbers"
        else:
            hits, verdict = 0, "has no finite answer"
        wanted = np.full(length, np.nan)
        wanted[judged] = right
        return Explanation(
            kind="series",
            title=f"{int(right.sum())} peaks among {total} numbers",
            verdict=verdict,
            correct=hits == total,
            length=length,
            strips=(
                Strip("number", inputs[:length, 0], "input", "number"),
                Strip("peak", wanted, "target", "peak"),
                Strip("probability of a peak", answers[:length, 1], "answer", "peak"),
            ),
        )
