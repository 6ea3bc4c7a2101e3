"""Tasks over sequences that are drawn once, by the seed, and cut so that no sequence is in two of the sets."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from rnn_explorer.tasks.base import PROBES, Batch, Split, Task, TaskSettings
from rnn_explorer.tasks.splits import split_in_order
from rnn_explorer.trace import Array

TEST_SHARE = 0.2  # of the different ones


class DrawnTask(Task):
    """A finite task where few sequences are possible, or some are far likelier than others.

    An endless stream would soon show the very sequences on which it is judged. So `draws` are drawn, and the different
    ones among them are cut in the order in which they first came: the first are the training set, as often as they
    were drawn; those that came later are the validation and the test set, once each. What is likely is thus trained on,
    and what is judged was never seen.
    """

    finite = True
    draws: ClassVar[int] = 8192

    def __init__(self, settings: TaskSettings, seed: int, val_split: float) -> None:
        super().__init__(settings, seed, val_split)
        pool = self.pool()
        rank = ranks(pool)  # (drawn,)
        new = np.append(True, rank[1:] > np.maximum.accumulate(rank)[:-1])  # the first of its kind
        self.parts = split_in_order(int(rank.max()) + 1, PROBES, val_split, TEST_SHARE)
        self._sets: dict[Split, Batch] = {}
        for split, (low, high) in self.parts.items():
            chosen = (rank >= low) & (rank < high) & (new | (split == "train"))
            self._sets[split] = pool.select(np.flatnonzero(chosen))

    def draw(self, generator: np.random.Generator, size: int) -> Batch:
        """Make `size` sequences, among which some may be equal."""
        raise NotImplementedError

    def pool(self) -> Batch:
        """All sequences as they were drawn."""
        return self.draw(self.generator("test", 0), self.draws)

    def finite_set(self, split: Split) -> Batch:
        return self._sets[split]

    @property
    def judged_split(self) -> Split:
        """What a baseline is measured on: the validation set, or the test set where that is empty."""
        return "validation" if len(self._sets["validation"]) else "test"


def ranks(batch: Batch) -> Array:
    """(batch,) which of the different sequences each one is, numbered from 0 in the order in which they first came."""
    inputs = np.ascontiguousarray(batch.inputs.reshape(len(batch), -1))
    whole = inputs.view(np.dtype((np.void, inputs.itemsize * inputs.shape[1])))[:, 0]  # one opaque value a sequence
    _, first, kind = np.unique(whole, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[kind]
