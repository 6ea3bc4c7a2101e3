"""What is told of a task's data, against counting by hand and against the task itself."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest

from rnn_explorer.analysis.data.compute import SAMPLE, report
from rnn_explorer.analysis.data.record import (
    DataReport,
    by_name,
    by_value,
    compared,
    same_answers,
    same_examples,
)
from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks import TASKS
from rnn_explorer.tasks.base import PROBES, SPLITS


def of(task: str, **settings: object) -> DataReport:
    return report(Experiment.default(task).replace(**settings).make_task())


@pytest.mark.parametrize("key", TASKS.names())
def test_every_task_can_be_looked_at(key: str) -> None:
    task = Experiment.default(key).make_task()
    told = report(task)
    assert (told.task, told.endless, len(told.examples)) == (key, not task.finite, PROBES)
    assert told.sizes["validation"] == len(task.evaluation("validation"))
    assert told.sizes["train"] == task.train_size and told.sampled == (0 if task.finite else SAMPLE)
    widest = max(task.evaluation(split).inputs.shape[1] for split in SPLITS)
    assert 1 <= told.shortest <= told.longest <= max(widest, task.longest)
    for example in told.examples:
        assert example.title and told.shortest <= example.length <= told.longest
        assert {strip.role for strip in example.strips} <= {"input", "target"}, "no answers"
        assert len(example.symbols) in (0, example.length)
    for spread in (told.answers, told.labels, told.lengths, told.inputs):
        if spread is not None:
            assert tuple(spread.counts) == SPLITS and spread.what
            for split, counts in spread.counts.items():
                assert counts.shape == (len(spread.names),) and counts.sum() > 0
                assert spread.shares(split).sum() == pytest.approx(1)
            assert spread.edges is None or len(spread.edges) == len(spread.names) + 1
    baseline = task.baseline()
    assert (told.baseline_loss, told.baseline_how) == (baseline.loss, baseline.how)
    assert len(type(task).why_memory) > 60
    assert pickle.loads(pickle.dumps(told)).sizes == told.sizes


def test_surnames_counted_by_hand() -> None:
    told, task = of("names", train_size=200), Experiment.default("names").replace(train_size=200).make_task()
    batch = task.finite_set("train")
    assert batch.lengths is not None and told.lengths is not None and told.inputs is not None
    italian = told.answers.names.index("Italian")
    assert told.answers.counts["train"][italian] == sum(int(target) == italian for target in batch.targets)
    assert told.answers.counts["train"].sum() == told.sizes["train"] == 200
    assert told.lengths.names[0] == str(told.shortest) and told.lengths.names[-1] == str(told.longest) == "16"
    seven = told.lengths.names.index("7")
    assert told.lengths.counts["train"][seven] == sum(int(length) == 7 for length in batch.lengths)
    a = told.inputs.names.index("a")
    letters = [row[:n].tolist() for row, n in zip(batch.inputs, batch.lengths.tolist(), strict=True)]
    assert told.inputs.counts["train"][a] == sum(row.count(a) for row in letters)
    assert told.inputs.counts["train"][0] == 0, "padding is no symbol of a name"


def test_only_answers_that_count_are_counted() -> None:
    told = of("forecast", seq_len=20)
    assert told.answers.counts["validation"].sum() == told.sizes["validation"] * 10, "the second half of each window"


def test_the_colors_of_a_task_that_asks_for_numbers_are_counted_too() -> None:
    told = of("flip_flop")
    assert told.answers.names == ("-1", "1")
    assert told.labels is not None and told.labels.names == told.label_names and len(told.label_names) == 8
    assert told.labels.counts["validation"].sum() == 256
    assert of("digits").labels is None, "the answers are the colors"


def test_an_empty_validation_set_is_no_error() -> None:
    told = of("names", val_split=0.0)
    assert told.sizes["validation"] == 0 and told.answers.counts["validation"].sum() == 0
    assert told.answers.shares("validation").sum() == 0


def test_counting_things_by_name() -> None:
    spread = by_name("letter", {"train": np.array([[0, 2], [2, 2]]), "test": np.zeros(0, dtype=int)}, "abc")
    assert spread.counts["train"].tolist() == [1, 0, 3] and spread.counts["test"].tolist() == [0, 0, 0]
    assert spread.shares("train").tolist() == [0.25, 0.0, 0.75]


def test_counting_numbers() -> None:
    few = by_value("pulse", {"train": np.array([1.0, -1.0, 1.0]), "test": np.array([0.5])})
    assert few.names == ("-1", "0.5", "1") and few.counts["train"].tolist() == [1, 0, 2] and few.edges is None
    lengths = by_value("steps", {"train": np.arange(3, 20), "test": np.array([3, 3])})
    assert lengths.names[:2] == ("3", "4") and lengths.counts["test"].tolist()[:2] == [2, 0]
    assert (lengths.counts["train"] == 1).all() and len(lengths.names) == 17
    many = by_value("value", {"train": np.linspace(0, 1, 101), "test": np.array([1.0])}, bins=4)
    assert many.counts["train"].tolist() == [25, 25, 25, 26], "the last range holds its end"
    assert many.counts["test"].tolist() == [0, 0, 0, 1] and many.edges is not None
    assert many.edges.tolist() == [0, 0.25, 0.5, 0.75, 1]


def test_two_reports_are_compared_in_words() -> None:
    all_of_it, few = of("digits"), of("digits", train_size=100)
    rows = dict((what, (one, other)) for what, one, other in compared(all_of_it, few))
    assert rows.pop("training set") == ("1,154 sequences", "100 sequences")
    assert set(rows) == {"loss of the memoryless baseline", "accuracy of the memoryless baseline"}
    assert float(rows["loss of the memoryless baseline"][0]) < float(rows["loss of the memoryless baseline"][1])
    assert same_examples(all_of_it, few) and not same_answers(all_of_it, few)
    pixels = of("digits", pixels=True)
    assert ("a sequence", "8 time steps", "64 time steps") in compared(all_of_it, pixels)
    assert not same_examples(all_of_it, pixels) and same_answers(all_of_it, pixels)
    assert compared(all_of_it, of("digits")) == []
    quiet, loud = (of("forecast", series="noisy_sine", noise=noise) for noise in (0.0, 0.5))
    (row,) = compared(quiet, loud)
    assert row[0] == "MSE of the memoryless baseline" and float(row[1]) < float(row[2])


def test_a_different_label_alone_is_no_other_sequence() -> None:
    told = of("adding")
    relabeled = dataclasses.replace(
        told, examples=tuple(dataclasses.replace(example, label=-1) for example in told.examples)
    )
    assert same_examples(told, relabeled)
    fewer = dataclasses.replace(told, examples=told.examples[:3])
    assert not same_examples(told, fewer)
