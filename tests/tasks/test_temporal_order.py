"""Temporal order: the class from the symbols, by a plain loop."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks.temporal_order import NAMES, SYMBOLS


@pytest.mark.parametrize("seq_len", [10, 40, 100])
def test_the_class_is_the_two_signals_in_order(seq_len: int) -> None:
    task = Experiment.default("temporal_order").replace(seq_len=seq_len).make_task()
    batch = task.train_batch(0, 0, 256)
    firsts, seconds = set(), set()
    for symbols, target in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
        text = "".join(SYMBOLS[symbol] for symbol in symbols)
        assert text[0] == "E" and text[-1] == "B" and len(text) == seq_len
        signals = [(place, letter) for place, letter in enumerate(text) if letter in "XY"]
        assert "".join(letter for _, letter in signals) == NAMES[target]
        assert set(text[1:-1]) <= set("abcdXY")
        firsts.add(signals[0][0] / seq_len)
        seconds.add(signals[1][0] / seq_len)
    assert min(firsts) >= 0.1 and max(firsts) <= 0.2 and len(firsts) > 1
    assert min(seconds) >= 0.5 and max(seconds) <= 0.6 and len(seconds) > 1


def test_classes_and_distractors_are_equally_likely() -> None:
    task = Experiment.default("temporal_order").make_task()
    batch = task.generate(np.random.default_rng(1), 8000)
    assert np.abs(np.bincount(batch.targets) / 8000 - 0.25).max() < 0.02
    middle = batch.inputs[:, 25:39]  # after the second signal
    assert np.abs(np.bincount(middle.ravel(), minlength=8)[:4] / middle.size - 0.25).max() < 0.01
    assert middle.max() == 3


def test_the_last_symbol_tells_nothing_so_the_baseline_is_chance() -> None:
    task = Experiment.default("temporal_order").make_task()
    assert len(set(task.evaluation("validation").inputs[:, -1].tolist())) == 1
    baseline = task.baseline()
    assert math.isclose(baseline.loss, math.log(4)) and baseline.metric == 0.25


def test_explanation_names_signals_and_class() -> None:
    task = Experiment.default("temporal_order").make_task()
    batch = task.evaluation("test")
    row = int(np.flatnonzero(batch.targets == 2)[0])
    said = np.tile([0.1, 0.0, 0.9, 0.0], (40, 1))
    told = task.explain(batch.inputs[row], batch.targets[row], 40, said)
    assert (told.title, told.verdict, told.correct) == ("Y, later X", "says YX (90 %), it is YX", True)
    assert [symbol for symbol in told.symbols if symbol in "XY"] == ["Y", "X"]
