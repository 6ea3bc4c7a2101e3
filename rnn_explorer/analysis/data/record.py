"""What there is to know of a task's data: examples, sizes, distributions, the baseline; plain numpy, without torch.

`compute` makes the record of a built task; here it is described, and two of them are compared.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from rnn_explorer.trace import Array, Strip

FEW = 12  # different values up to which numbers are counted one by one
BINS = 24


@dataclass(frozen=True)
class Example:
    """One sequence without any answer to it.

    Attributes:
        kind: "image", "symbols" or "series", as `Explanation.kind`.
        title: the sequence in a few words.
        label: its class, for coloring; -1 where there is none.
        length: its real time steps.
        image: (rows, columns), for an image; else None. `image_steps` says which step, from 0, each cell belongs to.
        symbols: the text of each step, for symbols; else empty.
        strips: inputs and targets over time, for a series; else empty.
        step_classes: (time,) the right class after each step, where one is asked for after each, -1 where it does not
            count; else None.
    """

    kind: Literal["image", "symbols", "series"]
    title: str
    label: int
    length: int
    image: Array | None = None
    image_steps: Array | None = None
    symbols: tuple[str, ...] = ()
    strips: tuple[Strip, ...] = ()
    step_classes: Array | None = None


@dataclass(frozen=True)
class Spread:
    """How something is distributed, in each split.

    Attributes:
        what: what is counted ("language", "time steps").
        names: of the bars.
        counts: split -> (bars,) how often.
        edges: (bars + 1,) where the bars are ranges of numbers; None where each has a name of its own.
    """

    what: str
    names: tuple[str, ...]
    counts: Mapping[str, Array]
    edges: Array | None = None

    def shares(self, split: str) -> Array:
        """(bars,) 0 to 1; zeros for a split without anything."""
        counts = np.asarray(self.counts[split], dtype=np.float64)
        return counts / max(float(counts.sum()), 1.0)


@dataclass(frozen=True)
class DataReport:
    """A task's data under certain settings.

    Attributes:
        task: the task's key.
        examples: the sequences that every page shows.
        label_names: the names of the examples' labels; empty where they have none.
        class_names: the names of the examples' `step_classes`; empty where nothing is asked per step.
        sizes: split -> sequences; an endless stream has 0 for training.
        endless: whether training sequences are made anew for every batch.
        sampled: training sequences of an endless stream that were counted here; 0 for a finite set.
        shortest, longest: time steps of the shortest and longest sequence.
        answers: how the right answers are distributed.
        labels: how the classes are by which sequences are colored; None where they are the right answers, or there are
            none.
        lengths: how the lengths are; None where all are equal.
        inputs: how often each symbol enters, or how the one number of a step is distributed; None for several numbers.
        metric: the name of the metric.
        baseline_loss, baseline_metric, baseline_how: the memoryless baseline.
        baseline_by_value: its loss for each of several columns that are forecast, by name; else empty.
    """

    task: str
    examples: tuple[Example, ...]
    label_names: tuple[str, ...]
    class_names: tuple[str, ...]
    sizes: Mapping[str, int]
    endless: bool
    sampled: int
    shortest: int
    longest: int
    answers: Spread
    labels: Spread | None
    lengths: Spread | None
    inputs: Spread | None
    metric: str
    baseline_loss: float
    baseline_metric: float
    baseline_how: str
    baseline_by_value: Mapping[str, float] = field(default_factory=dict)

    def train_words(self) -> str:
        """The size of the training set in words."""
        return "endless stream" if self.endless else f"{self.sizes['train']:,} sequences"

    def length_words(self) -> str:
        """The lengths of the sequences in words."""
        steps = "time step" if self.longest == 1 else "time steps"
        if self.shortest == self.longest:
            return f"{self.longest} {steps}"
        return f"{self.shortest} to {self.longest} {steps}"


def by_name(what: str, codes: Mapping[str, Array], names: Sequence[str]) -> Spread:
    """Count named things.

    Args:
        what: what they are.
        codes: split -> any number of whole numbers from 0, places in `names`.
        names: of the things.
    """
    counts = {split: np.bincount(found.ravel(), minlength=len(names)) for split, found in codes.items()}
    return Spread(what, tuple(names), counts)


def by_value(what: str, values: Mapping[str, Array], bins: int = BINS) -> Spread:
    """Count numbers: one by one where they are few, else in ranges of equal width that hold all of them.

    Args:
        what: what they are.
        values: split -> any number of finite numbers.
        bins: ranges, where there are too many different values.
    """
    flat = {split: np.asarray(found, dtype=np.float64).ravel() for split, found in values.items()}
    everything = np.concatenate([np.zeros(0), *flat.values()])
    different = np.unique(everything)
    if len(different) <= FEW:
        names = tuple(f"{value:g}" for value in different)
        counts = {split: np.array([np.count_nonzero(found == v) for v in different]) for split, found in flat.items()}
        return Spread(what, names, counts)
    if (different == np.round(different)).all() and different[-1] - different[0] < 3 * bins:  # such as lengths
        edges = np.arange(different[0] - 0.5, different[-1] + 1)
        names = tuple(f"{value:g}" for value in edges[:-1] + 0.5)
    else:
        edges = np.histogram_bin_edges(everything, bins)
        names = tuple(f"{low:.3g} to {high:.3g}" for low, high in itertools.pairwise(edges))
    return Spread(what, names, {split: np.histogram(found, edges)[0] for split, found in flat.items()}, edges)


def same_examples(one: DataReport, other: DataReport) -> bool:
    """Whether two reports show the very same sequences."""
    if len(one.examples) != len(other.examples):
        return False
    return all(_same(mine, theirs) for mine, theirs in zip(one.examples, other.examples, strict=True))


def _same(one: Example, other: Example) -> bool:
    if (one.kind, one.length, one.symbols, len(one.strips)) != (
        other.kind,
        other.length,
        other.symbols,
        len(other.strips),
    ):
        return False
    pairs = [(mine.values, theirs.values) for mine, theirs in zip(one.strips, other.strips, strict=True)]
    pairs.append((_or_nothing(one.image), _or_nothing(other.image)))
    pairs.append((_or_nothing(one.image_steps), _or_nothing(other.image_steps)))
    pairs.append((_or_nothing(one.step_classes), _or_nothing(other.step_classes)))
    return all(np.array_equal(mine, theirs, equal_nan=True) for mine, theirs in pairs)


def _or_nothing(values: Array | None) -> Array:
    return np.zeros(0) if values is None else np.asarray(values, dtype=np.float64)


def same_answers(one: DataReport, other: DataReport) -> bool:
    """Whether the answers are distributed alike in both."""
    mine, theirs = one.answers, other.answers
    return mine.names == theirs.names and all(
        np.array_equal(mine.counts[split], theirs.counts[split]) for split in mine.counts
    )


def compared(before: DataReport, after: DataReport) -> list[tuple[str, str, str]]:
    """What differs between two reports of one task, in words: what it is, before, after."""
    both = (before, after)
    cells = {
        "training set": [each.train_words() for each in both],
        "validation set": [f"{each.sizes['validation']:,} sequences" for each in both],
        "test set": [f"{each.sizes['test']:,} sequences" for each in both],
        "a sequence": [each.length_words() for each in both],
        "loss of the memoryless baseline": [f"{each.baseline_loss:.4g}" for each in both],
        f"{before.metric} of the memoryless baseline": [f"{each.baseline_metric:.4g}" for each in both],
    }
    if before.metric == "MSE":  # the loss is the metric
        del cells["loss of the memoryless baseline"]
    return [(what, one, other) for what, (one, other) in cells.items() if one != other]
