"""Surnames, read letter by letter, and the language each comes from."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rnn_explorer.readable import visible
from rnn_explorer.settings import setting
from rnn_explorer.tasks import files
from rnn_explorer.tasks.base import TASKS, Baseline, Batch, BenchmarkRow, InputSpec, Metric, OutputSpec, TaskSettings
from rnn_explorer.tasks.labeled_pool import PoolTask
from rnn_explorer.tasks.memoryless import frequencies, last_steps, of_probabilities
from rnn_explorer.tasks.verdicts import class_verdict
from rnn_explorer.trace import Array, Explanation

LANGUAGES = {
    "hr": "Croatian", "nl": "Dutch", "en": "English", "fi": "Finnish", "fr": "French",
    "de": "German", "ga": "Irish", "it": "Italian", "es": "Spanish", "zu": "Zulu",
}  # fmt: skip
NAMES = tuple(LANGUAGES.values())
LONGEST = 16  # letters
PADDING = 0  # the symbol after a name's end
POOL = 6952  # names that are not test names


@dataclass(frozen=True)
class _Surnames:
    """Every name as symbols: `alphabet` names them, `spelled` gives a name back with its capitals."""

    batch: Batch
    alphabet: tuple[str, ...]
    spelled: dict[str, str]


@functools.lru_cache(maxsize=1)
def _surnames() -> _Surnames:
    shipped = files.columns("surnames")
    lower = [name.lower() for name in shipped["name"]]
    alphabet = ("", *sorted(set("".join(lower))))  # accented letters are letters of their own
    code_of = np.zeros(max(map(ord, alphabet[1:])) + 1, dtype=np.int64)  # by code point; 0, after the end, is PADDING
    code_of[[ord(letter) for letter in alphabet[1:]]] = np.arange(1, len(alphabet))
    letters = code_of[np.array(lower, dtype=f"<U{LONGEST}").view("<u4").reshape(len(lower), LONGEST)]
    languages = {language: number for number, language in enumerate(LANGUAGES)}
    batch = Batch(
        inputs=letters,
        targets=np.array([languages[language] for language in shipped["language"]], dtype=np.int64),
        lengths=np.array([len(name) for name in lower], dtype=np.int64),
    )
    return _Surnames(batch, alphabet, dict(zip(lower, shipped["name"], strict=True)))


@dataclass(frozen=True)
class NamesSettings(TaskSettings):
    """How many names there are."""

    train_size: int = setting(
        POOL, low=10, high=POOL, unit="names", log=True, label="Training set size",
        help="Fewer names are learned by heart: watch the two loss curves part. "
        "The validation share is taken first, so the largest value means all.",
    )  # fmt: skip

    @property
    def does(self) -> str:
        return "reads a surname one letter per time step, then names its language"


@TASKS.register("names")
class Names(PoolTask):
    """Which language is this surname from? Ten languages, one letter a step, without regard to case.

    Inputs: (batch, 16) symbols, padded with 0, with the length of each name. Targets: (batch,) the language.
    8686 names of 2 to 16 letters, of which 1734 are always the test set; a name that two of the languages share has
    been left out.
    """

    key = "names"
    title = "Surnames"
    order = 20
    summary = "Read a surname letter by letter and say which of ten languages it comes from."
    teaches = "Text of varying length, embeddings, and overfitting."
    reading_guide = (
        "Each time step shows the network one letter. The probabilities after each letter say what it would answer "
        "if the name ended there: see which letters change its mind, and that many languages "
        "show at the end (-nen, -ić). "
        "Trained for long, the loss on training names goes on falling while that on validation names turns and "
        "rises: it learns names by heart, and becomes too sure of its mistakes. More dropout, weight decay, fewer "
        "units or an earlier stop help."
    )
    source = files.source("surnames")
    settings_class = NamesSettings
    metric = Metric("accuracy")
    why_memory = (
        "Without memory only the last letter is there when the name ends, and this predictor knows how often each "
        "language has it. To do better, a network must carry earlier letters forward."
    )
    symbols = True
    defaults: ClassVar[Mapping[str, Any]] = {
        "cell": "lstm", "hidden_size": 64, "embedding": 16, "learning_rate": 3e-3, "batch_size": 32, "epochs": 20,
    }  # fmt: skip
    benchmarks = (BenchmarkRow("", {"lstm": "val loss .91, then 2.3 as train accuracy nears .99"}),)

    def pool(self) -> Batch:
        alphabet = _surnames().alphabet
        self.input = InputSpec("symbols", len(alphabet), alphabet)
        self.output = OutputSpec("classes", len(NAMES), NAMES)
        return _surnames().batch

    def baseline(self) -> Baseline:
        train, (judged, split) = self.finite_set("train"), self.judged_set()
        prior = np.ones((self.input.size, len(NAMES)))  # one name more than were seen, so none is impossible
        shares = frequencies(last_steps(train), train.targets, prior)  # (letters, languages)
        return of_probabilities(
            shares[last_steps(judged)],
            judged.targets,
            f"knows the last letter alone: how often training names with that letter at the end are of each "
            f"language, measured on the {split} set",
        )

    def explain(self, inputs: Array, targets: Array, length: int, answers: Array) -> Explanation:
        letters = tuple(self.input.names[letter] for letter in inputs[:length])
        name, target = "".join(letters), int(targets)
        verdict, correct = class_verdict(answers[length - 1], target, NAMES, f"it is {NAMES[target]}")
        return Explanation(
            kind="symbols",
            title=_surnames().spelled.get(name, name),
            verdict=verdict,
            correct=correct,
            length=length,
            symbols=tuple(visible(letter) for letter in letters),
            class_names=NAMES,
            probabilities=answers[:length],
            target_class=target,
        )
