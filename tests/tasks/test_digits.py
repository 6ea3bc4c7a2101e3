"""The reference program's task."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

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


def test_baseline_by_counting() -> None:
    task = make()
    counts = Counter(task.finite_set("validation").targets.tolist())
    total = sum(counts.values())
    baseline = task.baseline()
    assert math.isclose(baseline.loss, sum(-n / total * math.log(n / total) for n in counts.values()), rel_tol=1e-12)
    assert math.isclose(baseline.metric, max(counts.values()) / total)
    assert 0.1 < baseline.metric < 0.2 and baseline.loss < math.log(10)


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
