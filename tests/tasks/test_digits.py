"""The reference program's task."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks import files
from rnn_explorer.tasks.digits import POOL, Digits


def make(**changes: object) -> Digits:
    task = Experiment.default("digits").replace(**changes).make_task()
    assert isinstance(task, Digits)
    return task


def test_the_defaults_are_the_reference_program() -> None:
    values = Experiment.default("digits").values()
    told = {
        "cell": "rnn", "nonlinearity": "relu", "hidden_size": 128, "num_layers": 1, "dense": (64, 32),
        "dense_activation": "relu", "init": "keras", "optimizer": "adam", "learning_rate": 1e-3, "batch_size": 32,
        "epochs": 10, "steps": 0, "val_split": 0.2, "pixels": False,
    }  # fmt: skip
    assert {name: values[name] for name in told} == told


def test_the_largest_training_size_means_all() -> None:
    assert make(val_split=0.0).train_size == POOL
    assert make(train_size=10).train_size == 10


def test_pixels_are_the_rows_in_reading_order_and_ink_is_0_to_1() -> None:
    rows, pixels = make().finite_set("test"), make(pixels=True).finite_set("test")
    assert rows.inputs.shape[1:] == (8, 8) and pixels.inputs.shape[1:] == (64, 1)
    assert np.array_equal(rows.inputs.reshape(-1, 64), pixels.inputs.reshape(-1, 64))
    assert np.array_equal(rows.targets, pixels.targets)
    assert (float(rows.inputs.min()), float(rows.inputs.max())) == (0.0, 1.0)


def test_every_image_keeps_its_label() -> None:
    shipped = files.arrays("digits")
    label_of = {image.tobytes(): label for image, label in zip(shipped["images"], shipped["labels"], strict=True)}
    batch = make().finite_set("train")
    for image, label in zip(batch.inputs, batch.targets, strict=True):
        assert label_of[np.rint(image * 16).astype(np.uint8).tobytes()] == label


def prior(task: Digits) -> tuple[float, float]:
    """Loss and accuracy of the training set's class frequencies on the validation set."""
    counts, judged = Counter(task.finite_set("train").targets.tolist()), task.finite_set("validation").targets.tolist()
    total, best = sum(counts.values()), counts.most_common(1)[0][0]
    return -sum(math.log(counts[digit] / total) for digit in judged) / len(judged), judged.count(best) / len(judged)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_last_row_alone_is_right_in_about_half_of_the_cases(seed: int) -> None:
    task = make(seed=seed)
    baseline, (loss, accuracy) = task.baseline(), prior(task)
    assert baseline.metric > accuracy + 0.3 and baseline.loss < loss - 0.8
    assert 0.45 < baseline.metric < 0.65
    assert "logistic regression on the last row" in baseline.how and "validation set" in baseline.how
    assert make(seed=seed, train_size=50).baseline().loss < loss, "few images are not overrated"


def test_the_last_pixel_alone_says_little() -> None:
    task = make(pixels=True)
    baseline, (loss, _) = task.baseline(), prior(task)
    assert loss - 0.1 < baseline.loss < loss and "last pixel" in baseline.how


def test_the_baseline_sees_the_last_row_alone() -> None:
    task = make()
    before = task.baseline()
    for split in ("train", "validation"):
        task.finite_set(split).inputs[:, :-1] = 0.0
    assert task.baseline() == before


def test_explanation_of_a_seven_and_an_eight() -> None:
    task = make()
    test = task.finite_set("test")
    said = np.full((8, 10), 0.02 / 9)
    said[:, 7] = 0.98
    for digit, title, verdict in ((7, "a 7", "says 7 (98 %), it is a 7"), (8, "an 8", "says 7 (98 %), it is an 8")):
        row = int(np.flatnonzero(test.targets == digit)[0])
        told = task.explain(test.inputs[row], test.targets[row], 8, said)
        assert (told.title, told.verdict, told.correct) == (title, verdict, digit == 7)
        assert np.array_equal(told.image, test.inputs[row])
        assert told.image_steps[:, 3].tolist() == list(range(8))


def test_each_pixel_has_its_own_step() -> None:
    task = make(pixels=True)
    probe = task.probe()
    told = task.explain(probe.inputs[0], probe.targets[0], 64, np.full((64, 10), 0.1))
    assert told.image_steps.ravel().tolist() == list(range(64))
    assert told.image.ravel().tolist() == probe.inputs[0, :, 0].tolist()
