"""The user's own text: the next character of it, or the label of each line."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rnn_explorer.readable import counted, number, visible
from rnn_explorer.settings import setting
from rnn_explorer.tasks import files
from rnn_explorer.tasks.base import (
    PROBES,
    TASKS,
    Baseline,
    Batch,
    InputSpec,
    Metric,
    OutputSpec,
    Source,
    Split,
    Task,
    TaskSettings,
)
from rnn_explorer.tasks.memoryless import frequencies, last_steps, next_character, of_probabilities
from rnn_explorer.tasks.names import LANGUAGES
from rnn_explorer.tasks.splits import split_in_order
from rnn_explorer.tasks.user_data.csv_file import check_classes
from rnn_explorer.tasks.user_data.limits import DataError, be, quoted
from rnn_explorer.tasks.user_data.splits import (
    TEST_SHARE,
    OwnTask,
    PartsTask,
    Stretches,
    evenly,
    refused,
    split_by_item,
    stride,
    uploaded,
)
from rnn_explorer.tasks.user_data.text_file import Text
from rnn_explorer.tasks.verdicts import class_verdict
from rnn_explorer.trace import Array, Explanation

MAX_SYMBOLS = 100  # different characters that a model tells apart
OTHER = "□"  # stands for every character that is not one of them
MOST_OTHER = 0.1  # share of the characters that may be shown as it
SHORTEST, LONGEST = 8, 200  # characters of a sequence
FEWEST = 3  # lines of a class: one for each part
MOST_JUDGED = 256  # stretches of a text
ROWS = 24  # characters whose probabilities are shown with a sequence


@dataclass(frozen=True)
class OwnTextSettings(TaskSettings):
    """Which text, and what is asked of it."""

    data: str = setting(
        "", longest=64, label="Uploaded data",
        help="The name under which an upload is kept on this server; empty for the example, lines of a language, a "
        "tab and a surname.",
    )  # fmt: skip
    kind: str = setting(
        "characters", choices=("characters", "labels"), label="Question",
        help="characters: the next character of the text. labels: the label of a line, where every line is a label, "
        "a tab and a text.",
    )  # fmt: skip
    seq_len: int = setting(
        48, low=SHORTEST, high=LONGEST, unit="characters", log=True, label="Sequence length",
        help="Characters in a sequence. A labeled text that is longer is cut off there.",
    )  # fmt: skip

    @property
    def does(self) -> str:
        if self.kind == "characters":
            text = "a text of yours" if self.data else "a list of surnames"
            return f"reads {text} one character per time step and each time names the next"
        line, label = ("a line", "label") if self.data else ("a surname", "language")
        return f"reads {line} one character per time step, then names its {label}"

    @property
    def private(self) -> bool:
        return bool(self.data)


@TASKS.register("own_text")
class OwnText(OwnTask):
    """The user's text: which character comes next, or which label has this line?

    Characters. Inputs: (batch, seq_len) symbols, a stretch of the text. Targets: (batch, seq_len) symbols, the same one
    character later; every step counts. The text is cut into a training, a validation and a test part, which follow each
    other; the test part is the last 20 %. Validation and test show at most 256 stretches, evenly spaced.

    Labels. Inputs: (batch, time) symbols, padded with 0 at the end, with the length of each text. Targets: (batch,) the
    label. A line that comes twice counts once; the labels are shared out to the parts by their shares.

    Either way the characters are those of the training part, at most 100; all others are one symbol.
    Without an upload the data are lines of a language, a tab and a surname.
    """

    key = "own_text"
    title = "Your own text"
    summary = "Bring a text: learn to write like it, or to tell the label of each of its lines."
    teaches = "What a recurrent network can make of your text, against a predictor that knows one character."
    reading_guide = (
        "Each time step shows the network one character. For a model of the characters, its answer is a probability "
        "for each character that may come next: first it learns which are frequent, then pairs, endings and short "
        "words. The line on the loss curve knows the present character alone; the loss is in nats a character, and e "
        "to its power is the number of equally likely characters that would be as hard to guess. For labeled lines, "
        "the probabilities after each character say what it would answer if the line ended there, and the line on "
        "the loss curve knows the last character alone. A short text is soon learned by heart: watch the two loss "
        "curves part."
    )
    source = Source(
        citation=f"your own file; the example: {files.source('surnames').citation}",
        license=f"yours, and it stays with you; the example: {files.source('surnames').license}",
        url=files.source("surnames").url,
    )
    settings_class = OwnTextSettings
    metric = Metric("accuracy")
    symbols = True
    reveals_future = True
    defaults: ClassVar[Mapping[str, Any]] = {
        "cell": "lstm", "hidden_size": 64, "embedding": 16, "learning_rate": 5e-3, "batch_size": 32, "steps": 1000,
    }  # fmt: skip
    settings: OwnTextSettings

    @classmethod
    def reveals(cls, settings: TaskSettings) -> bool:
        return isinstance(settings, OwnTextSettings) and settings.kind == "characters"

    def chosen(self) -> Task:
        kind = _Characters if self.settings.kind == "characters" else _Labels
        return kind(self.settings, self.seed, self.val_split)


@functools.lru_cache(maxsize=1)
def example() -> Text:
    """Lines of a language, a tab and a surname, in an order drawn once and for all."""
    table = files.columns("surnames")
    order = np.random.default_rng(0).permutation(len(table["name"])).tolist()
    lines = (f"{LANGUAGES[table['language'][n]]}\t{table['name'][n]}\n" for n in order)
    return Text("surnames", "".join(lines), "labels")


def text_of(token: str) -> Text:
    """The uploaded text, or the example where the token is "".

    Raises:
        SettingError: where it is gone, or is a table.
    """
    if not token:
        return example()
    found = uploaded(token)
    if not isinstance(found, Text):
        raise refused("data", token, "The upload is a table, not a text; choose the task for your own series.")
    return found


@dataclass(frozen=True)
class Alphabet:
    """The characters that a model tells apart.

    Attributes:
        names: of each symbol; the first is "" for padding where there is padding, the last `OTHER` where it is needed.
        notes: remarks.
    """

    names: tuple[str, ...]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, training: str, whole: str, padded: bool) -> Alphabet:
        """The commonest characters of the training part.

        Raises:
            DataError: where these are too few of all.
        """
        counts, everywhere = Counter(training), Counter(whole)
        room = MAX_SYMBOLS - padded
        needed = len(counts) > room or not set(everywhere) <= set(counts) or OTHER in counts
        counts.pop(OTHER, None)
        known = [letter for letter, _ in counts.most_common(room - needed)]
        lost = everywhere.total() - sum(everywhere[letter] for letter in known)
        share = f"{100 * lost / everywhere.total():.2g} %"
        if lost > MOST_OTHER * everywhere.total():
            raise DataError(
                f"The text has {len(everywhere):,} different characters, of which a model here tells {MAX_SYMBOLS} "
                f"apart, so it would not know {share} of the text; bring one in an alphabet with fewer."
                if len(counts) > room
                else f"Of the text, {share} are characters that do not occur in its training part; bring a longer one, "
                "or one that is more of a piece."
            )
        names = ("",) * padded + tuple(sorted(known)) + (OTHER,) * needed
        what = f"{counted(lost, 'character')} of the text ({share})"
        told = f"{what} {be(lost)} rare or not in the training part, and read as {OTHER}."
        return cls(names, (told,) if lost else ())

    def codes(self, text: str) -> Array:
        """(characters,) uint8: the symbol of each character."""
        points = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
        found = np.full(0x110000, len(self.names) - 1, dtype=np.uint8)  # by code point; the last symbol is `OTHER`
        for code, name in enumerate(self.names):
            if name:
                found[ord(name)] = code
        return found[points]


# -- characters -------------------------------------------------------------------------------------------------


class _Characters(PartsTask):
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
            starts = evenly(starts, MOST_JUDGED)
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
        shown = self._shown(targets)
        place = np.full(self.output.size, -1)
        place[shown] = np.arange(len(shown))
        names = self.output.names
        return Explanation(
            kind="symbols",
            title=self._where(inputs),
            verdict=_character_verdict(targets, answers),
            correct=None,
            length=length,
            symbols=tuple(visible(names[code]) for code in inputs),
            class_names=tuple(visible(names[code]) for code in shown),
            probabilities=answers[:, shown],
            target_classes=place[targets],
        )

    def _shown(self, targets: Array) -> Array:
        """The characters whose probabilities are worth a row: those that come, then others, the most used first."""
        order = np.argsort(-self._usage, kind="stable")
        comes = np.isin(order, targets)
        return order[
            np.sort(np.concatenate([np.flatnonzero(comes), np.flatnonzero(~comes)[: max(ROWS - comes.sum(), 0)]]))
        ]

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


def _character_verdict(targets: Array, answers: Array) -> str:
    if not np.isfinite(answers).all():
        return "has no finite answer"
    said = answers[np.arange(len(targets)), targets]
    right = int((answers.argmax(axis=1) == targets).sum())
    with np.errstate(divide="ignore"):
        loss = abs(float(np.log(said).mean()))
    return f"guesses {right} of {len(targets)} characters; {number(loss)} nats a character"


# -- labels -----------------------------------------------------------------------------------------------------


class _Labels(PartsTask):
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
    told = [f"{counted(repeated, 'repeated line')} {be(repeated)} left out."] if repeated else []
    return told + ([f"{counted(cut_off, 'text')} {be(cut_off)} cut off after {seq_len} characters."] if cut_off else [])


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
    told = f"{counted(len(doubled), 'text')} {'stands' if len(doubled) == 1 else 'stand'} under more than one label"
    return [
        f"{told} ({quoted(doubled[0])} under {quoted(one)} and {quoted(other)}), so no model can be right about every "
        "line, and a text may be in the training and in the test part; correct them, if that was not meant."
    ]


# -- what suits a text ------------------------------------------------------------------------------------------


def suggested(text: Text, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that suit a text, for those that the user has not chosen.

    Args:
        text: the data.
        wanted: settings of the task that have been chosen, by name.

    Returns:
        More of them: the question that the lines look like, and sequences that are short enough.
    """
    found: dict[str, Any] = {} if "kind" in wanted else {"kind": text.kind}
    fits = len(text.content) // 3 - PROBES
    if "seq_len" not in wanted and SHORTEST <= fits < OwnTextSettings.spec("seq_len").default:
        found["seq_len"] = fits
    return found
