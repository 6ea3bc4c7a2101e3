"""Utterances of varying length: the official split, normalization, and the one-step baseline."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks import files
from rnn_explorer.tasks.base import SPLITS, Batch
from rnn_explorer.tasks.memoryless import LogisticRegression
from rnn_explorer.tasks.vowels import NAMES, POOL, Vowels


def make(**changes: object) -> Vowels:
    task = Experiment.default("vowels").replace(**changes).make_task()
    assert isinstance(task, Vowels)
    return task


def real(batch: Batch) -> np.ndarray:
    """(steps, channels): everything that is not padding."""
    pieces = [values[:length] for values, length in zip(batch.inputs, batch.lengths.tolist(), strict=True)]
    return np.concatenate(pieces)


def test_the_test_set_is_the_sources_own_and_nobody_trains_on_it() -> None:
    shipped = files.arrays("vowels")
    for changes in ({}, {"seed": 3, "val_split": 0.5}):
        task = make(**changes)
        tested = task.finite_set("test")
        assert tested.targets.tolist() == shipped["labels"][270:].tolist()
        assert tested.lengths.tolist() == shipped["lengths"][270:].tolist()
    task = make()
    assert [len(task.finite_set(split)) for split in SPLITS] == [216, 54, 370]
    assert make(val_split=0.0).train_size == POOL and make(train_size=20).train_size == 20


def test_normalization_knows_the_training_set_alone() -> None:
    task = make(seed=1)
    values = real(task.finite_set("train")).astype(np.float64)
    assert np.allclose(values.mean(axis=0), 0, atol=1e-4) and np.allclose(values.std(axis=0), 1, atol=1e-4)
    assert np.abs(real(task.finite_set("test")).mean(axis=0)).max() > 0.02, "would be 0 had the test set been used"
    back = real(task.finite_set("test")) * task.scale + task.mean
    frames = files.arrays("vowels")["frames"].astype(np.float64)
    assert np.allclose(back, frames[-len(back) :], atol=1e-5)


def test_padding_is_zero_after_normalization() -> None:
    batch = make().finite_set("train")
    padding = np.arange(29)[None, :] >= batch.lengths[:, None]
    assert padding.any() and (batch.inputs[padding] == 0).all()
    assert (np.abs(batch.inputs[~padding]).sum(axis=1) > 0).all()


def test_the_baseline_is_fitted_to_last_steps_and_measured_on_all_that_was_held_out() -> None:
    task = make(train_size=60)

    def last(batch: Batch) -> np.ndarray:
        return np.stack([values[length - 1] for values, length in zip(batch.inputs, batch.lengths, strict=True)])

    train = task.finite_set("train")
    held = [task.finite_set(split) for split in ("validation", "test")]  # type: ignore[arg-type]
    judged, right = np.concatenate([last(batch) for batch in held]), np.concatenate([batch.targets for batch in held])
    fitted = LogisticRegression.fit(last(train), train.targets, 9, judged, right)
    losses = [-math.log(row[label]) for row, label in zip(fitted(judged), right, strict=True)]
    baseline = task.baseline()
    assert len(losses) == 54 + 370 and baseline.loss == pytest.approx(sum(losses) / len(losses), rel=1e-9)
    assert "logistic regression on the last time step" in baseline.how and not fitted.quadratic


def test_one_step_tells_most_speakers_apart_and_few_utterances_are_not_overrated() -> None:
    assert 0.88 < make().baseline().metric < 0.97
    assert make(train_size=10, val_split=0.5).baseline().loss < math.log(9)


def test_the_picture_has_a_row_for_each_real_step() -> None:
    task = make()
    batch = task.finite_set("test")
    length, speaker = int(batch.lengths[0]), int(batch.targets[0])
    said = np.full((29, 9), 0.05)
    said[:, speaker] = 0.6
    told = task.explain(batch.inputs[0], batch.targets[0], length, said)
    assert told.image.shape == told.image_steps.shape == (length, 12)
    assert told.image_steps[:, 0].tolist() == list(range(length)) and np.ptp(told.image_steps, axis=1).max() == 0
    assert np.array_equal(told.image, batch.inputs[0, :length])
    assert told.title == f"{NAMES[speaker]}, {length} time steps" and told.correct
    assert told.verdict == f"says {NAMES[speaker]} (60 %), it is {NAMES[speaker]}"
