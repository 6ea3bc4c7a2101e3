"""Context-dependent integration: add up the stream that a cue points at, and ignore the other."""

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
from rnn_explorer.trace import Array, Explanation, Strip

STREAMS = 2
DRIFT = 0.2  # standard deviation of a stream's mean over sequences
NAMES = ("negative", "positive")
LABELS = tuple(f"stream {stream + 1}, {name}" for stream in range(STREAMS) for name in NAMES)


@dataclass(frozen=True)
class ContextSettings(TaskSettings):
    """How long the evidence comes in, and how noisy it is."""

    seq_len: int = setting(
        40, low=5, high=100, unit="time steps", label="Sequence length",
        help="Time steps over which the two streams are seen.",
    )  # fmt: skip
    noise: float = setting(
        1.0, low=0.1, high=3.0, label="Noise",
        help="Standard deviation of the noise at each time step; the mean of a stream has 0.2 over sequences.",
    )  # fmt: skip

    @property
    def does(self) -> str:
        return "reads two noisy streams and a cue, then says whether the cued one sums above 0"


@TASKS.register("context")
class Context(Task):
    """Is the sum of the cued stream positive?

    Inputs: (batch, seq_len, 4): two streams, and a cue for each, 1 at every step for the one that counts and 0 for the
    other. A stream is a mean, normal with standard deviation 0.2, plus normal noise at every step. Targets: (batch,)
    class: whether the numbers of the cued stream, noise included, add up to more than 0.
    """

    key = "context"
    title = "Sum up the cued stream"
    order = 110
    summary = "Two noisy streams and a cue: say whether the cued stream sums to more than zero."
    teaches = "Gathering evidence: a line attractor along which the state moves, and a cue that picks what moves it."
    reading_guide = (
        "No single number tells much; the sum does. The probability should drift with the sum of the cued stream, "
        "which is drawn, and take no notice of the other. In the picture of hidden states a trained network moves "
        "along a line, and where on it a path ends is the answer: an approximate line attractor, where a state stays "
        "if nothing comes in. Sums near zero stay hard, so the accuracy creeps up at the end: it measures how exactly "
        "the network adds."
    )
    source = Source(
        citation="V. Mante, D. Sussillo, K. V. Shenoy and W. T. Newsome (2013), Context-dependent computation by "
        "recurrent dynamics in prefrontal cortex, Nature 503, doi:10.1038/nature12742",
        license="generated here",
        url="https://doi.org/10.1038/nature12742",
    )
    settings_class = ContextSettings
    metric = Metric("accuracy")
    defaults: ClassVar[Mapping[str, Any]] = {
        "cell": "rnn",
        "hidden_size": 32,
        "learning_rate": 3e-3,
        "batch_size": 64,
        "steps": 600,
    }
    benchmarks = (BenchmarkRow("", {"rnn": "350 (1.0 s)", "lstm": "100 (0.3 s)", "gru": "150 (1.1 s)"}, level=0.9),)
    input = InputSpec("values", 2 * STREAMS, ("stream 1", "stream 2", "cue 1", "cue 2"))
    output = OutputSpec("classes", len(NAMES), NAMES)
    settings: ContextSettings

    def generate(self, generator: np.random.Generator, size: int) -> Batch:
        length = self.settings.seq_len
        means = DRIFT * generator.standard_normal((STREAMS, size, 1), dtype=np.float32)
        streams = means + self.settings.noise * generator.standard_normal((STREAMS, size, length), dtype=np.float32)
        rows, cued = np.arange(size), generator.integers(STREAMS, size=size)
        inputs = np.zeros((size, length, 2 * STREAMS), dtype=np.float32)
        inputs[:, :, :STREAMS] = np.moveaxis(streams, 0, -1)
        inputs[rows, :, STREAMS + cued] = 1.0
        return Batch(inputs, (streams[cued, rows].sum(axis=1) > 0).astype(np.int64))

    def baseline(self) -> Baseline:
        slope, agreement = last_step(self.settings.seq_len, self.settings.noise)
        z, weight = np.polynomial.hermite_e.hermegauss(100)  # for means over a standard normal z
        p = np.clip([0.5 * math.erfc(-slope * value / math.sqrt(2)) for value in z], 1e-300, 1 - 1e-16)
        surprise = -(p * np.log(p) + (1 - p) * np.log1p(-p))
        return Baseline(
            loss=float(weight @ surprise / weight.sum()),
            metric=agreement,
            how="sees the last time step alone, and knows how likely a sum is to have the sign of its last number",
        )

    def explain(self, inputs: Array, targets: Array, length: int, answers: Array) -> Explanation:
        target, cued = int(targets), int(inputs[0, STREAMS:].argmax())
        sums = inputs[:length, :STREAMS].cumsum(axis=0, dtype=np.float64)  # (length, streams)
        verdict, correct = class_verdict(answers[length - 1], target, NAMES, f"it is {NAMES[target]}")
        return Explanation(
            kind="series",
            title=f"stream {cued + 1} counts and sums to {sums[-1, cued]:.1f}; the other to {sums[-1, 1 - cued]:.1f}",
            verdict=verdict,
            correct=correct,
            length=length,
            strips=(
                Strip("sum of the cued", sums[:, cued], "input", "sum so far"),
                Strip("sum of the other", sums[:, 1 - cued], "input", "sum so far"),
                Strip("cued sum is positive", (sums[:, cued] > 0).astype(np.float64), "target", "positive"),
                Strip("probability", answers[:length, 1], "answer", "positive"),
            ),
            class_names=NAMES,
            probabilities=answers[:length],
            target_class=target,
        )

    def labels(self, batch: Batch) -> tuple[Array, tuple[str, ...]]:
        """Which stream is cued, and the sign of its sum."""
        cued = batch.inputs[:, 0, STREAMS:].argmax(axis=-1)
        return len(NAMES) * cued + batch.targets, LABELS


def last_step(seq_len: int, noise: float) -> tuple[float, float]:
    """What the last number of a stream tells of the sign of its sum.

    Both are normal with mean 0 and some correlation rho. So the sum is positive with probability Phi(slope z), where z
    is the last number in standard deviations and slope = rho / sqrt(1 - rho^2), and the signs agree with probability
    1/2 + arcsin(rho) / pi.

    Returns:
        slope, and the probability that the signs agree.
    """
    mean, single = DRIFT**2, noise**2
    covariance = seq_len * mean + single
    rho = covariance / math.sqrt((mean + single) * (seq_len**2 * mean + seq_len * single))
    return rho / math.sqrt(1 - rho**2), 0.5 + math.asin(rho) / math.pi
