"""Parity, by a plain loop."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks.parity import Parity


def make(**changes: object) -> Parity:
    task = Experiment.default("parity").replace(**changes).make_task()
    assert isinstance(task, Parity)
    return task


@pytest.mark.parametrize(("seq_len", "variable"), [(20, True), (20, False), (60, True), (8, False)])
def test_the_class_is_whether_the_ones_are_odd(seq_len: int, variable: bool) -> None:
    task = make(seq_len=seq_len, variable=variable)
    for split in task.parts:
        batch = task.finite_set(split)
        assert (batch.lengths is not None) == variable
        lengths = batch.lengths if variable else np.full(len(batch), seq_len)
        for row, length, target in zip(
            batch.inputs[:, :, 0].tolist(), lengths.tolist(), batch.targets.tolist(), strict=True
        ):
            assert set(row[:length]) <= {-1.0, 1.0} and not any(row[length:]) and len(row) == seq_len
            assert row.count(1.0) % 2 == target


def test_lengths_are_uniform_from_one_on() -> None:
    batch = make().draw(np.random.default_rng(0), 20_000)
    shares = np.bincount(batch.lengths, minlength=21)[1:] / 20_000
    assert np.abs(shares - 0.05).max() < 0.01
    assert float(batch.targets.mean()) == pytest.approx(0.5, abs=0.02)


def test_short_strings_are_trained_on() -> None:
    train = make().finite_set("train")
    shortest = {
        tuple(row[:length])
        for row, length in zip(train.inputs[:, :, 0].tolist(), train.lengths.tolist(), strict=True)
        if length <= 4
    }
    assert len(shortest) == 2 + 4 + 8 + 16  # every one there is
    assert (train.lengths <= 4).sum() > 500


def test_the_last_number_tells_nothing() -> None:
    task = make(variable=False)
    batch = task.draw(np.random.default_rng(0), 20_000)
    for sign in (-1.0, 1.0):
        assert float(batch.targets[batch.inputs[:, -1, 0] == sign].mean()) == pytest.approx(0.5, abs=0.02)
    assert (task.baseline().loss, task.baseline().metric) == (pytest.approx(math.log(2)), 0.5)


def test_explanation_shows_the_parity_so_far() -> None:
    task = make()
    inputs = np.zeros((20, 1), np.float32)
    inputs[:5, 0] = [1, -1, 1, 1, -1]
    answers = np.tile([0.2, 0.8], (20, 1))
    told = task.explain(inputs, np.int64(1), 5, answers)
    assert (told.title, told.verdict, told.correct) == ("3 of 5 are +1", "says odd (80 %), it is odd", True)
    assert [strip.values.tolist() for strip in told.strips] == [[1, -1, 1, 1, -1], [1, 1, 0, 1, 1], [0.8] * 5]
