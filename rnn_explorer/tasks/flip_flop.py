"""The 3-bit flip-flop: remember the last pulse on each of three channels."""

from __future__ import annotations

import itertools
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

CHANNELS = 3
CORNERS = tuple("".join(signs) for signs in itertools.product("-+", repeat=CHANNELS))  # "---" is 0, "+++" is 7


@dataclass(frozen=True)
class FlipFlopSettings(TaskSettings):
    """How long, and how often a pulse comes."""

    seq_len: int = setting(
        50, low=10, high=100, unit="time steps", label="Sequence length",
        help="Time steps in a sequence.",
    )  # fmt: skip
    pulse_probability: float = setting(
        0.1, low=0.01, high=0.5, label="Pulse probability",
        help="How likely a pulse is on each channel at each time step after the first. Rare pulses ask for a longer "
        "memory.",
    )  # fmt: skip

    @property
    def does(self) -> str:
        return "reads pulses on 3 channels and at every time step recalls the last of each"


@TASKS.register("flip_flop")
class FlipFlop(Task):
    """Hold the sign of the last pulse on each of three channels.

    Inputs: (batch, seq_len, 3): a pulse, +1 or -1, at the first step on every channel, and later with the pulse
    probability; else 0. Targets: (batch, seq_len, 3): the last pulse of each channel so far, the present one included.
    """

    key = "flip_flop"
    title = "3-bit flip-flop"
    order = 100
    summary = "Three channels of pulses; hold the sign of the last pulse on each."
    teaches = "Memory as dynamics: eight stable fixed points at the corners of a cube, with saddles between."
    reading_guide = (
        "Each of the three outputs should jump at a pulse of the other sign on its channel, and else stay where it is: "
        "a pulse of the same sign changes nothing. In the picture of hidden states, paths rest near eight points, the "
        "corners of a cube, and hop along its edges. An output that sinks back to 0 between pulses is one that is not "
        "yet held."
    )
    source = Source(
        citation="D. Sussillo and O. Barak (2013), Opening the black box: low-dimensional dynamics in "
        "high-dimensional recurrent neural networks, Neural Computation 25(3), doi:10.1162/NECO_a_00409",
        license="generated here",
        url="https://doi.org/10.1162/NECO_a_00409",
    )
    settings_class = FlipFlopSettings
    metric = Metric("MSE")
    why_memory = (
        "Between pulses the input is 0 and does not say which sign came last. Both are equally likely, so the best "
        "answer is 0; only a state that holds the last pulse can know."
    )
    defaults: ClassVar[Mapping[str, Any]] = {
        "cell": "rnn",
        "hidden_size": 32,
        "learning_rate": 5e-3,
        "batch_size": 64,
        "steps": 1500,
    }
    benchmarks = (BenchmarkRow("", {"rnn": "450 (2.3 s)", "lstm": "350 (2.0 s)", "gru": "400 (4.8 s)"}),)
    input = InputSpec("values", CHANNELS, tuple(f"pulse {channel + 1}" for channel in range(CHANNELS)))
    output = OutputSpec("values_per_step", CHANNELS, tuple(f"channel {channel + 1}" for channel in range(CHANNELS)))
    settings: FlipFlopSettings

    def generate(self, generator: np.random.Generator, size: int) -> Batch:
        shape = (size, self.settings.seq_len, CHANNELS)
        pulse = generator.random(shape, dtype=np.float32) < self.settings.pulse_probability
        pulse[:, 0] = True
        sign = 2.0 * generator.integers(2, size=shape, dtype=np.int8).astype(np.float32) - 1.0
        inputs = np.where(pulse, sign, np.float32(0.0))
        place = np.arange(inputs.size).reshape(shape)  # in `inputs`, as one long row
        latest = np.maximum.accumulate(np.where(pulse, place, 0), axis=1)  # of the last pulse so far
        return Batch(inputs, inputs.ravel()[latest])

    def baseline(self) -> Baseline:
        length = self.settings.seq_len
        # Where there is no pulse, +1 and -1 are equally likely: the best guess, 0, is off by 1.
        error = (1 - self.settings.pulse_probability) * (length - 1) / length
        return Baseline(
            error, error, "sees the present time step alone: right at a pulse, else says 0, which is off by 1"
        )

    def explain(self, inputs: Array, targets: Array, length: int, answers: Array) -> Explanation:
        inputs, targets, answers = inputs[:length], targets[:length], answers[:length]
        right, predicted = _corner(targets[-1]), _corner(answers[-1])
        error = float(np.mean((answers - targets) ** 2))
        return Explanation(
            kind="series",
            title=f"{int(np.count_nonzero(inputs))} pulses, ending at {right}",
            verdict=f"ends at {predicted}, should be {right}; squared error {number(error)}",
            correct=predicted == right,
            length=length,
            strips=tuple(
                strip
                for channel, group in enumerate(self.output.names)
                for strip in (
                    Strip(self.input.names[channel], inputs[:, channel], "input", group),
                    Strip(f"target {channel + 1}", targets[:, channel], "target", group),
                    Strip(f"answer {channel + 1}", answers[:, channel], "answer", group),
                )
            ),
        )

    def labels(self, batch: Batch) -> tuple[Array, tuple[str, ...]]:
        """The corner of the cube at which each sequence ends."""
        return np.array([CORNERS.index(_corner(last)) for last in batch.targets[:, -1]]), CORNERS


def _corner(values: Array) -> str:
    return "".join("+" if value > 0 else "-" for value in values)
