"""Japanese Vowels: nine men say the same vowels, and each utterance is to be given to its speaker."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rnn_explorer.settings import setting
from rnn_explorer.tasks import files
from rnn_explorer.tasks.base import TASKS, Baseline, Batch, BenchmarkRow, InputSpec, Metric, OutputSpec, TaskSettings
from rnn_explorer.tasks.labeled_pool import PoolTask
from rnn_explorer.tasks.memoryless import LogisticRegression, last_steps, of_probabilities
from rnn_explorer.tasks.verdicts import class_verdict
from rnn_explorer.trace import Array, Explanation

CHANNELS = 12  # cepstrum coefficients
NAMES = tuple(f"speaker {number}" for number in range(1, 10))
POOL = 270  # utterances that are not test utterances


@functools.lru_cache(maxsize=1)
def _utterances() -> Batch:
    """All 640 as they are in the file, padded with zeros to the longest."""
    shipped = files.arrays("vowels")
    lengths = shipped["lengths"].astype(np.int64)
    real = np.arange(lengths.max())[None, :] < lengths[:, None]  # (utterances, time)
    padded = np.zeros((*real.shape, CHANNELS), dtype=np.float32)
    padded[real] = shipped["frames"]
    return Batch(padded, shipped["labels"].astype(np.int64), lengths)


@dataclass(frozen=True)
class VowelsSettings(TaskSettings):
    """How many utterances there are."""

    train_size: int = setting(
        POOL, low=10, high=POOL, unit="utterances", log=True, label="Training set size",
        help="Fewer utterances are learned by heart: watch the two loss curves part. "
        "The validation share is taken first, so the largest value means all.",
    )  # fmt: skip

    @property
    def does(self) -> str:
        return "hears two vowels, 12 numbers per time step, then names which of nine men speaks"


@TASKS.register("vowels")
class Vowels(PoolTask):
    """Who is speaking? Nine men say the vowels a and e in one breath.

    Inputs: (batch, 29, 12), the cepstrum of one stretch of sound a step, each coefficient in standard deviations from
    its mean over the real steps of the training set; 7 to 29 steps, padded with 0, with the length of each utterance.
    Targets: (batch,) the speaker. The 370 utterances of the source's test file are always the test set; its 270
    training utterances, 30 a speaker, are cut into training and validation set.
    """

    key = "vowels"
    title = "Japanese vowels"
    order = 30
    summary = "Hear two vowels as 7 to 29 time steps of 12 numbers and say which of nine men speaks."
    teaches = "Measured signals of varying length: padding, lengths and normalization."
    reading_guide = (
        "Each time step shows the network 12 numbers, the shape of the sound's spectrum in a stretch of a few "
        "milliseconds; the rows of the picture are the time steps from top to bottom. Utterances differ in length, "
        "so the answer is read at each one's own last time step and what comes after it is padding. The "
        "probabilities after each time step say what it would answer if the man fell silent there: often he is known "
        "within a few time steps. In the picture of hidden states, the paths of the nine speakers part. With only "
        "216 utterances to train on it soon knows those by heart, while a few of the others stay wrong. The line on "
        "the loss curve is hard to beat: one time step alone tells most speakers apart, and memory wins only the "
        "last few percent."
    )
    source = files.source("vowels")
    settings_class = VowelsSettings
    metric = Metric("accuracy")
    defaults: ClassVar[Mapping[str, Any]] = {
        "cell": "gru", "hidden_size": 32, "learning_rate": 3e-3, "batch_size": 32, "epochs": 40,
    }  # fmt: skip
    benchmarks = (BenchmarkRow("", {"rnn": ".92", "lstm": ".94", "gru": ".965"}),)
    settings: VowelsSettings

    def __init__(self, settings: VowelsSettings, seed: int, val_split: float) -> None:
        super().__init__(settings, seed, val_split)
        frames = _frames(self._sets["train"])
        self.mean, self.scale = frames.mean(axis=0), frames.std(axis=0)  # (channels,) each
        self._sets = {split: self._normalized(batch) for split, batch in self._sets.items()}

    def pool(self) -> Batch:
        self.input = InputSpec("values", CHANNELS, tuple(f"coefficient {number + 1}" for number in range(CHANNELS)))
        self.output = OutputSpec("classes", len(NAMES), NAMES)
        return _utterances()

    def test_rows(self, pool: Batch) -> Array:
        return files.arrays("vowels")["is_test"]

    def _normalized(self, batch: Batch) -> Batch:
        values = (batch.inputs - self.mean) / self.scale
        return Batch(values * batch.step_mask()[:, :, None], batch.targets, batch.lengths)  # padding stays 0

    def baseline(self) -> Baseline:
        # The validation set alone is so small that its share of right answers differs by ten percent between seeds.
        held = [self.finite_set("validation"), self.finite_set("test")]
        train = self.finite_set("train")
        last = np.concatenate([last_steps(batch) for batch in held])
        right = np.concatenate([batch.targets for batch in held])
        fitted = LogisticRegression.fit(last_steps(train), train.targets, len(NAMES), last, right)
        return of_probabilities(
            fitted(last),
            right,
            f"is {fitted.words('the last time step')}, fitted to the training set and measured on the validation and "
            "test sets together",
        )

    def explain(self, inputs: Array, targets: Array, length: int, answers: Array) -> Explanation:
        target = int(targets)
        verdict, correct = class_verdict(answers[length - 1], target, NAMES, f"it is {NAMES[target]}")
        steps = np.repeat(np.arange(length)[:, None], CHANNELS, axis=1)
        return Explanation(
            kind="image",
            title=f"{NAMES[target]}, {length} time steps",
            verdict=verdict,
            correct=correct,
            length=length,
            image=inputs[:length],
            image_steps=steps,
            class_names=NAMES,
            probabilities=answers[:length],
            target_class=target,
        )


def _frames(batch: Batch) -> Array:
    """(real steps, channels) of all sequences together."""
    return batch.inputs[batch.step_mask()]
