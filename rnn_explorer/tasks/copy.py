"""The copy task: repeat what came before a silence."""

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
from rnn_explorer.trace import Array, Explanation

BLANK, ASK = "·", "?"
LETTERS = "abcdefgh"


@dataclass(frozen=True)
class CopySettings(TaskSettings):
    """How much is to be remembered, and for how long."""

    items: int = setting(
        5, low=5, high=20, unit="symbols", label="Symbols to copy",
        help="Symbols at the start that are to be repeated at the end.",
    )  # fmt: skip
    alphabet: int = setting(
        4, low=2, high=len(LETTERS), unit="symbols", label="Alphabet",
        help="Different symbols there are.",
    )  # fmt: skip
    lag: int = setting(
        10, low=1, high=100, unit="time steps", label="Lag",
        help="Blank time steps between the last symbol and the first question.",
    )  # fmt: skip

    @property
    def does(self) -> str:
        silence = f"{self.lag} blank{'s' * (self.lag > 1)}"
        return f"reads {self.items} letters, then {silence}, then repeats the letters in order"


@TASKS.register("copy")
class Copy(DrawnTask):
    """Repeat `items` symbols after `lag` blank steps.

    Inputs: (batch, time) symbols with time = lag + 2 items: the symbols to remember, blanks, then a question mark at
    each of the steps where one of them is to be repeated, in order. Targets: (batch, time) class: a blank, and at the
    question marks the symbols. The paper asks with one delimiter and leaves the counting to the network. With the
    defaults there are 4^5 = 1024 sequences.
    """

    key = "copy"
    title = "Copy after a lag"
    order = 80
    summary = "Remember a few symbols over a silence, then repeat them in order."
    teaches = (
        "How much a state can hold: each symbol needs a place of its own. Over a short lag the simple RNN with "
        "orthogonal weights (keras) is the first to copy; with small random ones (pytorch) the LSTM is."
    )
    reading_guide = (
        "The letters at the left are to be repeated at the question marks; in between nothing happens. All answers "
        "but the last few are blanks, which is learned at once, so the loss soon falls to the baseline and may rest "
        "there. From then on every letter has to be remembered: the verdict says how many of them are. In the map of "
        "hidden states the silence shows how: rows that stay as they are, or a pattern that turns from one time step "
        "to the next."
    )
    source = Source(
        citation="S. Hochreiter and J. Schmidhuber (1997), Long short-term memory, Neural Computation 9(8); in this "
        "form M. Arjovsky, A. Shah and Y. Bengio (2016), Unitary evolution recurrent neural networks, arXiv:1511.06464",
        license="generated here",
        url="https://arxiv.org/abs/1511.06464",
    )
    settings_class = CopySettings
    metric = Metric("accuracy")
    symbols = True
    defaults: ClassVar[Mapping[str, Any]] = {
        "cell": "gru",
        "hidden_size": 64,
        "learning_rate": 5e-3,
        "batch_size": 64,
        "steps": 2500,
    }
    benchmarks = (BenchmarkRow("", {"rnn": "not (half recalled)", "lstm": "3050 (15 s)", "gru": "1850 (15 s)"}),)
    settings: CopySettings

    def __init__(self, settings: CopySettings, seed: int, val_split: float) -> None:
        letters = tuple(LETTERS[: settings.alphabet])
        self.input = InputSpec("symbols", len(letters) + 2, (BLANK, *letters, ASK))
        self.output = OutputSpec("classes_per_step", len(letters) + 1, (BLANK, *letters))
        super().__init__(settings, seed, val_split)

    def draw(self, generator: np.random.Generator, size: int) -> Batch:
        items, alphabet, lag = self.settings.items, self.settings.alphabet, self.settings.lag
        kept = 1 + generator.integers(alphabet, size=(size, items))
        inputs = np.zeros((size, lag + 2 * items), dtype=np.int64)
        targets = np.zeros_like(inputs)
        inputs[:, :items], inputs[:, -items:], targets[:, -items:] = kept, alphabet + 1, kept
        return Batch(inputs, targets)

    def baseline(self) -> Baseline:
        items, alphabet = self.settings.items, self.settings.alphabet
        asked = items / (self.settings.lag + 2 * items)  # share of the steps
        return Baseline(
            asked * math.log(alphabet),
            1 - asked + asked / alphabet,
            f"blank after all but a question mark, and there a guess among {alphabet} symbols: on the "
            f"{self.judged_split} set as on any, items x ln(alphabet) / (lag + 2 items)",
        )

    def explain(self, inputs: Array, targets: Array, length: int, answers: Array) -> Explanation:
        items, names = self.settings.items, self.output.names
        right, predicted = targets[length - items : length], answers[length - items : length].argmax(axis=-1)
        if np.isfinite(answers[:length]).all():
            hits = int((predicted == right).sum())
            verdict = f"recalls {hits} of {items}: {_text(predicted, names)}, where {_text(right, names)} came"
        else:
            hits, verdict = 0, f"has no finite answer, where {_text(right, names)} came"
        return Explanation(
            kind="symbols",
            title=f"{_text(right, names)}, to be repeated after {self.settings.lag} time steps",
            verdict=verdict,
            correct=hits == items,
            length=length,
            symbols=tuple(self.input.names[symbol] for symbol in inputs[:length]),
            class_names=names,
            probabilities=answers[:length],
            target_classes=targets[:length],
        )

    def labels(self, batch: Batch) -> tuple[Array, tuple[str, ...]]:
        """The first symbol of each sequence."""
        return batch.inputs[:, 0] - 1, tuple(f"first is {letter}" for letter in self.output.names[1:])


def _text(symbols: Array, names: tuple[str, ...]) -> str:
    return "".join(names[symbol] for symbol in symbols)
