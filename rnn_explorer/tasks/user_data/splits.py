"""Splitting the user's data into a training, a validation and a test part."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnn_explorer.settings import SettingError
from rnn_explorer.tasks.base import PROBES, Baseline, Batch, Course, Split, Task, TaskSettings
from rnn_explorer.tasks.user_data import store
from rnn_explorer.tasks.user_data.csv_file import Table
from rnn_explorer.tasks.user_data.limits import DataError
from rnn_explorer.tasks.user_data.text_file import Text
from rnn_explorer.trace import Array, Explanation

TEST_SHARE = 0.2
MOST_TRAINED = 20_000  # windows of a series in an epoch, more or less
MOST_JUDGED = 1_000  # sequences in the validation and in the test set, so that judging takes no longer than training


def mixed(labels: Array, order: Array) -> Array:
    """The items of all classes in an order in which every stretch holds the classes by their shares.

    Args:
        labels: (items,) whole numbers from 0.
        order: (items,) a permutation: the order within each class.

    Returns:
        (items,) a permutation.
    """
    place = np.empty(len(labels))
    for label in np.unique(labels):
        members = order[labels[order] == label]
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.argsort(place, kind="stable")


def taken(sizes: Array, share: float) -> int:
    """How many items from the beginning make a part.

    It has the share of the items, as far as that gives at least `PROBES` sequences and at most `MOST_JUDGED`.

    Args:
        sizes: (items,) the sequences of each item, in the order in which they are taken.
        share: 0 to 1.
    """
    so_far = np.cumsum(sizes)
    enough = int(np.searchsorted(so_far, PROBES)) + 1
    most = max(int(np.searchsorted(so_far, MOST_JUDGED, side="right")), enough)
    return min(max(round(share * len(sizes)), enough), most)


def split_by_item(
    labels: Array, sizes: Array, val_split: float, generator: np.random.Generator
) -> dict[Split, Array] | None:
    """Share out labeled items, each wholly into one part, the classes by their shares.

    The test part is the same for every seed.

    Args:
        labels: (items,) the class of each.
        sizes: (items,) how many sequences each gives.
        val_split: share of what is not for the test that is for validation; 0 for none.
        generator: draws the order of the rest.

    Returns:
        The items of each part; None where the training part would lack a class or have fewer than `PROBES` sequences.
    """
    order = mixed(labels, np.random.default_rng(0).permutation(len(labels)))
    number = taken(sizes[order], TEST_SHARE)
    test, rest = order[:number], order[number:]
    rest = rest[mixed(labels[rest], generator.permutation(len(rest)))]
    number = taken(sizes[rest], val_split) if val_split > 0 and len(rest) else 0
    validation, train = rest[:number], rest[number:]
    if len(np.unique(labels[train])) < len(np.unique(labels)) or sizes[train].sum() < PROBES:
        return None
    return {"train": train, "validation": validation, "test": test}


def stride(count: int, seq_len: int) -> int:
    """Values from one training window to the next, so that an epoch is not endless and yet leaves nothing out."""
    return min(max(math.ceil(count / MOST_TRAINED), 1), seq_len)


def evenly(items: Array, most: int) -> Array:
    """At most so many of the items, evenly spaced."""
    if len(items) <= most:
        return items
    return items[np.linspace(0, len(items) - 1, most).astype(int)]


@dataclass(frozen=True)
class Stretches:
    """Sequences as stretches of one long array, so that those that overlap cost no memory.

    Attributes:
        starts, lengths: (sequences,) int64.
    """

    starts: Array
    lengths: Array

    @classmethod
    def of(cls, starts: Sequence[Array], lengths: Sequence[Array]) -> Stretches:
        """Several groups of them, one after the other."""
        joined = [np.concatenate([np.empty(0), *part]).astype(np.int64) for part in (starts, lengths)]
        return cls(joined[0], joined[1])

    def __len__(self) -> int:
        return len(self.starts)

    def select(self, index: Array) -> Stretches:
        return Stretches(self.starts[index], self.lengths[index])

    def gather(self, values: Array, time: int) -> Array:
        """(sequences, time, ...): padded with 0 to `time` steps."""
        steps = np.arange(time)
        padding = steps >= self.lengths[:, None]  # (sequences, time)
        found = values[np.where(padding, 0, self.starts[:, None] + steps)]
        found[padding] = 0
        return found


class PartsTask(Task):
    """A finite task whose sequences are made when they are needed; one of the questions of an `OwnTask`."""

    finite = True
    stretches: dict[Split, Stretches]

    def made(self, split: Split, stretches: Stretches) -> Batch:
        """The sequences of some stretches, with what is asked of them."""
        raise NotImplementedError

    def finite_set(self, split: Split) -> Batch:
        if split == "train":
            return self.made(split, self.stretches[split])
        if not hasattr(self, "_judged"):
            self._judged: dict[Split, Batch] = {}
        if split not in self._judged:
            self._judged[split] = self.made(split, self.stretches[split])
        return self._judged[split]

    @property
    def train_size(self) -> int:
        return len(self.stretches["train"])

    def train_batch(self, epoch: int, index: int, batch_size: int) -> Batch:
        if getattr(self, "_order_of", None) != epoch:
            self._order = self.generator("train", epoch).permutation(self.train_size)
            self._order_of = epoch
        chosen = self._order[index * batch_size : (index + 1) * batch_size]
        return self.made("train", self.stretches["train"].select(chosen))

    def judged(self) -> tuple[Batch, Split]:
        """What a baseline is measured on, with its name: the validation set, or the test set where that is empty."""
        split: Split = "validation" if len(self.stretches["validation"]) else "test"
        return self.finite_set(split), split


class OwnTask(Task):
    """A task that is one of several questions about the same data, as its settings say.

    Attributes:
        inner: the task of that question, to which everything is passed on.
    """

    finite = True

    def __init__(self, settings: TaskSettings, seed: int, val_split: float) -> None:
        super().__init__(settings, seed, val_split)
        self.inner = self.chosen()
        self.input, self.output, self.metric = self.inner.input, self.inner.output, self.inner.metric
        self.mean, self.scale, self.notes = self.inner.mean, self.inner.scale, self.inner.notes

    def chosen(self) -> Task:
        """Build the task of the question that the settings ask."""
        raise NotImplementedError

    def finite_set(self, split: Split) -> Batch:
        return self.inner.finite_set(split)

    @property
    def train_size(self) -> int:
        return self.inner.train_size

    def train_batch(self, epoch: int, index: int, batch_size: int) -> Batch:
        return self.inner.train_batch(epoch, index, batch_size)

    def choose_probes(self, batch: Batch) -> Array:
        return self.inner.choose_probes(batch)

    def baseline(self) -> Baseline:
        return self.inner.baseline()

    def baseline_by_value(self, split: Split) -> Array | None:
        return self.inner.baseline_by_value(split)

    def explain(self, inputs: Array, targets: Array, length: int, answers: Array) -> Explanation:
        return self.inner.explain(inputs, targets, length, answers)

    def course(self, inputs: Array) -> Course | None:
        return self.inner.course(inputs)

    def labels(self, batch: Batch) -> tuple[Array, tuple[str, ...]]:
        return self.inner.labels(batch)


def uploaded(token: str) -> Table | Text:
    """What was uploaded under a token.

    Raises:
        SettingError: where it is gone.
    """
    try:
        return store.get(token)
    except DataError as error:
        raise SettingError("data", token, "an upload", str(error)) from None


def refused(field: str, value: object, error: DataError | str) -> SettingError:
    """The sentence as an error of one setting."""
    return SettingError(field, value, "another value", str(error))
