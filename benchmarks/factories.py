"""A task made of given arrays, for measuring what does not depend on any real task."""

from __future__ import annotations

from rnn_explorer.tasks.base import Baseline, Batch, InputSpec, Metric, OutputSpec, Source, Split, Task, TaskSettings
from rnn_explorer.trace import Array, Explanation

PROBES = 8


class MadeTask(Task):
    """Sequences with classes; the first few are validation and test set as well, so that judging costs little."""

    key = title = summary = teaches = reading_guide = "made"
    source = Source("made here", "none", "")
    metric = Metric("accuracy")
    finite = True

    def __init__(self, x: Array, y: Array, classes: int) -> None:
        super().__init__(TaskSettings(), 0, 0.0)
        self.input = InputSpec("values", x.shape[2], tuple(f"input {n + 1}" for n in range(x.shape[2])))
        self.output = OutputSpec("classes", classes, tuple(f"class {n + 1}" for n in range(classes)))
        self._all = Batch(x, y)
        self._few = self._all.select(slice(PROBES))

    def finite_set(self, split: Split) -> Batch:
        return self._all if split == "train" else self._few

    def baseline(self) -> Baseline:
        return Baseline(0.0, 0.0, "says nothing")

    def explain(self, inputs: Array, targets: Array, length: int, answers: Array) -> Explanation:
        return Explanation(kind="series", title="", verdict="", correct=True, length=length, strips=())


def made_task(x: Array, y: Array, classes: int) -> Task:
    """A task that asks for the class of a sequence.

    Args:
        x: (sequences, time, feature) float32.
        y: (sequences,) int64.
        classes: how many there are.
    """
    return MadeTask(x, y, classes)
