"""How a pool of sequences is cut."""

from __future__ import annotations

import numpy as np

from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks.base import SPLITS
from rnn_explorer.tasks.labeled_pool import held_out


def test_every_fifth_of_each_class_is_held_out() -> None:
    labels = np.array([0, 1, 0, 0, 1, 0, 0, 1, 1, 1, 1, 0])
    #          zeros:  1     2  3     4  5              6      ones: 1 at 1, ... the fifth is at 9
    assert np.flatnonzero(held_out(labels)).tolist() == [6, 9]


def as_bytes(task: object, split: str) -> list[bytes]:
    return [row.tobytes() for row in task.finite_set(split).inputs]  # type: ignore[attr-defined]


def test_the_test_set_never_changes_and_the_rest_is_shared_out() -> None:
    base = Experiment.default("digits")
    one = base.make_task()
    other = base.replace(seed=3, val_split=0.5, train_size=100).make_task()
    assert as_bytes(one, "test") == as_bytes(other, "test")
    assert as_bytes(one, "validation") != as_bytes(other, "validation")[: len(as_bytes(one, "validation"))]
    assert [len(as_bytes(one, split)) for split in SPLITS] == [1442 - 288, 288, 355]
    assert [len(as_bytes(other, split)) for split in SPLITS] == [100, 721, 355]


def test_a_smaller_training_set_is_part_of_a_larger_and_judged_alike() -> None:
    base = Experiment.default("digits")
    small, large = base.replace(train_size=50).make_task(), base.replace(train_size=200).make_task()
    assert as_bytes(large, "train")[:50] == as_bytes(small, "train")
    assert as_bytes(large, "validation") == as_bytes(small, "validation")
