"""Local peaks, by a plain loop; the baseline and the limit of one-way reading by integrals."""

from __future__ import annotations

import numpy as np
import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks.local_peak import LocalPeak


def make(**changes: object) -> LocalPeak:
    task = Experiment.default("local_peak").replace(**changes).make_task()
    assert isinstance(task, LocalPeak)
    return task


@pytest.mark.parametrize("seq_len", [5, 30])
def test_a_peak_is_larger_than_both_neighbors(seq_len: int) -> None:
    batch = make(seq_len=seq_len).train_batch(0, 0, 32)
    for numbers, targets, counts in zip(
        batch.inputs[:, :, 0].tolist(), batch.targets.tolist(), batch.step_mask().tolist(), strict=True
    ):
        assert counts == [False] + [True] * (seq_len - 2) + [False]
        for step in range(1, seq_len - 1):
            assert targets[step] == (numbers[step] == max(numbers[step - 1 : step + 2]))


def test_the_baseline_by_the_trapezium_rule_and_by_sampling() -> None:
    x = np.linspace(0, 1, 200_001)
    p = np.clip(x**2, 1e-300, 1 - 1e-16)  # both neighbors are smaller
    loss = np.trapezoid(-(p * np.log(p) + (1 - p) * np.log1p(-p)), x)
    task = make()
    assert task.baseline().loss == pytest.approx(float(loss), rel=1e-6)
    batch = task.generate(np.random.default_rng(0), 2000)
    mask = batch.step_mask()
    said = batch.inputs[:, :, 0] ** 2 > 0.5
    assert task.baseline().metric == pytest.approx(float((said == batch.targets)[mask].mean()), abs=0.005)


def test_one_way_reading_is_right_seven_times_in_eight() -> None:
    batch = make().generate(np.random.default_rng(0), 2000)
    numbers, mask = batch.inputs[:, :, 0], batch.step_mask()
    rising = np.zeros_like(mask)
    rising[:, 1:] = numbers[:, 1:] > numbers[:, :-1]
    said = rising & (numbers > 0.5)  # the next number is smaller with probability x
    assert float((said == batch.targets)[mask].mean()) == pytest.approx(7 / 8, abs=0.005)


def test_the_default_reads_both_ways() -> None:
    assert Experiment.default("local_peak").model.bidirectional


def test_explanation_judges_the_middle_alone() -> None:
    task = make(seq_len=5)
    inputs = np.array([[0.9], [0.1], [0.5], [0.2], [0.8]], np.float32)
    targets = np.array([0, 0, 1, 0, 0])
    answers = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4], [0.1, 0.9]])
    told = task.explain(inputs, targets, 5, answers)
    assert (told.title, told.verdict, told.correct) == ("1 peaks among 3 numbers", "right about 3 of 3 numbers", True)
    wanted = told.strips[1].values
    assert np.isnan(wanted[[0, 4]]).all() and wanted[1:4].tolist() == [0, 1, 0]
    answers[1] = [0.4, 0.6]
    told = task.explain(inputs, targets, 5, answers)
    assert (told.verdict, told.correct) == ("right about 2 of 3 numbers", False)
