"""The question to a text of one's own which character comes next."""

from __future__ import annotations

import functools

import numpy as np

from rnn_explorer.readable import counted, visible
from rnn_explorer.tasks.base import PROBES, STREAM_EVALUATION, Baseline, Batch, InputSpec, Metric, OutputSpec, Split
from rnn_explorer.tasks.characters import character_verdict, worth_a_row
from rnn_explorer.tasks.memoryless import next_character
from rnn_explorer.tasks.splits import split_in_order
from rnn_explorer.tasks.user_data.alphabet import Alphabet
from rnn_explorer.tasks.user_data.limits import DataError
from rnn_explorer.tasks.user_data.splits import TEST_SHARE, PartsTask, Stretches, evenly, refused, stride
from rnn_explorer.tasks.user_data.text_settings import SHORTEST, OwnTextSettings, text_of
from rnn_explorer.trace import Array, Explanation


class TextCharacters(PartsTask):
    """Which character comes next? See `OwnText`."""

    key = "own_text"
    metric = Metric("accuracy")
    settings: OwnTextSettings

    def __init__(self, settings: OwnTextSettings, seed: int, val_split: float) -> None:
        super().__init__(settings, seed, val_split)
        content = text_of(settings.data).content
        parts = self._cut(len(content))
        training = content[slice(*parts["train"])]
        try:
            alphabet = Alphabet.of(training, content, padded=False)
        except DataError as error:
            raise refused("data", settings.data, error) from None
        self.codes, size = alphabet.codes(content), len(alphabet.names)
        if size < 2:
            raise refused("data", settings.data, "The training part of the text is one character over and over.")
        self.input = InputSpec("symbols", size, alphabet.names)
        self.output = OutputSpec("classes_per_step", size, alphabet.names)
        self.stretches = {split: self._windows(split, *parts[split]) for split in parts}
        self.train_part = parts["train"]
        self._usage = np.bincount(self.codes[slice(*parts["train"])], minlength=size)
        self.notes = alphabet.notes

    def _cut(self, count: int) -> dict[Split, tuple[int, int]]:
        length = self.settings.seq_len
        if count < 3 * (length + PROBES):
            fits = count // 3 - PROBES
            hint = (
                f"Choose a sequence length (seq_len) of at most {fits}, or bring a longer text."
                if fits >= SHORTEST
                else f"That is too short; bring {3 * (SHORTEST + PROBES)} characters at least, and better thousands."
            )
            field, value = ("seq_len", length) if fits >= SHORTEST else ("data", self.settings.data)
            raise refused(
                field,
                value,
                f"The text has {counted(count, 'character')}, and sequences of {length} need {3 * (length + PROBES)}, "
                f"for a training, a validation and a test part. {hint}",
            )
        return split_in_order(count, length + PROBES, self.val_split, TEST_SHARE)

    def _windows(self, split: Split, begin: int, end: int) -> Stretches:
        """A window has a character more than the inputs, for the last target."""
        length = self.settings.seq_len
        starts = np.arange(begin, max(end - length, begin), stride(end - begin, length) if split == "train" else 1)
        if split != "train":
            starts = evenly(starts, STREAM_EVALUATION)
        return Stretches.of([starts], [np.full(len(starts), length + 1)])

    def made(self, split: Split, stretches: Stretches) -> Batch:
        windows = stretches.gather(self.codes, self.settings.seq_len + 1).astype(np.int64)  # (batch, seq_len + 1)
        return Batch(windows[:, :-1], windows[:, 1:])

    def choose_probes(self, batch: Batch) -> Array:
        return np.linspace(0, len(batch) - 1, PROBES).round().astype(np.int64)  # from everywhere in the part

    def baseline(self) -> Baseline:
        batch, split = self.judged()
        train = self.codes[slice(*self.train_part)].astype(np.int64)
        return next_character(train, self._usage, batch, split)

    def explain(self, inputs: Array, targets: Array, length: int, answers: Array) -> Explanation:
        inputs, targets, answers = inputs[:length], targets[:length], answers[:length]
        shown = worth_a_row(self._usage, targets)
        place = np.full(self.output.size, -1)
        place[shown] = np.arange(len(shown))
        names = self.output.names
        return Explanation(
            kind="symbols",
            title=self._where(inputs),
            verdict=character_verdict(targets, answers),
            correct=None,
            length=length,
            symbols=tuple(visible(names[code]) for code in inputs),
            class_names=tuple(visible(names[code]) for code in shown),
            probabilities=answers[:, shown],
            target_classes=place[targets],
        )

    def _where(self, inputs: Array) -> str:
        start = self._places.get(inputs.tobytes())
        return "a stretch of the text" if start is None else f"from character {start + 1:,}"

    @functools.cached_property
    def _places(self) -> dict[bytes, int]:
        """Where each judged stretch starts, by its bytes."""
        return {
            window.tobytes(): int(start)
            for split in ("validation", "test")
            for window, start in zip(self.finite_set(split).inputs, self.stretches[split].starts, strict=True)
        }
