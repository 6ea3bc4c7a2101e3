"""Handwritten digits, read row by row: the reference program."""

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

SIDE = 8  # pixels
DARKEST = 16
POOL = 1442  # images that are not test images
NAMES = tuple("0123456789")


@functools.lru_cache(maxsize=2)
def _pool(pixels: bool) -> Batch:
    shipped = files.arrays("digits")
    images = shipped["images"].astype(np.float32) / DARKEST  # (images, 8, 8)
    labels = shipped["labels"].astype(np.int64)
    return Batch(images.reshape(-1, SIDE * SIDE, 1) if pixels else images, labels)


@dataclass(frozen=True)
class DigitsSettings(TaskSettings):
    """How an image becomes a sequence, and how many there are."""

    pixels: bool = setting(
        False, label="One pixel per time step",
        help="Off: 8 time steps, one row of 8 pixels each. On: 64 time steps, one pixel each, which asks for a "
        "longer memory.",
    )  # fmt: skip
    train_size: int = setting(
        POOL, low=10, high=POOL, unit="images", log=True, label="Training set size",
        help="Fewer images are learned by heart: watch the two loss curves part. "
        "The validation share is taken first, so the largest value means all.",
    )  # fmt: skip

    @property
    def does(self) -> str:
        return f"reads an 8 × 8 digit one {'pixel' if self.pixels else 'row'} per time step, then names it"


@TASKS.register("digits")
class Digits(PoolTask):
    """Which digit is it? 8 x 8 images of handwriting, read from top to bottom.

    Inputs: (batch, 8, 8), one row of ink from 0 to 1 a step, or (batch, 64, 1), one pixel a step.
    Targets: (batch,) the digit. 1797 images, of which 355 are always the test set.
    """

    key = "digits"
    title = "Handwritten digits"
    order = 10
    summary = "Read an 8 x 8 image of a handwritten digit, a row or a pixel at a time, and say which digit it is."
    teaches = "Sequence classification: the hidden state gathers evidence, and the last one decides."
    reading_guide = (
        "Each time step shows the network one row of the image, from the top (or one pixel, in reading order). "
        "The probabilities after each row say what it would answer if the image ended there: after the first rows it "
        "wavers between digits with like tops, and it should settle as the rows that tell them apart come in. "
        "In the picture of hidden states, paths that start together part into one region for each digit."
    )
    source = files.source("digits")
    settings_class = DigitsSettings
    metric = Metric("accuracy")
    why_memory = (
        "The last row of ink alone is right in about half of the cases, and the last pixel alone, which is nearly "
        "always blank, tells next to nothing; the rest must be carried from what came before."
    )
    defaults: ClassVar[Mapping[str, Any]] = {
        "cell": "rnn", "nonlinearity": "relu", "hidden_size": 128, "dense": (64, 32), "dense_activation": "relu",
        "init": "keras", "optimizer": "adam", "learning_rate": 1e-3, "batch_size": 32, "clip_norm": 0.0,
        "epochs": 10, "steps": 0, "val_split": 0.2,
    }  # fmt: skip
    benchmarks = (
        BenchmarkRow("", {"rnn": ".961 (relu)", "lstm": ".917", "gru": ".944"}),
        BenchmarkRow("pixels=true"),
    )
    settings: DigitsSettings

    def pool(self) -> Batch:
        if self.settings.pixels:
            self.input = InputSpec("values", 1, ("ink",))
        else:
            self.input = InputSpec("values", SIDE, tuple(f"column {column + 1}" for column in range(SIDE)))
        self.output = OutputSpec("classes", len(NAMES), NAMES)
        return _pool(self.settings.pixels)

    def baseline(self) -> Baseline:
        train, (judged, split) = self.finite_set("train"), self.judged_set()
        training, last = last_steps(train), last_steps(judged)
        fitted = LogisticRegression.fit(training, train.targets, len(NAMES), last, judged.targets)
        of = "the last pixel" if self.settings.pixels else "the last row"
        return of_probabilities(
            fitted(last),
            judged.targets,
            f"is {fitted.words(of)}, fitted to the training set and measured on the {split} set",
        )

    def explain(self, inputs: Array, targets: Array, length: int, answers: Array) -> Explanation:
        target = int(targets)
        a_digit = f"an {NAMES[target]}" if target == 8 else f"a {NAMES[target]}"
        verdict, correct = class_verdict(answers[length - 1], target, NAMES, f"it is {a_digit}")
        cells = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
        return Explanation(
            kind="image",
            title=a_digit,
            verdict=verdict,
            correct=correct,
            length=length,
            image=inputs.reshape(SIDE, SIDE),
            image_steps=cells if self.settings.pixels else cells // SIDE,
            class_names=NAMES,
            probabilities=answers[:length],
            target_class=target,
        )
