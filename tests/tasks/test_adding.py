"""The adding problem: targets by hand from the markers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from rnn_explorer.experiment import Experiment


@pytest.mark.parametrize("seq_len", [5, 30, 100])
def test_the_target_is_the_sum_of_the_marked_numbers(seq_len: int) -> None:
    task = Experiment.default("adding").replace(seq_len=seq_len).make_task()
    batch = task.train_batch(0, 0, 200)
    places = set()
    for steps, target in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
        assert len(steps) == seq_len and {marker for _, marker in steps} == {0.0, 1.0}
        marked = [place for place, (_, marker) in enumerate(steps) if marker == 1.0]
        assert len(marked) == 2 and marked[0] < seq_len // 2 <= marked[1]
        assert target[0] == pytest.approx(steps[marked[0]][0] + steps[marked[1]][0], abs=1e-6)
        assert all(0 <= number < 1 for number, _ in steps)
        places |= set(marked)
    assert 0 in places and seq_len - 1 in places, "a marker can be at either end"


@pytest.mark.parametrize("seq_len", [5, 20])
def test_the_baseline_worked_out_by_hand_and_by_the_rule_that_it_states(seq_len: int) -> None:
    # E[u] = 1/2 and E[u^2] = 1/3 for u uniform in 0 to 1, so one number varies by 1/3 - 1/4 and two by twice that.
    one = Fraction(1, 3) - Fraction(1, 2) ** 2
    last_marked = Fraction(1, seq_len - seq_len // 2)
    by_hand = last_marked * one + (1 - last_marked) * 2 * one
    task = Experiment.default("adding").replace(seq_len=seq_len).make_task()
    assert task.baseline().loss == task.baseline().metric == pytest.approx(float(by_hand), rel=1e-12)
    batch = task.generate(np.random.default_rng(0), 40000)
    number, marked = batch.inputs[:, -1].T
    said = np.where(marked == 1, number + 0.5, 1.0)
    assert float(((batch.targets[:, 0] - said) ** 2).mean()) == pytest.approx(float(by_hand), rel=0.02)


def test_labels_are_thirds_of_all_sums() -> None:
    task = Experiment.default("adding").make_task()
    batch = task.generate(np.random.default_rng(0), 20000)
    labels, names = task.labels(batch)
    assert len(names) == 3
    assert np.abs(np.bincount(labels) / len(labels) - 1 / 3).max() < 0.015
    sums = batch.targets[:, 0]
    assert sums[labels == 0].max() < sums[labels == 1].min() and sums[labels == 1].max() < sums[labels == 2].min()


def test_explanation_shows_both_numbers_and_how_far_off_the_answer_is() -> None:
    task = Experiment.default("adding").replace(seq_len=5).make_task()
    inputs = np.array([[0.5, 0], [0.25, 1], [0.9, 0], [0.5, 1], [0.1, 0]], dtype=np.float32)
    answers = np.array([1.0, 0.9, 0.9, 0.76, 0.77], dtype=np.float32)[:, None]
    told = task.explain(inputs, np.array([0.75], dtype=np.float32), 5, answers)
    assert told.title == "0.25 + 0.50 = 0.75"
    assert told.verdict == "says 0.77, the sum is 0.75 (off by 0.02)" and told.correct is True
    strips = {strip.name: strip for strip in told.strips}
    assert strips["sum"].values.tolist() == [0.75] * 5 and strips["sum"].group == strips["answer"].group
    assert strips["marker"].values.tolist() == [0, 1, 0, 1, 0]
    assert task.explain(inputs, np.array([0.9], dtype=np.float32), 5, answers).correct is False
