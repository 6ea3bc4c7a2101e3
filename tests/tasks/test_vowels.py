"""Utterances of varying length: the official split, normalisation, and the one-step baseline."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks import files
from rnn_explorer.tasks.base import SPLITS, Batch
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


def test_normalisation_knows_the_training_set_alone() -> None:
    task = make(seed=1)
    values = real(task.finite_set("train")).astype(np.float64)
    assert np.allclose(values.mean(axis=0), 0, atol=1e-4) and np.allclose(values.std(axis=0), 1, atol=1e-4)
    assert np.abs(real(task.finite_set("test")).mean(axis=0)).max() > 0.02, "would be 0 had the test set been used"
    back = real(task.finite_set("test")) * task.scale + task.mean
    frames = files.arrays("vowels")["frames"].astype(np.float64)
    assert np.allclose(back, frames[-len(back) :], atol=1e-5)


def test_padding_is_zero_after_normalisation() -> None:
    batch = make().finite_set("train")
    padding = np.arange(29)[None, :] >= batch.lengths[:, None]
    assert padding.any() and (batch.inputs[padding] == 0).all()
    assert (np.abs(batch.inputs[~padding]).sum(axis=1) > 0).all()


def test_the_baseline_by_a_plain_loop() -> None:
    task = make(train_size=60)
    train = task.finite_set("train")
    last = [values[length - 1].astype(np.float64) for values, length in zip(train.inputs, train.lengths, strict=True)]
    everything = np.stack(last)
    mean, spread = everything.mean(axis=0), everything.var(axis=0)
    groups = [[x for x, label in zip(last, train.targets, strict=True) if label == speaker] for speaker in range(9)]
    centres = [(sum(group, start=np.zeros(12)) + mean) / (len(group) + 1) for group in groups]
    around = sum(((x - centres[speaker]) ** 2 for speaker in range(9) for x in groups[speaker]), start=9 * spread)
    variance = around / 69
    losses, hits = [], []
    for split in ("validation", "test"):
        batch = task.finite_set(split)  # type: ignore[arg-type]
        for values, length, label in zip(batch.inputs, batch.lengths, batch.targets, strict=True):
            logits = np.array(
                [
                    -((values[length - 1] - centre) ** 2 / variance + np.log(2 * np.pi * variance)).sum() / 2
                    + math.log((len(group) + 1) / 69)
                    for centre, group in zip(centres, groups, strict=True)
                ]
            )
            losses.append(float(np.log(np.exp(logits - logits[label]).sum())))
            hits.append(bool(logits.argmax() == label))
    baseline = task.baseline()
    assert baseline.loss == pytest.approx(sum(losses) / len(losses), rel=1e-6)
    assert baseline.metric == pytest.approx(sum(hits) / len(hits))


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
    assert told.title == f"{NAMES[speaker]}, {length} steps" and told.correct
    assert told.verdict == f"says {NAMES[speaker]} (60 %), it is {NAMES[speaker]}"
