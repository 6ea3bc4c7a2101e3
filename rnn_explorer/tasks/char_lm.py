"""A character model: the next character of an English text, from those before it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rnn_explorer.readable import visible
from rnn_explorer.settings import setting
from rnn_explorer.tasks import files
from rnn_explorer.tasks.base import (
    PROBES,
    STREAM_EVALUATION,
    TASKS,
    Baseline,
    Batch,
    BenchmarkRow,
    InputSpec,
    Metric,
    OutputSpec,
    Split,
    Task,
    TaskSettings,
)
from rnn_explorer.tasks.characters import character_verdict, worth_a_row
from rnn_explorer.tasks.memoryless import next_character
from rnn_explorer.tasks.splits import split_in_order
from rnn_explorer.trace import Array, Explanation

TEST_SHARE = 0.1  # of the text, at its end


@dataclass(frozen=True)
class Corpus:
    """A text as symbols.

    Attributes:
        title: what it is, for people.
        text: the characters.
        alphabet: every character in it, in the order of their code points.
        codes: (characters,) int64, the place of each in the alphabet.
    """

    title: str
    text: str
    alphabet: tuple[str, ...]
    codes: Array

    @classmethod
    def of(cls, title: str, text: str) -> Corpus:
        """Read a text of at least one character."""
        points = np.array([text]).view(np.uint32)
        found, codes = np.unique(points, return_inverse=True)
        return cls(title, text, tuple(map(chr, found.tolist())), codes.astype(np.int64))


@functools.lru_cache(maxsize=1)
def _moby_dick() -> Corpus:
    return Corpus.of("Moby Dick", files.text("moby_dick"))


@dataclass(frozen=True)
class CharLMSettings(TaskSettings):
    """How the text is cut."""

    seq_len: int = setting(
        48, low=16, high=200, unit="characters", log=True, label="Sequence length",
        help="Characters in a sequence. Each sequence is read from an empty memory, so what lies further back than its "
        "first character cannot be learned.",
    )  # fmt: skip

    @property
    def does(self) -> str:
        return "reads Moby Dick one character per time step and each time names the next"


@TASKS.register("char_lm")
class CharLM(Task):
    """What is the next character?

    Inputs: (batch, seq_len) symbols, a stretch of the text. Targets: (batch, seq_len) symbols, the same one character
    later; every step counts.

    The text is cut into a training, a validation and a test part, one after the other: a tenth at its end is for the
    test, before it the validation split's share of the rest. Sequences of a part do not overlap; the training part
    shows all of them, the others at most 256, evenly spaced.
    """

    key = "char_lm"
    title = "Character model"
    order = 50
    summary = "Read the first chapters of Moby Dick character by character and say which comes next."
    teaches = "Language modeling: what a text's past tells of its next character, and writing by drawing from it."
    reading_guide = (
        "Each time step shows the network one character; its answer is a probability for each character that may come "
        "next, and framed is the one that came. It learns in the order in which it pays: how often each letter is "
        "used, then pairs of letters and where words end, then short words and their endings; after a few hundred "
        "optimizer steps it writes words that are not English but could be. The line on the loss curve knows the "
        "present character alone (a table of pairs). The loss is in nats a character: e to its power is the number of "
        "equally likely characters that would be as hard to guess. Nobody guesses everything, so accuracy stays far "
        "from 1."
    )
    source = files.source("moby_dick")
    settings_class = CharLMSettings
    metric = Metric("accuracy")
    finite = True
    symbols = True
    autoregressive = True
    defaults: ClassVar[Mapping[str, Any]] = {
        "cell": "lstm", "hidden_size": 128, "embedding": 32, "learning_rate": 5e-3, "batch_size": 32, "steps": 1200,
    }  # fmt: skip
    benchmarks = (
        BenchmarkRow("", {"rnn": "1.81 nats", "lstm": "1.68 nats", "gru": "1.69 nats; a bigram 2.45 (Shakespeare)"}),
    )
    settings: CharLMSettings

    def __init__(self, settings: CharLMSettings, seed: int, val_split: float) -> None:
        super().__init__(settings, seed, val_split)
        self.corpus = self.read()
        alphabet = self.corpus.alphabet
        self.input = InputSpec("symbols", len(alphabet), alphabet)
        self.output = OutputSpec("classes_per_step", len(alphabet), alphabet)
        least = PROBES * settings.seq_len + 1  # room for `PROBES` sequences, and the last target
        self.parts = split_in_order(len(self.corpus.codes), least, val_split, TEST_SHARE)
        self._sets = {split: self._stretches(split) for split in self.parts}
        train = self.corpus.codes[slice(*self.parts["train"])]
        self._usage = np.bincount(train, minlength=len(alphabet))

    def read(self) -> Corpus:
        """The text that is modeled."""
        return _moby_dick()

    def _stretches(self, split: Split) -> Batch:
        part, length = self.corpus.codes[slice(*self.parts[split])], self.settings.seq_len
        count = max(len(part) - 1, 0) // length
        inputs, targets = (part[shift : shift + count * length].reshape(count, length) for shift in (0, 1))
        batch = Batch(inputs, targets)
        if split == "train" or count <= STREAM_EVALUATION:
            return batch
        return batch.select(np.linspace(0, count - 1, STREAM_EVALUATION).astype(np.int64))

    def finite_set(self, split: Split) -> Batch:
        return self._sets[split]

    def choose_probes(self, batch: Batch) -> Array:
        return np.linspace(0, len(batch) - 1, PROBES).round().astype(np.int64)  # from everywhere in the part

    def baseline(self) -> Baseline:
        split: Split = "validation" if len(self._sets["validation"]) else "test"
        train, batch = self.corpus.codes[slice(*self.parts["train"])], self._sets[split]
        return next_character(train, self._usage, batch, split)

    def explain(self, inputs: Array, targets: Array, length: int, answers: Array) -> Explanation:
        inputs, targets, answers = inputs[:length], targets[:length], answers[:length]
        shown = worth_a_row(self._usage, targets)
        place = np.full(self.output.size, -1)
        place[shown] = np.arange(len(shown))
        stretch = "".join(self.output.names[code] for code in inputs)
        return Explanation(
            kind="symbols",
            title=self._where(stretch),
            verdict=character_verdict(targets, answers),
            correct=None,
            length=length,
            symbols=tuple(stretch),
            class_names=tuple(visible(self.output.names[code]) for code in shown),
            probabilities=answers[:, shown],
            target_classes=place[targets],
        )

    def _where(self, stretch: str) -> str:
        start = self.corpus.text.find(stretch)
        return self.corpus.title if start < 0 else f"{self.corpus.title}, from character {start + 1:,}"
