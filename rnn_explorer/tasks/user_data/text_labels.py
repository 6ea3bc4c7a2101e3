"""The question to labeled lines of one's own which label a line has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from rnn_explorer.readable import counted, visible
from rnn_explorer.tasks.base import Baseline, Batch, InputSpec, Metric, OutputSpec, Split
from rnn_explorer.tasks.memoryless import frequencies, last_steps, of_probabilities
from rnn_explorer.tasks.user_data.alphabet import Alphabet
from rnn_explorer.tasks.user_data.column import check_classes
from rnn_explorer.tasks.user_data.limits import DataError, be, quoted
from rnn_explorer.tasks.user_data.splits import PartsTask, Stretches, refused, split_by_item
from rnn_explorer.tasks.user_data.text_settings import OwnTextSettings, text_of
from rnn_explorer.tasks.verdicts import class_verdict
from rnn_explorer.trace import Array, Explanation

FEWEST = 3  # lines of a class: one for each part


class TextLabels(PartsTask):
    """Which label has this text? See `OwnText`."""

    key = "own_text"
    metric = Metric("accuracy")
    settings: OwnTextSettings

    def __init__(self, settings: OwnTextSettings, seed: int, val_split: float) -> None:
        super().__init__(settings, seed, val_split)
        try:
            pairs, repeated = text_of(settings.data).pairs()
            self.classes = tuple(dict.fromkeys(label for label, _ in pairs))
            check_classes(self.classes, "The first part of each line")
            texts = [text[: settings.seq_len] for _, text in pairs]
            kinds = self._kinds([label for label, _ in pairs])
            parts = self._parts(kinds)
            training = "".join(texts[item] for item in parts["train"])
            alphabet = Alphabet.of(training, "".join(texts), padded=True)
        except DataError as error:
            raise refused("data" if settings.data else "kind", settings.data, error) from None
        self.codes = alphabet.codes("".join(texts))
        sizes = np.array([len(text) for text in texts])
        begins = np.cumsum(sizes) - sizes
        self.kind_at = np.repeat(kinds, sizes)  # by position in `codes`
        self.stretches = {split: Stretches.of([begins[n]], [sizes[n]]) for split, n in parts.items()}
        self.time = int(sizes.max())
        self.input = InputSpec("symbols", len(alphabet.names), alphabet.names)
        self.output = OutputSpec("classes", len(self.classes), self.classes)
        cut_off = sum(len(text) > settings.seq_len for _, text in pairs)
        self.notes = (*alphabet.notes, *_line_notes(repeated, cut_off, settings.seq_len), *_doubled(pairs))

    def _kinds(self, labels: Sequence[str]) -> Array:
        counts = Counter(labels)
        rarest = min(counts, key=lambda label: counts[label])
        if counts[rarest] < FEWEST:
            raise DataError(
                f"The label {quoted(rarest)} has {counted(counts[rarest], 'line')} only; every label needs at least "
                f"{FEWEST} different ones, to train, to validate and to test. Bring more, or leave it out."
            )
        places = {label: place for place, label in enumerate(self.classes)}
        return np.array([places[label] for label in labels], dtype=np.int64)

    def _parts(self, kinds: Array) -> dict[Split, Array]:
        ones = np.ones(len(kinds), dtype=np.int64)
        parts = split_by_item(kinds, ones, self.val_split, self.generator("validation", 0))
        if parts is None:
            raise DataError(
                f"There are too few lines ({len(kinds)} different ones of {len(self.classes)} labels) to train on "
                "every label and to judge on others; bring more, or merge labels."
            )
        return parts

    def made(self, split: Split, stretches: Stretches) -> Batch:
        inputs = stretches.gather(self.codes, self.time).astype(np.int64)  # (batch, time)
        return Batch(inputs, self.kind_at[stretches.starts], stretches.lengths)

    def baseline(self) -> Baseline:
        (batch, split), train = self.judged(), self.stretches["train"]
        prior = np.ones((self.input.size, len(self.classes)))  # one text more than were seen, so none is impossible
        last = self.codes[train.starts + train.lengths - 1].astype(np.int64)
        shares = frequencies(last, self.kind_at[train.starts], prior)  # (characters, labels)
        return of_probabilities(
            shares[last_steps(batch)],
            batch.targets,
            "knows the last character alone: how often training texts with that character at the end have each "
            f"label, measured on the {split} set",
        )

    def explain(self, inputs: Array, targets: Array, length: int, answers: Array) -> Explanation:
        letters, target = [self.input.names[code] for code in inputs[:length]], int(targets)
        truth = f"it is {self.classes[target]}"
        verdict, correct = class_verdict(answers[length - 1], target, self.classes, truth)
        return Explanation(
            kind="symbols",
            title="".join(letters),
            verdict=verdict,
            correct=correct,
            length=length,
            symbols=tuple(visible(letter) for letter in letters),
            class_names=self.classes,
            probabilities=answers[:length],
            target_class=target,
        )


def _line_notes(repeated: int, cut_off: int, seq_len: int) -> list[str]:
    notes = [f"{counted(repeated, 'repeated line')} {be(repeated)} left out."] if repeated else []
    if cut_off:
        notes.append(f"{counted(cut_off, 'text')} {be(cut_off)} cut off after {seq_len} characters.")
    return notes


def _doubled(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """What is to be said of texts that stand under more than one label.

    Args:
        pairs: (label, text) of each different line.
    """
    labels: dict[str, list[str]] = {}
    for label, text in pairs:
        labels.setdefault(text, []).append(label)
    doubled = [text for text, found in labels.items() if len(found) > 1]
    if not doubled:
        return []
    one, other, *_ = labels[doubled[0]]
    stand = f"{counted(len(doubled), 'text')} {'stands' if len(doubled) == 1 else 'stand'} under more than one label"
    return [
        f"{stand} ({quoted(doubled[0])} under {quoted(one)} and {quoted(other)}), so no model can be right about every "
        "line, and a text may be in the training and in the test part; correct them, if that was not meant."
    ]
