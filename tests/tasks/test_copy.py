"""The copy task, by a plain loop."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks.copy import Copy


def make(**changes: object) -> Copy:
    task = Experiment.default("copy").replace(**changes).make_task()
    assert isinstance(task, Copy)
    return task


@pytest.mark.parametrize(("items", "alphabet", "lag"), [(5, 4, 10), (5, 2, 1), (8, 6, 30)])
def test_what_is_asked_for_is_what_came(items: int, alphabet: int, lag: int) -> None:
    task = make(items=items, alphabet=alphabet, lag=lag)
    batch = task.train_batch(0, 0, 16)
    for inputs, targets in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
        read = "".join(task.input.names[symbol] for symbol in inputs)
        wanted = "".join(task.output.names[symbol] for symbol in targets)
        letters = read[:items]
        assert set(letters) <= set("abcdefgh"[:alphabet])
        assert read == letters + "·" * lag + "?" * items
        assert wanted == "·" * (items + lag) + letters


def test_every_sequence_there_is_is_in_one_of_the_sets() -> None:
    task = make()
    found = [{tuple(row[:5]) for row in task.finite_set(split).inputs.tolist()} for split in task.parts]
    assert len(set.union(*found)) == sum(len(part) for part in found) > 1000  # of 4^5 = 1024
    assert len(set(np.unique(task.finite_set("train").inputs[:, :5]).tolist())) == 4


def test_letters_are_equally_likely_at_every_place() -> None:
    batch = make().draw(np.random.default_rng(0), 8000)
    for place in range(5):
        assert np.abs(np.bincount(batch.inputs[:, place], minlength=6)[1:5] / 8000 - 0.25).max() < 0.02


@pytest.mark.parametrize(("items", "alphabet", "lag"), [(5, 4, 10), (6, 2, 3)])
def test_the_baseline_is_the_best_answer_to_each_symbol_alone(items: int, alphabet: int, lag: int) -> None:
    task = make(items=items, alphabet=alphabet, lag=lag)
    batch = task.draw(np.random.default_rng(0), 20_000)
    losses, hits = [], []
    for symbol in range(task.input.size):
        targets = batch.targets[batch.inputs == symbol]
        shares = np.bincount(targets, minlength=task.output.size) / len(targets)
        losses.append(-np.log(shares[targets]).sum())
        hits.append((targets == shares.argmax()).sum())
    count = batch.targets.size
    assert task.baseline().loss == pytest.approx(sum(losses) / count, rel=1e-3)
    assert task.baseline().metric == pytest.approx(sum(hits) / count, abs=0.01)
    assert make().baseline().loss == pytest.approx(5 * math.log(4) / 20)


def test_explanation_counts_what_is_recalled() -> None:
    task = make()
    inputs, targets = (part[0] for part in (task.probe().inputs, task.probe().targets))
    word = "".join(task.output.names[symbol] for symbol in targets[-5:])
    answers = np.eye(5)[targets] * 0.9
    told = task.explain(inputs, targets, 20, answers)
    assert (told.verdict, told.correct) == (f"recalls 5 of 5: {word}, where {word} came", True)
    assert "".join(told.symbols) == word + "·" * 10 + "?????" and told.title.startswith(word)
    answers[16] = np.eye(5)[targets[16] % 4 + 1]
    told = task.explain(inputs, targets, 20, answers)
    assert told.verdict.startswith("recalls 4 of 5: ") and told.correct is False
    answers[3] = np.eye(5)[2]  # a letter where a blank is right does not make the recall worse
    assert task.explain(inputs, targets, 20, answers).verdict == told.verdict


def test_labels_are_the_first_letter() -> None:
    task = make()
    labels, names = task.labels(task.probe())
    assert names == ("first is a", "first is b", "first is c", "first is d")
    assert labels.tolist() == [task.input.names.index(x) - 1 for x in (told_first(task, row) for row in range(8))]
    assert sorted(set(labels.tolist())) == [0, 1, 2, 3]


def told_first(task: Copy, row: int) -> str:
    probe = task.probe()
    return task.explain(probe.inputs[row], probe.targets[row], 20, np.zeros((20, 5))).symbols[0]
