"""Tasks whose data are a fixed pool of labeled sequences, cut into training, validation and test sets."""

from __future__ import annotations

import numpy as np

from rnn_explorer.tasks.base import Batch, Split, Task, TaskSettings
from rnn_explorer.trace import Array

TEST_EVERY = 5  # every fifth sequence of a class is a test sequence


class PoolTask(Task):
    """A finite task over a pool of sequences with one class each.

    The test set never changes: the fifth, tenth, ... sequence of each class in the order of the file, unless a task
    says otherwise (`test_rows`). What is left is shuffled by the seed; the share `val_split` of it is the validation
    set, and of the rest the first `train_size` sequences are trained on, so that a smaller training set is part of a
    larger one and is judged on the same validation set.
    """

    finite = True

    def __init__(self, settings: TaskSettings, seed: int, val_split: float) -> None:
        super().__init__(settings, seed, val_split)
        pool = self.pool()
        is_test = self.test_rows(pool)
        rest = np.flatnonzero(~is_test)
        rest, held = self.generator("validation", 0).permutation(rest), round(val_split * len(rest))
        rows = {
            "train": rest[held:][: settings.train_size],  # type: ignore[attr-defined]
            "validation": rest[:held],
            "test": np.flatnonzero(is_test),
        }
        self._sets = {split: pool.select(rows[split]) for split in rows}

    def pool(self) -> Batch:
        """Every sequence there is, in the order of the file."""
        raise NotImplementedError

    def test_rows(self, pool: Batch) -> Array:
        """(sequences,) bool: those of the test set."""
        return held_out(pool.targets)

    def finite_set(self, split: Split) -> Batch:
        return self._sets[split]

    def judged_set(self) -> tuple[Batch, str]:
        """What a baseline is measured on, with its name: the validation set, or the test set where that is empty."""
        split: Split = "validation" if len(self._sets["validation"]) else "test"
        return self._sets[split], split


def held_out(labels: Array) -> Array:
    """(sequences,) bool: the test sequences, every fifth of each class.

    Args:
        labels: (sequences,) whole numbers.
    """
    chosen = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        chosen[np.flatnonzero(labels == label)[TEST_EVERY - 1 :: TEST_EVERY]] = True
    return chosen
