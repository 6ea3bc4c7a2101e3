"""A snapshot: fixed sequences through a model, with every gate, state and output, and their explanations in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from rnn_explorer.model import SequenceModel
from rnn_explorer.tasks.base import Batch, Task
from rnn_explorer.tensors import TensorBatch
from rnn_explorer.trace import Array, Explanation, Snapshot, Trace


@dataclass(frozen=True)
class SequenceInfo:
    """What all snapshots of the same sequences share.

    Attributes:
        labels, label_names: `Task.labels` of them.
        titles: one for each sequence, a few words.
    """

    labels: Array
    label_names: tuple[str, ...]
    titles: tuple[str, ...]

    @classmethod
    def of(cls, task: Task, batch: Batch) -> SequenceInfo:
        """The labels and titles of a batch of a task."""
        labels, names = task.labels(batch)
        time, size = batch.inputs.shape[1], task.output.size
        nothing = np.zeros((time, size), dtype=np.float32)
        lengths = np.full(len(batch), time) if batch.lengths is None else batch.lengths
        titles = (
            task.explain(batch.inputs[n], batch.targets[n], int(lengths[n]), nothing).title for n in range(len(batch))
        )
        return cls(labels, tuple(names), tuple(titles))


class Explanations(Sequence[Explanation]):
    """A task's explanations of sequences and the model's outputs, made when read: a figure shows one of them."""

    def __init__(self, task: Task, trace: Trace) -> None:
        self._task, self._trace = task, trace

    @overload
    def __getitem__(self, index: int) -> Explanation: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Explanation, ...]: ...

    def __getitem__(self, index: int | slice) -> Explanation | tuple[Explanation, ...]:
        if isinstance(index, slice):
            return tuple(self[n] for n in range(len(self))[index])
        trace, n = self._trace, range(len(self))[index]
        return self._task.explain(trace.inputs[n], trace.targets[n], int(trace.lengths[n]), trace.answers[n])

    def __len__(self) -> int:
        return len(self._trace.lengths)


def snapshot_of(
    model: SequenceModel, task: Task, probe: TensorBatch, info: SequenceInfo, step: int, epoch: float
) -> Snapshot:
    """Every gate, state and output of a model for fixed sequences, with their explanations.

    Args:
        model: in evaluation mode.
        task: that it learns.
        probe: the sequences.
        info: their labels and titles.
        step, epoch: optimizer steps and epochs that the model was trained for.
    """
    trace = model.trace(probe)
    return Snapshot(step, epoch, trace, Explanations(task, trace), info.titles, info.labels, info.label_names)
